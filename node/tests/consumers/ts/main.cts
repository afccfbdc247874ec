// TypeScript that becomes CommonJS.

import { Client, Pocket, Registry, type Ticket } from "wom-sdk";

async function main(): Promise<void> {
  await using registry = await Registry.start();
  await using client = await Client.open(await registry.addInstrument("App", ["H"]));
  await using pocket = await Pocket.open(registry);
  const ticket: Ticket = await client.award("walk", { aim: "H", minutes: 7, place: [43.7263, 12.6366] });
  console.log(`${(await pocket.redeem(ticket)).vouchers} WOM`);
}

void main();
