/** What holds adapters of your own to what the SDK's own are held to. */

import { AssertionError } from "node:assert";

import { AskedInstrument } from "./asked.js";
import { type Asked, call, home, keep, letGo, same } from "./bridge.js";
import { instant } from "./checks.js";
import type { Instrument } from "./instrument.js";
import { AskedMerchant, type Merchant } from "./merchant.js";
import type { Instant, Waiting } from "./values.js";
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
      same<Result[]>,
      signal,
    );
    passed(results);
  } finally {
    kept.forEach(letGo);
  }
}

/**
 * Runs the conformance suite that every shop and till of the SDK passes.
 *
 * `open` makes one more adapter of the same shop, as another process has it; `order` makes a new order
 * there that is open to a discount, with a total of more than 10.00, and gives its id. A key has to give
 * one discount, whoever asks and however often; what is taken back has to be gone; and so on.
 *
 * It is rejected with an `AssertionError` that tells every topic that failed.
 */
export async function checkMerchant(
  open: () => Merchant,
  order: () => string | Promise<string>,
  { signal }: Waiting = {},
): Promise<void> {
  const kept: number[] = [];
  const maker: Asked = {
    async answer(what) {
      if (what === "order") return { text: JSON.stringify(await order()) };
      const asked = new AskedMerchant(open());
      const of = keep(asked);
      kept.push(of);
      return { text: JSON.stringify({ of, info: asked.info() }) };
    },
  };
  const number = keep(maker);
  kept.push(number);
  try {
    passed(await call((call) => home.checkMerchant(call, number), same<Result[]>, signal));
  } finally {
    kept.forEach(letGo);
  }
}

type Result = [topic: string, failed: string | null];

function passed(results: Result[]): void {
  const failed = results.filter(([, message]) => message !== null);
  const message = failed.map((result) => result.join(": ")).join("\n");
  if (failed.length > 0) throw new AssertionError({ message });
}
