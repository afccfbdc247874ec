// A till and a wallet, against a real Registry on this machine.

import assert from "node:assert/strict";
import { join } from "node:path";
import { before, after as atTheEnd, test } from "node:test";
import { inspect } from "node:util";

import { CashDesk, Client, Pocket, Registry } from "wom-sdk";

import { folderFor, URBINO, wom } from "./help.mjs";

let registry;
before(async () => {
  registry = await Registry.start();
});
atTheEnd(() => registry.close());

/** A wallet with 20 vouchers of two aims, and a POS. */
async function shopping(t) {
  const pocket = await Pocket.open(registry);
  const client = await Client.open(await registry.addInstrument("Gifts", ["C", "H"]));
  for (const aim of ["C", "H"]) await pocket.redeem(await client.award(`gift ${aim}`, { aim, minutes: 20, place: URBINO }));
  await client.close();
  t.after(() => pocket.close());
  return { pocket, pos: await registry.addPos("A shop", "Counter") };
}

test("a payment is heard of once", async (t) => {
  const { pocket, pos } = await shopping(t);
  const spent = (await registry.books()).spent;
  const folder = await folderFor(t);
  const where = { store: join(folder, "till.db"), keys: join(folder, "keys.json") };
  const desk = await CashDesk.open(pos, where);
  assert.equal(await desk.state("order 1"), null);
  const asked = await desk.charge("order 1", 15, { aim: "C" });
  assert.equal((await desk.charge("order 1", 15, { aim: "C" })).link, asked.link);
  assert.ok(!inspect(asked).includes(asked.link));
  await assert.rejects(desk.charge("order 1", 16, { aim: "C" }), wom("award_key_reused"));
  const { state, open, paid } = await desk.state("order 1");
  assert.deepEqual([state, open, paid], ["shown", true, false]);
  assert.deepEqual(await pocket.pay(asked), { amount: 15, posName: "Counter", ackUrl: null });
  const now = await desk.wait("order 1", { atMostMs: 20_000 });
  assert.deepEqual([now.state, now.open, now.paid, now.reason], ["paid", false, true, null]);
  assert.ok(now.at instanceof Date);
  await desk.close();
  const again = await CashDesk.open(pos, where);
  t.after(() => again.close());
  assert.deepEqual(await again.state("order 1"), now);
  await assert.rejects(again.cancel("order 1"), wom("already_performed"));
  assert.deepEqual(await pocket.balance(), { C: 5, H: 20 });
  assert.equal((await registry.books()).spent - spent, 15);
});

test("what was called off is watched", async (t) => {
  const { pocket, pos } = await shopping(t);
  const desk = await CashDesk.open(pos);
  t.after(() => desk.close());
  const asked = await desk.charge("order 1", 5);
  assert.equal((await desk.cancel("order 1")).state, "cancelled");
  await pocket.pay(asked);
  await assert.rejects(desk.charge("order 1", 5), wom("input_invalid", /over/));
  assert.ok((await desk.work()) instanceof Map);
});

test("filters keep other vouchers out", async (t) => {
  const { pocket, pos } = await shopping(t);
  const desk = await CashDesk.open(pos);
  t.after(() => desk.close());
  const far = await desk.charge("order 1", 1, { bounds: [10, 10, 9, 11] });
  await assert.rejects(pocket.pay(far), wom("vouchers_insufficient"));
  const near = await desk.charge("order 2", 1, { bounds: [44, 12, 43, 13], maxAgeDays: 30 });
  assert.equal((await pocket.pay(near)).amount, 1);
  await assert.rejects(desk.charge("order 3", 1501), wom("input_invalid", /1,500/));
  await assert.rejects(desk.charge("order 3", 1, { maxAge: 3 }), wom("configuration_invalid", /maxAgeDays/));
});

test("a till waits while others work, and can be called away", async (t) => {
  const { pocket, pos } = await shopping(t);
  const desk = await CashDesk.open(pos);
  t.after(() => desk.close());
  const asked = await desk.charge("order 1", 3, { patienceMs: 60_000 });
  const away = new AbortController();
  const given = desk.wait("order 1", { atMostMs: 60_000, signal: away.signal });
  const kept = desk.wait("order 1", { atMostMs: 20_000 });
  away.abort();
  await assert.rejects(given, { name: "AbortError" });
  await pocket.pay(asked);
  assert.equal((await kept).state, "paid");
});
