// A till: a discount for whoever pays 15 WOM, offline. Here: `npm install`, then `node till.mjs`.

import assert from "node:assert/strict";

import { Client, Pocket, Registry, Shop, WomError } from "wom-sdk";

const OFFERS = { coffee: { title: "10 % for 15 minutes", wom: 15, percent: 10 } };

/** The bar's own till. It can be read and changed; most have a data base behind it. */
class Till {
  name = "example.till";
  summary = "The till of an example";
  sold = new Map();

  read(order) {
    const lines = this.sold.get(order);
    if (lines === undefined) throw new WomError("input_invalid", "there is no such order");
    const total = lines.reduce((sum, { amount }) => sum + amount, 0);
    return { id: order, version: String(lines.length), total, currency: "EUR", open: true, lines };
  }

  find(reference) {
    for (const [id, lines] of this.sold) if (lines.some((line) => line.reference === reference)) return id;
    return null;
  }

  apply(order, money, key) {
    // One discount for each key, however often it is asked for.
    if (this.find(key) === null) this.sold.get(order).push({ text: "WOM", amount: -money, reference: key });
    return key;
  }
}

const registry = await Registry.start();
const pocket = await Pocket.open(registry);

// Somebody was given 20 WOM, and holds them in a Pocket.
const client = await Client.open(await registry.addInstrument("Library", ["C"]));
await pocket.redeem(await client.award("reading 7", { aim: "C", minutes: 20, place: [43.7263, 12.6366] }));

// The till asks for 15 and shows a QR code and a PIN.
const till = new Till();
till.sold.set("1001", [{ text: "breakfast", amount: 830 }]);
const shop = await Shop.open("bar", await registry.addPos("Caffè", "Counter"), till, OFFERS);
const asked = await shop.offer("1001", "coffee");

// The person pays; the discount gets onto the order, once.
await pocket.pay(asked);
const sale = await shop.wait(asked, { atMostMs: 20_000 });
assert.deepEqual([sale.state, sale.given], ["applied", 83]);
const receipt = await shop.receipt(sale);
console.log(`${receipt.text}: ${receipt.amount} cents`);
console.log(`to pay: ${sale.total} cents instead of 830`);

for (const opened of [shop, client, pocket, registry]) await opened.close();
