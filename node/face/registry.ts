/** The embedded Registry. */

import { call, home, nothing, opening, same } from "./bridge.js";
import { count, only, text } from "./checks.js";
import { native, type NativeRegistry } from "./native.js";
import type { Books, Pos, Source, Waiting } from "./values.js";

/** How a Registry is started. */
export interface RegistryOptions extends Waiting {
  /** Where everything is; in a temporary folder that is removed in the end where it is left out. */
  folder?: string | undefined;
  /** Keys of 2048 bits, the default, are quick to make; production has 4096. */
  keyBits?: number | undefined;
  /**
   * Whether it remembers nothing of what it was asked before, as the Registry that others run: what is
   * asked twice is made twice there.
   */
  faithful?: boolean | undefined;
}

/** A Registry of your own within this process, on a free port of this machine, for trying out. */
export class Registry implements AsyncDisposable {
  /** The base address, before `/api`. */
  readonly url: string;
  readonly #native: NativeRegistry;

  private constructor(started: NativeRegistry, url: string) {
    this.#native = started;
    this.url = url;
  }

  /** Starts a Registry. */
  static async start(options: RegistryOptions = {}): Promise<Registry> {
    only(options, ["folder", "keyBits", "faithful", "signal"], "a Registry");
    const { folder, keyBits = 2048, faithful = false, signal } = options;
    const started = new native.Registry(home);
    const bits = count(keyBits, "keyBits");
    await opening(started, (call) => started.start(call, folder, bits, faithful), signal);
    return new Registry(started, await call((call) => started.url(call), String));
  }

  /** Admits an instrument, which may award these aims and their children. */
  async addInstrument(name: string, aims: readonly string[], { signal }: Waiting = {}): Promise<Source> {
    const [own, codes] = [text(name, "name"), aims.map((aim) => text(aim, "aims"))];
    return await call((call) => this.#native.addInstrument(call, own, codes), admitted, signal);
  }

  /** Adds a POS of a merchant. */
  async addPos(merchant: string, name: string, { signal }: Waiting = {}): Promise<Pos> {
    const [owner, own] = [text(merchant, "merchant"), text(name, "name")];
    return await call((call) => this.#native.addPos(call, owner, own), admitted, signal);
  }

  /** What was issued, redeemed and spent. */
  async books({ signal }: Waiting = {}): Promise<Books> {
    return await call((call) => this.#native.books(call), same<Books>, signal);
  }

  /** Lets nobody answer, as in an outage, until `up`. */
  async down({ signal }: Waiting = {}): Promise<void> {
    await call((call) => this.#native.down(call), nothing, signal);
  }

  /** Answers again, at the same address. */
  async up({ signal }: Waiting = {}): Promise<void> {
    await call((call) => this.#native.up(call), nothing, signal);
  }

  /** Stops serving. Once more does nothing. */
  async close(): Promise<void> {
    await call((call) => this.#native.close(call), nothing);
  }

  /** As `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function admitted({ registry, id, key_file }: { registry: string; id: string; key_file: string }): Source {
  return { registry, id, keyFile: key_file };
}
