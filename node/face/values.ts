/** Values at the boundary: what is handed over, and what comes back. */

import { hide, text } from "./checks.js";

/** Latitude and longitude, degrees WGS 84. */
export type Place = readonly [latitude: number, longitude: number];

/** An instant: a `Date`, or a `Temporal.Instant` or `Temporal.ZonedDateTime`. */
export type Instant = Date | { readonly epochMilliseconds: number };

/** What every call that waits can be told. */
export interface Waiting {
  /**
   * Gives the call up: its promise is rejected with the signal's reason. What was begun is written
   * down, and the same key goes on with it.
   */
  signal?: AbortSignal | undefined;
}

/** An instrument at its Registry: who awards, and what lets it in. Exactly one key is given. */
export interface Source {
  /** The Registry's base address, before `/api`. */
  registry: string;
  /** The id that the Registry gave. */
  id: string;
  /** A PEM file with the private key. */
  keyFile?: string | undefined;
  /** A variable of the environment with the private key as PEM. */
  keyVariable?: string | undefined;
  /** Answers with the private key as PEM, when it is needed: for a secrets manager. */
  key?: (() => string | Promise<string>) | undefined;
  /** A variable of the environment with the private key's passphrase. */
  passphraseVariable?: string | undefined;
  /** A file with an API key, in place of a private key. */
  apiKeyFile?: string | undefined;
  /** A variable of the environment with an API key. */
  apiKeyVariable?: string | undefined;
  /** SHA-256 of the Registry's public key, to refuse any other. */
  fingerprint?: string | undefined;
  /** Whether plain http to another machine is accepted, over which anybody can read codes. */
  dangerAcceptPlainHttp?: boolean | undefined;
}

/** A POS at its Registry: who accepts, and what lets it in. */
export type Pos = Source;

/** A store in a file of this machine, for one process at a time. */
export interface SqliteStore {
  sqlite: string;
}

/** A store in a PostgreSQL data base, for any number of processes and machines. */
export interface PostgresStore {
  postgres: UrlPlace;
}

/** Where the URL of a data base is, which holds a password. Exactly one of the three is given. */
export interface UrlPlace {
  /** A file with the URL. */
  urlFile?: string | undefined;
  /** A variable of the environment with the URL. */
  urlVariable?: string | undefined;
  /** Answers with the URL. */
  url?: (() => string | Promise<string>) | undefined;
  /** The schema in it; `wom`, or `wom_keys` for keys, where none is given. */
  schema?: string | undefined;
  /** The most connections at a time; 10 where none is given. */
  connections?: number | undefined;
}

/** A store, or the path of one in a file. */
export type Store = SqliteStore | PostgresStore | string;

/**
 * The keys that hide who is who and seal codes, in a file, made where there is none. Back it up apart
 * from the store. With a root key in a variable of the environment (32 random bytes as base64) the file
 * alone is worth nothing.
 */
export interface FileKeys {
  file: string;
  rootVariable?: string | undefined;
}

/** The same keys in a PostgreSQL data base that is not the awards', for several machines. */
export interface PostgresKeys {
  postgres: UrlPlace;
  rootVariable?: string | undefined;
}

/** Keys, or the path of their file. */
export type Keys = FileKeys | PostgresKeys | string;

/** One way in which a campaign awards minutes. A minute counts once on each line. */
export interface Line {
  /** Part of every award's key: never change it. */
  name: string;
  /** What the vouchers say that the minutes were given to, such as `H`. */
  aim: string;
  /** Which activities count; all if empty. `cycling` covers `cycling.commuting`. */
  activities?: readonly string[] | undefined;
  /** Which activities do not count all the same. */
  exclude?: readonly string[] | undefined;
  /** At which hours of the campaign's day, such as `["07:00", "09:30"]`; at all if empty. */
  hours?: readonly (readonly [start: string, end: string])[] | undefined;
  /** Whether milestones are paid on this line; they are where it is left out. */
  milestones?: boolean | undefined;
  /** Whether the minutes count on the lines after this one too; they do where it is left out. */
  mode?: "also" | "instead" | undefined;
  /** Minutes of each day or session that are not paid: the first ones. */
  unpaidStartMinutes?: number | undefined;
  /** The most minutes of a day or session; what is over is dropped. */
  capMinutes?: number | undefined;
  /** Only whole multiples of so many minutes are paid. */
  roundToMinutes?: number | undefined;
}

/** Which minutes are worth vouchers of which aim, up to how many, and when. */
export interface Campaign {
  /** Part of every award's key: never change it. */
  name: string;
  /** What is awarded. The order matters for lines with mode `instead`. */
  lines: readonly Line[];
  /** Where the vouchers say that the minutes were given; they tell a cell of about 5 km. */
  place: Place;
  /** Whose days count, such as `Europe/Rome`; `UTC` where it is left out. */
  zone?: string | undefined;
  /** The first day, such as `2026-03-01`. */
  start?: string | undefined;
  /** The first day after. */
  until?: string | undefined;
  /** Patience after a day's end, in hours: vouchers cannot be recalled. 24 where it is left out. */
  settlementHours?: number | undefined;
  /** How many days late a record may come; then its month's keys are destroyed. 400. */
  latenessDays?: number | undefined;
  /** When settled minutes become a code: when the person asks, at once, or so many minutes. */
  collect?: "on tap" | "at once" | number | undefined;
  /** The rule set that judges what counts: see `ruleSets()`. `active-minutes/1`. */
  rules?: string | undefined;
  /** Settings of the rule set by its own names, where its defaults do not fit. */
  ruleSettings?: Readonly<Record<string, unknown>> | undefined;
  /** Whether vouchers tell the place as it is. */
  exactPlace?: boolean | undefined;
}

