// What it costs to hand 10,000 records over in one call, beside empty native calls.
//
//     node bench/boundary.mjs [ROUNDS]
//
// The boundary is what the caller's thread spends: `recordMany` reads every record before it gives its
// promise back, and that is what is timed, by the clock, as Node 20 does not tell a thread's CPU time.
// What follows (merging, settling, storing) runs in other threads; it is told beside it. Every round
// measures all of it, one after the other.

import { availableParallelism, loadavg } from "node:os";

import { Client, Registry } from "../dist/index.mjs";
import { spread } from "./spread.mjs";
import half from "../dist/native.js";

const COUNT = 10_000;
const DAY = 86_400_000;
const rounds = Number(process.argv[2] ?? 5);
const noon = Math.floor(Date.now() / DAY) * DAY - 3 * DAY + DAY / 2;
const campaign = { name: "many", lines: [{ name: "h", aim: "H" }], place: [43.72, 12.63] };

function emptyCalls() {
  const { nothing } = half.native;
  for (let n = 0; n < COUNT; n += 1) nothing();
}

/** Microseconds for each of 10,000. */
function each(began) {
  return ((performance.now() - began) * 1e3) / COUNT;
}

const [ratios, whole, singles] = [[], [], []];
const registry = await Registry.start();
const source = await registry.addInstrument("bench", ["H"]);
for (let round = 1; round <= rounds; round += 1) {
  const records = Array.from({ length: COUNT }, (_, n) => ({
    user: `user ${n % 500}`,
    start: new Date(noon + n * 1_000),
    end: new Date(noon + (n + 600) * 1_000),
    key: `walk ${n}`,
    activity: "walking",
    steps: 900,
    device: "watch",
  }));
  const client = await Client.open(source, { campaign });
  let began = performance.now();
  emptyCalls();
  const empty = each(began);
  began = performance.now();
  const taken = client.recordMany(records);
  const crossed = each(began);
  if ((await taken).observations !== COUNT) throw new Error("not all were taken");
  whole.push(each(began));
  began = performance.now();
  for (const { user, start, end, key } of records.slice(0, 500)) await client.record(user, start, end, key);
  singles.push(((performance.now() - began) * 1e3) / 500);
  ratios.push(crossed / empty);
  console.log(
    `round ${round}: an empty call ${(empty * 1e3).toFixed(0)} ns; a record ${(crossed * 1e3).toFixed(0)} ns,` +
      ` ${(crossed / empty).toFixed(1)} empty calls; with intake ${whole.at(-1).toFixed(0)} us`,
  );
  await client.close();
}
await registry.close();
console.log(`load of the machine ${loadavg()[0].toFixed(1)} on ${availableParallelism()} cores`);
console.log(`a record of 10,000 in one call: ${spread(ratios)} empty native calls`);
console.log(`with intake: ${spread(whole)} us each; one by one: ${spread(singles)} us each`);
