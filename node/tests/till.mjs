// A till in JavaScript, as a town's bar could have it: orders in memory.

import { WomError, webhook } from "wom-sdk";

export const SECRET = "whsec_EQODq8WC8zc0aPhmVUvHPCI5KygXsRlY";

/** The shop itself: what several tills look at. */
export class Shelf {
  orders = new Map();
  log = [];
  codes = new Map();
  asked = 0;

  order(price = 1_200) {
    const id = String(this.orders.size + 1);
    this.orders.set(id, { price, state: "open", version: 1, discounts: new Map() });
    this.log.push(id);
    return id;
  }

  become(order, state) {
    const held = this.orders.get(order);
    held.state = state;
    held.version += 1;
    this.log.push(order);
  }

  discounts(order) {
    return [...this.orders.get(order).discounts.values()];
  }
}

/** Gives discounts by itself, lists orders, and takes webhooks. */
export class Till {
  name = "town.till";
  summary = "The till of the town's bar";
  createIsIdempotent = true;

  constructor(shelf) {
    this.shelf = shelf;
  }

  held(order) {
    const held = this.shelf.orders.get(order);
    if (held === undefined) throw new WomError("input_invalid", "there is no such order");
    return held;
  }

  async read(order) {
    const { price, state, version, discounts } = this.held(order);
    const lines = [{ text: "bread", amount: price }];
    for (const [reference, money] of discounts) lines.push({ text: "WOM", amount: -money, reference });
    const total = lines.reduce((sum, { amount }) => sum + amount, 0);
    return { id: order, version: String(version), total, currency: "EUR", open: state === "open", lines };
  }

  find(reference) {
    for (const [id, held] of this.shelf.orders) if (held.discounts.has(reference)) return id;
    return null;
  }

  async apply(order, money, key) {
    const held = this.held(order);
    this.shelf.asked += 1;
    const given = this.find(key);
    if (given !== null && given !== order) throw new WomError("input_invalid", "the key gave a discount on another order");
    if (!held.discounts.has(key)) {
      const rest = this.shelf.discounts(order).reduce((sum, discount) => sum - discount, held.price);
      if (money > rest) throw new WomError("input_invalid", "the order costs less than the discount");
      held.discounts.set(key, money);
      held.version += 1;
    }
    return key;
  }

  revoke(order, reference) {
    const held = this.held(order);
    if (held.discounts.delete(reference)) held.version += 1;
  }

  orders(since) {
    return { orders: this.shelf.log.slice(Number(since ?? 0)), cursor: String(this.shelf.log.length) };
  }

  state(order) {
    return this.held(order).state;
  }

  receive(request) {
    try {
      webhook.verify("standard-webhooks", request.headers, request.body, SECRET);
    } catch (error) {
      if (error.code === "webhook_refused") return { status: 401, refused: true };
      throw error;
    }
    return { status: 202, hint: JSON.parse(Buffer.from(request.body)).order };
  }
}

/** A till that no program can change. */
export class Hand {
  name = "town.hand";
  summary = "A till worked by hand";

  constructor(shelf) {
    this.till = new Till(shelf);
  }

  read(order) {
    return this.till.read(order);
  }
}

/** Makes codes that shoppers type in, with the next order too. */
export class Coupons {
  name = "town.coupons";
  summary = "A shop whose shoppers type codes in";
  createsCodes = true;

  constructor(shelf) {
    this.shelf = shelf;
  }

  read(order) {
    return new Till(this.shelf).read(order);
  }

  code(key) {
    return `WOM-${key.toUpperCase()}`;
  }

  async issue(money, basisPoints, key) {
    const code = this.code(key);
    if (!this.shelf.codes.has(code)) this.shelf.codes.set(code, [money, basisPoints]);
    return code;
  }
}
