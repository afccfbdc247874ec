// From an order to exactly one discount, against a real Registry, with a till written in JavaScript.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { before, after as atTheEnd, test } from "node:test";
import { inspect } from "node:util";

import { Client, merchants, Pocket, Registry, Shop, webhook } from "wom-sdk";

import { folderFor, URBINO, wom } from "./help.mjs";
import { Coupons, Hand, SECRET, Shelf, Till } from "./till.mjs";

const SOON = { atMostMs: 20_000 };
const OFFERS = {
  coffee: { title: "10 % for 15 minutes", wom: 15, percent: 10 },
  cake: { title: "2.50 less for 5 minutes of study", wom: 5, amount: 250, aim: "C" },
};

let registry;
let pocket;
before(async () => {
  registry = await Registry.start();
  pocket = await Pocket.open(registry);
  const client = await Client.open(await registry.addInstrument("Gifts", ["C"]));
  await pocket.redeem(await client.award("gift", { aim: "C", minutes: 1_000, place: URBINO }));
  await client.close();
});
atTheEnd(() => Promise.all([pocket.close(), registry.close()]));

async function shopFor(t, shelf, { merchant = new Till(shelf), pos, ...options } = {}) {
  const shop = await Shop.open("bar", pos ?? (await registry.addPos("A bar", "Counter")), merchant, OFFERS, options);
  t.after(() => shop.close());
  return shop;
}

test("an order that is paid for gets its discount once", async (t) => {
  const shelf = new Shelf();
  const shop = await shopFor(t, shelf);
  const order = shelf.order();
  const asked = await shop.offer(order, "coffee");
  assert.equal((await shop.offer(order, "coffee")).link, asked.link);
  const shown = await shop.sale(asked);
  assert.deepEqual([shown.id, shown.state, shown.turn], [asked.id, "waiting", "program"]);
  assert.deepEqual([shown.wom, shown.agreed, shown.currency, shown.paid], [15, 120, "EUR", null]);
  assert.equal(await shop.receipt(shown), null);
  await pocket.pay(asked);
  const sale = await shop.wait(asked, SOON);
  assert.deepEqual([sale.state, sale.given, sale.total], ["applied", 120, 1_080]);
  assert.ok(sale.paid instanceof Date && sale.since >= sale.begun);
  assert.deepEqual(shelf.discounts(order), [120]);
  const receipt = await shop.receipt(sale, "it");
  assert.equal(receipt.text, `Sconto WOM, 15 minuti (rif. ${sale.reference})`);
  assert.deepEqual([receipt.amount, receipt.total, receipt.currency], [-120, 1_080, "EUR"]);
  await assert.rejects(shop.offer(order, "coffee"), wom("already_performed"));
  shelf.become(order, "paid");
  assert.deepEqual((await shop.changed(order)).map(({ state }) => state), ["redeemed"]);
  assert.deepEqual(await shop.salesOf(order), [await shop.sale(asked.id)]);
  assert.equal(shelf.asked, 1);
  assert.ok(!inspect(sale).replaceAll(sale.id, "").includes(asked.pin));
});

test("one order never shows two codes", async (t) => {
  const shelf = new Shelf();
  const shop = await shopFor(t, shelf);
  const order = shelf.order();
  const first = await shop.offer(order, "coffee");
  await assert.rejects(shop.offer(order, "cake"), wom("input_invalid", /as many/));
  assert.equal((await shop.callOff(first)).state, "lapsed");
  assert.equal((await shop.sale(await shop.offer(order, "cake"))).agreed, 250);
  await assert.rejects(shop.offer(order, "tea"), wom("input_invalid", /cake, coffee/));
  const nobody = await shop.offer("nobody's", "coffee").catch((error) => error);
  assert.ok(wom("input_invalid", /no such order/)(nobody));
  assert.equal(nobody.cause.code, "input_invalid");
  await assert.rejects(shop.sale("7"), wom("input_invalid", /id of a sale/));
});

test("what was paid in vain waits for the merchant", async (t) => {
  const shelf = new Shelf();
  const shop = await shopFor(t, shelf);
  const [cancelled, next] = [shelf.order(), shelf.order(2_000)];
  const asked = await shop.offer(cancelled, "coffee");
  shelf.become(cancelled, "cancelled");
  assert.deepEqual((await shop.cancel(cancelled)).map(({ state }) => state), ["lapsed"]);
  await pocket.pay(asked);
  // The next code for this order is made only after the earlier one was asked about.
  shelf.become(cancelled, "open");
  await assert.rejects(shop.offer(cancelled, "coffee"), wom("already_performed"));
  const [late, ...others] = await shop.sales();
  assert.deepEqual([late.id, late.state, late.reason, late.turn, others], [asked.id, "late", "cancel", "person", []]);
  assert.deepEqual(late.remedies, ["fresh_code", "replacement", "record_only"]);
  const replaced = await shop.replace(late, next);
  assert.deepEqual([replaced.state, replaced.order, replaced.given], ["applied", next, 200]);
  assert.deepEqual(await shop.sales(), []);
  assert.deepEqual((await shop.sales("all")).map(({ id }) => id), [asked.id]);
  assert.deepEqual(await shop.sales("all", { after: asked.id }), []);
});

