/** What is checked before it crosses the boundary, and what printing leaves out. Private. */

import { WomError } from "./errors.js";
import type { Instant } from "./values.js";

/** @internal A text, and one that is Unicode: two that are not could become the same person. */
export function text(value: unknown, field: string): string {
  if (typeof value !== "string") throw misfit(field, `it has to be a text, and is ${sort(value)}`);
  if (!value.isWellFormed()) throw misfit(field, "it is no Unicode: half of a character is missing");
  return value;
}

/** @internal A whole number that is not negative. */
export function count(value: unknown, field: string): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value < 2 ** 32) return value;
  throw misfit(field, "it has to be a whole number, 0 or more");
}

/** @internal A whole number that is not negative, however large. */
export function ordinal(value: unknown, field: string): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw misfit(field, "it has to be a whole number, 0 or more");
}

/** @internal A length of time in milliseconds, as seconds. */
export function seconds(value: unknown, field: string): number {
  if (typeof value === "number" && value >= 0) return value / 1000;
  throw misfit(field, "it has to be milliseconds, 0 or more");
}

/** @internal Latitude and longitude; Rust says what they may be. */
export function place(value: unknown, field = "place"): [number, number] {
  if (Array.isArray(value) && value.length === 2) {
    const [latitude, longitude] = value as unknown[];
    if (typeof latitude === "number" && typeof longitude === "number") return [latitude, longitude];
  }
  throw misfit(field, "it has to be [latitude, longitude]");
}

/** @internal An instant as the native half reads it. */
export function instant(at: Instant, field: string): string {
  return new Date(millis(at, field)).toISOString();
}

/** @internal An instant in milliseconds since 1970. */
export function millis(at: Instant, field: string): number {
  const since = at instanceof Date ? at.getTime() : Math.floor(at?.epochMilliseconds);
  if (Math.abs(since) < LAST) return since;
  throw new WomError("input_invalid", "it is no instant", {
    hint: "give a valid Date, or a Temporal.Instant, within the years -9999 to 9999",
    fields: { field },
  });
}

/** The last days of 9999, and the first of -9999, may be the next year's somewhere. */
const LAST = 253_402_207_200_000;

/** @internal Options by their names: one that is not known is a mistake, and perhaps a costly one. */
export function only(options: object, known: readonly string[], what: string): void {
  for (const name in options) {
    if (!known.includes(name) && Object.hasOwn(options, name)) {
      throw new WomError("configuration_invalid", `${what} has no such option`, {
        hint: `there are: ${known.join(", ")}`,
        fields: { option: name },
      });
    }
  }
}

/** @internal A value that printing, JSON and copying leave out. */
export function hide<T extends object, K extends keyof T>(owner: T, name: K, value: T[K]): void {
  Object.defineProperty(owner, name, { value, enumerable: false });
}

function misfit(field: string, message: string): WomError {
  return new WomError("input_invalid", message, { fields: { field } });
}

/** @internal What sort of value it is, for people; never the value. */
export function sort(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== "object") return `a ${typeof value}`;
  const name = value.constructor?.name;
  return name === undefined || name === "Object" ? "an object" : `a value of the class ${name}`;
}
