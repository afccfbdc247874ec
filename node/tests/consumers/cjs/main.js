// A program with require.

const { Client, Pocket, Registry, WomError, webhook } = require("wom-sdk");

async function main() {
  const registry = await Registry.start();
  const client = await Client.open(await registry.addInstrument("App", ["H"]));
  const pocket = await Pocket.open(registry);
  const ticket = await client.award("walk", { aim: "H", minutes: 7, place: [43.7263, 12.6366] });
  const { vouchers } = await pocket.redeem(ticket);
  const refused = await client.award("walk", { aim: "?", minutes: 7, place: [0, 0] }).catch((error) => error);
  if (!(refused instanceof WomError) || webhook.SCHEMES.length === 0) throw refused;
  console.log(`${vouchers} WOM`);
  await Promise.all([client.close(), pocket.close(), registry.close()]);
}

main();
