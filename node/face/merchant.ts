/**
 * Shops and tills of your own: what brings a discount out, driven as the ones of the SDK are.
 *
 * Giving a discount is finding it, or else making it: what counts is only what `read` shows then, and
 * giving it twice under one key is giving it once. All money is in the currency's smallest unit.
 */

import { received } from "./asked.js";
import type { Answer, Asked } from "./bridge.js";
import { sort, text } from "./checks.js";
import { WomError } from "./errors.js";
import { type Received, Request } from "./instrument.js";

/** What became of an order; `closed` where the shop does not tell why. */
export type OrderState = "open" | "paid" | "cancelled" | "refunded" | "closed";

/** One line of an order. */
export interface OrderLine {
  /** What stands on the receipt. */
  text: string;
  /** In the currency's smallest unit; negative for a discount. */
  amount: number;
  /** For a WOM discount: its reference, as `apply` gave it. */
  reference?: string | null | undefined;
}

/** An order, as the shop has it. */
export interface Order {
  id: string;
  /** Grows or changes with every change of the order. */
  version: string;
  /** What is to be paid, after discounts. */
  total: number;
  /** ISO 4217, such as `EUR`. */
  currency: string;
  /** Whether it is still open to a discount. */
  open: boolean;
  /** What is bought, and the discounts on it. */
  lines?: readonly OrderLine[] | undefined;
}

type Told<T> = T | Promise<T>;

/**
 * A shop or till system. A till that no program can change needs `read` only: then the cashier types the
 * discount in, and `Shop.confirm` says so. What has `apply` has `find` too. Each call has 20 seconds,
 * and several may be under way.
 */
export interface Merchant {
  /** The name, such as `town.till`. It never changes. */
  readonly name: string;
  /** One sentence for people. */
  readonly summary: string;
  /** Whether its tests ran against the real system. */
  readonly proven?: boolean | undefined;
  /** Whether its webhooks are signed, as where this is left out; others are only a reason to ask. */
  readonly webhookSigned?: boolean | undefined;
  /** Whether it makes codes in the shop, which a shopper or cashier types in. */
  readonly createsCodes?: boolean | undefined;
  /** Whether it puts a discount on an order that is not paid, as where this is left out. */
  readonly changesOpenOrders?: boolean | undefined;
  /** Whether it puts a discount on an order that is paid, and gives the difference back. */
  readonly changesPaidOrders?: boolean | undefined;
  /** Whether the shop itself makes a discount only once, however often it is asked. */
  readonly createIsIdempotent?: boolean | undefined;
  /** Whether the shop lets a code be used again once its order is cancelled. */
  readonly cancelReleasesCode?: boolean | undefined;
  /** Whether an order takes one WOM discount only; a second is `input_invalid`, and changes nothing. */
  readonly onePerOrder?: boolean | undefined;
  /** The order as the shop has it now. One that is not there is `input_invalid`. */
  read(order: string): Told<Order>;
  /** The order that carries a discount with this reference, where there is one. */
  find?(reference: string): Told<string | null | undefined>;
  /**
   * Gives so much less on the order, once for each key, and tells the discount's reference; `null` where
   * a person types it in. It may be called by two processes at the same time, and again after an answer
   * was lost: with a key that is there already it makes nothing. More than the order's total, and a key
   * whose discount is on another order, are `input_invalid`.
   */
  apply?(order: string, money: number, key: string): Told<string | null>;
  /** Takes a discount back. What is not there, or was taken back before, is no error. */
  revoke?(order: string, reference: string): Told<void>;
  /** Orders that changed since a cursor of its own, and where to go on. */
  orders?(since: string | null): Told<{ orders: readonly string[]; cursor: string | null }>;
  /** What became of the order. */
  state?(order: string): Told<OrderState>;
  /**
   * What is typed in for this key, once `apply` said `null`; it asks nobody. `null` where there is no
   * code, and the cashier lowers the price.
   */
  code?(key: string): string | null;
  /**
   * Makes a code of one use for a customer's next order, and tells it: once for each key. It takes off so
   * much `money`, or so many `basisPoints`, hundredths of a percent; the other is `null`. What has
   * `createsCodes` has this.
   */
  issue?(money: number | null, basisPoints: number | null, key: string): Told<string>;
  /** Verifies a webhook's raw bytes, and says which order to read by its `hint`. */
  receive?(request: Request): Told<Received>;
}

/** @internal A shop, as the native half asks it. */
export class AskedMerchant implements Asked {
  readonly #shop: Merchant;

  constructor(shop: Merchant) {
    if (typeof shop?.read !== "function") {
      throw new WomError("input_invalid", `a shop has a method read, and this is ${sort(shop)}`, {
        hint: "give { adapter, settings } of the catalogue, or an object with name, summary and read",
      });
    }
    if (shop.apply !== undefined && shop.find === undefined) {
      throw new WomError("input_invalid", "a shop that gives discounts finds them too", { hint: "add a method find" });
    }
    this.#shop = shop;
  }

  info(): object {
    const shop = this.#shop;
    return {
      name: text(shop.name, "name"),
      summary: text(shop.summary, "summary"),
      proven: shop.proven ?? false,
      webhook: shop.receive !== undefined,
      webhook_signed: shop.webhookSigned ?? true,
      orders: shop.orders !== undefined,
      apply: shop.apply !== undefined,
      revoke: shop.revoke !== undefined,
      state: shop.state !== undefined,
      creates_codes: shop.createsCodes ?? false,
      changes_open_orders: shop.changesOpenOrders ?? true,
      changes_paid_orders: shop.changesPaidOrders ?? false,
      create_is_idempotent: shop.createIsIdempotent ?? false,
      cancel_releases_code: shop.cancelReleasesCode ?? false,
      one_per_order: shop.onePerOrder ?? false,
    };
  }

  async answer(what: string, asked: string, bytes: Uint8Array | undefined): Promise<Answer> {
    const given = JSON.parse(asked);
    if (what === "receive") {
      return received(await this.#shop.receive?.(new Request(given, bytes ?? new Uint8Array())));
    }
    return { text: JSON.stringify((await this.#told(what, given)) ?? null) };
  }

  async #told(what: string, given: any[]): Promise<unknown> {
    const shop = this.#shop;
    const [first, second, third] = given;
    switch (what) {
      case "read":
        return orderOf(await shop.read(first));
      case "find":
        return await shop.find?.(first);
      case "apply":
        if (shop.apply !== undefined) return await shop.apply(first, second, third);
        // One that is not there is an error here too.
        await shop.read(first);
        return null;
      case "revoke":
        await shop.revoke?.(first, second);
        return null;
      case "orders": {
        const { orders, cursor } = (await shop.orders?.(first)) ?? { orders: [], cursor: null };
        return [orders, cursor];
      }
      case "issue":
        if (shop.issue !== undefined) return await shop.issue(first, second, third);
        throw new WomError("unsupported", "this adapter makes no codes");
      case "state":
        return await shop.state?.(first);
      default:
        return shop.code?.(first);
    }
  }
}

function orderOf({ id, version, total, currency, open, lines = [] }: Order): object {
  return {
    id,
    version: String(version),
    lines: lines.map(({ text, amount, reference = null }) => ({ text, amount, reference })),
    total,
    currency,
    open,
  };
}