test("a person decides, and says why", async (t) => {
  const shelf = new Shelf();
  const shop = await shopFor(t, shelf);
  const order = shelf.order();
  const asked = await shop.offer(order, "coffee");
  await shop.cancel(order);
  await pocket.pay(asked);
  await assert.rejects(shop.offer(order, "coffee"), wom("already_performed"));
  await assert.rejects(shop.resolve(asked, "granted", "a fresh code"), wom("input_invalid", /reference/));
  await assert.rejects(shop.resolve(asked, "recorded", "nothing", { reference: "X" }), wom("input_invalid", /reference/));
  const granted = await shop.resolve(asked, "granted", "a fresh code", { reference: "X-1" });
  assert.deepEqual([granted.state, granted.note, granted.turn], ["granted", "a fresh code", "nobody"]);
  assert.ok(!inspect(granted).includes("fresh code"));
});

test("a late payment is worth a fresh code", async (t) => {
  const shelf = new Shelf();
  const shop = await shopFor(t, shelf, { merchant: new Coupons(shelf) });
  for (const [offer, worth] of [["coffee", [null, 1_000]], ["cake", [250, null]]]) {
    const order = shelf.order();
    const asked = await shop.offer(order, offer);
    await assert.rejects(shop.grant(asked, "too early"), wom("input_invalid", /fresh code/));
    await shop.cancel(order);
    await pocket.pay(asked);
    await assert.rejects(shop.offer(order, offer), wom("already_performed"));
    const code = await shop.grant(asked, "with the next order");
    assert.equal(await shop.grant(asked, "with the next order"), code);
    assert.deepEqual([...shelf.codes], [[code, worth]]);
    shelf.codes.clear();
    const sale = await shop.sale(asked);
    assert.deepEqual([sale.state, sale.note, sale.turn], ["granted", "with the next order", "nobody"]);
    assert.ok(!inspect(sale).includes(code));
  }
});

test("a till that makes no codes grants none", async (t) => {
  const shelf = new Shelf();
  const shop = await shopFor(t, shelf);
  const asked = await shop.offer(shelf.order(), "coffee");
  await assert.rejects(shop.grant(asked, "with the next order"), wom("unsupported", /makes no codes/));
});

test("a cashier types the discount in, and confirms", async (t) => {
  const shelf = new Shelf();
  const shop = await shopFor(t, shelf, { merchant: new Hand(shelf) });
  const asked = await shop.offer(shelf.order(), "coffee");
  await pocket.pay(asked);
  const sale = await shop.wait(asked, SOON);
  assert.deepEqual([sale.state, sale.turn, sale.code], ["manual", "person", null]);
  assert.equal((await shop.confirm(sale)).state, "applied");
});

test("a code that a shopper types in is seen on the order", async (t) => {
  const shelf = new Shelf();
  const shop = await shopFor(t, shelf, { merchant: new Coupons(shelf) });
  const order = shelf.order();
  const asked = await shop.offer(order, "coffee");
  await pocket.pay(asked);
  const sale = await shop.wait(asked, SOON);
  assert.deepEqual([sale.state, sale.turn], ["manual", "program"]);
  assert.match(sale.code, /^WOM-/);
  assert.ok(!inspect(sale).includes(sale.code) && !JSON.stringify(sale).includes(sale.code));
  // Saying so is not enough.
  assert.equal((await shop.confirm(sale)).state, "manual");
  shelf.orders.get(order).discounts.set(sale.code.slice(4).toLowerCase(), 120);
  assert.equal((await shop.confirm(sale)).state, "applied");
  assert.equal((await shop.sale(sale)).code, null);
});

