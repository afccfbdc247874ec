// Webhooks of every scheme, by the vectors that Rust and Python read too.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { WomError, webhook } from "wom-sdk";

import { wom } from "./help.mjs";

const FILE = new URL("../../tests/vectors/webhook-vectors.json", import.meta.url);
const { cases: CASES } = JSON.parse(await readFile(FILE, "utf8"));
const NAMES = { "clover-token": "clover", "hub-sha256": "github" };
const SECRET = "whsec_EQODq8WC8zc0aPhmVUvHPCI5KygXsRlY";

const nameOf = ({ scheme }) => NAMES[scheme] ?? scheme;

function decide(one) {
  const options = { now: new Date(one.now_unix * 1000) };
  if (one.scheme === "square") options.url = one.notification_url;
  try {
    const body = Buffer.from(one.body_base64, "base64");
    const verified = webhook.verify(nameOf(one), one.headers, body, one.secrets, options);
    if (!verified.handshake) return "valid";
    return verified.code === null ? "unsigned_ping" : "verification_request";
  } catch (error) {
    if (error instanceof WomError && ["webhook_refused", "key_invalid"].includes(error.code)) return "invalid";
    throw error;
  }
}

test("every vector is decided as it should be", () => {
  const wrong = CASES.filter((one) => one.expect !== "valid_or_invalid" && decide(one) !== one.expect);
  assert.deepEqual([wrong.map(({ id }) => id), CASES.length], [[], 234]);
  const tried = new Set(CASES.map(nameOf)).add("hub");
  assert.deepEqual([...tried].sort(), webhook.SCHEMES);
});

for (const scheme of webhook.SCHEMES) {
  test(`what is signed here holds here: ${scheme}`, () => {
    const options = {
      header: scheme === "hub" ? "X-Till-Signature" : undefined,
      url: scheme === "square" ? "https://till.example/hook" : undefined,
    };
    const body = Buffer.from('{"id": "a"}');
    const headers = webhook.sign(scheme, "message-1", body, SECRET, options);
    assert.equal(webhook.verify(scheme, headers, body, SECRET, options).handshake, false);
    const upper = Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value]);
    const secrets = [`whsec_${"A".repeat(32)}`, SECRET];
    webhook.verify(scheme, new Headers(headers), body, secrets, options);
    webhook.verify(scheme, upper, new Uint8Array(body).buffer, secrets, options);
    const other = Buffer.concat([body, Buffer.from(" ")]);
    if (scheme !== "clover") {
      assert.throws(() => webhook.verify(scheme, headers, other, SECRET, options), wom("webhook_refused"));
    }
  });
}

test("an old message is refused", () => {
  const headers = webhook.sign("standard-webhooks", "a", Buffer.from("{}"), SECRET);
  const now = new Date(Date.now() + 6 * 60_000);
  const late = () => webhook.verify("standard-webhooks", headers, Buffer.from("{}"), SECRET, { now });
  assert.throws(late, wom("webhook_refused"));
});

test("a body that was parsed is refused, with what to do", () => {
  for (const body of [{ id: 1 }, "{}", null, undefined, [1, 2]]) {
    assert.throws(() => webhook.verify("stripe", {}, body, "secret"), wom("input_invalid", /express\.raw/, { field: "body" }));
  }
});

test("schemes and options are checked by name", () => {
  for (const [scheme, options, told] of [
    ["strip", {}, /there are/],
    ["square", {}, /option url/],
    ["hub", {}, /option header/],
    ["stripe", { url: "x" }, /option url/],
    ["stripe", { uri: "x" }, /header, url, now/],
  ]) {
    assert.throws(() => webhook.verify(scheme, {}, new Uint8Array(), "secret", options), wom("configuration_invalid", told));
  }
});
