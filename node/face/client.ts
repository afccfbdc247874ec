/** An instrument. */

import { fileURLToPath } from "node:url";

import { AskedDirectory, AskedInstrument, AskedStream } from "./asked.js";
import { type Award, awardOf, type Connection, first } from "./award.js";
import { atOnce, call, home, keep, letGo, nothing, opening, same } from "./bridge.js";
import { count, only, seconds, text } from "./checks.js";
import type { Directory, Instrument } from "./instrument.js";
import { native, type NativeClient } from "./native.js";
import { campaignOf, keysOf, personOf, replyOf, sourceOf, storeOf, useOf } from "./options.js";
import { linesOf, type MinutesRecord, recordOf, type RecordOptions, rowsOf } from "./record.js";
import {
  type Campaign,
  Claim,
  type Given,
  type Instant,
  type Keys,
  Person,
  type Reply,
  type Source,
  type Store,
  type Submission,
  Ticket,
  type ToldClaim,
  type Use,
  type Waiting,
  type Worked,
} from "./values.js";
import { headerPairs, type Headers, raw } from "./webhook.js";

/** What a client is opened with. */
export interface ClientOptions extends Waiting {
  /** Remembers awards. Only towards a Registry on this machine may it be left out. */
  store?: Store | undefined;
  /** Hide who is who, and seal codes. Only towards a Registry on this machine may they be left out. */
  keys?: Keys | undefined;
  /** What activity is worth; without one only `award` and `accept` can be used. */
  campaign?: Campaign | undefined;
  /** Systems that call webhooks or are pulled, by names that never change. */
  sources?: Readonly<Record<string, Instrument | Use>> | undefined;
  /** Says who somebody is whom an adapter saw. */
  directory?: Directory | undefined;
  /** How many milliseconds to wait for a code. */
  patienceMs?: number | undefined;
}

/** How to bring something in. */
export interface SubmitOptions extends Waiting {
  /** Settings of an adapter of the catalogue, by the names that `adapters()` tells. */
  settings?: Readonly<Record<string, unknown>> | undefined;
  /** Your own name of the input: the same one again is not even read again. */
  delivery?: string | undefined;
}

/** What is brought in: bytes; the path or `file:` URL of a file; a stream of bytes; records. */
export type Data = Uint8Array | string | URL | AsyncIterable<Uint8Array> | Iterable<Readonly<Record<string, unknown>>>;

/**
 * An instrument that is open: it awards minutes, takes activity in, and hands codes out.
 *
 * One client is enough for a process; it keeps one pool of connections, and any number of calls may be
 * under way. `close` it, or hold it with `await using`.
 */
export class Client implements AsyncDisposable {
  readonly #native: NativeClient;
  readonly #kept: number[];

  private constructor(opened: NativeClient, kept: number[]) {
    this.#native = opened;
    this.#kept = kept;
  }

  /** Opens an instrument. */
  static async open(source: Source, options: ClientOptions = {}): Promise<Client> {
    only(options, ["store", "keys", "campaign", "sources", "directory", "patienceMs", "signal"], "a client");
    const named = Object.entries(options.sources ?? {});
    const kept: number[] = [];
    const own = named.flatMap(([name, one]) => ("read" in one ? [[name, told(one, kept)]] : []));
    const uses = named.flatMap(([name, one]) => ("read" in one ? [] : [[name, useOf(one)]]));
    const directory = options.directory && keep(new AskedDirectory(options.directory));
    if (directory !== undefined) kept.push(directory);
    const opened = new native.Client(home);
    try {
      const written = JSON.stringify({
        source: await sourceOf(source),
        store: await storeOf(options.store),
        keys: await keysOf(options.keys),
        campaign: options.campaign && campaignOf(options.campaign),
        rules: options.campaign?.ruleSettings ?? {},
        patience: options.patienceMs === undefined ? undefined : seconds(options.patienceMs, "patienceMs"),
        sources: Object.fromEntries(uses),
      });
      const more = JSON.stringify({ sources: own, directory });
      await opening(opened, (call) => opened.open(call, written, more), options.signal);
    } catch (error) {
      kept.forEach(letGo);
      throw error;
    }
    return new Client(opened, kept);
  }

