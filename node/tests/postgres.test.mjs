// The store in PostgreSQL, and awards within the application's own transaction.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after as atTheEnd, before, test } from "node:test";
import { inspect, promisify } from "node:util";

import pg from "pg";
import { Client, Registry, WomError } from "wom-sdk";

import { startDatabase } from "./database.mjs";
import { folderFor, URBINO, wom } from "./help.mjs";

const server = await startDatabase();
const skip = server === undefined && "LEFT OUT: there is no PostgreSQL here: install the package postgresql";
let registry;
before(async () => {
  registry = await Registry.start();
});
atTheEnd(async () => {
  await registry.close();
  server?.stop();
});

const award = (minutes, more = {}) => ({ aim: "H", minutes, place: URBINO, ...more });

async function connect(t, url) {
  const connection = new pg.Client({ connectionString: url });
  await connection.connect();
  t.after(() => connection.end());
  return connection;
}

/** The URL of a new data base with a table of the application's. */
async function databaseFor(t) {
  const name = `test_${randomUUID().replaceAll("-", "")}`;
  const admin = await connect(t, `${server.url}/postgres`);
  await admin.query(`CREATE DATABASE ${name}`);
  const url = `${server.url}/${name}`;
  await (await connect(t, url)).query("CREATE TABLE run (id int PRIMARY KEY, minutes int)");
  return url;
}

async function clientFor(t, source, url) {
  const folder = await folderFor(t);
  const urlFile = join(folder, "database-url");
  await writeFile(urlFile, url);
  const client = await Client.open(source, { store: { postgres: { urlFile } }, keys: join(folder, "keys.json") });
  t.after(() => client.close());
  return client;
}

test("many processes share a store", { skip }, async (t) => {
  const url = await databaseFor(t);
  const source = await registry.addInstrument("Shared", ["H"]);
  const issued = (await registry.books()).issued;
  const awarding = `
    import { Client } from "wom-sdk";
    const [source, url, keys] = process.argv.slice(1).map((text) => JSON.parse(text));
    const client = await Client.open(source, { store: { postgres: { url: () => url } }, keys });
    for (let n = 0; n < 10; n += 1) console.log((await client.award("walk " + n, ${JSON.stringify(award(1))})).link);
    await client.close();`;
  const args = [source, url, join(await folderFor(t), "keys.json")].map((arg) => JSON.stringify(arg));
  const worker = () =>
    promisify(execFile)(process.execPath, ["--input-type=module", "-e", awarding, ...args], { cwd: import.meta.dirname });
  const links = (await Promise.all([worker(), worker(), worker()])).map(({ stdout }) => stdout);
  assert.equal(new Set(links).size, 1);
  assert.equal(links[0].trim().split("\n").length, 10);
  assert.equal((await registry.books()).issued - issued, 10);
});

test("the application's row and the award are committed together or not at all", { skip }, async (t) => {
  const url = await databaseFor(t);
  const client = await clientFor(t, await registry.addInstrument("Atomic", ["H"]), url);
  const connection = await connect(t, url);
  const handle = "o'hara %s \\ $1";
  const run = async (id, minutes, end) => {
    await connection.query("BEGIN");
    await connection.query("INSERT INTO run VALUES ($1, $2)", [id, minutes]);
    const accepted = await client.enqueue(connection, `run ${id}`, award(minutes, { handle }));
    await connection.query(end);
    return accepted;
  };
  const id = await run(1, 30, "COMMIT");
  await run(2, 20, "ROLLBACK");
  assert.equal((await client.work()).awards, 1);
  const ticket = await client.award("run 1", award(30, { handle }));
  assert.deepEqual([ticket.id, ticket.minutes], [id, 30]);
  // What was rolled back is not there: the key is free.
  assert.equal((await client.award("run 2", award(7))).minutes, 7);
});

test("the same key is the same award, and a refusal leaves the transaction whole", { skip }, async (t) => {
  const url = await databaseFor(t);
  const client = await clientFor(t, await registry.addInstrument("Twice", ["H"]), url);
  const connection = await connect(t, url);
  const sorts = [connection, async (sql) => (await connection.query(sql)).rows];
  for (const sort of sorts) {
    await connection.query("BEGIN");
    const first = await client.enqueue(sort, "run 1", award(3));
    assert.equal(await client.enqueue(sort, "run 1", award(3)), first);
    await assert.rejects(client.enqueue(sort, "run 1", award(4)), wom("award_key_reused"));
    await connection.query("INSERT INTO run VALUES (1, 3) ON CONFLICT DO NOTHING");
    await connection.query("COMMIT");
  }
  assert.deepEqual((await connection.query("SELECT count(*)::int FROM run")).rows, [{ count: 1 }]);
});

test("another data base or store is refused", { skip }, async (t) => {
  const url = await databaseFor(t);
  const source = await registry.addInstrument("One", ["H"]);
  const client = await clientFor(t, source, url);
  const elsewhere = await connect(t, `${server.url}/postgres`);
  await assert.rejects(client.enqueue(elsewhere, "run 1", award(3)), { name: "error" });
  const other = await databaseFor(t);
  await clientFor(t, await registry.addInstrument("Two", ["H"]), other);
  await assert.rejects(client.enqueue(await connect(t, other), "run 1", award(3)), WomError);
  await assert.rejects(clientFor(t, await registry.addInstrument("Three", ["H"]), url), wom("store_mismatch"));
  const memory = await Client.open(source);
  t.after(() => memory.close());
  await assert.rejects(memory.enqueue(elsewhere, "run 1", award(3)), wom("unsupported"));
});

test("schemas, variables and keys in a data base of their own", { skip }, async (t) => {
  process.env.WOM_TEST_URL = await databaseFor(t);
  t.after(() => delete process.env.WOM_TEST_URL);
  const schema = `keys_${randomUUID().replaceAll("-", "")}`;
  const client = await Client.open(await registry.addInstrument("Schemas", ["H"]), {
    store: { postgres: { urlVariable: "WOM_TEST_URL", schema: "town", connections: 4 } },
    keys: { postgres: { url: async () => `${server.url}/postgres`, schema } },
  });
  t.after(() => client.close());
  const connection = await connect(t, process.env.WOM_TEST_URL);
  const id = await client.enqueue(connection, "run 1", award(3));
  const ticket = await client.award("run 1", award(3));
  assert.deepEqual([ticket.id, ticket.minutes], [id, 3]);
});

test("a URL is not shown", async () => {
  const source = await registry.addInstrument("Canary", ["H"]);
  const store = { postgres: { url: () => "postgres://wom:canary@127.0.0.1:9/none" } };
  const error = await Client.open(source, { store }).catch((error) => error);
  assert.ok(error instanceof WomError);
  assert.ok(!inspect(error).includes("canary"));
});
