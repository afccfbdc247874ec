/** Adapters, directories and streams, as the native half asks them. Private. */

import { Buffer } from "node:buffer";

import { type Answer, type Asked, keep } from "./bridge.js";
import { sort, text } from "./checks.js";
import { WomError } from "./errors.js";
import { type Directory, Input, type Instrument, type Received, Request, type Unit } from "./instrument.js";
import { Cursor, type Found, Observation, Refusal } from "./observation.js";
import { Person } from "./values.js";
import { raw } from "./webhook.js";

/** @internal An adapter, as the native half asks it. */
export class AskedInstrument implements Asked {
  readonly #adapter: Instrument;

  constructor(adapter: Instrument) {
    if (typeof adapter?.read !== "function") {
      throw new WomError("input_invalid", `an adapter has a method read, and this is ${sort(adapter)}`, {
        hint: "give the name of one of the catalogue, or an object with name, summary and read",
      });
    }
    this.#adapter = adapter;
  }

  info(): object {
    const adapter = this.#adapter;
    return {
      name: text(adapter.name, "name"),
      summary: text(adapter.summary, "summary"),
      rules: adapter.rules ?? "active-minutes/1",
      proven: adapter.proven ?? false,
      read_file: adapter.readsFiles ?? true,
      pull: adapter.pulls ?? false,
      webhook: typeof adapter.receive === "function",
      refresh: typeof adapter.refresh === "function",
      withdraws: adapter.withdraws ?? false,
    };
  }

  async answer(what: string, asked: string, bytes: Uint8Array | undefined): Promise<Answer> {
    const told = JSON.parse(asked);
    const now = new Date(told.now);
    switch (what) {
      case "read":
        return reading(this.#adapter.read(new Input(told, bytes), now));
      case "refresh":
        return reading(this.#adapter.refresh?.(told.units.map(unit), now) ?? []);
      default:
        return received(await this.#adapter.receive?.(new Request(told, bytes ?? new Uint8Array())));
    }
  }
}

/** @internal What was decided about a webhook call, as the native half reads it. */
export function received(decided: Received = {}): Answer {
  const { status = 200, body, hint, id, refused = false } = decided;
  const asks = hint === undefined ? "answered" : id === undefined ? "read" : "once";
  const verdict = refused ? "refused" : asks;
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  return { text: JSON.stringify({ status, verdict, id, hint }), bytes };
}

function unit([namespace, id, start, end]: [string, string, string, string]): Unit {
  return { person: new Person(namespace, id), start: new Date(start), end: new Date(end) };
}

function reading(found: Iterable<Found> | AsyncIterable<Found>): Answer {
  return { text: String(keep(new Reading(found))) };
}

type Step = IteratorResult<Found, unknown>;

/** What an adapter yields, as the native half asks for it, in chunks. */
class Reading implements Asked {
  readonly #found: { next(): Step | Promise<Step>; return?(): unknown };
  #over = false;
  /** What was thrown after something had been found: it comes after that. */
  #failed: { error: unknown } | undefined;

  constructor(found: Iterable<Found> | AsyncIterable<Found>) {
    this.#found =
      Symbol.asyncIterator in found ? found[Symbol.asyncIterator]() : found[Symbol.iterator]();
  }

  async answer(what: string, asked: string): Promise<Answer> {
    if (what === "end") {
      if (!this.#over) await this.#found.return?.();
      return { text: "" };
    }
    if (this.#failed !== undefined) throw this.#failed.error;
    const atMost = Number(asked);
    const chunk: string[] = [];
    try {
      while (!this.#over && chunk.length < atMost) {
        // One that throws has ended by itself.
        this.#over = true;
        // Not every step is a promise, and to wait costs.
        const next = this.#found.next();
        const step = next instanceof Promise ? await next : next;
        this.#over = step.done === true;
        if (!step.done) chunk.push(JSON.stringify(wire(step.value)));
      }
    } catch (error) {
      if (chunk.length === 0) throw error;
      this.#failed = { error };
    }
    return { text: `[${chunk.join()}]` };
  }
}

function wire(found: Found): [string, unknown] {
  if (found instanceof Observation || found instanceof Refusal || found instanceof Cursor) return found.wire();
  throw new WomError("input_invalid", `an adapter yielded ${sort(found)}`, {
    hint: "yield new Observation(…), new Refusal(…) or new Cursor(…)",
  });
}

/** @internal A directory, as the native half asks it. */
export class AskedDirectory implements Asked {
  constructor(readonly directory: Directory) {}

  async answer(_: string, asked: string): Promise<Answer> {
    const [namespace, id] = JSON.parse(asked) as [string, string];
    const known = await this.directory(new Person(namespace, id));
    if (known === null || known === undefined) return { text: "null" };
    const { user, handle } = typeof known === "string" ? { user: known, handle: undefined } : known;
    return { text: JSON.stringify([text(user, "user"), handle ?? null]) };
  }
}

/** @internal A stream, as the native half reads it. */
export class AskedStream implements Asked {
  readonly #pieces: AsyncIterator<Uint8Array>;
  /** Asked for at once: what goes wrong before somebody reads has to find somebody who listens. */
  #next: Promise<IteratorResult<Uint8Array>> | undefined;

  constructor(stream: AsyncIterable<Uint8Array>) {
    this.#pieces = stream[Symbol.asyncIterator]();
    this.#next = this.#pieces.next();
    this.#next.catch(() => {});
  }

  async answer(): Promise<Answer> {
    const step = await (this.#next ?? this.#pieces.next());
    this.#next = undefined;
    return step.done ? { text: "" } : { text: "", bytes: raw(step.value) };
  }

  /** Nobody reads any more. */
  close(): void {
    void this.#pieces.return?.()?.catch(() => {});
  }
}
