/** Between promises and the native half: calls that are under way, and what it asks us. Private. */

import { channel } from "node:diagnostics_channel";

import { type Fault, WomError } from "./errors.js";
import { native } from "./native.js";

/** What a call that was begun ends with. */
type End = { good: string } | { fault: string } | { aborted: unknown };

/** @internal Answers to what the native half asks of `thing`: a text, and bytes where there are any. */
export type Answer = { text: string; bytes?: Uint8Array | undefined };

/** @internal Something that the native half may ask. */
export interface Asked {
  answer(what: string, text: string, bytes: Uint8Array | undefined): Answer | Promise<Answer>;
}

const calls = new Map<number, (end: End) => void>();
const things = new Map<number, Asked>();
const raised = new Map<number, unknown>();
const log = channel("wom-sdk");
let last = 0;

/** The most exceptions that are held until an error comes that they are the cause of. */
const RAISED = 64;

// Keeps the process alive while a call is under way, and only then.
const alive = setInterval(() => {}, 2 ** 31 - 1).unref();

/** @internal The native half's view of this thread. */
export const home = new native.Home(post);

/**
 * @internal Begins a call, and waits for its answer. The error is made here, so that its stack tells
 * who called.
 */
export async function call<T>(
  begin: (call: number) => void,
  read: (told: any) => T,
  signal?: AbortSignal,
): Promise<T> {
  signal?.throwIfAborted();
  const number = next(calls);
  let give: (end: End) => void = () => {};
  const over = new Promise<End>((resolve) => (give = resolve));
  const abort = () => {
    give({ aborted: signal?.reason });
    home.cancel(number);
  };
  calls.set(number, give);
  alive.ref();
  signal?.addEventListener("abort", abort, { once: true });
  let end: End;
  try {
    begin(number);
    end = await over;
  } finally {
    signal?.removeEventListener("abort", abort);
    calls.delete(number);
    if (calls.size === 0) alive.unref();
  }
  if ("good" in end) return read(JSON.parse(end.good));
  if ("aborted" in end) throw end.aborted;
  throw fault(JSON.parse(end.fault));
}

/** @internal Opens something; what was given up in the middle of it is closed. */
export async function opening(
  opened: { close(call: number): void },
  begin: (call: number) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    await call(begin, nothing, signal);
  } catch (error) {
    await call((number) => opened.close(number), nothing).catch(nothing);
    throw error;
  }
}

/** @internal Reads an answer that tells nothing. */
export function nothing(): void {}

/** @internal Reads an answer that is as it is told. */
export function same<T>(told: T): T {
  return told;
}

/** @internal The answer of a function that does not wait. */
export function atOnce(told: string): any {
  const answer = JSON.parse(told) as { good: unknown } | { fault: Fault };
  if ("fault" in answer) throw fault(answer.fault);
  return answer.good;
}

/** @internal Lets the native half ask a thing under the number that is given, until it is let go. */
export function keep(thing: Asked): number {
  const number = next(things);
  things.set(number, thing);
  return number;
}

/** @internal The native half asks it no more. */
export function letGo(number: number): void {
  things.delete(number);
}

/** @internal Whether something was thrown because another system could not be reached. */
function away(error: unknown): boolean {
  for (let one = error, depth = 0; one instanceof Error && depth < 8; one = one.cause, depth += 1) {
    const code = (one as { code?: unknown }).code;
    if (one.name === "TimeoutError" || (typeof code === "string" && AWAY.test(code))) return true;
  }
  return false;
}

const AWAY = /^(ECONN|EHOST|ENET|EPIPE$|ETIMEDOUT$|ENOTFOUND$|EAI_AGAIN$|UND_ERR_)/;

function fault(told: Fault): WomError {
  const { cause: number, ...rest } = told;
  if (number === undefined) return WomError.of(rest, undefined);
  const cause = raised.get(number);
  raised.delete(number);
  return WomError.of(rest, cause);
}

/** Hears what the native half posts. Nothing may be thrown here. */
function post(what: string, number: number, whom: number, text: string, bytes?: Uint8Array | null): void {
  switch (what) {
    case "good":
      return calls.get(number)?.({ good: text });
    case "fault":
      return calls.get(number)?.({ fault: text });
    case "event":
      if (log.hasSubscribers) log.publish(JSON.parse(text));
      return;
    case "end":
      void Promise.resolve(things.get(whom)?.answer(what, text, undefined)).catch(() => {});
      return letGo(whom);
    default:
      void reply(what, number, whom, text, bytes ?? undefined);
  }
}

async function reply(what: string, number: number, whom: number, text: string, bytes?: Uint8Array): Promise<void> {
  try {
    const thing = things.get(whom);
    if (thing === undefined) throw new WomError("cancelled", "who was asked is not there any more");
    const answer = await thing.answer(what, text, bytes);
    home.reply(number, true, answer.text, answer.bytes);
  } catch (error) {
    raised.set(number, error);
    const oldest = raised.keys().next();
    if (raised.size > RAISED && !oldest.done) raised.delete(oldest.value);
    const name = error instanceof Error ? error.name : typeof error;
    const told = { name: String(name), away: away(error) };
    const own = error instanceof WomError ? { code: error.code, summary: error.summary, retry: error.retry, hint: error.hint } : {};
    home.reply(number, false, JSON.stringify({ ...told, ...own }));
  }
}

function next(taken: Map<number, unknown>): number {
  do last = (last + 1) >>> 0;
  while (taken.has(last) || last === 0);
  return last;
}
