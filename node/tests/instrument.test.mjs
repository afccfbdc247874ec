// Adapters written in JavaScript, in the same pipeline as ours.

import assert from "node:assert/strict";
import { createReadStream } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, after as atTheEnd, test } from "node:test";

import {
  Attendance,
  Client,
  Cursor,
  Interval,
  Milestone,
  Observation,
  Person,
  Point,
  RangeReplaced,
  Refusal,
  Registry,
  Seconds,
  Steps,
  Tally,
  testing,
  Withdrawn,
  WomError,
  webhook,
} from "wom-sdk";

import { after, folderFor, noon, URBINO, wom } from "./help.mjs";

const TOWN = { name: "town", lines: [{ name: "health", aim: "H" }], place: URBINO };
const NOON = noon();
const SECRET = "whsec_EQODq8WC8zc0aPhmVUvHPCI5KygXsRlY";

let registry;
before(async () => {
  registry = await Registry.start();
});
atTheEnd(() => registry.close());

async function clientFor(t, options = {}) {
  const source = await registry.addInstrument("Town", ["H"]);
  const client = await Client.open(source, { campaign: TOWN, ...options });
  t.after(() => client.close());
  return client;
}

/** JSON lines of visits; a webhook that names a visit; a pull with a cursor. */
class Gym {
  name = "town.gym";
  summary = "Visits of the town's gym";
  pulls = true;
  withdraws = true;
  visits = [];
  asked = [];
  cursors = [];

  async *read(input, now) {
    assert.ok(now instanceof Date);
    if (input.hint !== undefined) {
      yield* this.found(this.visits.filter((visit) => visit.id === input.hint));
      return;
    }
    if (input.pull) {
      this.cursors.push(input.cursor);
      yield* this.found(this.visits.slice(Number(input.cursor ?? 0)));
      yield new Cursor(String(this.visits.length));
      return;
    }
    let line = 0;
    for await (const text of input.lines()) {
      line += 1;
      try {
        // All of a line or nothing: what is wrong with it is seen before it is yielded.
        yield* [...this.found([JSON.parse(text)])];
      } catch {
        yield new Refusal("bad_line", "is no visit", { at: { line }, field: "visit" });
      }
    }
  }

  *found(visits) {
    for (const { who, id, start, minutes } of visits) {
      if (typeof who !== "string" || typeof id !== "string" || !(minutes > 0 && minutes < 1440)) throw new Error("no visit");
      const body = new Interval(new Date(start), after(new Date(start), minutes));
      body.wire();
      yield new Observation(new Person("gym", who), id, body, { stream: "door" });
    }
  }

  async receive(request) {
    try {
      webhook.verify("standard-webhooks", request.headers, request.body, SECRET);
    } catch (error) {
      if (error.code === "webhook_refused") return { status: 401, refused: true };
      throw error;
    }
    assert.match(request.header("Webhook-Id"), /^m-/);
    const told = JSON.parse(Buffer.from(request.body));
    return told.type === "ping" ? { body: "pong" } : { status: 202, hint: told.visit };
  }

  async *refresh(units) {
    this.asked.push(...units);
    yield* this.found(this.visits);
  }
}

const visit = (who, id, minutes) => ({ who, id, start: NOON.toISOString(), minutes });

test("a file is read, and refusals are told", async (t) => {
  const lines = [JSON.stringify(visit("sara", "1", 30)), "nonsense", JSON.stringify(visit("anna", "2", 20))];
  const file = join(await folderFor(t), "visits.jsonl");
  await writeFile(file, lines.join("\r\n"));
  const client = await clientFor(t);
  for (const data of [file, Buffer.from(lines.join("\n")), createReadStream(file, { highWaterMark: 7 })]) {
    const taken = await client.submit(new Gym(), data);
    assert.deepEqual([taken.observations, taken.refused, taken.waiting], [2, 1, 50]);
    const [{ code, at, field }] = taken.refusals;
    assert.deepEqual([code, at, field], ["bad_line", { line: 2 }, "visit"]);
  }
  assert.equal(await client.waiting(new Person("gym", "sara")), 30);
  assert.equal(await client.waiting("sara"), 0);
});

test("a directory makes one person of many names", async (t) => {
  for (const late of [false, true]) {
    const directory = (person) => {
      const known = person.namespace === "gym" && person.id === "sara" ? { user: "user 7", handle: "push token" } : null;
      return late ? Promise.resolve(known) : known;
    };
    const client = await clientFor(t, { directory });
    await client.submit(new Gym(), Buffer.from(JSON.stringify(visit("sara", "1", 30))));
    await client.record("user 7", after(NOON, 15), after(NOON, 40), "walk");
    assert.equal(await client.waiting("user 7"), 40);
    const [claim] = await client.claims("user 7");
    assert.deepEqual([claim.minutes, claim.handle], [40, "push token"]);
  }
});

