/** A POS. */

import { call, home, nothing, opening } from "./bridge.js";
import { count, only, seconds, text } from "./checks.js";
import { native, type NativeCashDesk } from "./native.js";
import { keysOf, sourceOf, storeOf } from "./options.js";
import { type CheckoutState, type Keys, type Pos, type Store, Ticket, type Waiting } from "./values.js";

/** What a cash desk is opened with; as for the client. */
export interface CashDeskOptions extends Waiting {
  store?: Store | undefined;
  keys?: Keys | undefined;
}

/** Which WOM are taken, and for how long a shown code is waited for. */
export interface ChargeOptions extends Waiting {
  /** Only WOM of this aim and its children. */
  aim?: string | undefined;
  /** Only WOM earned within: degrees WGS 84. */
  bounds?: readonly [north: number, west: number, south: number, east: number] | undefined;
  /** Only WOM earned at most so many days ago. */
  maxAgeDays?: number | undefined;
  /** For how many milliseconds a shown code is waited for. */
  patienceMs?: number | undefined;
}

/** A POS that is open: it asks for payments, and hears of each exactly once. */
export class CashDesk implements AsyncDisposable {
  readonly #native: NativeCashDesk;

  private constructor(opened: NativeCashDesk) {
    this.#native = opened;
  }

  /** Opens a POS. */
  static async open(pos: Pos, options: CashDeskOptions = {}): Promise<CashDesk> {
    only(options, ["store", "keys", "signal"], "a cash desk");
    const opened = new native.CashDesk(home);
    const written = JSON.stringify({
      pos: await sourceOf(pos),
      store: await storeOf(options.store),
      keys: await keysOf(options.keys),
    });
    await opening(opened, (call) => opened.open(call, written), options.signal);
    return new CashDesk(opened);
  }

  /**
   * Asks for a payment of so many WOM, 1 to 1,500, and gives the code to show.
   *
   * `reference` is the shop's own, such as an order's number: the same again gives the same code; with
   * another charge it is `award_key_reused`.
   */
  async charge(reference: string, amount: number, options: ChargeOptions = {}): Promise<Ticket> {
    only(options, ["aim", "bounds", "maxAgeDays", "patienceMs", "signal"], "a charge");
    const own = text(reference, "reference");
    const charge = JSON.stringify({
      amount,
      aim: options.aim,
      bounds: options.bounds,
      max_age_days: options.maxAgeDays,
      patience: options.patienceMs === undefined ? undefined : seconds(options.patienceMs, "patienceMs"),
    });
    return await call((call) => this.#native.charge(call, own, charge), (told) => new Ticket(told), options.signal);
  }

  /** How the checkout under this reference stands; `null` if there is none. */
  async state(reference: string, { signal }: Waiting = {}): Promise<CheckoutState | null> {
    const read = (told: Told | null) => (told === null ? null : stateOf(told));
    return await call((call) => this.#native.state(call, text(reference, "reference")), read, signal);
  }

  /** Waits until the checkout is decided, at most so long, and tells how it stands then. */
  async wait(reference: string, { atMostMs, signal }: { atMostMs: number } & Waiting): Promise<CheckoutState> {
    const [own, most] = [text(reference, "reference"), seconds(atMostMs, "atMostMs")];
    return await call((call) => this.#native.wait(call, own, most), stateOf, signal);
  }

  /** Calls a checkout off. A payment under way becomes `paid_after_cancel`. */
  async cancel(reference: string, { signal }: Waiting = {}): Promise<CheckoutState> {
    return await call((call) => this.#native.cancel(call, text(reference, "reference")), stateOf, signal);
  }

  /** Looks after checkouts that are due; tells which have changed, by their ids. */
  async work(limit = 100, { signal }: Waiting = {}): Promise<Map<string, CheckoutState>> {
    const read = (told: [string, Told][]) => new Map(told.map(([id, state]) => [id, stateOf(state)]));
    return await call((call) => this.#native.work(call, count(limit, "limit")), read, signal);
  }

  /** Closes the store. Once more does nothing. */
  async close(): Promise<void> {
    await call((call) => this.#native.close(call), nothing);
  }

  /** As `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

type Told = Omit<CheckoutState, "at"> & { at: string | null };

function stateOf(told: Told): CheckoutState {
  return { ...told, at: told.at === null ? null : new Date(told.at) };
}
