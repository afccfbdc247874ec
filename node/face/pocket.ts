/** A wallet. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { call, home, nothing, opening, same } from "./bridge.js";
import { place as placeOf, text } from "./checks.js";
import { native, type NativePocket } from "./native.js";
import { Claim, type Paid, type Place, type Redeemed, Ticket, type Waiting } from "./values.js";

/** Where vouchers are redeemed, for codes that ask for it. */
export interface RedeemOptions extends Waiting {
  place?: Place | undefined;
}

/** A wallet in a file, for tests and for programs that hold vouchers themselves. */
export class Pocket implements AsyncDisposable {
  readonly #native: NativePocket;
  readonly #folder: string | undefined;

  private constructor(opened: NativePocket, folder: string | undefined) {
    this.#native = opened;
    this.#folder = folder;
  }

  /**
   * Opens the wallet in this file, towards a Registry; one that is not there yet is empty. Without a
   * `path` it is in a temporary folder that is removed when it is closed.
   */
  static async open(
    registry: string | { readonly url: string },
    path?: string,
    { signal }: Waiting = {},
  ): Promise<Pocket> {
    const url = text(typeof registry === "string" ? registry : registry?.url, "registry");
    const folder = path === undefined ? await mkdtemp(join(tmpdir(), "wom-pocket-")) : undefined;
    const file = folder === undefined ? text(path, "path") : join(folder, "wallet.json");
    const opened = new native.Pocket(home);
    try {
      await opening(opened, (call) => opened.open(call, url, file), signal);
    } catch (error) {
      await remove(folder);
      throw error;
    }
    return new Pocket(opened, folder);
  }

  /** Takes the vouchers of a ticket: they are in the file when this resolves. */
  async redeem(ticket: Ticket | Claim, options: RedeemOptions = {}): Promise<Redeemed> {
    const { link, pin } = ticket instanceof Claim ? ticket.ticket : ticket;
    return await this.redeemLink(link, pin, options);
  }

  /** As `redeem`, by what a person sees. */
  async redeemLink(link: string, pin: string, { place, signal }: RedeemOptions = {}): Promise<Redeemed> {
    const [url, code, where] = [text(link, "link"), text(pin, "pin"), place && placeOf(place)];
    type Told = { source: string; source_name: string; vouchers: number };
    const read = ({ source, source_name, vouchers }: Told) => ({ source, sourceName: source_name, vouchers });
    return await call((call) => this.#native.redeem(call, url, code, where), read, signal);
  }

  /** Pays what a cash desk asks for. */
  async pay(ticket: Ticket, options: Waiting = {}): Promise<Paid> {
    return await this.payLink(ticket.link, ticket.pin, options);
  }

  /** As `pay`, by what a person sees. */
  async payLink(link: string, pin: string, { signal }: Waiting = {}): Promise<Paid> {
    const [url, code] = [text(link, "link"), text(pin, "pin")];
    type Told = { amount: number; pos_name: string; ack_url: string | null };
    const read = ({ amount, pos_name, ack_url }: Told) => ({ amount, posName: pos_name, ackUrl: ack_url });
    return await call((call) => this.#native.pay(call, url, code), read, signal);
  }

  /** How many vouchers can be spent, by the code of their aim. */
  async balance({ signal }: Waiting = {}): Promise<Record<string, number>> {
    return await call((call) => this.#native.balance(call), same<Record<string, number>>, signal);
  }

  /** Closes the wallet. Once more does nothing. */
  async close(): Promise<void> {
    await call((call) => this.#native.close(call), nothing);
    await remove(this.#folder);
  }

  /** As `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

async function remove(folder: string | undefined): Promise<void> {
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
}
