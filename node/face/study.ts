/**
 * What a learning platform sees of somebody's study: bodies of observations for `study-minutes/1`. Names
 * of items, sessions and courses are texts of your own; only digests of them are kept.
 */

import { hide, instant, text } from "./checks.js";
import type { Instant } from "./values.js";

/** What was reached; of a `course` the item is the course. */
export type Goal = "badge" | "completed" | "course" | "mastered" | "passed";

/** Somebody says that study went on all the time, a day at most. */
export class Studied {
  /**
   * `stored` is when the platform's server took it in, where it says so: an honest end is not later.
   * `closes` tells whether the session, or its player, ended with it.
   */
  constructor(
    readonly start: Instant,
    readonly end: Instant,
    readonly more: { stored?: Instant; closes?: boolean } = {},
  ) {}

  /** @internal */
  wire(): object {
    const { stored, closes = false } = this.more;
    const at = stored === undefined ? null : instant(stored, "stored");
    return { kind: "interval", span: span(this.start, this.end), stored: at, closes };
  }
}

/** A milestone was reached. It tells no time of study. */
export class Reached {
  constructor(
    readonly at: Instant,
    readonly goal: Goal,
  ) {}

  /** @internal */
  wire(): object {
    return { kind: "milestone", at: instant(this.at, "at"), goal: this.goal };
  }
}

/** Something was done at an instant. */
export class Mark {
  /** `seen` is a page, an answer, a click; `browsed`: nothing of the session is to count. */
  constructor(
    readonly at: Instant,
    readonly what: "seen" | "opened" | "closed" | "browsed" = "seen",
  ) {}

  /** @internal */
  wire(): object {
    return { kind: "point", at: instant(this.at, "at"), mark: { mark: this.what } };
  }
}

/** How a film's player was used. Places and lengths are in milliseconds. */
export interface Played {
  at: Instant;
  /** It began or went on to play; it stopped; it jumped; its speed changed. */
  step: "play" | "halt" | "seek" | "speed";
  /** Where in the film. Of a seek: from where. */
  positionMs?: number | undefined;
  /** Where it jumped to. */
  toMs?: number | undefined;
  /** How long the film is. */
  lengthMs?: number | undefined;
  /** The speed from now on; never 0. */
  speedPercent?: number | undefined;
}

/** A film's player was used. */
export class Film {
  constructor(readonly played: Played) {}

  /** @internal */
  wire(): object {
    const { at, step, positionMs = null, toMs = null, lengthMs = null, speedPercent = null } = this.played;
    const mark = {
      mark: "video",
      step: step === "seek" ? { seek: toMs } : step,
      position_ms: positionMs,
      length_ms: lengthMs,
      speed_percent: speedPercent,
    };
    return { kind: "point", at: instant(at, "at"), mark };
  }
}

/** A counter of study time grew by so many milliseconds, somewhere between `start` and `end`. */
export class Counted {
  constructor(
    readonly start: Instant,
    readonly end: Instant,
    readonly lengthMs: number,
  ) {}

  /** @internal */
  wire(): object {
    return { kind: "seconds", within: span(this.start, this.end), millis: this.lengthMs };
  }
}

/** What was seen of study. */
export type Trace = Studied | Reached | Mark | Film | Counted;

/** More about a trace of study. */
export interface StudyDetails {
  /** The visit, launch or player that it belongs to, where the platform tells them apart. */
  session?: string | undefined;
  /** The course or registration that the item is a part of. */
  course?: string | undefined;
  /** How many seconds the item is meant to take, 1 or more, where that is known. */
  nominalSeconds?: number | undefined;
  /** What it counts toward: `both` where milestones of the item may be paid; `days`. */
  toward?: "days" | "milestones" | "both" | undefined;
}

/** One trace of somebody's study: the body of an `Observation`. */
export class Study {
  /** What was studied: a module, a film, a page. The same for everybody. It is not printed. */
  declare readonly item: string;
  readonly trace: Trace;
  declare readonly more: StudyDetails;

  constructor(item: string, trace: Trace, more: StudyDetails = {}) {
    this.trace = trace;
    hide(this, "item", item);
    hide(this, "more", more);
  }

  /** @internal */
  wire(): object {
    const { session = null, course = null, nominalSeconds = null, toward = "days" } = this.more;
    return {
      body: "study",
      item: text(this.item, "item"),
      session,
      course,
      nominal_s: nominalSeconds,
      toward,
      trace: this.trace.wire(),
    };
  }
}

function span(start: Instant, end: Instant): [string, string] {
  return [instant(start, "start"), instant(end, "end")];
}
