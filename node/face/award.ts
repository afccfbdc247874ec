/** Minutes that were counted elsewhere, and where they are accepted. */

import { instant, only, place, text } from "./checks.js";
import type { Instant, Place } from "./values.js";

/** Minutes to award. */
export interface Award {
  /** What the minutes were given to, such as `H`. */
  aim: string;
  /** How many minutes: 1 to 10,000. */
  minutes: number;
  /** Where. The vouchers tell a cell of about 5 km, unless `exact` is set. */
  place: Place;
  /** When; at the time of acceptance where it is left out. The vouchers tell the day. */
  at?: Instant | undefined;
  /** The zone whose day the vouchers tell, such as `Europe/Rome`. */
  zone?: string | undefined;
  /** Whether place and time are told as they are. */
  exact?: boolean | undefined;
  /** Whom to hand the award to. */
  handle?: string | undefined;
}

/** A connection to PostgreSQL of your own: of `pg`, or a function that runs one statement. */
export type Connection =
  | { query(sql: string): PromiseLike<{ readonly rows: readonly object[] }> }
  | ((sql: string) => PromiseLike<readonly object[]>);

const AWARD = ["aim", "minutes", "place", "at", "zone", "exact", "handle", "signal"];

/** @internal An award as the native half reads it. */
export function awardOf(award: Award): string {
  only(award, AWARD, "an award");
  return JSON.stringify({
    aim: text(award.aim, "aim"),
    minutes: award.minutes,
    place: place(award.place),
    at: award.at && instant(award.at, "at"),
    zone: award.zone,
    exact: award.exact ?? false,
    handle: award.handle,
  });
}

/** @internal The first value of the first row of a statement without parameters. */
export async function first(connection: Connection, sql: string | undefined): Promise<unknown> {
  const statement = String(sql);
  const rows = typeof connection === "function" ? await connection(statement) : (await connection.query(statement)).rows;
  const row = rows[0];
  return row === undefined ? undefined : Object.values(row)[0];
}
