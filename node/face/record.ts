/** Plain minutes, as programs hand them over. */

import { Buffer } from "node:buffer";

import { count, instant, millis, only, ordinal, sort, text } from "./checks.js";
import { WomError } from "./errors.js";
import type { Instant, Waiting } from "./values.js";

/** More about plain minutes. */
export interface RecordOptions extends Waiting {
  /** What was done; `exercise` where it is left out. */
  activity?: string | undefined;
  /** How many seconds of the time it took, where it was not all of it. */
  seconds?: number | undefined;
  steps?: number | undefined;
  /** Which version of the record: of one key the highest holds. */
  revision?: number | undefined;
  recording?: "measured" | "attested" | "manual" | "unknown" | undefined;
  device?: "watch" | "phone" | "app" | "unknown" | undefined;
  /** The recording device or program. */
  stream?: string | undefined;
}

/** `user` was active from `start` until `end`: see `Client.record`, which takes the same. */
export interface MinutesRecord extends Omit<RecordOptions, "signal"> {
  user: string;
  start: Instant;
  end: Instant;
  key: string;
}

const RECORD = ["user", "start", "end", "key", "activity", "seconds", "steps", "revision", "recording", "device", "stream"];

/** @internal A record as the native half reads it. */
export function recordOf(record: MinutesRecord): object {
  only(record, RECORD, "a record");
  const { user, start, end, activity = "exercise", ...more } = record;
  return {
    ...more,
    key: text(more.key, "key"),
    participant: text(user, "user"),
    start: instant(start, "start"),
    end: instant(end, "end"),
    activity,
  };
}

/**
 * @internal Many records as the native half reads them, a row for each with its members in the order of
 * `RECORD`: instants as numbers, and no names, as this is what the caller's thread pays for.
 */
export function rowsOf(records: Iterable<MinutesRecord>): string {
  const rows: unknown[] = [];
  for (const record of records) {
    try {
      rows.push(rowOf(record));
    } catch (error) {
      if (!(error instanceof WomError)) throw error;
      const { code, summary, hint, fields } = error;
      throw new WomError(code, summary, { hint, fields: { record: String(rows.length + 1), ...fields } });
    }
  }
  return JSON.stringify(rows);
}

function rowOf(record: MinutesRecord): unknown[] {
  only(record, RECORD, "a record");
  return [
    text(record.user, "user"),
    millis(record.start, "start"),
    millis(record.end, "end"),
    text(record.key, "key"),
    given(record.activity ?? "exercise", "activity", text),
    given(record.seconds, "seconds", count),
    given(record.steps, "steps", count),
    given(record.revision, "revision", ordinal),
    given(record.recording, "recording", text),
    given(record.device, "device", text),
    given(record.stream, "stream", text),
  ];
}

function given<T>(value: unknown, field: string, check: (value: unknown, field: string) => T): T | null {
  return value === undefined || value === null ? null : check(value, field);
}

/** @internal Records as JSON lines. */
export function linesOf(data: unknown): Uint8Array {
  if (typeof data !== "object" || data === null || !(Symbol.iterator in data)) {
    throw new WomError("input_invalid", `it cannot be read from ${sort(data)}`, {
      hint: "give bytes, the path of a file, a stream, or records",
      fields: { field: "data" },
    });
  }
  const lines = [];
  try {
    for (const record of data as Iterable<unknown>) lines.push(JSON.stringify(record));
  } catch {
    throw new WomError("input_invalid", "a record holds something that is no plain value", {
      hint: "use text, numbers, true and false, and Date",
      fields: { record: String(lines.length + 1) },
    });
  }
  return Buffer.from(lines.join("\n"));
}
