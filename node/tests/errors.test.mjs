// Errors are the rows of the SDK's one table.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { test } from "node:test";

import { Client, ERRORS, WomError } from "wom-sdk";

import { registryFor, URBINO, wom } from "./help.mjs";

const require = createRequire(import.meta.url);
const { known } = require("../dist/catalogue.js");

test("every row of the table is here, and nothing else", async () => {
  const table = known.errors.map(([code, retry]) => [code, retry]);
  assert.deepEqual(Object.entries(ERRORS), table);
  const face = await readFile(new URL("../face/errors.ts", import.meta.url), "utf8");
  for (const [code, retry, meaning] of known.errors) {
    assert.ok(face.includes(`  /** ${meaning} */\n  ${code}: "${retry}",\n`), code);
  }
});

test("an error tells what, where and what to do, and who called", async (t) => {
  const client = await Client.open(await (await registryFor(t)).addInstrument("App", ["H"]));
  t.after(() => client.close());
  async function tooFew() {
    await client.award("walk", { aim: "H", minutes: 0, place: URBINO });
  }
  const error = await tooFew().catch((error) => error);
  assert.ok(error instanceof WomError && error instanceof Error);
  assert.deepEqual([error.name, error.code, error.retry, error.fields], ["WomError", "input_invalid", "never", { field: "minutes" }]);
  assert.ok(error.message.startsWith(`${error.summary} (field minutes); ${error.hint}`));
  assert.match(error.stack, /tooFew/);
});

test("an error of ours is written as one of Rust's", () => {
  const error = new WomError("rate_limited", "it failed", { hint: "wait", fields: { line: "3", field: "x" }, retryAfterSeconds: 7 });
  assert.equal(error.message, "it failed (line 3, field x); wait");
  assert.deepEqual([error.retry, error.retryAfterSeconds, error.cause], [ERRORS.rate_limited, 7, undefined]);
  assert.equal(new WomError("internal", "it failed", { cause: error, retry: "safe" }).cause, error);
});

test("a Registry that is away is deadline_exceeded, and the award is kept", async (t) => {
  const registry = await registryFor(t);
  const client = await Client.open(await registry.addInstrument("App", ["H"]), { patienceMs: 1000 });
  t.after(() => client.close());
  await registry.down();
  const away = client.award("walk", { aim: "H", minutes: 5, place: URBINO });
  await assert.rejects(away, (error) => wom("deadline_exceeded", /same key/)(error) && error.retry === "same_key");
  await registry.up();
  assert.equal((await registry.books()).issued, 0);
});

test("it is one class for import and require", () => {
  assert.equal(require("wom-sdk").WomError, WomError);
});
