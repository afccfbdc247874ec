// The suite for shops and tills: a good one passes, and each planted defect is seen.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { testing } from "wom-sdk";

import { Coupons, Hand, Shelf, Till } from "./till.mjs";

test("a till in JavaScript passes the suite that ours pass", async () => {
  const shelf = new Shelf();
  await testing.checkMerchant(() => new Till(shelf), () => shelf.order());
});

test("a till that a person works passes too", async () => {
  const shelf = new Shelf();
  await testing.checkMerchant(() => new Hand(shelf), async () => shelf.order());
});

test("a shop that makes codes passes too", async () => {
  const shelf = new Shelf();
  await testing.checkMerchant(() => new Coupons(shelf), () => shelf.order());
  assert.ok(shelf.codes.size > 0);
  for (const worth of shelf.codes.values()) assert.deepEqual(worth, [300, null]);
});

/** Makes another code each time. */
class Generous extends Coupons {
  issue(money, basisPoints, key) {
    return `${this.code(key)}-${performance.now()}`;
  }
}

/** Says that it makes codes, and makes none. */
class Miserly extends Coupons {
  issue = undefined;
}

/** Makes another discount each time. */
class Doubling extends Till {
  apply(order, money, key) {
    const held = this.held(order);
    held.discounts.set(`${key} ${held.discounts.size}`, money);
    held.version += 1;
    return key;
  }
}

/** Looks, and makes: two at the same time both make one. */
class Racing extends Till {
  async apply(order, money, key) {
    const held = this.held(order);
    if (![...held.discounts.keys()].some((one) => one.startsWith(key))) {
      await sleep(200);
      held.discounts.set(held.discounts.has(key) ? `${key}'` : key, money);
      held.version += 1;
    }
    return key;
  }
}

/** Makes up orders that nobody made. */
class Forgiving extends Till {
  held(order) {
    if (!this.shelf.orders.has(order)) {
      this.shelf.orders.set(order, { price: 1_200, state: "open", version: 1, discounts: new Map() });
    }
    return this.shelf.orders.get(order);
  }
}

/** Takes nothing back. */
class Keeping extends Till {
  revoke() {}
}

/** Says that it gives discounts, and leaves it to the cashier. */
class Boasting extends Till {
  apply(order) {
    this.held(order);
    return null;
  }
}

/** Does not tell that an order changed. */
class Stale extends Till {
  async read(order) {
    return { ...(await super.read(order)), version: "1" };
  }
}

for (const [Defect, topic] of [
  [Generous, /a_fresh_code_is_one_for_each_key/],
  [Miserly, /a_fresh_code_is_one_for_each_key/],
  [Doubling, /a_key_gives_one_discount/],
  [Racing, /many_at_once_give_one_discount/],
  [Forgiving, /an_unknown_order_is_a_clear_error/],
  [Keeping, /what_is_revoked_is_gone/],
  [Boasting, /what_it_says_of_itself_is_so/],
  [Stale, /reading_shows_what_applying_said/],
]) {
  test(`the suite sees what it is for: ${Defect.name}`, async () => {
    const shelf = new Shelf();
    const check = testing.checkMerchant(() => new Defect(shelf), () => shelf.order());
    await assert.rejects(check, { name: "AssertionError", message: topic });
  });
}

test("an adapter that cannot be made is told", async () => {
  class Nameless extends Till {
    name = "Sara Rossi!";
  }
  const shelf = new Shelf();
  const check = testing.checkMerchant(() => new Nameless(shelf), () => shelf.order());
  await assert.rejects(check, { name: "AssertionError", message: /not a name/ });
});
