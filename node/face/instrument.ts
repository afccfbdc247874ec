/**
 * Adapters of your own: what brings activity in, in the same pipeline as the ones of the SDK. An adapter
 * yields observations, never conclusions: what counts is for the rule set to judge.
 */

import { createReadStream } from "node:fs";

import { hide } from "./checks.js";
import { WomError } from "./errors.js";
import type { Found } from "./observation.js";
import { Person } from "./values.js";

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
