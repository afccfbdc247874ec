/** A shop. */

import { call, home, keep, letGo, nothing, opening, same } from "./bridge.js";
import { count, only, seconds, text } from "./checks.js";
import { AskedMerchant, type Merchant } from "./merchant.js";
import { native, type NativeShop } from "./native.js";
import { keysOf, replyOf, sourceOf, storeOf, useOf } from "./options.js";
import {
  type Decision,
  idOf,
  type Offer,
  offerOf,
  type Poster,
  posterOf,
  type Receipt,
  type Report,
  reportOf,
  type Rules,
  rulesOf,
  Sale,
  salesOf,
  type Which,
} from "./sale.js";
import { type Keys, type Pos, type Reply, type Store, Ticket, type Use, type Waiting } from "./values.js";
import { headerPairs, type Headers, raw } from "./webhook.js";

/** What a shop is opened with. */
export interface ShopOptions extends Waiting {
  /** What the merchant has settled for all sales. */
  rules?: Rules | undefined;
  /** Remembers payments and sales; as for the client. */
  store?: Store | undefined;
  /** Seal codes; as for the client. */
  keys?: Keys | undefined;
}

/**
 * A shop that is open: it gives discounts for WOM, from an order to exactly one discount.
 *
 * Every payment is written down before the shop is asked for anything: after a crash `work` or `run`
 * reads both sides and goes on. Somebody has to call one of them.
 */
export class Shop implements AsyncDisposable {
  readonly #native: NativeShop;
  readonly #kept: number[];

  private constructor(opened: NativeShop, kept: number[]) {
    this.#native = opened;
    this.#kept = kept;
  }

  /**
   * Opens a shop. `name` is the merchant's own of the shop and never changes. `merchant` is its till or
   * shop system: of the catalogue (see `merchants()`) or an object of your own. `offers` have names of
   * the merchant's own.
   */
  static async open(
    name: string,
    pos: Pos,
    merchant: Merchant | Use,
    offers: Readonly<Record<string, Offer>>,
    options: ShopOptions = {},
  ): Promise<Shop> {
    only(options, ["rules", "store", "keys", "signal"], "a shop");
    const kept: number[] = [];
    const opened = new native.Shop(home);
    const use = "adapter" in merchant ? useOf(merchant) : undefined;
    const written = JSON.stringify({
      name: text(name, "name"),
      pos: await sourceOf(pos),
      merchant: use,
      offers: Object.fromEntries(Object.entries(offers).map(([own, offer]) => [own, offerOf(offer)])),
      rules: rulesOf(options.rules ?? {}),
      store: await storeOf(options.store),
      keys: await keysOf(options.keys),
    });
    try {
      const own = "adapter" in merchant ? undefined : told(merchant, kept);
      await opening(opened, (call) => opened.open(call, written, own), options.signal);
    } catch (error) {
      kept.forEach(letGo);
      throw error;
    }
    return new Shop(opened, kept);
  }