/** An adapter of the catalogue with its settings, as a source that calls webhooks or is pulled. */
export interface Use {
  adapter: string;
  /** Its settings, by the names that `adapters()` tells. */
  settings?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * Somebody in the words of the system that saw them: a learner of an LMS, an owner of a watch. Where a
 * plain text stands for a person, it is an id of your own.
 */
export class Person {
  /** Whose ids these are. */
  readonly namespace: string;
  /** The id. It is not shown where the object is printed. */
  declare readonly id: string;

  constructor(namespace: string, id: string) {
    this.namespace = text(namespace, "namespace");
    hide(this, "id", text(id, "id"));
  }
}

/** A code to hand over. Whoever has it can take the vouchers: printing and JSON leave it out. */
export class Ticket {
  /** The award's or checkout's id. */
  readonly id: string;
  /** What a Pocket opens; show it as a QR code, or as a link. */
  declare readonly link: string;
  /** What the Pocket asks for. */
  declare readonly pin: string;
  /** How many vouchers it brings, one for each minute; of a checkout, how many it asks for. */
  readonly minutes: number;

  /** @internal */
  constructor(told: { id: string; link: string; pin: string; minutes: number }) {
    this.id = told.id;
    this.minutes = told.minutes;
    hide(this, "link", told.link);
    hide(this, "pin", told.pin);
  }
}

/** Minutes given to one aim on one day. */
export interface Reason {
  /** A day as `2026-03-01`. */
  readonly day: string;
  readonly aim: string;
  readonly minutes: number;
}

/** What a person collects: a code, and what it is for. */
export class Claim {
  /** The award's id: the same claim has the same id, however often it is handed over. */
  readonly id: string;
  /** Minutes in all. */
  readonly minutes: number;
  readonly ticket: Ticket;
  readonly reasons: readonly Reason[];
  /** Whom to hand it to, as you said. It is not shown where the object is printed. */
  declare readonly handle: string | null;

  /** @internal */
  constructor(told: ToldClaim) {
    this.ticket = new Ticket(told.code);
    this.id = this.ticket.id;
    this.minutes = this.ticket.minutes;
    this.reasons = told.reasons.map(([day, aim, minutes]) => ({ day, aim, minutes }));
    hide(this, "handle", told.handle);
  }
}

/** @internal */
export interface ToldClaim {
  code: { id: string; link: string; pin: string; minutes: number };
  reasons: [string, string, number][];
  handle: string | null;
}

/** A record that could not be used. It holds no value of the record. */
export interface Refused {
  readonly code: string;
  readonly message: string;
  /** Where: names such as `line`, with their numbers. */
  readonly at: Readonly<Record<string, number>>;
  readonly field: string | null;
}

/** What came of something that was brought in. */
export interface Submission {
  /** Whether the same delivery was taken in before; nothing was read then. */
  readonly repeated: boolean;
  /** Observations that were read. */
  readonly observations: number;
  /** Records that were refused. */
  readonly refused: number;
  /** What was wrong with the first hundred of them. */
  readonly refusals: readonly Refused[];
  /** Minutes that are settled and wait to be collected, of the people that this touched. */
  readonly waiting: number;
  /** Awards that were made at once, where the campaign says so. */
  readonly awarded: number;
  /** Awards that a person has to judge first. */
  readonly held: number;
}

/** What a person gave on one line for one unit. */
export interface Given {
  readonly line: string;
  /** What the line is for; `null` if the campaign has no such line any more. */
  readonly aim: string | null;
  /** A day as `2026-03-01`; something named as `=name`; a session as `@name`. */
  readonly unit: string;
  /** Minutes that count. */
  readonly minutes: number;
  /** Minutes of these that were made into awards. */
  readonly awarded: number;
}

/** What to answer a webhook call with. */
export interface Reply {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array;
}

/** What a round of work did. */
export interface Worked {
  /** Things that webhooks told to read. */
  readonly read: number;
  /** Awards that were gone on with. */
  readonly awards: number;
  /** People whose units were settled. */
  readonly settled: number;
}

/** How a checkout stands. */
export interface CheckoutState {
  /** The stable name, such as `shown`, `paid`, `expired` or `paid_after_expiry`. */
  readonly state: string;
  /** Whether it can still become `paid`. */
  readonly open: boolean;
  /** Whether it was paid, in time or late. */
  readonly paid: boolean;
  /** When it was paid, by the Registry's clock. */
  readonly at: Date | null;
  /** Why it failed: the code of an error. */
  readonly reason: string | null;
}

/** What a Registry has issued, without persons and codes. Each voucher is one minute. */
export interface Books {
  /** In every request that was ever made and not forgotten, verified or not. */
  readonly generated: number;
  /** What somebody can redeem or has redeemed. */
  readonly issued: number;
  /** Handed to a wallet. */
  readonly redeemed: number;
  /** Used in a payment. */
  readonly spent: number;
}

/** What a code brought. */
export interface Redeemed {
  readonly source: string;
  readonly sourceName: string;
  readonly vouchers: number;
}

/** A payment that was made. */
export interface Paid {
  readonly amount: number;
  readonly posName: string;
  /** Where the shop wants the person to go now. It proves nothing to anybody. */
  readonly ackUrl: string | null;
}
