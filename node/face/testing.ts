/** What holds adapters of your own to what the SDK's own are held to. */

import { AssertionError } from "node:assert";

import { type Asked, call, home, keep, letGo } from "./bridge.js";
import { AskedInstrument, type Instrument } from "./instrument.js";
import { type Instant, instant, type Waiting } from "./values.js";
import { raw } from "./webhook.js";

/**
 * Runs the conformance suite that every instrument of the SDK passes.
 *
 * `make` makes the adapter anew, as after a restart, and `sample` is a good file that it reads, read at
 * the time `now`. The same file again has to yield the same; damage has to be refused without quoting
 * anybody; a store that fails has to end the reading; and so on.
 *
 * It is rejected with an `AssertionError` that tells every topic that failed.
 */
export async function checkInstrument(
  make: () => Instrument,
  sample: Uint8Array,
  { now, signal }: { now?: Instant } & Waiting = {},
): Promise<void> {
  const kept: number[] = [];
  const maker: Asked = {
    answer() {
      const asked = new AskedInstrument(make());
      const of = keep(asked);
      kept.push(of);
      return { text: JSON.stringify({ of, ...asked.info() }) };
    },
  };
  const number = keep(maker);
  kept.push(number);
  const [bytes, at] = [raw(sample), now && instant(now, "now")];
  try {
    const results = await call(
      (call) => home.checkInstrument(call, number, bytes, at),
      (told) => told as [topic: string, failed: string | null][],
      signal,
    );
    const failed = results.filter(([, message]) => message !== null);
    const message = failed.map((result) => result.join(": ")).join("\n");
    if (failed.length > 0) throw new AssertionError({ message });
  } finally {
    kept.forEach(letGo);
  }
}
