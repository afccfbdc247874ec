// A learning platform: study and passed exams become vouchers, offline. Here: `npm install`, then `node lms.mjs`.

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

import { Client, Person, Pocket, Registry } from "wom-sdk";

const EXAMS = fileURLToPath(new URL("../exams/", import.meta.url));

// What the platform saw of the study counts from day to day; what of an exam's hours it did not see is
// awarded once the exam is passed.
const CAMPAIGN = {
  name: "exams",
  zone: "Europe/Rome",
  start: "2026-01-01",
  until: "2027-01-01",
  latenessDays: 20_000,
  place: [43.7263, 12.6366],
  rules: "study-minutes/1",
  ruleSettings: { zone: "Europe/Rome", passed_minutes: 18_000 },
  lines: [{ name: "study", aim: "E" }],
};

const registry = await Registry.start();
const pocket = await Pocket.open(registry);
const source = await registry.addInstrument("University", ["E"]);
const client = await Client.open(source, { campaign: CAMPAIGN });

// Statements of xAPI, as the platform exports them. Only its registrar says who passed.
const settings = {
  authorities: ["https://lms.example.edu registrar"],
  durations: [`${EXAMS}exams.txt`],
  milestones: true,
};
const taken = await client.submit("elearning.xapi", `${EXAMS}statements.jsonl`, { settings });
console.log(`${taken.observations} observations, ${taken.refused} refused`);
for (const { at, message } of taken.refusals) console.log(`line ${at.line}: ${message}`);

// A learner as the platform knows them; only a pseudonym is kept.
const learner = new Person("https://lms.example.edu", "284711");
const waiting = await client.waiting(learner);
for (const claim of await client.claims(learner)) {
  for (const { day, minutes, aim } of claim.reasons) console.log(`${day}: ${minutes} minutes for ${aim}`);
  await pocket.redeem(claim);
  await client.acknowledge(claim);
}
assert.equal(await client.waiting(learner), 0);
const balance = await pocket.balance();
assert.equal(Object.values(balance).reduce((sum, held) => sum + held, 0), waiting);
console.log("collected:", balance);

for (const opened of [client, pocket, registry]) await opened.close();
