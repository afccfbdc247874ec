/**
 * Award and accept WOM: one anonymous voucher for each minute given to something useful to others.
 *
 * `Client` awards minutes, takes activity in and hands codes out; `CashDesk` asks for payments; `Shop` gives
 * discounts for them; `Registry` is one of your own for trying out, and `Pocket` a wallet. Whatever goes wrong is a
 * `WomError`.
 */

/// <reference lib="esnext.disposable" preserve="true" />

export { CashDesk, type CashDeskOptions, type ChargeOptions } from "./cash-desk.js";
export {
  type Adapter,
  type Aim,
  AIMS,
  adapters,
  type MerchantAdapter,
  merchants,
  type RuleSet,
  ruleSets,
  type Setting,
  VERSION,
} from "./catalogue.js";
export type { Award, Connection } from "./award.js";
export { Client, type ClientOptions, type Data, type SubmitOptions } from "./client.js";
export { ERRORS, type ErrorCode, type ErrorDetails, type Retry, WomError } from "./errors.js";
export type { Directory, Input, Instrument, Known, Received, Request, Unit } from "./instrument.js";
export type { Merchant, Order, OrderLine, OrderState } from "./merchant.js";
export {
  Attendance,
  type Body,
  Cursor,
  type Found,
  Interval,
  Milestone,
  Observation,
  type ObservationDetails,
  Point,
  RangeReplaced,
  Refusal,
  type Scan,
  Seconds,
  Steps,
  type Taken,
  Tally,
  Withdrawn,
} from "./observation.js";
export { Pocket, type RedeemOptions } from "./pocket.js";
export type { MinutesRecord, RecordOptions } from "./record.js";
export { Registry, type RegistryOptions } from "./registry.js";
export {
  type Decision,
  type NotUsed,
  type Offer,
  type Poster,
  type Receipt,
  type Remedy,
  type Report,
  type Row,
  type Rules,
  Sale,
  type Stacking,
  type Which,
} from "./sale.js";
export { Shop, type ShopOptions } from "./shop.js";
export * as study from "./study.js";
export * as testing from "./testing.js";
export {
  type Books,
  type Campaign,
  type CheckoutState,
  Claim,
  type FileKeys,
  type Given,
  type Instant,
  type Keys,
  type Line,
  type Paid,
  Person,
  type Place,
  type Pos,
  type PostgresKeys,
  type PostgresStore,
  type Reason,
  type Redeemed,
  type Refused,
  type Reply,
  type Source,
  type SqliteStore,
  type Store,
  type Submission,
  Ticket,
  type UrlPlace,
  type Use,
  type Waiting,
  type Worked,
} from "./values.js";
export * as webhook from "./webhook.js";
