// A program with import; what `require` gives is the same.

import { createRequire } from "node:module";

import * as all from "wom-sdk";
import { Client, Pocket, Registry, WomError, webhook } from "wom-sdk";

const required = createRequire(import.meta.url)("wom-sdk");
const names = (module) => Object.keys(module).filter((name) => !["default", "module.exports", "__esModule"].includes(name));
if (names(all).sort().join() !== names(required).sort().join()) throw new Error(`${names(all)} and ${names(required)}`);
if (required.WomError !== WomError) throw new Error("there are two of each class");

const registry = await Registry.start();
const client = await Client.open(await registry.addInstrument("App", ["H"]));
const pocket = await Pocket.open(registry);
const { vouchers } = await pocket.redeem(await client.award("walk", { aim: "H", minutes: 7, place: [43.7263, 12.6366] }));
try {
  webhook.verify("stripe", {}, "{}", "secret");
} catch (error) {
  if (error instanceof WomError && error.code === "input_invalid") console.log(`${vouchers} WOM`);
}
await Promise.all([client.close(), pocket.close(), registry.close()]);
