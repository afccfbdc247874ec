/** What a shop offers and settles, and what became of it. Money is in the currency's smallest unit. */

import { hide, only, seconds, text } from "./checks.js";
import { WomError } from "./errors.js";
import { Ticket } from "./values.js";

/** What to give for a payment that came too late: WOM cannot be given back. */
export type Remedy = "fresh_code" | "replacement" | "record_only";

/** What becomes of a WOM discount where the order has other discounts. */
export type Stacking = "added" | "best_of" | "excluded";

/** What a person decides about a sale that waits for one. */
export type Decision = "retry" | "applied" | "redeemed" | "withdrawn" | "refunded" | "granted" | "recorded";

/** Which sales are listed: those that a person has to do something for, those that are open, or all. */
export type Which = "for_person" | "open" | "all";

/** Pay so many WOM, get this discount. Exactly one of `amount` and `percent` is given. */
export interface Offer {
  /** What stands beside the QR code. */
  title: string;
  /** How many WOM are to be paid, 1 to 1,500. */
  wom: number;
  /** So much less. */
  amount?: number | undefined;
  /** So many percent less, in steps of 0.01. */
  percent?: number | undefined;
  /** Only WOM of this aim and its children are taken. */
  aim?: string | undefined;
  /** Only WOM earned within: degrees WGS 84. */
  bounds?: readonly [north: number, west: number, south: number, east: number] | undefined;
  /** Only WOM earned at most so many days ago. */
  maxAgeDays?: number | undefined;
  /** For how many milliseconds a shown code is waited for; 5 minutes where none is given. */
  patienceMs?: number | undefined;
}

/** What a merchant has settled for all sales of a shop. */
export interface Rules {
  /** `added` where it is left out. */
  stacking?: Stacking | undefined;
  /** Below this the price may not fall: some tills cannot close a sale of 0. 1 where it is left out. */
  floor?: number | undefined;
  /** How many WOM discounts an order may have at most; 1 where it is left out. */
  perOrder?: number | undefined;
  /** What to give for a payment that came too late, the one that is preferred first. */
  late?: readonly Remedy[] | undefined;
  /** How many milliseconds old the payment of a poster may be when a cashier takes it; 3 minutes. */
  takeWithinMs?: number | undefined;
}

/** An offer on an order, and what became of it. It tells of an order and never of a person. */
export class Sale {
  readonly id: string;
  /** The shop's own name of the order; `null` while no cashier has taken the payment for one. */
  readonly order: string | null;
  readonly offer: string;
  /**
   * The stable name: `waiting`, `lapsed`, `unclaimed`, `applying`, `applied`, `manual`, `withdrawing`,
   * `redeemed`, `withdrawn`, `refunded`, `late`, `granted`, `recorded`, `attention`.
   */
  readonly state: string;
  /** Why a person must decide; or after what a payment came, such as `cancel` or `expiry`. */
  readonly reason: string | null;
  /** Who has to do something next. */
  readonly turn: "nobody" | "program" | "person";
  /** What the person can do, the one that the merchant prefers first. */
  readonly remedies: readonly Remedy[];
  readonly wom: number;
  /** How much less was agreed when the code was shown; 0 until there is an order. */
  readonly agreed: number;
  readonly currency: string;
  /** How much less is to be paid, as the shop reads it. */
  readonly given: number | null;
  /** What was to be paid in the end, as the shop reads it. */
  readonly total: number | null;
  /** When it was paid, by the Registry's clock. */
  readonly paid: Date | null;
  /** What the cashier or the shopper types in, while the state is `manual`. It is not printed. */
  declare readonly code: string | null;
  /** 4 signs by which a merchant finds a sale again; they stand on the receipt. */
  readonly reference: string;
  /** The error code of the last try that did not succeed. */
  readonly failure: string | null;
  /** What the person who decided wrote. It is not printed. */
  declare readonly note: string | null;
  readonly begun: Date;
  /** When the present state began. */
  readonly since: Date;

  /** @internal */
  constructor(told: ToldSale) {
    this.id = told.id;
    this.order = told.order;
    this.offer = told.offer;
    this.state = told.state;
    this.reason = told.reason;
    this.turn = told.turn;
    this.remedies = told.remedies;
    this.wom = told.wom;
    this.agreed = told.agreed;
    this.currency = told.currency;
    this.given = told.given;
    this.total = told.total;
    this.paid = dateOf(told.paid);
    this.reference = told.reference;
    this.failure = told.failure;
    this.begun = new Date(told.begun);
    this.since = new Date(told.since);
    hide(this, "code", told.code);
    hide(this, "note", told.note);
  }
}

/** @internal */
export type ToldSale = Omit<Sale, "paid" | "begun" | "since"> & { paid: string | null; begun: string; since: string };

