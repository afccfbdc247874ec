// Calls are given up, processes and threads end: nothing hangs, and nothing is lost.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { channel } from "node:diagnostics_channel";
import { getEventListeners, once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";

import { CashDesk, Client, Pocket, Registry } from "wom-sdk";

import { folderFor, registryFor, wom } from "./help.mjs";

const AWARD = { aim: "H", minutes: 1, place: [43.7, 12.6] };

/** Runs a program in a process of its own; one that hangs fails. */
async function run(program, args = [], flags = []) {
  const words = [...flags, "--input-type=module", "-e", program, ...args.map((arg) => JSON.stringify(arg))];
  const options = { cwd: import.meta.dirname, timeout: 60_000 };
  return (await promisify(execFile)(process.execPath, words, options)).stdout;
}

const HEAD = `
  import { Client, Registry } from "wom-sdk";
  const given = process.argv.slice(1).map((text) => JSON.parse(text));
  const award = { aim: "H", minutes: 1, place: [43.7, 12.6] };
`;

test("a call is given up by its signal, and the same key goes on with it", async (t) => {
  const registry = await registryFor(t);
  const client = await Client.open(await registry.addInstrument("Away", ["H"]));
  t.after(() => client.close());
  const away = new AbortController();
  const reason = new Error("the person went away");
  await registry.down();
  const began = performance.now();
  const call = client.award("walk", { ...AWARD, signal: away.signal });
  setTimeout(() => away.abort(reason), 100);
  await assert.rejects(call, (error) => error === reason);
  assert.ok(performance.now() - began < 3_000);
  await assert.rejects(client.award("walk", { ...AWARD, signal: AbortSignal.timeout(50) }), { name: "TimeoutError" });
  await assert.rejects(client.claims("sara", { signal: away.signal }), (error) => error === reason);
  await registry.up();
  assert.equal((await client.award("walk", AWARD)).minutes, 1);
  assert.equal((await registry.books()).issued, 1);
});

test("what is given up while it is opened is closed", async (t) => {
  const source = await (await registryFor(t)).addInstrument("App", ["H"]);
  const folder = await folderFor(t);
  const where = { store: join(folder, "awards.db"), keys: join(folder, "keys.json") };
  for (let round = 0; round < 12; round += 1) {
    const away = new AbortController();
    const opening = Client.open(source, { ...where, signal: away.signal });
    await sleep(round);
    away.abort();
    await opening.then((client) => client.close(), (error) => assert.equal(error.name, "AbortError"));
  }
  const client = await Client.open(source, where);
  await client.close();
});

test("a signal that lives on holds nothing of calls that are over", async (t) => {
  const registry = await registryFor(t);
  const client = await Client.open(await registry.addInstrument("App", ["H"]));
  t.after(() => client.close());
  const { signal } = new AbortController();
  for (let n = 0; n < 20; n += 1) await client.award("walk", { ...AWARD, signal });
  await assert.rejects(client.award("walk", { ...AWARD, minutes: 0, signal }), wom("input_invalid"));
  assert.equal(getEventListeners(signal, "abort").length, 0);
});

test("every thing that is open can be disposed of, more than once", async () => {
  const registry = await Registry.start();
  const pocket = await Pocket.open(registry);
  const client = await Client.open(await registry.addInstrument("App", ["H"]));
  const desk = await CashDesk.open(await registry.addPos("Shop", "Till"));
  for (const thing of [client, desk, pocket, registry, client, desk, pocket, registry]) {
    await thing[Symbol.asyncDispose]();
  }
  await assert.rejects(pocket.balance(), wom("input_invalid", /closed/));
  await assert.rejects(registry.books(), wom("input_invalid", /closed/));
});

test("what is open keeps no process alive, and a call does", async () => {
  const told = await run(`${HEAD}
    const registry = await Registry.start();
    const client = await Client.open(await registry.addInstrument("App", ["H"]));
    client.award("walk", award).then((ticket) => console.log(ticket.minutes));
  `);
  assert.equal(told, "1\n");
});

test("an adapter that hangs can be left alone, and holds no process", async () => {
  const told = await run(`${HEAD}
    const registry = await Registry.start();
    const campaign = { name: "c", lines: [{ name: "l", aim: "H" }], place: [43.7, 12.6] };
    const client = await Client.open(await registry.addInstrument("App", ["H"]), { campaign });
    const hanging = { name: "town.hanging", summary: "Hangs", async *read() { await new Promise(() => {}); } };
    const signal = AbortSignal.timeout(200);
    await client.submit(hanging, new Uint8Array(), { signal }).catch((error) => console.log(error.name));
    await client.close();
  `);
  assert.equal(told, "TimeoutError\n");
});

test("a process that runs the work lives until it is told to end", async () => {
  const program = `${HEAD}
    const registry = await Registry.start();
    const client = await Client.open(await registry.addInstrument("App", ["H"]));
    process.once("SIGTERM", () => client.close());
    console.log("running");
    await client.run();
    console.log("closed");
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], { cwd: import.meta.dirname });
  let told = "";
  child.stdout.on("data", (data) => (told += data));
  await once(child.stdout, "data");
  await sleep(500);
  assert.equal(child.exitCode, null);
  child.kill("SIGTERM");
  const [code] = await once(child, "exit");
  assert.deepEqual([told, code], ["running\nclosed\n", 0]);
});

for (const signal of ["SIGINT", "SIGTERM"]) {
  test(`the program ends as it likes at ${signal}`, async (t) => {
    const words = [fileURLToPath(new URL("../dist/bin.js", import.meta.url)), "registry", "serve"];
    const options = ["--dir", await folderFor(t), "--key-bits", "2048"];
    const serving = spawn(process.execPath, [...words, ...options], { stdio: ["ignore", "pipe", "inherit"] });
    t.after(() => serving.kill("SIGKILL"));
    await once(serving.stdout, "data");
    // It listens to signals a little later than it says that it serves.
    await sleep(500);
    serving.kill(signal);
    assert.deepEqual(await once(serving, "exit", { signal: AbortSignal.timeout(20_000) }), [0, null]);
  });
}

test("what was accepted survives an exit in the middle of other calls", async (t) => {
  const registry = await registryFor(t);
  const source = await registry.addInstrument("App", ["H"]);
  const folder = await folderFor(t);
  const where = { store: join(folder, "awards.db"), keys: join(folder, "keys.json") };
  for (let round = 0; round < 5; round += 1) {
    const told = await run(
      `${HEAD}
        const [source, where, round] = given;
        const client = await Client.open(source, where);
        for (let n = 0; n < 50; n += 1) client.award("under way " + n, award).catch(() => {});
        await client.accept("accepted " + round, award);
        await new Promise((done) => process.stdout.write("accepted", done));
        process.exit(0);
      `,
      [source, where, round],
    );
    assert.equal(told, "accepted");
  }
  const client = await Client.open(source, where);
  t.after(() => client.close());
  for (let round = 0; round < 5; round += 1) {
    // Accepted before, so that another award is refused.
    await assert.rejects(client.award(`accepted ${round}`, { ...AWARD, minutes: 2 }), wom("award_key_reused"));
    await client.award(`accepted ${round}`, AWARD);
  }
  for (let n = 0; n < 50; n += 1) await client.award(`under way ${n}`, AWARD);
  assert.equal((await registry.books()).issued, 55);
});

const THREAD = `
  const { parentPort, workerData } = require("node:worker_threads");
  const { Client } = require("wom-sdk");
  (async () => {
    const { source, where, key, count } = workerData;
    const client = await Client.open(source, where);
    parentPort.postMessage("open");
    for (let n = 0; n < count; n += 1) await client.award(key + " " + n, { aim: "H", minutes: 1, place: [43.7, 12.6] });
    await client.close();
    parentPort.postMessage("closed");
  })();
`;

test("threads each have clients of their own", async (t) => {
  const registry = await registryFor(t);
  const source = await registry.addInstrument("App", ["H"]);
  const workers = ["a", "b", "c"].map((key) => new Worker(THREAD, { eval: true, workerData: { source, where: {}, key, count: 5 } }));
  const codes = await Promise.all(workers.map((worker) => once(worker, "exit")));
  assert.deepEqual(codes.flat(), [0, 0, 0]);
  assert.equal((await registry.books()).issued, 15);
});

test("a thread that is ended in the middle of a call lets go of its store", async (t) => {
  const registry = await registryFor(t);
  const source = await registry.addInstrument("App", ["H"]);
  const folder = await folderFor(t);
  const where = { store: join(folder, "awards.db"), keys: join(folder, "keys.json") };
  for (let round = 0; round < 4; round += 1) {
    const worker = new Worker(THREAD, { eval: true, workerData: { source, where, key: "walk", count: 10_000 } });
    await once(worker, "message");
    await sleep(round * 30);
    await worker.terminate();
    const client = await Client.open(source, where);
    assert.equal((await client.award("walk 0", AWARD)).minutes, 1);
    await client.close();
  }
});

test("a client that nobody holds any more lets go of its store", async (t) => {
  const source = await (await registryFor(t)).addInstrument("App", ["H"]);
  const folder = await folderFor(t);
  const where = { store: join(folder, "awards.db"), keys: join(folder, "keys.json") };
  const program = `${HEAD}
    for (let n = 0; n < 3; n += 1) {
      await (async () => (await Client.open(...given)).waiting("sara").catch(() => {}))();
      for (let turn = 0; turn < 5; turn += 1) { await new Promise((soon) => setTimeout(soon, 10)); gc(); }
    }
    console.log("opened three times");
  `;
  assert.equal(await run(program, [source, where], ["--expose-gc"]), "opened three times\n");
});

test("a channel of diagnostics hears our events, and no secret", async (t) => {
  const heard = [];
  const log = channel("wom-sdk");
  const hear = (event) => heard.push(event);
  log.subscribe(hear);
  t.after(() => log.unsubscribe(hear));
  const registry = await registryFor(t);
  const client = await Client.open(await registry.addInstrument("Away", ["H"]), { patienceMs: 4_000 });
  t.after(() => client.close());
  await registry.down();
  for (let n = 0; n < 6; n += 1) await client.accept(`walk of sara ${n}`, AWARD);
  await client.work();
  await assert.rejects(client.award("walk", AWARD), wom("deadline_exceeded"));
  await registry.up();
  assert.ok(heard.length > 0);
  assert.ok(heard.some(({ level }) => level === "warn" || level === "error"));
  for (const { target, message } of heard) assert.ok(target.startsWith("wom_") && !/sara/.test(message));
});