  /**
   * Awards minutes under a key of your own, and gives the code to hand over.
   *
   * The same key again gives the same code, after a crash too, until it is acknowledged; with other
   * minutes it is `award_key_reused`.
   */
  async award(key: string, award: Award & Waiting): Promise<Ticket> {
    const [own, written] = [text(key, "key"), awardOf(award)];
    return await call((call) => this.#native.award(call, own, written), (told) => new Ticket(told), award.signal);
  }

  /**
   * Accepts an award without waiting for its code: when this resolves it is durable. `work` or `run`
   * brings it to the Registry; `award` with the same key gives its code. Gives the award's id.
   */
  async accept(key: string, award: Award & Waiting): Promise<string> {
    const [own, written] = [text(key, "key"), awardOf(award)];
    return await call((call) => this.#native.accept(call, own, written), String, award.signal);
  }

  /**
   * Accepts an award within a transaction of your own: your row and the award, or neither.
   *
   * `connection` is one to the data base that the client's PostgreSQL store is in, with the transaction
   * under way; commit it yourself. Then `run` or `work` brings the award to the Registry, and `award`
   * with the same key gives its code. The same key with other minutes is `award_key_reused`, and your
   * transaction can go on. Gives the award's id.
   */
  async enqueue(connection: Connection, key: string, award: Award): Promise<string> {
    const written = awardOf(award);
    const [id, owned, accept, held] = atOnce(this.#native.enqueue(text(key, "key"), written)) as string[];
    if (Number(await first(connection, owned)) !== 1) atOnce(this.#native.enqueueElsewhere());
    if ((await first(connection, accept)) === undefined) {
      const known = await first(connection, held);
      atOnce(this.#native.enqueueAgain(written, typeof known === "string" ? known : ""));
    }
    return String(id);
  }

  /**
   * The person has the code: it is forgotten here, and never given out again. `what` is a ticket, a
   * claim, or the key of an award of your own.
   */
  async acknowledge(what: Ticket | Claim | string, { signal }: Waiting = {}): Promise<void> {
    const begin =
      typeof what === "string"
        ? (call: number) => this.#native.acknowledgeOwn(call, text(what, "key"))
        : (call: number) => this.#native.acknowledge(call, text(what?.id, "id"));
    return await call(begin, nothing, signal);
  }

  /**
   * Takes plain minutes in: `user` was active from `start` until `end`.
   *
   * `user` is an id of yours; only a pseudonym of it is kept. `key` names the record for ever: the same
   * key again changes nothing, and with a higher `revision` corrects it. Minutes count once, whoever
   * else reported the same time.
   */
  async record(
    user: string,
    start: Instant,
    end: Instant,
    key: string,
    options: RecordOptions = {},
  ): Promise<Submission> {
    const { signal, ...more } = options;
    const record = JSON.stringify(recordOf({ ...more, user, start, end, key }));
    return await call((call) => this.#native.record(call, record), same<Submission>, signal);
  }

  /**
   * As `record`, for many at a time, of any number of people, in one call. Those that cannot be used are
   * told with their position, and the others count. For files of millions see `submit`, which reads with
   * flat memory.
   */
  async recordMany(records: Iterable<MinutesRecord>, { signal }: Waiting = {}): Promise<Submission> {
    const rows = rowsOf(records);
    return await call((call) => this.#native.recordMany(call, rows), same<Submission>, signal);
  }

  /** Takes the record with this key back, for good. */
  async withdraw(user: string, key: string, { signal }: Waiting = {}): Promise<Submission> {
    const record = JSON.stringify({ participant: text(user, "user"), key: text(key, "key"), withdrawn: true });
    return await call((call) => this.#native.record(call, record), same<Submission>, signal);
  }

  /**
   * Brings in what an adapter reads, and settles whom it touches.
   *
   * `adapter` is a name of the catalogue (see `adapters()`) or an adapter of your own. `data` is bytes,
   * the path of a file, a stream, or, for `activity.json`, records. Reading the same again changes
   * nothing.
   */
  async submit(adapter: string | Instrument, data: Data, options: SubmitOptions = {}): Promise<Submission> {
    only(options, ["settings", "delivery", "signal"], "submit");
    const kept: number[] = [];
    const stream = streamOf(data);
    try {
      const written =
        typeof adapter === "string"
          ? { named: { name: adapter, settings: options.settings ?? {} } }
          : { own: told(adapter, kept) };
      const begin = this.#submitting(JSON.stringify(written), stream ?? data, options.delivery, kept);
      return await call(begin, same<Submission>, options.signal);
    } finally {
      stream?.close();
      kept.forEach(letGo);
    }
  }

  #submitting(
    adapter: string,
    data: Data | AskedStream,
    delivery: string | undefined,
    kept: number[],
  ): (call: number) => void {
    if (data instanceof Uint8Array) return (call) => this.#native.submitBytes(call, adapter, data, delivery);
    if (typeof data === "string" || data instanceof URL) {
      const path = typeof data === "string" ? data : fileURLToPath(data);
      return (call) => this.#native.submitPath(call, adapter, path, delivery);
    }
    if (data instanceof AskedStream) {
      const stream = keep(data);
      kept.push(stream);
      return (call) => this.#native.submitStream(call, adapter, stream, delivery);
    }
    const lines = linesOf(data);
    return (call) => this.#native.submitBytes(call, adapter, lines, delivery);
  }

  /**
   * Takes a webhook call for a source, and gives the answer to send back. `body` is as it arrived, as
   * bytes. What the call tells to read is durable when this resolves, and read by `work` or `run`.
   */
  async receive(
    source: string,
    body: Uint8Array | ArrayBuffer,
    headers: Headers = [],
    { method = "POST", query = "", signal }: { method?: string; query?: string } & Waiting = {},
  ): Promise<Reply> {
    const [pairs, bytes, name] = [JSON.stringify(headerPairs(headers)), raw(body), text(source, "source")];
    return await call(
      (call) => this.#native.receive(call, name, method, query, pairs, bytes),
      replyOf,
      signal,
    );
  }

  /** Pulls from a source what has happened since the last time. */
  async pull(source: string, { signal }: Waiting = {}): Promise<Submission> {
    return await call((call) => this.#native.pull(call, text(source, "source")), same<Submission>, signal);
  }

  /**
   * Goes on with what sources have told and what could not be read, of one source or of all. A delivery is
   * parked when its source refuses to be asked, or has not answered for a week; the log says so. Once the
   * cause is mended, this lets `work` or `run` read it. Gives how many there were.
   */
  async retryInbox(source?: string, { signal }: Waiting = {}): Promise<number> {
    const name = source === undefined ? null : text(source, "source");
    return await call((call) => this.#native.retryInbox(call, name), Number, signal);
  }

  /**
   * What a person can collect now: everything that has settled, as codes that are good. Usually one
   * claim; one for each month in which something waits. The same claims again until each is
   * acknowledged.
   */
  async claims(user: string | Person, { signal }: Waiting = {}): Promise<Claim[]> {
    const person = JSON.stringify(personOf(user));
    const read = (told: ToldClaim[]) => told.map((one) => new Claim(one));
    return await call((call) => this.#native.claims(call, person), read, signal);
  }

  /** Minutes that a person could collect now. No code is made. */
  async waiting(user: string | Person, { signal }: Waiting = {}): Promise<number> {
    const person = JSON.stringify(personOf(user));
    return await call((call) => this.#native.waiting(call, person), Number, signal);
  }

  /** What a person gave, until the month's key is destroyed. */
  async history(user: string | Person, { signal }: Waiting = {}): Promise<Given[]> {
    const person = JSON.stringify(personOf(user));
    return await call((call) => this.#native.history(call, person), same<Given[]>, signal);
  }

  /** Everything that is kept about a person, as GDPR, Article 15, asks. No codes. */
  async export(user: string | Person, { signal }: Waiting = {}): Promise<Record<string, unknown>> {
    const person = JSON.stringify(personOf(user));
    return await call((call) => this.#native.export(call, person), same<Record<string, unknown>>, signal);
  }

  /** Forgets a person, and tells how many codes were given up by it. */
  async erase(user: string | Person, { signal }: Waiting = {}): Promise<number> {
    const person = JSON.stringify(personOf(user));
    return await call((call) => this.#native.erase(call, person), Number, signal);
  }

  /**
   * One round of the work that nobody asks for, at most so many of each thing: it reads what webhooks
   * told to read, settles days, and brings awards to the Registry.
   */
  async work(limit = 100, { signal }: Waiting = {}): Promise<Worked> {
    return await call((call) => this.#native.work(call, count(limit, "limit")), same<Worked>, signal);
  }

  /** Does that work until the client is closed, or the call is given up. */
  async run({ signal }: Waiting = {}): Promise<void> {
    return await call((call) => this.#native.run(call), nothing, signal);
  }

  /** Closes the store. Once more does nothing. */
  async close(): Promise<void> {
    await call((call) => this.#native.close(call), nothing);
    this.#kept.splice(0).forEach(letGo);
  }

  /** As `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** An adapter as the native half knows it; `kept` are the numbers to let go in the end. */
function told(adapter: Instrument, kept: number[]): object {
  const asked = new AskedInstrument(adapter);
  const of = keep(asked);
  kept.push(of);
  return { of, ...asked.info() };
}

function streamOf(data: Data): AskedStream | undefined {
  const streams = typeof data === "object" && data !== null && Symbol.asyncIterator in data;
  return streams ? new AskedStream(data) : undefined;
}
