// Awards, plain minutes, claims: against a real Registry on this machine.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createReadStream } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite, test } from "node:test";
import { pathToFileURL } from "node:url";
import { inspect, promisify } from "node:util";

import { AIMS, adapters, Client, Person, Pocket, ruleSets } from "wom-sdk";

import { after, folderFor, HEALTH, noon, registryFor, URBINO, wom } from "./help.mjs";

const WALK = { aim: "H", minutes: 30, place: URBINO };

suite("a client", async () => {
  test("gives the same code for the same key, and refuses another award", async (t) => {
    const registry = await registryFor(t);
    const source = await registry.addInstrument("App", ["H"]);
    const pocket = await Pocket.open(registry);
    const client = await Client.open(source);
    const ticket = await client.award("walk 42", WALK);
    const again = await client.award("walk 42", WALK);
    assert.deepEqual([again.id, again.link, again.pin], [ticket.id, ticket.link, ticket.pin]);
    await assert.rejects(client.award("walk 42", { ...WALK, minutes: 31 }), wom("award_key_reused"));
    assert.equal((await pocket.redeem(ticket)).vouchers, 30);
    await client.acknowledge(ticket);
    await client.acknowledge("walk 42");
    await assert.rejects(client.award("walk 42", WALK), wom("already_delivered"));
    assert.deepEqual(await registry.books(), { generated: 30, issued: 30, redeemed: 30, spent: 0 });
    assert.deepEqual(await pocket.balance(), { H: 30 });
    await Promise.all([client.close(), pocket.close()]);
  });

  test("prints nothing secret", async (t) => {
    const source = await (await registryFor(t)).addInstrument("App", ["H"]);
    const client = await Client.open(source, { campaign: HEALTH });
    t.after(() => client.close());
    const ticket = await client.award("walk", { ...WALK, handle: "sara@example.org" });
    await client.record("sara", noon(), after(noon(), 9), "a");
    const [claim] = await client.claims("sara");
    assert.ok(claim.ticket.pin && claim.ticket.link);
    const things = [ticket, claim, client, new Person("lms", "sara"), { ...ticket }];
    for (const thing of things) {
      for (const shown of [inspect(thing, { depth: 9, showHidden: false }), JSON.stringify(thing), String(thing)]) {
        const rest = [ticket, claim].reduce((text, { id }) => text.replaceAll(id, ""), shown);
        assert.ok(!/sara|vouchers/.test(rest), rest);
        assert.ok(!rest.includes(ticket.pin) && !rest.includes(claim.ticket.pin), rest);
      }
    }
  });

  test("counts plain minutes once, whoever reports them", async (t) => {
    const registry = await registryFor(t);
    const pocket = await Pocket.open(registry);
    t.after(() => pocket.close());
    const client = await Client.open(await registry.addInstrument("App", ["H"]), { campaign: HEALTH });
    t.after(() => client.close());
    const start = noon();
    const half = await client.record("sara", start, after(start, 30), "walk 42");
    assert.deepEqual([half.observations, half.waiting], [1, 30]);
    // The same again, and another device that saw the second half of it.
    await client.record("sara", start, after(start, 30), "walk 42");
    const both = await client.record("sara", after(start, 15), after(start, 40), "watch 7");
    assert.equal(both.waiting, 40);
    assert.equal(await client.waiting("sara"), 40);
    assert.equal(await client.waiting("anna"), 0);
    const [claim, ...others] = await client.claims("sara");
    assert.deepEqual([claim.minutes, others], [40, []]);
    assert.equal(claim.reasons.reduce((sum, reason) => sum + reason.minutes, 0), 40);
    assert.ok(claim.reasons.every((reason) => reason.aim === "H" && reason.day === start.toISOString().slice(0, 10)));
    assert.equal((await client.claims("sara"))[0].ticket.link, claim.ticket.link);
    assert.equal((await pocket.redeem(claim)).vouchers, 40);
    await client.acknowledge(claim);
    assert.deepEqual(await client.claims("sara"), []);
    const given = await client.history("sara");
    assert.equal(given.reduce((sum, one) => sum + one.awarded, 0), 40);
    assert.deepEqual(await client.history("anna"), []);
    assert.ok(Object.keys(await client.export("sara")).length > 0);
    assert.equal(await client.erase("sara"), 0);
  });

  test("lets a record be corrected and taken back", async (t) => {
    const registry = await registryFor(t);
    const client = await Client.open(await registry.addInstrument("App", ["H"]), { campaign: HEALTH });
    t.after(() => client.close());
    const start = noon();
    await client.record("sara", start, after(start, 30), "a");
    await client.record("sara", start, after(start, 40), "a", { revision: 1 });
    assert.equal(await client.waiting("sara"), 40);
    // Of one key the highest revision holds, in whatever order they come.
    await client.record("sara", start, after(start, 50), "a");
    assert.equal(await client.waiting("sara"), 40);
    // What comes after it was taken back does not count.
    await client.withdraw("anna", "b");
    await client.record("anna", start, after(start, 30), "b", { revision: 7 });
    assert.equal(await client.waiting("anna"), 0);
  });

  test("refuses bad records by name, and loses nothing", async (t) => {
    const registry = await registryFor(t);
    const client = await Client.open(await registry.addInstrument("App", ["H"]), { campaign: HEALTH });
    t.after(() => client.close());
    const start = noon();
    await assert.rejects(client.record("sara", new Date("soon"), start, "a"), wom("input_invalid", /instant/, { field: "start" }));
    const turned = wom("input_invalid", /before start/, { field: "end" });
    await assert.rejects(client.record("sara", start, after(start, -60), "a"), (error) => turned(error) && !/sara/.test(error));
    await assert.rejects(client.record(7, start, start, "a"), wom("input_invalid", /a number/, { field: "user" }));
    await assert.rejects(client.record("\ud800", start, start, "a"), wom("input_invalid", /Unicode/));
    await assert.rejects(client.record("sara", start, start, "a", { activty: "walking" }), wom("configuration_invalid", /activity/));
    const good = { participant: "sara", start, end: after(start, 9), key: "b" };
    const mixed = await client.submit("activity.json", [good, { ...good, key: "c", end: "soon" }]);
    assert.deepEqual([mixed.observations, mixed.refused], [1, 1]);
    assert.deepEqual([mixed.refusals[0].code, mixed.refusals[0].field], ["bad_time", "end"]);
    await assert.rejects(client.submit("activity.json", [{ ...good, steps: 3n }]), wom("input_invalid", /plain value/));
    await assert.rejects(client.submit("activity.json", 7), wom("input_invalid", /a number/));
    assert.equal(await client.waiting("sara"), 9);
  });

  test("takes many records in one call, the same as one by one", async (t) => {
    const registry = await registryFor(t);
    const source = await registry.addInstrument("App", ["H"]);
    const open = () => Client.open(source, { campaign: HEALTH });
    const [one, many] = await Promise.all([open(), open()]);
    t.after(() => Promise.all([one.close(), many.close()]));
    function* records() {
      for (let n = 0; n < 300; n += 1) {
        const start = after(noon(), n);
        yield { user: `user ${n % 50}`, start, end: after(start, 1), key: `walk ${n}`, activity: "walking", steps: 100, device: "watch" };
      }
    }
    const taken = await many.recordMany(records());
    assert.deepEqual([taken.observations, taken.refused, taken.waiting], [300, 0, 300]);
    for (const { user, start, end, key, ...more } of records()) await one.record(user, start, end, key, more);
    for (const user of ["user 0", "user 7", "user 49"]) {
      assert.deepEqual(await many.history(user), await one.history(user));
      assert.equal(await many.waiting(user), 6);
    }
    assert.equal((await many.recordMany([])).observations, 0);
  });

  test("tells which of many records cannot be used, and takes nothing where one is no record", async (t) => {
    const registry = await registryFor(t);
    const client = await Client.open(await registry.addInstrument("App", ["H"]), { campaign: HEALTH });
    t.after(() => client.close());
    const good = { user: "sara", start: noon(), end: after(noon(), 30), key: "a" };
    const others = [
      [{ ...good, start: new Date(Number.NaN) }, "input_invalid", /no instant/],
      [{ ...good, end: new Date(Date.UTC(12_000, 0)) }, "input_invalid", /no instant/],
      [{ ...good, user: 7 }, "input_invalid", /a number/],
      [{ ...good, user: "sa\ud800ra" }, "input_invalid", /Unicode/],
      [{ ...good, usr: "sara" }, "configuration_invalid", /usr/],
      [{ ...good, steps: -1 }, "input_invalid", /whole number/],
      [{ ...good, seconds: 1.5 }, "input_invalid", /whole number/],
      [{ ...good, revision: 2 ** 53 }, "input_invalid", /whole number/],
    ];
    for (const [wrong, code, told] of others) {
      const error = await client.recordMany([{ ...good, key: "b" }, wrong]).catch((error) => error);
      assert.ok(wom(code, told)(error) && !/sara/.test(error.message.replace("usr", "")), error.message);
      assert.equal(error.fields.record, "2");
    }
    assert.equal(await client.waiting("sara"), 0);
    const turned = { ...good, key: "b", end: after(noon(), -1) };
    const taken = await client.recordMany([good, turned, { ...good, key: "c", device: "toaster" }, { ...good, end: after(noon(), 40), revision: 2 }]);
    assert.deepEqual([taken.observations, taken.refused], [2, 2]);
    assert.deepEqual(taken.refusals.map(({ at }) => at.record), [2, 3]);
    assert.equal(await client.waiting("sara"), 40);
  });

  test("takes instants of Temporal", async (t) => {
    const registry = await registryFor(t);
    const client = await Client.open(await registry.addInstrument("App", ["H"]), { campaign: HEALTH });
    t.after(() => client.close());
    const [start, end] = [noon(), after(noon(), 30)].map((date) => ({ epochMilliseconds: date.getTime() }));
    assert.equal((await client.record("sara", start, end, "a")).waiting, 30);
  });

  test("without a campaign makes awards only", async (t) => {
    const registry = await registryFor(t);
    const client = await Client.open(await registry.addInstrument("App", ["H"]));
    t.after(() => client.close());
    await assert.rejects(client.claims("sara"), wom("configuration_invalid"));
  });

  test("takes files by bytes, by path, as streams", async (t) => {
    const registry = await registryFor(t);
    const client = await Client.open(await registry.addInstrument("App", ["H"]), { campaign: HEALTH });
    t.after(() => client.close());
    const wrong = { settings: { zona: "Europe/Rome" } };
    const [start, end] = [noon().toISOString(), after(noon(), 10).toISOString()];
    const rows = [0, 1, 2].map((n) => `p${n},${start},${end},k${n}\n`);
    const table = Buffer.from(`participant,start,end,key\n${rows.join("")}`);
    const file = join(await folderFor(t), "activity.csv");
    await writeFile(file, table);
    const taken = await client.submit("activity.csv", table, { delivery: "monday" });
    assert.deepEqual([taken.observations, taken.waiting, taken.repeated], [3, 30, false]);
    assert.ok((await client.submit("activity.csv", table, { delivery: "monday" })).repeated);
    async function* drops() {
      for (const byte of table) yield Uint8Array.of(byte);
      yield new Uint8Array();
    }
    for (const data of [file, pathToFileURL(file), createReadStream(file), new Blob([table]).stream(), drops()]) {
      assert.equal((await client.submit("activity.csv", data)).waiting, 30);
    }
    await assert.rejects(client.submit("activity.csv", createReadStream(`${file}.not`)), (error) => error.cause?.code === "ENOENT");
    const unread = createReadStream(file, { highWaterMark: 1 });
    await assert.rejects(client.submit("activity.csv", unread, wrong), wom("configuration_invalid"));
    await new Promise((closed) => (unread.destroyed ? closed() : unread.once("close", closed)));
    const settings = { zone: "Europe/Rome" };
    assert.equal((await client.submit("activity.csv", table, { settings })).waiting, 30);
    await assert.rejects(client.submit("activity.cvs", table), wom("configuration_invalid", /did you mean activity.csv/));
    await assert.rejects(client.submit("activity.csv", table, wrong), wom("configuration_invalid", /did you mean zone/));
  });

  test("has a campaign with lines, caps, zones and hours", async (t) => {
    const campaign = {
      name: "town",
      place: URBINO,
      zone: "Europe/Rome",
      lines: [
        {
          name: "mobility",
          aim: "N",
          activities: ["cycling"],
          exclude: ["cycling.indoor"],
          hours: [["07:00", "09:30"]],
          mode: "instead",
        },
        { name: "health", aim: "H", capMinutes: 45, roundToMinutes: 5 },
      ],
      settlementHours: 1,
      ruleSettings: { indoor: true },
    };
    const registry = await registryFor(t);
    const source = await registry.addInstrument("App", ["H", "N"]);
    const client = await Client.open(source, { campaign });
    t.after(() => client.close());
    await client.record("sara", noon(), after(noon(), 58), "a", { activity: "cycling" });
    const given = (await client.history("sara")).map(({ line, minutes }) => [line, minutes]);
    assert.deepEqual(given, [["health", 45]]);
    const lineless = { name: "x", place: URBINO, zone: "Rome", lines: [] };
    await assert.rejects(Client.open(source, { campaign: lineless }), wom("input_invalid"));
    const misspelt = { ...HEALTH, setlementHours: 3 };
    await assert.rejects(Client.open(source, { campaign: misspelt }), wom("configuration_invalid", /settlementHours/));
  });

  test("remembers on disk, and its store is locked to one process", async (t) => {
    const registry = await registryFor(t);
    const source = await registry.addInstrument("App", ["H"]);
    const folder = await folderFor(t);
    const where = { store: join(folder, "awards.db"), keys: join(folder, "keys.json") };
    const client = await Client.open(source, where);
    const first = await client.award("walk", WALK);
    const opening = `
      import { Client } from "wom-sdk";
      const [source, where] = process.argv.slice(1).map((text) => JSON.parse(text));
      await Client.open(source, where).catch((error) => console.log(error.code));`;
    const args = ["--input-type=module", "-e", opening, JSON.stringify(source), JSON.stringify(where)];
    const run = await promisify(execFile)(process.execPath, args, { cwd: import.meta.dirname });
    assert.equal(run.stdout, "store_locked\n");
    await client.close();
    await client.close();
    await assert.rejects(client.award("walk", WALK), wom("input_invalid", /closed/));
    const again = await Client.open(source, where);
    t.after(() => again.close());
    assert.equal((await again.award("walk", WALK)).link, first.link);
  });

  test("needs a store and keys towards others' Registries", async (t) => {
    const source = await (await registryFor(t)).addInstrument("App", ["H"]);
    const folder = await folderFor(t);
    const far = { ...source, registry: "https://wom.example" };
    await assert.rejects(Client.open(far), wom("configuration_invalid", /remembered/));
    await assert.rejects(Client.open(far, { keys: join(folder, "keys.json") }), wom("configuration_invalid", /remembered/));
    const where = { store: { sqlite: join(folder, "a.db") }, keys: { file: join(folder, "keys.json") } };
    await assert.rejects(Client.open({ ...source, registry: "http://wom.example" }, where), wom("insecure_transport"));
  });

  test("takes keys from files, variables and callbacks", async (t) => {
    const { registry, id, keyFile } = await (await registryFor(t)).addInstrument("App", ["H"]);
    const pem = await readFile(keyFile, "utf8");
    process.env.WOM_TEST_KEY = pem;
    t.after(() => delete process.env.WOM_TEST_KEY);
    const keys = [{ keyVariable: "WOM_TEST_KEY" }, { key: () => pem }, { key: async () => pem }];
    for (const [number, key] of keys.entries()) {
      const client = await Client.open({ registry, id, ...key });
      assert.equal((await client.award(`walk ${number}`, { ...WALK, minutes: 1 })).minutes, 1);
      await client.close();
    }
    const both = { registry, id, keyVariable: "A", key: () => pem };
    await assert.rejects(Client.open(both), wom("configuration_invalid", /exactly one key/));
    const wrong = { registry, id, key: () => "canary" };
    await assert.rejects(Client.open(wrong), (error) => wom("key_invalid")(error) && !/canary/.test(error));
    await assert.rejects(Client.open({ registry, id, keyfile: keyFile }), wom("configuration_invalid", /keyFile/));
  });

  test("works off what was accepted, and runs until it is closed", async (t) => {
    const registry = await registryFor(t);
    const client = await Client.open(await registry.addInstrument("App", ["H"]));
    const id = await client.accept("walk", { ...WALK, minutes: 2 });
    assert.equal((await client.work()).awards, 1);
    const ticket = await client.award("walk", { ...WALK, minutes: 2 });
    assert.deepEqual([ticket.id, ticket.minutes], [id, 2]);
    const running = client.run();
    await client.accept("ride", WALK);
    while ((await registry.books()).issued < 32) await new Promise((soon) => setTimeout(soon, 20));
    await client.close();
    await running;
  });
});

test("the catalogue tells what there is", () => {
  const found = adapters();
  for (const name of ["activity.csv", "activity.json", "steps.fit", "elearning.xapi"]) assert.ok(found.has(name), name);
  assert.ok(ruleSets().has(found.get("activity.csv").rules));
  assert.equal(AIMS.get("H").en.length > 0, true);
  for (const adapter of found.values()) {
    assert.ok(adapter.summary);
    for (const setting of adapter.settings) {
      assert.ok(setting.meaning);
      assert.equal(setting.form === "one_of", Boolean(setting.values?.length), `${adapter.name} ${setting.name}`);
    }
  }
});
