/**
 * Adapters of your own: what brings activity in, in the same pipeline as the ones of the SDK. An adapter
 * yields observations, never conclusions: what counts is for the rule set to judge.
 */

import { Buffer } from "node:buffer";
import { createReadStream } from "node:fs";

import type { Answer, Asked } from "./bridge.js";
import { keep } from "./bridge.js";
import { WomError } from "./errors.js";
import type { Study } from "./study.js";
import { hide, type Instant, instant, Person, personOf, sort, text } from "./values.js";
import { raw } from "./webhook.js";

/** A system that activity comes from. */
export interface Instrument {
  /** The name, such as `town.library`. It never changes. */
  readonly name: string;
  /** One sentence for people. */
  readonly summary: string;
  /** The rule set that its observations are made for; `active-minutes/1`. */
  readonly rules?: string | undefined;
  /** Whether its tests ran against the real system, or real files of it. */
  readonly proven?: boolean | undefined;
  /** Whether it reads files and bytes; it does where this is left out. */
  readonly readsFiles?: boolean | undefined;
  /** Whether it pulls since a cursor. */
  readonly pulls?: boolean | undefined;
  /** Whether it withdraws what was taken back. */
  readonly withdraws?: boolean | undefined;
  /**
   * Yields what it finds, in order, with flat memory at any size of input.
   *
   * A record that cannot be used is a `Refusal`, and reading goes on. To throw is for what makes the
   * rest unreadable; what was yielded before it stays good.
   */
  read(input: Input, now: Date): Iterable<Found> | AsyncIterable<Found>;
  /** Verifies a webhook's raw bytes, and says what to read because of it. */
  receive?(request: Request): Received | Promise<Received>;
  /** Asks the system for what may have changed silently in these stretches of time. */
  refresh?(units: readonly Unit[], now: Date): Iterable<Found> | AsyncIterable<Found>;
}

/**
 * Who somebody is whom an adapter saw: your own id of them, with a handle for whoever hands codes out
 * where there is one, or `null` where it does not know. Its answer must not change while a campaign runs.
 */
export type Directory = (person: Person) => Known | Promise<Known>;

/** What a directory knows. */
export type Known = string | { user: string; handle?: string | undefined } | null | undefined;

/** What to read from: bytes or a file; a webhook's `hint`; or everything since a cursor. */
export class Input {
  /** The bytes, where they are at hand. */
  declare readonly data: Uint8Array | undefined;
  /** The path of a file. */
  readonly path: string | undefined;
  /** What a webhook told to fetch, in the adapter's own words. */
  declare readonly hint: string | undefined;
  /** Whether everything since `cursor` is asked for; from the beginning where there is none. */
  readonly pull: boolean;
  /** Where the last pull ended. */
  declare readonly cursor: string | undefined;

  /** @internal */
  constructor(told: { path?: string; hint?: string; pull?: boolean; cursor?: string | null }, data?: Uint8Array) {
    this.path = told.path;
    this.pull = told.pull ?? false;
    hide(this, "data", data);
    hide(this, "hint", told.hint);
    hide(this, "cursor", told.cursor ?? undefined);
  }

  /** The bytes in pieces, from the beginning. */
  async *bytes(): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.data !== undefined) yield this.data;
    else if (this.path !== undefined) yield* createReadStream(this.path) as AsyncIterable<Uint8Array>;
    else throw new WomError("unsupported", "there is no file to read", { hint: "look at hint or cursor" });
  }

  /**
   * The text, line by line, without their ends. A line that is no text ends the reading with an error:
   * its characters could be a person's.
   */
  async *lines(encoding = "utf-8"): AsyncGenerator<string, void, undefined> {
    const decoder = new TextDecoder(encoding, { fatal: true });
    let [number, rest] = [1, ""];
    const decode = (piece?: Uint8Array) => {
      try {
        return decoder.decode(piece, { stream: piece !== undefined });
      } catch {
        throw new WomError("input_invalid", `the line is no text in ${encoding}`, {
          fields: { line: String(number) },
        });
      }
    };
    for await (const piece of this.bytes()) {
      // Line by line, so that those before one that is no text are read.
      for (let from = 0; from < piece.length; ) {
        const end = piece.indexOf(10, from) + 1 || piece.length;
        rest += decode(piece.subarray(from, end));
        from = end;
        if (!rest.endsWith("\n")) continue;
        yield rest.slice(0, rest.endsWith("\r\n") ? -2 : -1);
        [number, rest] = [number + 1, ""];
      }
    }
    rest += decode();
    if (rest !== "") yield rest;
  }
}