test("each payment of a poster is taken once", async (t) => {
  const shelf = new Shelf();
  const shop = await shopFor(t, shelf);
  const ticket = await shop.print("coffee", { name: "counter" });
  assert.equal((await shop.print("coffee", { name: "counter" })).link, ticket.link);
  await assert.rejects(shop.print("cake", { name: "counter" }), wom("award_key_reused"));
  const orders = [shelf.order(), shelf.order(), shelf.order()];
  await assert.rejects(shop.take(ticket, orders[0]), wom("input_invalid", /no new payment/));
  for (const _ of orders) await pocket.pay(ticket);
  assert.equal((await shop.take(ticket, orders[0])).state, "applied");
  const [first, second] = await shop.unclaimed(ticket);
  assert.equal(first.order, null);
  const taken = await shop.take(ticket, orders[1], { chosen: second });
  assert.deepEqual([taken.id, taken.order], [second.id, orders[1]]);
  await assert.rejects(shop.take(ticket, orders[2], { chosen: second }), wom("input_invalid"));
  const [poster, ...others] = await shop.posters();
  assert.deepEqual([poster.id, poster.name, poster.payments, poster.ended, others], [ticket.id, "counter", 3, null, []]);
  assert.ok((await shop.end(poster)).ended instanceof Date);
  await assert.rejects(shop.print("coffee", { name: "counter" }), wom("input_invalid", /ended/));
  assert.deepEqual(orders.map((order) => shelf.discounts(order)), [[120], [120], []]);
});

test("a webhook is verified, and its order read again", async (t) => {
  const shelf = new Shelf();
  const shop = await shopFor(t, shelf);
  const order = shelf.order();
  const asked = await shop.offer(order, "coffee");
  await pocket.pay(asked);
  assert.equal((await shop.wait(asked, SOON)).state, "applied");
  shelf.become(order, "paid");
  const body = Buffer.from(JSON.stringify({ order }));
  assert.equal((await shop.receive(body, { "webhook-id": "1" })).status, 401);
  assert.equal((await shop.sale(asked)).state, "applied");
  const headers = webhook.sign("standard-webhooks", "m-1", body, SECRET);
  assert.equal((await shop.receive(body, headers)).status, 202);
  assert.equal((await shop.sale(asked)).state, "redeemed");
  await assert.rejects(shop.receive(JSON.parse(body), headers), wom("input_invalid", /bytes/));
});

test("what the shop does silently is noticed by the work", async (t) => {
  const shelf = new Shelf();
  const shop = await shopFor(t, shelf);
  const running = shop.run();
  const asked = await Promise.all([shelf.order(), shelf.order(), shelf.order()].map((order) => shop.offer(order, "coffee")));
  for (const ticket of asked) await pocket.pay(ticket);
  const sales = await Promise.all(asked.map((ticket) => shop.wait(ticket, SOON)));
  assert.deepEqual(sales.map(({ state }) => state), ["applied", "applied", "applied"]);
  assert.ok(Array.isArray(await shop.work()));
  await shop.close();
  await running;
  await assert.rejects(shop.sales(), wom("input_invalid", /closed/));
});

test("a report sets WOM and money side by side", async (t) => {
  const shelf = new Shelf();
  const shop = await shopFor(t, shelf);
  for (let n = 0; n < 2; n += 1) {
    const order = shelf.order();
    const asked = await shop.offer(order, "coffee");
    await pocket.pay(asked);
    await shop.wait(asked, SOON);
    shelf.become(order, "paid");
    await shop.changed(order);
  }
  await shop.offer(shelf.order(), "cake");
  const day = (days) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
  const report = await shop.report(day(-1), day(2));
  const [cake, coffee] = report.rows;
  assert.deepEqual([coffee.offer, coffee.payments, coffee.wom], ["coffee", 2, 30]);
  assert.deepEqual([coffee.discounts, coffee.money, coffee.average], [2, 240, 120]);
  assert.deepEqual([cake.offer, cake.aim, cake.payments, cake.unpaid], ["cake", "C", 0, 1]);
  assert.equal(report.csv.trim().split(/\r?\n/).length, 3);
  assert.equal(JSON.parse(report.json).rows[1].wom, 30);
  const published = await shop.report(day(-1), day(2), { zone: "Europe/Rome", published: true });
  assert.ok(published.published && published.rows.every(({ payments }) => payments === 0 || payments === null));
  assert.deepEqual((await shop.report("2020-01-01", "2020-02-01")).rows, []);
  await assert.rejects(shop.report(day(0), day(0)), wom("input_invalid", /a day at least/));
});

test("a discount whose answer was lost is looked for", async (t) => {
  const shelf = new Shelf();
  class Flaky extends Till {
    lost = 1;
    async apply(...given) {
      const reference = await super.apply(...given);
      if (this.lost-- > 0) throw Object.assign(new Error("sara's order"), { code: "ECONNRESET" });
      return reference;
    }
  }
  const shop = await shopFor(t, shelf, { merchant: new Flaky(shelf) });
  const order = shelf.order();
  const asked = await shop.offer(order, "coffee");
  await pocket.pay(asked);
  assert.equal((await shop.wait(asked, { atMostMs: 30_000 })).state, "applied");
  assert.deepEqual([shelf.asked, shelf.discounts(order)], [1, [120]]);
});