test("a webhook is answered, and read later", async (t) => {
  const gym = new Gym();
  gym.visits = [visit("sara", "v-1", 30), visit("sara", "v-2", 90)];
  const client = await clientFor(t, { sources: { gym } });
  const post = async (text, secret = SECRET) => {
    const body = Buffer.from(text);
    const reply = await client.receive("gym", body, webhook.sign("standard-webhooks", "m-1", body, secret));
    return [reply.status, Buffer.from(reply.body).toString()];
  };
  assert.deepEqual(await post('{"type": "ping"}'), [200, "pong"]);
  assert.equal((await post('{"type": "visit", "visit": "v-1"}', `whsec_${"A".repeat(32)}`))[0], 401);
  assert.equal((await client.work()).read, 0);
  assert.equal((await post('{"type": "visit", "visit": "v-1"}'))[0], 202);
  assert.equal(await client.waiting(new Person("gym", "sara")), 0);
  assert.equal((await client.work()).read, 1);
  // The whole unit was asked for again before it was settled.
  assert.deepEqual(new Set(gym.asked.map(({ person }) => `${person.namespace} ${person.id}`)), new Set(["gym sara"]));
  assert.ok(gym.asked.every(({ start, end }) => start <= NOON && NOON < end));
  assert.equal(await client.waiting(new Person("gym", "sara")), 90);
  await assert.rejects(client.receive("pool", Buffer.alloc(0)), wom("configuration_invalid"));
  await assert.rejects(client.receive("gym", { type: "ping" }), wom("input_invalid", /raw body/));
});

test("what could not be read is gone on with, once its cause is mended", async (t) => {
  const gym = new Gym();
  let shut = true;
  const read = gym.read.bind(gym);
  gym.read = async function* (input, now) {
    if (shut) throw new WomError("access_denied", "the door's token was revoked");
    yield* read(input, now);
  };
  gym.visits = [visit("sara", "v-1", 30)];
  const client = await clientFor(t, { sources: { gym } });
  const body = Buffer.from('{"type": "visit", "visit": "v-1"}');
  const reply = await client.receive("gym", body, webhook.sign("standard-webhooks", "m-1", body, SECRET));
  assert.equal(reply.status, 202);
  assert.equal((await client.work()).read, 0);
  shut = false;
  assert.equal((await client.work()).read, 0);
  assert.equal(await client.retryInbox("pool"), 0);
  assert.equal(await client.retryInbox(), 1);
  assert.equal(await client.retryInbox("gym"), 0);
  assert.equal((await client.work()).read, 1);
  assert.equal(await client.waiting(new Person("gym", "sara")), 30);
});

test("a pull goes on where it ended", async (t) => {
  const gym = new Gym();
  gym.visits = [visit("sara", "v-1", 30)];
  const client = await clientFor(t, { sources: { gym } });
  assert.equal((await client.pull("gym")).observations, 1);
  gym.visits.push(visit("sara", "v-2", 50));
  assert.equal((await client.pull("gym")).observations, 1);
  assert.deepEqual(gym.cursors, [undefined, "1"]);
  assert.equal(await client.waiting(new Person("gym", "sara")), 50);
});

test("adapters of the catalogue are sources too", async (t) => {
  process.env.WOM_TEST_HOOK = SECRET;
  t.after(() => delete process.env.WOM_TEST_HOOK);
  const app = { adapter: "activity.webhook", settings: { secret_variables: ["WOM_TEST_HOOK"] } };
  const client = await clientFor(t, { sources: { app } });
  const record = { participant: "sara", start: NOON, end: after(NOON, 25), key: "a" };
  const body = Buffer.from(JSON.stringify({ activities: [record] }));
  const headers = webhook.sign("standard-webhooks", "m-1", body, SECRET);
  assert.ok((await client.receive("app", body, headers)).status < 300);
  assert.equal((await client.work()).read, 1);
  assert.equal(await client.waiting("sara"), 25);
});

/** An adapter that finds this. */
const finding = (found, more = {}) => ({ name: "town.everything", summary: "One of each", read: () => found, ...more });

test("every body comes through", async (t) => {
  const end = after(NOON, 60);
  const scans = [{ at: NOON }, { at: end, entry: false }];
  const bodies = [
    new Interval(NOON, end, { activity: "walking", steps: 6000 }),
    new Seconds(NOON, end, 600, { activity: "cycling" }),
    new Steps(NOON, after(NOON, 1), 120),
    new Milestone(NOON, "first month", 10),
    new Attendance({ ticket: "t", session: "s", slots: [[NOON, end]], scans }),
    new Point(NOON, { activity: "walking" }),
    new Tally(NOON, end, 40),
    new Withdrawn(),
    new RangeReplaced(after(NOON, -60), after(NOON, -30)),
  ];
  const found = bodies.map((body, n) => new Observation("sara", `k${n}`, body));
  const client = await clientFor(t);
  const taken = await client.submit(finding(found), new Uint8Array());
  assert.deepEqual([taken.observations, taken.refused], [bodies.length, 0]);
  assert.equal(await client.waiting("sara"), 60 + 10);
  assert.ok(!JSON.stringify(await client.export("sara")).includes("sara"));
});