/** Something went on all the time. */
export class Interval {
  constructor(
    readonly start: Instant,
    readonly end: Instant,
    readonly more: { activity?: string; steps?: number } = {},
  ) {}

  /** @internal */
  wire(): object {
    const { activity = "exercise", steps = null } = this.more;
    return { body: "interval", span: span(this.start, this.end), activity, steps };
  }
}

/** Something went on for some of the time: `seconds` somewhere between `start` and `end`. */
export class Seconds {
  constructor(
    readonly start: Instant,
    readonly end: Instant,
    readonly seconds: number,
    readonly more: { activity?: string } = {},
  ) {}

  /** @internal */
  wire(): object {
    const { activity = "exercise" } = this.more;
    return { body: "seconds", within: span(this.start, this.end), seconds: this.seconds, activity };
  }
}

/** Steps counted in an interval, not strides. */
export class Steps {
  constructor(
    readonly start: Instant,
    readonly end: Instant,
    readonly steps: number,
  ) {}

  /** @internal */
  wire(): object {
    return { body: "steps", span: span(this.start, this.end), steps: this.steps };
  }
}

/** Something was reached that is worth so many minutes, once per name. */
export class Milestone {
  constructor(
    readonly at: Instant,
    readonly name: string,
    readonly minutes: number,
  ) {}

  /** @internal */
  wire(): object {
    return { body: "milestone", at: instant(this.at, "at"), name: this.name, minutes: this.minutes };
  }
}

/** Something was seen at an instant. No rule set uses it yet: it is kept. */
export class Point {
  constructor(
    readonly at: Instant,
    readonly more: { activity?: string } = {},
  ) {}

  /** @internal */
  wire(): object {
    return { body: "point", at: instant(this.at, "at"), activity: this.more.activity ?? "exercise" };
  }
}

/**
 * A total of minutes that somebody else made over a stretch of time, such as a day. No rule set uses it
 * yet: it is kept.
 */
export class Tally {
  constructor(
    readonly start: Instant,
    readonly end: Instant,
    readonly minutes: number,
    readonly more: { activity?: string } = {},
  ) {}

  /** @internal */
  wire(): object {
    const { activity = "exercise" } = this.more;
    return { body: "tally", within: span(this.start, this.end), minutes: this.minutes, activity };
  }
}

/** A ticket was scanned at an entry or an exit. */
export interface Scan {
  at: Instant;
  /** Whether at an entry; it is where this is left out. */
  entry?: boolean | undefined;
  /** Whether a machine made it, not a person at the door. */
  automatic?: boolean | undefined;
}

/** What a ticketing system knows of somebody's taking part in a session. */
export interface Taken {
  /** The ticket's id; only a digest is kept. */
  ticket: string;
  /** The session's id; only a digest is kept. */
  session: string;
  /** The planned time, in order. */
  slots: readonly (readonly [start: Instant, end: Instant])[];
  scans?: readonly Scan[] | undefined;
  activity?: string | undefined;
  policy?: "overlap" | "measured" | "scheduled" | undefined;
  standing?:
    | "valid"
    | "no_admission"
    | "excluded"
    | "test"
    | "unpaid"
    | "blocked"
    | "refunded"
    | "cancelled"
    | undefined;
}

/** A ticketing system knows of somebody's taking part in a session. */
export class Attendance {
  constructor(readonly taken: Taken) {}

  /** @internal */
  wire(): object {
    const { ticket, session, slots, scans = [], activity, policy, standing } = this.taken;
    return {
      body: "attendance",
      ticket: text(ticket, "ticket"),
      session: text(session, "session"),
      activity: activity ?? "attending",
      slots: slots.map(([start, end]) => span(start, end)),
      policy: policy ?? "overlap",
      standing: standing ?? "valid",
      scans: scans.map(({ at, entry = true, automatic = false }) => ({ at: instant(at, "at"), entry, automatic })),
    };
  }
}

/** The record with this key is taken back. */
export class Withdrawn {
  readonly withdrawn = true;

