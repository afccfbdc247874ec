/** The aims, adapters and rule sets that the SDK knows, as data. */

import type { Retry } from "./errors.js";
import { native } from "./native.js";

/** What minutes are given to. */
export interface Aim {
  readonly code: string;
  /** The title in English. */
  readonly en: string;
  /** The title in Italian. */
  readonly it: string;
}

/** What an adapter or a rule set can be told. */
export interface Setting {
  readonly name: string;
  readonly meaning: string;
  readonly form: "flag" | "files" | "list" | "one_of" | "text" | "whole";
  /** The words that `one_of` takes. */
  readonly values?: readonly string[];
  readonly default: string | null;
  readonly unit: string | null;
}

/** An adapter of the catalogue: name it in `Client.submit`. */
export interface Adapter {
  readonly name: string;
  readonly summary: string;
  /** The rule set that its observations are made for. */
  readonly rules: string;
  /** Whether its tests run against the real system, or real files of it. */
  readonly proven: boolean;
  readonly readFile: boolean;
  readonly pull: boolean;
  readonly webhook: boolean;
  readonly refresh: boolean;
  readonly withdraws: boolean;
  readonly settings: readonly Setting[];
}

/** A shop or till of the catalogue: name it in `Shop.open`. */
export interface MerchantAdapter {
  readonly name: string;
  readonly summary: string;
  /** Whether its tests run against the real system. */
  readonly proven: boolean;
  readonly webhook: boolean;
  /** Whether it lists orders that changed. */
  readonly orders: boolean;
  /** Whether it gives discounts by itself; else a cashier types them in. */
  readonly apply: boolean;
  readonly revoke: boolean;
  readonly settings: readonly Setting[];
}

/** A rule set of the catalogue: name it in a campaign. */
export interface RuleSet {
  readonly name: string;
  readonly summary: string;
  readonly settings: readonly Setting[];
}

/** @internal What the native half tells. */
export const known = JSON.parse(native.catalogue()) as {
  version: string;
  aims: Aim[];
  adapters: Adapter[];
  merchants: MerchantAdapter[];
  ruleSets: RuleSet[];
  schemes: string[];
  errors: [code: string, retry: Retry, meaning: string][];
};

/** The version of the SDK. */
export const VERSION: string = known.version;

/** The aims by code. `0` is for trying out: such vouchers are spent only where `0` is asked for. */
export const AIMS: ReadonlyMap<string, Aim> = new Map(known.aims.map((aim) => [aim.code, aim]));

/** The adapters by name. */
export function adapters(): Map<string, Adapter> {
  return new Map(known.adapters.map((adapter) => [adapter.name, adapter]));
}

/** The shops and tills by name. */
export function merchants(): Map<string, MerchantAdapter> {
  return new Map(known.merchants.map((merchant) => [merchant.name, merchant]));
}

/** The rule sets by name. */
export function ruleSets(): Map<string, RuleSet> {
  return new Map(known.ruleSets.map((rules) => [rules.name, rules]));
}