  /**
   * Offers a discount on an order, and gives the code to show. The ticket has the sale's id.
   *
   * The discount is agreed in money now. The same again gives the same code while it can be paid; after
   * it lapsed it is asked about once more, and then a new one is made. An order that was paid for is
   * `already_performed`: see `salesOf`. One that shows another offer's code is `input_invalid`: `callOff`
   * that one first, so that no two codes of one order can be paid.
   */
  async offer(order: string, offer: string, { signal }: Waiting = {}): Promise<Ticket> {
    const [on, own] = [text(order, "order"), text(offer, "offer")];
    return await call((call) => this.#native.offer(call, on, own), (told) => new Ticket(told), signal);
  }

  /**
   * Waits until a sale is paid and its discount on the order, or somebody has to decide, at most so
   * long; tells how it stands then. The Registry is asked as often as is polite.
   */
  async wait(sale: Sale | Ticket | string, { atMostMs, signal }: { atMostMs: number } & Waiting): Promise<Sale> {
    const [id, most] = [idOf(sale, "sale"), seconds(atMostMs, "atMostMs")];
    return await call((call) => this.#native.wait(call, id, most), saleOf, signal);
  }

  /** The sale as it stands now. */
  async sale(sale: Sale | Ticket | string, { signal }: Waiting = {}): Promise<Sale> {
    return await call((call) => this.#native.sale(call, idOf(sale, "sale")), saleOf, signal);
  }

  /** All sales of an order. */
  async salesOf(order: string, { signal }: Waiting = {}): Promise<Sale[]> {
    return await call((call) => this.#native.salesOf(call, text(order, "order")), salesOf, signal);
  }

  /** Sales by id, at most so many, from the one after `after` on. */
  async sales(
    which: Which = "for_person",
    { after, limit = 100, signal }: { after?: Sale | string | undefined; limit?: number | undefined } & Waiting = {},
  ): Promise<Sale[]> {
    const last = after === undefined ? undefined : idOf(after, "after");
    const most = count(limit, "limit");
    return await call((call) => this.#native.sales(call, text(which, "which"), last, most), salesOf, signal);
  }

  /** Calls an offer off that is not paid yet. One that was paid before goes on as paid. */
  async callOff(sale: Sale | Ticket | string, { signal }: Waiting = {}): Promise<Sale> {
    return await call((call) => this.#native.callOff(call, idOf(sale, "sale")), saleOf, signal);
  }

  /**
   * The shop cancelled or replaced an order: its sales, as they stand then. What is not paid is called
   * off, a discount is taken back, and what was paid in vain waits for the merchant.
   */
  async cancel(order: string, { signal }: Waiting = {}): Promise<Sale[]> {
    return await call((call) => this.#native.cancel(call, text(order, "order")), salesOf, signal);
  }

  /** The cashier has typed the discount of a `manual` sale in. */
  async confirm(sale: Sale | Ticket | string, { signal }: Waiting = {}): Promise<Sale> {
    return await call((call) => this.#native.confirm(call, idOf(sale, "sale")), saleOf, signal);
  }

  /**
   * A person decides about a sale that waits for one, and says why, without anybody's name. What was
   * `granted` in its place, such as a fresh code, has a `reference` in the shop.
   */
  async resolve(
    sale: Sale | Ticket | string,
    what: Decision,
    note: string,
    { reference, signal }: { reference?: string | undefined } & Waiting = {},
  ): Promise<Sale> {
    const [id, decision] = [idOf(sale, "sale"), JSON.stringify({ what, note, reference })];
    return await call((call) => this.#native.resolve(call, id, decision), saleOf, signal);
  }

  /**
   * Gives a fresh code for the customer's next order for a payment that came too late, and tells the code
   * to show at once. The same again gives the same code. `note` says why, without anybody's name. A till
   * that makes no codes is `unsupported`: make one there, and `resolve` with its reference.
   */
  async grant(sale: Sale | Ticket | string, note: string, { signal }: Waiting = {}): Promise<string> {
    const [id, why] = [idOf(sale, "sale"), text(note, "note")];
    return await call((call) => this.#native.grant(call, id, why), String, signal);
  }

  /** Gives the discount of a late payment on another order, agreed anew in its money. */
  async replace(sale: Sale | Ticket | string, order: string, { signal }: Waiting = {}): Promise<Sale> {
    const [id, on] = [idOf(sale, "sale"), text(order, "order")];
    return await call((call) => this.#native.replace(call, id, on), saleOf, signal);
  }

  /** The shop says that an order changed: it is read again now. Its sales as they stand then. */
  async changed(order: string, { signal }: Waiting = {}): Promise<Sale[]> {
    return await call((call) => this.#native.changed(call, text(order, "order")), salesOf, signal);
  }

  /**
   * Takes a webhook call of the shop's system, and gives the answer to send back. `body` is as it
   * arrived, as bytes. The order that it is about is read again before this resolves; if that fails,
   * answer with an error, so that the call comes again.
   */
  async receive(
    body: Uint8Array | ArrayBuffer,
    headers: Headers = [],
    { method = "POST", query = "", signal }: { method?: string; query?: string } & Waiting = {},
  ): Promise<Reply> {
    const [pairs, bytes] = [JSON.stringify(headerPairs(headers)), raw(body)];
    return await call((call) => this.#native.receive(call, method, query, pairs, bytes), replyOf, signal);
  }

  /**
   * Makes a poster for an offer, and gives the code to print: it can be paid many times. The ticket has
   * the poster's id. `name` is the poster's own, else the offer's; the same again gives the same code,
   * and another offer under it is `award_key_reused`.
   */
  async print(offer: string, { name = offer, signal }: { name?: string | undefined } & Waiting = {}): Promise<Ticket> {
    const [own, of] = [text(name, "name"), text(offer, "offer")];
    return await call((call) => this.#native.print(call, own, of), (told) => new Ticket(told), signal);
  }

  /** All posters. */
  async posters({ signal }: Waiting = {}): Promise<Poster[]> {
    return await call((call) => this.#native.posters(call), (told) => told.map(posterOf), signal);
  }

  /** Payments of a poster that no cashier has taken yet, the oldest first. */
  async unclaimed(poster: Poster | Ticket | string, { signal }: Waiting = {}): Promise<Sale[]> {
    return await call((call) => this.#native.unclaimed(call, idOf(poster, "poster")), salesOf, signal);
  }

  /**
   * Takes a payment of a poster for an order, after asking the Registry for new ones: the oldest fresh
   * one, or the one that the cashier chose, whatever its age. Each is taken once.
   */
  async take(
    poster: Poster | Ticket | string,
    order: string,
    { chosen, signal }: { chosen?: Sale | string | undefined } & Waiting = {},
  ): Promise<Sale> {
    const one = chosen === undefined ? undefined : idOf(chosen, "chosen");
    const [id, on] = [idOf(poster, "poster"), text(order, "order")];
    return await call((call) => this.#native.take(call, id, on, one), saleOf, signal);
  }

  /** Ends a poster's offer. Its code can be paid for ever: such a payment is late from now on. */
  async end(poster: Poster | Ticket | string, { signal }: Waiting = {}): Promise<Poster> {
    return await call((call) => this.#native.end(call, idOf(poster, "poster")), posterOf, signal);
  }

  /** The line for the receipt, while the discount is on the order. */
  async receipt(
    sale: Sale | Ticket | string,
    language: "en" | "it" = "en",
    { signal }: Waiting = {},
  ): Promise<Receipt | null> {
    const id = idOf(sale, "sale");
    return await call((call) => this.#native.receipt(call, id, text(language, "language")), same<Receipt | null>, signal);
  }

  /**
   * The report of the days from `start` on and before `until`, such as `2026-03-01`, for the social
   * balance sheet. A `published` one leaves out what is of fewer than 5 payments, since it could tell of
   * a person.
   */
  async report(
    start: string,
    until: string,
    { zone = "UTC", published = false, signal }: { zone?: string; published?: boolean } & Waiting = {},
  ): Promise<Report> {
    const of = JSON.stringify({ from: text(start, "start"), until: text(until, "until"), zone, published });
    return await call((call) => this.#native.report(call, of), reportOf, signal);
  }

  /**
   * One round of the work that nobody asks for, at most so many of each thing: it asks for payments,
   * gives discounts, looks after orders and posters, and tells which sales have changed.
   */
  async work(limit = 100, { signal }: Waiting = {}): Promise<Sale[]> {
    return await call((call) => this.#native.work(call, count(limit, "limit")), salesOf, signal);
  }

  /** Does that work until the shop is closed, or the call is given up. */
  async run({ signal }: Waiting = {}): Promise<void> {
    await call((call) => this.#native.run(call), nothing, signal);
  }

  /** Ends the work, and closes the store. Once more does nothing. */
  async close(): Promise<void> {
    await call((call) => this.#native.close(call), nothing);
    this.#kept.splice(0).forEach(letGo);
  }

  /** As `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function told(merchant: Merchant, kept: number[]): string {
  const asked = new AskedMerchant(merchant);
  const of = keep(asked);
  kept.push(of);
  return JSON.stringify({ of, info: asked.info() });
}

function saleOf(told: ConstructorParameters<typeof Sale>[0]): Sale {
  return new Sale(told);
}
