// Study as JavaScript sees it, judged by the same rules as what the SDK's own adapters see.

import assert from "node:assert/strict";
import { before, after as atTheEnd, test } from "node:test";
import { inspect } from "node:util";

import { Client, Observation, Registry, study } from "wom-sdk";

import { after, noon, URBINO, wom } from "./help.mjs";

const { Counted, Film, Mark, Reached, Studied, Study } = study;
const NOON = noon();
const CAMPAIGN = { name: "study", lines: [{ name: "study", aim: "E" }], place: URBINO, rules: "study-minutes/1" };
const MINUTE = 60_000;

let source;
let registry;
before(async () => {
  registry = await Registry.start();
  source = await registry.addInstrument("School", ["E"]);
});
atTheEnd(() => registry.close());

const lms = (found) => ({
  name: "town.lms",
  summary: "Study on the town's platform",
  rules: "study-minutes/1",
  read: () => found.map((body, n) => new Observation("sara", `trace ${n}`, body)),
});

async function waiting(found, more = {}) {
  const client = await Client.open(source, { campaign: { ...CAMPAIGN, ...more } });
  const taken = await client.submit(lms(found), new Uint8Array());
  assert.deepEqual([taken.observations, taken.refused], [found.length, 0]);
  const minutes = await client.waiting("sara");
  await client.close();
  return minutes;
}

const of = (trace, more) => new Study("algebra 1", trace, more);

test("each kind of trace is worth what the rules say", async () => {
  const studied = of(new Studied(NOON, after(NOON, 30)));
  assert.equal(await waiting([studied]), 30);
  // The same half hour, reported twice, counts once.
  assert.equal(await waiting([studied, of(new Studied(after(NOON, 10), after(NOON, 30)))]), 30);
  assert.equal(await waiting([of(new Counted(NOON, after(NOON, 60), 20 * MINUTE))]), 20);
  const film = await waiting([
    of(new Film({ at: NOON, step: "play", positionMs: 0, lengthMs: 10 * MINUTE })),
    of(new Film({ at: after(NOON, 4), step: "seek", positionMs: 4 * MINUTE, toMs: 2 * MINUTE })),
    of(new Film({ at: after(NOON, 6), step: "speed", speedPercent: 150 })),
    of(new Film({ at: after(NOON, 8), step: "halt", positionMs: 7 * MINUTE })),
  ]);
  assert.ok(0 < film && film <= 8, String(film));
  const clicks = await waiting([0, 1, 2, 3, 4, 5].map((n) => of(new Mark(after(NOON, n)), { session: "s" })));
  assert.ok(0 < clicks && clicks <= 6, String(clicks));
});

test("a milestone is worth what its item takes, less what time earned", async () => {
  const time = of(new Studied(NOON, after(NOON, 10)), { nominalSeconds: 45 * 60, toward: "both" });
  const passed = of(new Reached(NOON, "passed"), { toward: "milestones" });
  assert.equal(await waiting([time, passed], { ruleSettings: { passed_minutes: 60 } }), 10 + (45 - 10));
  // By default only time counts.
  assert.equal(await waiting([time, passed]), 10);
});

test("what no rule can judge is refused by the boundary", async () => {
  const client = await Client.open(source, { campaign: CAMPAIGN });
  for (const wrong of [
    of(new Mark(NOON), { nominalSeconds: 0 }),
    of(new Counted(NOON, after(NOON, 5), -MINUTE)),
    of(new Studied(NOON, after(NOON, 2 * 1440))),
    of(new Studied(NOON, after(NOON, -1))),
    of(new Film({ at: NOON, step: "play", speedPercent: 0 })),
    of(new Film({ at: NOON, step: "play", positionMs: 99 * 86_400_000 })),
    of(new Mark(new Date("soon"))),
  ]) {
    await assert.rejects(client.submit(lms([wrong]), new Uint8Array()), wom("input_invalid"));
  }
  await client.close();
});

test("names are not kept", async () => {
  const secret = new Study("sara's own", new Studied(NOON, after(NOON, 9)), { session: "visit of sara" });
  assert.ok(!inspect(secret).includes("sara") && !JSON.stringify(secret).includes("sara"));
  const client = await Client.open(source, { campaign: CAMPAIGN });
  await client.submit(lms([secret]), new Uint8Array());
  assert.ok(!JSON.stringify(await client.export("sara")).includes("sara"));
  await client.close();
});