/** A code that stands at the counter and is paid many times. */
export interface Poster {
  readonly id: string;
  readonly name: string;
  readonly title: string;
  readonly wom: number;
  /** How many payments are known. */
  readonly payments: number;
  readonly made: Date;
  /** When its offer was ended. The code can be paid all the same: such a payment is late. */
  readonly ended: Date | null;
}

/** A discount line: the merchant's own price reduction, not a means of payment. */
export interface Receipt {
  /** Such as `WOM discount, 60 minutes (ref. 3F9A)`. */
  readonly text: string;
  /** Negative. */
  readonly amount: number;
  /** What is to be paid; `null` where a cashier typed the discount in. */
  readonly total: number | null;
  readonly currency: string;
  readonly reference: string;
}

/** One offer in one month. A number that is left out is `null`. */
export interface Row {
  readonly shop: string;
  readonly offer: string;
  /** What the offer asks for; empty where it takes every aim. */
  readonly aim: string;
  /** Such as `2026-03`. */
  readonly month: string;
  readonly currency: string;
  readonly payments: number | null;
  /** WOM accepted: minutes that somebody gave to something useful to others. */
  readonly wom: number | null;
  /** Orders that were closed with a discount. */
  readonly discounts: number | null;
  /** These discounts. */
  readonly money: number | null;
  readonly average: number | null;
  /** Payments for which the merchant gave something else. */
  readonly granted: number | null;
  /** Payments whose discount or order was taken back. */
  readonly returned: number | null;
  /** Payments of which it is not known yet what becomes of them. */
  readonly pending: number | null;
  /** Offers that were shown on an order and that nobody paid. */
  readonly unpaid: number | null;
}

/** Payments that no discount was given for. */
export interface NotUsed {
  readonly cause: string;
  readonly payments: number | null;
  readonly wom: number | null;
}

/**
 * What a merchant tells of in the social balance sheet. WOM and money side by side, never as a rate of
 * exchange; nobody's name.
 */
export interface Report {
  readonly zone: string;
  /** Whether small numbers are left out. */
  readonly published: boolean;
  readonly rows: readonly Row[];
  readonly notUsed: readonly NotUsed[];
  /** The report as CSV (RFC 4180). */
  readonly csv: string;
  /** The report as JSON. */
  readonly json: string;
}

const OFFER = ["title", "wom", "amount", "percent", "aim", "bounds", "maxAgeDays", "patienceMs"];

/** @internal An offer as the native half reads it. */
export function offerOf(offer: Offer): object {
  only(offer, OFFER, "an offer");
  if ((offer.amount === undefined) === (offer.percent === undefined)) {
    throw new WomError("input_invalid", "an offer brings an amount or a percentage", {
      hint: "give amount or percent, and not both",
      fields: { field: "amount" },
    });
  }
  return {
    title: text(offer.title, "title"),
    charge: {
      amount: offer.wom,
      aim: offer.aim,
      bounds: offer.bounds,
      max_age_days: offer.maxAgeDays,
      patience: offer.patienceMs === undefined ? undefined : seconds(offer.patienceMs, "patienceMs"),
    },
    discount: offer.percent === undefined ? { amount: offer.amount } : { basis_points: basisPoints(offer.percent) },
  };
}

function basisPoints(percent: number): number {
  const points = Math.round(percent * 100);
  // What is written with two digits is no binary fraction: 7.07 times 100 is a little more than 707.
  if (points > 0 && points <= 10_000 && Math.abs(percent * 100 - points) < 1e-6) return points;
  throw new WomError("input_invalid", "a percentage is 0.01 to 100, in steps of 0.01", { fields: { field: "percent" } });
}

/** @internal Rules as the native half reads them. */
export function rulesOf(rules: Rules): object {
  only(rules, ["stacking", "floor", "perOrder", "late", "takeWithinMs"], "rules");
  return {
    stacking: rules.stacking ?? "added",
    floor: rules.floor ?? 1,
    per_order: rules.perOrder ?? 1,
    late: rules.late ?? ["fresh_code", "replacement", "record_only"],
    take_within_ms: rules.takeWithinMs ?? 180_000,
  };
}

/** @internal */
export function salesOf(told: ToldSale[]): Sale[] {
  return told.map((one) => new Sale(one));
}

/** @internal */
export function posterOf(told: Omit<Poster, "made" | "ended"> & { made: string; ended: string | null }): Poster {
  return { ...told, made: new Date(told.made), ended: dateOf(told.ended) };
}

/** @internal */
export function reportOf(told: { report: Report & { not_used: NotUsed[] }; csv: string; json: string }): Report {
  const { zone, published, rows, not_used } = told.report;
  return { zone, published, rows, notUsed: not_used, csv: told.csv, json: told.json };
}

/** @internal The id of a sale or poster, or of the one whose code was shown. */
export function idOf(of: { readonly id: string } | Ticket | string, field: string): string {
  return text(typeof of === "string" ? of : of?.id, field);
}

function dateOf(at: string | null): Date | null {
  return at === null ? null : new Date(at);
}