test("options that do not fit are refused", async (t) => {
  const shelf = new Shelf();
  const pos = await registry.addPos("A bar", "Counter");
  const open = (offers, merchant = new Till(shelf), options = {}) => Shop.open("bar", pos, merchant, offers, options);
  for (const wrong of [
    { title: "both", wom: 1, amount: 1, percent: 1 },
    { title: "none", wom: 1 },
    { title: "fine", wom: 1, percent: 0.001 },
    { title: "fine", wom: 1, percent: 101 },
    { title: "nothing", wom: 1, amount: 0 },
    { title: "half a cent", wom: 1, amount: 0.5 },
    { title: "many", wom: 1_501, amount: 1 },
    { title: "misspelt", wom: 1, ammount: 1 },
  ]) {
    await assert.rejects(open({ offer: wrong }), { name: "WomError" }, wrong.title);
  }
  for (const percent of [0.01, 7.07, 8.2, 33.33, 99.99, 100]) {
    await (await open({ offer: { title: "fine", wom: 1, percent } })).close();
  }
  await assert.rejects(open(OFFERS, new Till(shelf), { rules: { floor: -1 } }), wom("configuration_invalid", /floor/));
  await assert.rejects(open(OFFERS, { adapter: "pos.vendur" }), wom("configuration_invalid", /did you mean pos\.vendure/));
  await assert.rejects(open(OFFERS, { name: "a", summary: "b", read() {}, apply() {} }), wom("input_invalid", /find/));
  await assert.rejects(open(OFFERS, { name: "a" }), wom("input_invalid", /method read/));
  const vendure = merchants().get("pos.vendure");
  assert.ok(vendure.apply && vendure.settings.some(({ name }) => name === "endpoint"));
});

test("rules are kept", async (t) => {
  const shelf = new Shelf();
  const rules = { perOrder: 2, floor: 900, late: ["record_only"] };
  const shop = await shopFor(t, shelf, { rules });
  const order = shelf.order(1_000);
  const [first, second] = [await shop.offer(order, "coffee"), await shop.offer(order, "cake")];
  assert.deepEqual([(await shop.sale(first)).agreed, (await shop.sale(second)).agreed], [100, 100]);
  await pocket.pay(first);
  assert.equal((await shop.wait(first, SOON)).given, 100);
  await pocket.pay(second);
  // Nothing is left above the floor.
  const sale = await shop.wait(second, SOON);
  assert.deepEqual([sale.state, sale.reason], ["attention", "nothing_to_reduce"]);
});

const DIES = `
  import { writeFileSync } from "node:fs";
  import { Shop } from "wom-sdk";
  import { Shelf, Till } from "./till.mjs";
  const [pos, folder] = process.argv.slice(1).map((text) => JSON.parse(text));
  class Dies extends Till {
    apply(order, money, key) {
      writeFileSync(folder + "/given", key);
      process.kill(process.pid, "SIGKILL");
    }
  }
  const shelf = new Shelf();
  shelf.order();
  const where = { store: folder + "/shop.db", keys: folder + "/keys.json" };
  const shop = await Shop.open("bar", pos, new Dies(shelf), { coffee: { title: "10 %", wom: 15, percent: 10 } }, where);
  const { link, pin, id } = await shop.offer("1", "coffee");
  console.log(JSON.stringify({ link, pin, id }));
  await shop.wait(id, { atMostMs: 60_000 });
`;

test("who dies in the middle is followed by one discount", async (t) => {
  const folder = await folderFor(t);
  const pos = await registry.addPos("A bar", "Counter");
  const words = ["--input-type=module", "-e", DIES, JSON.stringify(pos), JSON.stringify(folder)];
  const dying = spawn(process.execPath, words, { cwd: import.meta.dirname, stdio: ["ignore", "pipe", "inherit"] });
  const exit = once(dying, "exit");
  const [told] = await once(dying.stdout, "data");
  const { link, pin, id } = JSON.parse(told);
  await pocket.payLink(link, pin);
  assert.deepEqual(await exit, [null, "SIGKILL"]);
  // The shop took the discount; only nobody heard of it.
  const shelf = new Shelf();
  const order = shelf.order();
  shelf.orders.get(order).discounts.set(await readFile(join(folder, "given"), "utf8"), 120);
  const where = { store: join(folder, "shop.db"), keys: join(folder, "keys.json") };
  const shop = await shopFor(t, shelf, { pos, ...where });
  assert.equal((await shop.wait(id, { atMostMs: 60_000 })).state, "applied");
  assert.deepEqual([shelf.asked, shelf.discounts(order)], [0, [120]]);
});
