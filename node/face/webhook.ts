/**
 * Webhooks: one `verify` and one `sign` for every sender that the SDK knows.
 *
 * Give `verify` the body as it arrived, as bytes: a body that a framework has parsed and written again is
 * another text, and its signature does not hold.
 */

import { Buffer } from "node:buffer";

import { atOnce } from "./bridge.js";
import { known } from "./catalogue.js";
import { millis, only, sort, text } from "./checks.js";
import { WomError } from "./errors.js";
import { native } from "./native.js";
import type { Instant } from "./values.js";

/** The names of the schemes. */
export const SCHEMES: readonly string[] = known.schemes;

/** Headers as Node and frameworks have them, or as pairs. */
export type Headers =
  | Iterable<readonly [name: string, value: string]>
  | Readonly<Record<string, string | readonly string[] | undefined>>;

/** A message whose signature holds. */
export interface Message {
  readonly handshake: false;
  /** The duplicate key, where the scheme has one: an id that was seen before is the same message. */
  readonly id: string | null;
  /** When the sender sent it, where that is signed. */
  readonly at: Date | null;
}

/** A call that sets the webhook up and is signed by nobody: answer 200 and do nothing else. */
export interface Handshake {
  readonly handshake: true;
  /** What the person who sets it up has to copy into the sender's page. */
  readonly code: string | null;
}

/** How a sender signs. */
export interface SchemeOptions {
  /** For `hub`: the name of the header with the signature. */
  header?: string | undefined;
  /** For `square`: the address as it was given to Square. */
  url?: string | undefined;
  /** The time at which the message is judged; now where it is left out. */
  now?: Instant | undefined;
}

/**
 * Checks a message. Whatever does not hold is `webhook_refused`. `scheme` is one of `SCHEMES`. While a
 * secret changes, give both.
 */
export function verify(
  scheme: string,
  headers: Headers,
  body: Uint8Array | ArrayBuffer,
  secrets: string | readonly string[],
  options: SchemeOptions = {},
): Message | Handshake {
  const bytes = raw(body);
  const told = atOnce(
    native.verifyWebhook(signing(scheme, secrets, options), JSON.stringify(headerPairs(headers)), bytes),
  ) as { handshake?: boolean; code?: string; id?: string; at?: string };
  if (told.handshake) return { handshake: true, code: told.code ?? null };
  return { handshake: false, id: told.id ?? null, at: told.at ? new Date(told.at) : null };
}

/** The headers of a message that is sent now: for tests of your own receiver. */
export function sign(
  scheme: string,
  id: string,
  body: Uint8Array | ArrayBuffer,
  secrets: string | readonly string[],
  options: SchemeOptions = {},
): Record<string, string> {
  const signed = native.signWebhook(signing(scheme, secrets, options), text(id, "id"), raw(body));
  return Object.fromEntries(atOnce(signed) as [string, string][]);
}

function signing(scheme: string, secrets: string | readonly string[], options: SchemeOptions): string {
  only(options, ["header", "url", "now"], "a scheme");
  return JSON.stringify({
    scheme: text(scheme, "scheme"),
    header: options.header,
    url: options.url,
    secrets: typeof secrets === "string" ? [secrets] : secrets,
    now: options.now && millis(options.now, "now"),
  });
}

/** @internal Headers as pairs. */
export function headerPairs(headers: Headers): [string, string][] {
  if (Symbol.iterator in headers) {
    return [...(headers as Iterable<readonly [string, string]>)].map(([name, value]) => [name, value]);
  }
  const named = Object.entries(headers as Record<string, string | readonly string[] | undefined>);
  return named.flatMap(([name, value]): [string, string][] => {
    if (value === undefined) return [];
    return typeof value === "string" ? [[name, value]] : value.map((one) => [name, one]);
  });
}

/** @internal A body as it arrived; one that a framework has parsed is refused. */
export function raw(body: unknown): Uint8Array {
  if (body instanceof Uint8Array) return body;
  if (body instanceof ArrayBuffer) return Buffer.from(body);
  throw new WomError("input_invalid", `the body has to be bytes as they arrived, and is ${sort(body)}`, {
    hint: "take the raw body: express.raw({ type: '*/*' }) in Express, parseAs: 'buffer' in Fastify, await request.arrayBuffer() with fetch's Request",
    fields: { field: "body" },
  });
}