test("many are read in chunks, with flat memory", async (t) => {
  const client = await clientFor(t);
  let most = 0;
  for (const asynchronous of [false, true]) {
    let alive = 0;
    const one = (n) => new Observation("sara", `k${n}`, new Interval(NOON, after(NOON, 1)));
    function* many() {
      for (let n = 0; n < 2_500; n += 1) {
        most = Math.max(most, ++alive);
        yield one(n);
        alive -= 1;
      }
    }
    async function* later() {
      yield* many();
    }
    const taken = await client.submit(finding(asynchronous ? later() : many()), new Uint8Array());
    assert.equal(taken.observations, 2_500);
  }
  assert.equal(most, 1);
});

test("what an adapter throws is the cause, and what came before stays", async (t) => {
  const broken = (error) => ({
    name: "town.broken",
    summary: "Breaks in the middle",
    *read() {
      for (let n = 0; n < 1_000; n += 1) yield new Observation("sara", `k${n}`, new Interval(NOON, after(NOON, 30)));
      throw error;
    },
  });
  const client = await clientFor(t);
  const nothing = new Uint8Array();
  const mistake = new RangeError("sara was here");
  const failed = await client.submit(broken(mistake), nothing).catch((error) => error);
  assert.ok(wom("internal", /RangeError/)(failed) && !/sara/.test(failed.message));
  // What may pass is tried again: a call that told to read this is not lost.
  assert.deepEqual([failed.cause, failed.retry], [mistake, "safe"]);
  const reset = Object.assign(new Error("sara"), { code: "ECONNRESET" });
  const fetching = new TypeError("fetch failed", { cause: reset });
  await assert.rejects(client.submit(broken(fetching), nothing), wom("network_unreachable"));
  const limited = await client.submit(broken(new WomError("rate_limited", "come later")), nothing).catch((error) => error);
  assert.ok(wom("rate_limited", /come later/)(limited));
  assert.equal(limited.cause.code, "rate_limited");
  await assert.rejects(client.submit(broken("sara"), nothing), (error) => error.cause === "sara");
  assert.equal(await client.waiting("sara"), 30);
});

test("what an adapter leaves open is closed, and what it yields is checked", async (t) => {
  const client = await clientFor(t);
  let closed = 0;
  const wrong = {
    name: "town.wrong",
    summary: "Yields what is nothing",
    *read() {
      try {
        yield new Observation("sara", "k", new Interval(NOON, after(NOON, 3)));
        yield { user: "sara" };
      } finally {
        closed += 1;
      }
    },
  };
  await assert.rejects(client.submit(wrong, new Uint8Array()), wom("input_invalid", /yielded an object/));
  const turned = finding([new Observation("sara", "k", new Interval(NOON, after(NOON, -3)))]);
  await assert.rejects(client.submit(turned, new Uint8Array()), wom("input_invalid"));
  await assert.rejects(client.submit({ name: "x" }, new Uint8Array()), wom("input_invalid", /method read/));
  await new Promise((soon) => setTimeout(soon, 50));
  assert.equal(closed, 1);
});

const visits = (count) =>
  Buffer.from(Array.from({ length: count }, (_, n) => JSON.stringify(visit(`sara.${n}@example.org`, `${n}`, 30))).join("\n"));

test("an adapter passes the suite that ours pass", async () => {
  await testing.checkInstrument(() => new Gym(), visits(20));
});

/** Throws on what it does not know, and says too much. */
class Careless extends Gym {
  async *read(input) {
    for await (const line of input.lines()) yield* this.found([JSON.parse(line)]);
  }
}

/** Quotes what it refuses. */
class Chatty extends Gym {
  async *read(input) {
    let text = "";
    for await (const piece of input.bytes()) text += Buffer.from(piece).toString("latin1");
    for (const line of text.split("\n")) {
      try {
        yield* [...this.found([JSON.parse(line)])];
      } catch {
        yield new Refusal("bad_line", `is no visit: ${line}`);
      }
    }
  }
}

for (const Adapter of [Careless, Chatty]) {
  test(`the suite sees what it is for: ${Adapter.name}`, async () => {
    await assert.rejects(
      testing.checkInstrument(() => new Adapter(), visits(20)),
      { name: "AssertionError", message: /damage_is_refused_or_an_error/ },
    );
  });
}

test("what an adapter does not offer is unsupported", async (t) => {
  const client = await clientFor(t, { sources: { all: finding([]) } });
  await assert.rejects(client.pull("all"), wom("unsupported"));
  assert.equal((await client.receive("all", new Uint8Array())).status, 404);
  await assert.rejects(client.submit(finding([], { name: "Sara Rossi!" }), new Uint8Array()), wom("input_invalid", /not a name/));
  const source = await registry.addInstrument("Town", ["H"]);
  await assert.rejects(Client.open(source, { sources: { all: finding([]) } }), wom("configuration_invalid", /no campaign/));
});