  /** @internal */
  wire(): object {
    return { body: "withdrawn" };
  }
}

/** Everything that the stream yielded in this range with a lower revision is taken back. */
export class RangeReplaced {
  constructor(
    readonly start: Instant,
    readonly end: Instant,
  ) {}

  /** @internal */
  wire(): object {
    return { body: "range_replaced", range: span(this.start, this.end) };
  }
}

/** What was observed. */
export type Body =
  | Interval
  | Seconds
  | Steps
  | Milestone
  | Attendance
  | Study
  | Point
  | Tally
  | Withdrawn
  | RangeReplaced;

/** More about an observation. */
export interface ObservationDetails {
  /** Which version of the record: of one key the highest holds. */
  revision?: number | undefined;
  device?: "watch" | "phone" | "app" | "unknown" | undefined;
  /** How the values came about; the default rules refuse `manual`. `attested` where it is left out. */
  recording?: "measured" | "attested" | "manual" | "unknown" | undefined;
  /** The recording device or program; only a digest is kept. */
  stream?: string | undefined;
}

/** One thing that an adapter saw. `key` names the record within its adapter for ever. */
export class Observation {
  declare readonly user: string | Person;
  declare readonly key: string;
  readonly body: Body;
  declare readonly more: ObservationDetails;

  constructor(user: string | Person, key: string, body: Body, more: ObservationDetails = {}) {
    this.body = body;
    hide(this, "user", user);
    hide(this, "key", key);
    hide(this, "more", more);
  }

  /** @internal */
  wire(): [string, unknown] {
    const { revision = 0, device = "unknown", recording = "attested", stream = "" } = this.more;
    const person = personOf(this.user);
    const body = this.body.wire();
    return ["observation", { person, key: text(this.key, "key"), revision, device, recording, stream, body }];
  }
}

/** A record that cannot be used. Reading goes on. Never put a value of the record into it. */
export class Refusal {
  /**
   * `code` is a stable name, such as `bad_time`; `message` says what is wrong, and what to do; `at`
   * where: names such as `line`, with their numbers; `field` which field.
   */
  constructor(
    readonly code: string,
    readonly message: string,
    readonly more: { at?: Readonly<Record<string, number>>; field?: string } = {},
  ) {}

  /** @internal */
  wire(): [string, unknown] {
    const { at = {}, field = null } = this.more;
    return ["refusal", { code: this.code, message: this.message, at: Object.entries(at), field }];
  }
}

/** Where to go on next time; remembered once everything before it is safe. */
export class Cursor {
  declare readonly text: string;

  constructor(cursor: string) {
    hide(this, "text", cursor);
  }

  /** @internal */
  wire(): [string, unknown] {
    return ["cursor", text(this.text, "cursor")];
  }
}

/** What reading yields. */
export type Found = Observation | Refusal | Cursor;

/** A webhook call, as it arrived. */
export class Request {
  readonly method: string;
  readonly query: string;
  declare readonly headers: readonly (readonly [name: string, value: string])[];
  declare readonly body: Uint8Array;
  readonly receivedAt: Date;

  /** @internal */
  constructor(told: { method: string; query: string; headers: [string, string][]; at: string }, body: Uint8Array) {
    this.method = told.method;
    this.query = told.query;
    this.receivedAt = new Date(told.at);
    hide(this, "headers", told.headers);
    hide(this, "body", body);
  }

  /** The value of a header, whatever the case of its name; the first one counts. */
  header(name: string): string | undefined {
    return this.headers.find(([other]) => other.toLowerCase() === name.toLowerCase())?.[1];
  }
}

/**
 * What to answer a webhook call with, and what it tells to read. With a `hint` something is to be read;
 * with an `id` beside it the message is known by that, and read once. Without either only the answer
 * matters.
 */
export interface Received {
  /** 200 where it is left out. */
  status?: number | undefined;
  body?: Uint8Array | string | undefined;
  hint?: string | undefined;
  id?: string | undefined;
  /** Whether the call is not to be believed. */
  refused?: boolean | undefined;
}

/** A stretch of time of somebody, to ask the system about again. */
export interface Unit {
  readonly person: Person;
  readonly start: Date;
  readonly end: Date;
}

function span(start: Instant, end: Instant): [string, string] {
  return [instant(start, "start"), instant(end, "end")];
}

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
