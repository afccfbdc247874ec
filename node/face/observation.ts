/** What an adapter yields: observations, refusals, and where to go on. */

import { hide, instant, text } from "./checks.js";
import { personOf } from "./options.js";
import { Study } from "./study.js";
import { type Instant, Person } from "./values.js";

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

function span(start: Instant, end: Instant): [string, string] {
  return [instant(start, "start"), instant(end, "end")];
}
