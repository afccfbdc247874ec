// A fitness app: a watch's recording becomes vouchers, offline. Here: `npm install`, then `node fitness.mjs`.

import assert from "node:assert/strict";

import { Client, Pocket, Registry } from "wom-sdk";

const RECORDING = new URL("../data/triathlon.fit", import.meta.url);

// Minutes of sport are worth vouchers for health, up to an hour a day; those on a bicycle are worth
// vouchers for the environment.
const CAMPAIGN = {
  name: "move 2018",
  zone: "Europe/Rome",
  start: "2018-01-01",
  until: "2019-01-01",
  latenessDays: 20_000, // the recording is old
  place: [43.7263, 12.6366],
  lines: [
    { name: "bike", aim: "N", activities: ["cycling"], mode: "instead" },
    { name: "sport", aim: "H", capMinutes: 60 },
  ],
};

// A real Registry, on this machine. In production: { registry: "https://wom.social", … }, and a store and
// keys on disk, so that a crash loses nothing and doubles nothing.
const registry = await Registry.start();
const pocket = await Pocket.open(registry);
const source = await registry.addInstrument("Move app", ["H", "N"]);
const client = await Client.open(source, { campaign: CAMPAIGN });

// The watch's file, as the user uploads it. Twice, as users do: minutes count once.
const settings = { subject: "user 7" };
const taken = await client.submit("steps.fit", RECORDING, { settings });
const again = await client.submit("steps.fit", RECORDING, { settings });
assert.equal(again.waiting, taken.waiting);
console.log(`${taken.observations} observations, ${taken.waiting} minutes wait`);

// The user taps "collect": one code for the month, with what it is for.
const [claim] = await client.claims("user 7");
for (const { day, minutes, aim } of claim.reasons) console.log(`${day}: ${minutes} minutes for ${aim}`);
const redeemed = await pocket.redeem(claim);
await client.acknowledge(claim);
assert.deepEqual([redeemed.vouchers, claim.minutes], [taken.waiting, taken.waiting]);
console.log("collected:", await pocket.balance());

for (const opened of [client, pocket, registry]) await opened.close();
