// TypeScript that becomes a module, and what the types have to refuse.

import {
  CashDesk,
  type Campaign,
  type Claim,
  Client,
  type ErrorCode,
  type Found,
  type Input,
  type Instrument,
  Interval,
  type Merchant,
  Observation,
  type Order,
  Pocket,
  Registry,
  Shop,
  type Submission,
  WomError,
  webhook,
} from "wom-sdk";

class Library implements Instrument {
  readonly name = "town.library";
  readonly summary = "Reading hours";

  async *read(input: Input, now: Date): AsyncGenerator<Found> {
    for await (const card of input.lines()) {
      const start = new Date(now.getTime() - 3 * 86_400_000);
      yield new Observation(card, "visit 1", new Interval(start, new Date(start.getTime() + 60_000), { steps: 1 }));
    }
  }
}

const campaign: Campaign = { name: "reading", lines: [{ name: "culture", aim: "C" }], place: [43.7263, 12.6366] };

await using registry = await Registry.start({ keyBits: 2048 });
await using client = await Client.open(await registry.addInstrument("App", ["C"]), {
  campaign,
  directory: ({ namespace, id }) => (namespace === "lms" ? { user: id, handle: "token" } : null),
});
await using pocket = await Pocket.open(registry);
const taken: Submission = await client.submit(new Library(), Buffer.from("sara\n"));
const claims: Claim[] = await client.claims("sara", { signal: AbortSignal.timeout(60_000) });
await using desk = await CashDesk.open(await registry.addPos("Shop", "Till"));
await pocket.redeem(await client.award("gift", { aim: "C", minutes: 7, place: [43.7263, 12.6366] }));
await pocket.pay(await desk.charge("order 1", 7));
const { state, at }: { state: string; at: Date | null } = await desk.wait("order 1", { atMostMs: 20_000 });

class Till implements Merchant {
  readonly name = "town.till";
  readonly summary = "A till worked by hand";

  read(order: string): Order {
    return { id: order, version: "1", total: 1200, currency: "EUR", open: true };
  }
}

const offers = { coffee: { title: "10 %", wom: 5, percent: 10 } };
await using shop = await Shop.open("bar", await registry.addPos("Bar", "Till"), new Till(), offers);
const shown: string = (await shop.sale(await shop.offer("order 1", "coffee"))).state;

function codeOf(error: unknown): ErrorCode | undefined {
  return error instanceof WomError && error.retry === "never" ? error.code : undefined;
}

async function refusedByTheTypes(): Promise<void> {
  // @ts-expect-error a place is two numbers
  await client.award("walk", { aim: "H", minutes: 1, place: [1] });
  // @ts-expect-error an award has a place
  await client.award("walk", { aim: "H", minutes: 1 });
  // @ts-expect-error no such option
  await client.record("sara", new Date(), new Date(), "a", { activty: "walking" });
  // @ts-expect-error a body that was parsed
  webhook.verify("stripe", {}, { id: 1 }, "secret");
  // @ts-expect-error an adapter yields observations
  await client.submit({ name: "a", summary: "b", read: () => [{ user: "sara" }] }, Buffer.from(""));
  // @ts-expect-error an offer has a title
  await Shop.open("bar", { registry: "", id: "" }, new Till(), { coffee: { wom: 5, percent: 10 } });
  // @ts-expect-error no such code
  new WomError("no_such_code", "it failed");
}

if (codeOf(await client.erase("\ud800").catch((error: unknown) => error)) !== "input_invalid") throw new Error("no error");
if (shown !== "waiting" || taken.observations !== 1 || claims.length !== 1 || at === null) throw new Error(JSON.stringify(taken));
console.log(state === "paid" ? "7 WOM" : state, typeof refusedByTheTypes);
