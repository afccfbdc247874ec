/** The native half: which file it is, and what is in it. Private. */

import { readdirSync } from "node:fs";
import { join } from "node:path";

/** @internal What is told of everything that is posted: see `bridge.ts`. */
export type Post = (what: string, number: number, whom: number, text: string, bytes?: Uint8Array | null) => void;

/** @internal */
export interface Home {
  cancel(call: number): void;
  reply(number: number, good: boolean, text: string, bytes?: Uint8Array): void;
  checkInstrument(call: number, maker: number, sample: Uint8Array, now?: string): void;
  checkMerchant(call: number, maker: number): void;
}

/** @internal */
export interface NativeClient {
  open(call: number, options: string, own: string): void;
  award(call: number, key: string, award: string): void;
  accept(call: number, key: string, award: string): void;
  enqueue(key: string, award: string): string;
  enqueueElsewhere(): string;
  enqueueAgain(award: string, content: string): string;
  acknowledge(call: number, id: string): void;
  acknowledgeOwn(call: number, key: string): void;
  record(call: number, record: string): void;
  recordMany(call: number, rows: string): void;
  submitBytes(call: number, adapter: string, bytes: Uint8Array, delivery?: string): void;
  submitPath(call: number, adapter: string, path: string, delivery?: string): void;
  submitStream(call: number, adapter: string, stream: number, delivery?: string): void;
  receive(call: number, source: string, method: string, query: string, headers: string, body: Uint8Array): void;
  pull(call: number, source: string): void;
  retryInbox(call: number, source: string | null): void;
  claims(call: number, person: string): void;
  waiting(call: number, person: string): void;
  history(call: number, person: string): void;
  export(call: number, person: string): void;
  erase(call: number, person: string): void;
  work(call: number, limit: number): void;
  run(call: number): void;
  close(call: number): void;
}

/** @internal */
export interface NativeCashDesk {
  open(call: number, options: string): void;
  charge(call: number, reference: string, charge: string): void;
  state(call: number, reference: string): void;
  wait(call: number, reference: string, atMost: number): void;
  cancel(call: number, reference: string): void;
  work(call: number, limit: number): void;
  close(call: number): void;
}

/** @internal */
export interface NativeShop {
  open(call: number, options: string, merchant?: string): void;
  offer(call: number, order: string, offer: string): void;
  wait(call: number, sale: string, atMost: number): void;
  sale(call: number, sale: string): void;
  salesOf(call: number, order: string): void;
  sales(call: number, which: string, after: string | undefined, limit: number): void;
  callOff(call: number, sale: string): void;
  cancel(call: number, order: string): void;
  confirm(call: number, sale: string): void;
  resolve(call: number, sale: string, decision: string): void;
  grant(call: number, sale: string, note: string): void;
  replace(call: number, sale: string, order: string): void;
  changed(call: number, order: string): void;
  receive(call: number, method: string, query: string, headers: string, body: Uint8Array): void;
  print(call: number, poster: string, offer: string): void;
  posters(call: number): void;
  unclaimed(call: number, poster: string): void;
  take(call: number, poster: string, order: string, chosen?: string): void;
  end(call: number, poster: string): void;
  receipt(call: number, sale: string, language: string): void;
  report(call: number, of: string): void;
  work(call: number, limit: number): void;
  run(call: number): void;
  close(call: number): void;
}

/** @internal */
export interface NativePocket {
  open(call: number, registry: string, path: string): void;
  redeem(call: number, link: string, pin: string, place?: [number, number]): void;
  pay(call: number, link: string, pin: string): void;
  balance(call: number): void;
  close(call: number): void;
}

/** @internal */
export interface NativeRegistry {
  start(call: number, folder: string | undefined, keyBits: number, faithful: boolean): void;
  url(call: number): void;
  addInstrument(call: number, name: string, aims: string[]): void;
  addPos(call: number, merchant: string, name: string): void;
  books(call: number): void;
  down(call: number): void;
  up(call: number): void;
  close(call: number): void;
}

/** @internal */
export interface Native {
  Home: new (post: Post) => Home;
  Client: new (home: Home) => NativeClient;
  CashDesk: new (home: Home) => NativeCashDesk;
  Shop: new (home: Home) => NativeShop;
  Pocket: new (home: Home) => NativePocket;
  Registry: new (home: Home) => NativeRegistry;
  catalogue(): string;
  nothing(): void;
  runProgram(again: string[], args: string[]): number;
  verifyWebhook(signing: string, headers: string, body: Uint8Array): string;
  signWebhook(signing: string, id: string, body: Uint8Array): string;
}

const FOLDER = join(__dirname, "..", "native");

/** @internal The platform's name, with its C library where there are two. */
export function platform(): string {
  const name = `${process.platform}-${process.arch}`;
  if (process.platform !== "linux") return name;
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  return `${name}-${header.glibcVersionRuntime === undefined ? "musl" : "gnu"}`;
}

function load(): Native {
  // To ask for the C library takes longer than to load: it is asked for where there is a choice.
  const name = `wom-sdk.${process.platform}-${process.arch}`;
  const fitting = present().filter((file) => file === `${name}.node` || file.startsWith(`${name}-`));
  const [only, ...others] = fitting;
  const file = only !== undefined && others.length === 0 ? only : `wom-sdk.${platform()}.node`;
  try {
    return require(join(FOLDER, file)) as Native;
  } catch (cause) {
    throw unloadable(platform(), file, cause);
  }
}

function unloadable(here: string, file: string, cause: unknown): Error {
  const files = present();
  const missing = !files.includes(file) || file !== `wom-sdk.${here}.node`;
  const why = missing
    ? `this package holds no native file for it (there are: ${files.join(", ") || "none"})`
    : `its native file cannot be loaded: ${cause instanceof Error ? cause.message : String(cause)}`;
  const what = missing
    ? "install a package that was built for this platform, or build it: Rust, then node/scripts/build in the source"
    : "install it again on this machine, with node_modules not copied from another; on an old system build it there: Rust, then node/scripts/build in the source";
  const error = new Error(`wom-sdk cannot run on ${here} with Node ${process.versions.node}: ${why}; ${what}`, { cause });
  return Object.assign(error, { code: "WOM_NATIVE_UNLOADABLE", platform: here });
}

function present(): string[] {
  try {
    return readdirSync(FOLDER).filter((file) => file.endsWith(".node"));
  } catch {
    return [];
  }
}

/** @internal */
export const native = load();
