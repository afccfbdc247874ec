// One vocabulary: what Python's package can do, Node's can, under the same names.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import * as sdk from "wom-sdk";

const PYTHON = new URL("../../python/wom_sdk/", import.meta.url);
const camel = (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());

/** Public methods of each class in a file of Python's. */
async function classesOf(file) {
  const found = {};
  let current;
  for (const line of (await readFile(new URL(file, PYTHON), "utf8")).split("\n")) {
    const [, name] = /^class (\w+)/.exec(line) ?? [];
    if (name !== undefined) current = found[name] = [];
    const [, method] = /^ {4}def ([a-z]\w*)\(/.exec(line) ?? [];
    if (method !== undefined) current.push(camel(method));
  }
  return found;
}

test("the classes have the same methods", async () => {
  const classes = { ...(await classesOf("_sync.py")), ...(await classesOf("_sync_shop.py")) };
  assert.deepEqual(Object.keys(classes).sort(), ["CashDesk", "Client", "Pocket", "Registry", "Shop"]);
  for (const [name, methods] of Object.entries(classes)) {
    const own = Object.getOwnPropertyNames(sdk[name].prototype).filter((method) => method !== "constructor");
    // The address is a property of each Registry here.
    assert.deepEqual(own.sort(), methods.filter((method) => method !== "url").sort(), name);
  }
});

test("adapters yield the same bodies, and the modules have the same functions", async () => {
  const named = async (file, pattern) => {
    const text = await readFile(new URL(file, PYTHON), "utf8");
    return [...text.matchAll(pattern)].map(([, name]) => camel(name));
  };
  const [, bodies] = /^Body = \((.*?)\)/ms.exec(await readFile(new URL("instrument.py", PYTHON), "utf8"));
  for (const body of bodies.split("|").map((word) => word.trim())) assert.ok(body in sdk || body in sdk.study, body);
  for (const kind of await named("study.py", /^class (\w+)/gm)) assert.ok(kind in sdk.study, kind);
  for (const [file, module] of [["catalogue.py", sdk], ["testing.py", sdk.testing], ["webhook.py", sdk.webhook]]) {
    // What is not public there is what no module of ours shows.
    const functions = (await named(file, /^def ([a-z]\w*)\(/gm)).filter((name) => !["headerPairs", "raw"].includes(name));
    for (const name of functions) assert.equal(typeof module[name], "function", name);
  }
});
