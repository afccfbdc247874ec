// Start-up until ready to award, and memory, beside an empty Node.
//
//     node bench/start.mjs [ROUNDS]
//
// Every round starts each of them once, one after the other, in a process of its own. The key has 4096
// bits. Start-up is from before the import until the key is loaded and the client is open. Memory is
// the most that was resident, after 64 awards with 32 in flight; the Registry is in another process.
// For Node there is no published connector to be beside.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { availableParallelism, loadavg } from "node:os";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { spread } from "./spread.mjs";

const PACKAGE = JSON.stringify(new URL("../dist/index.mjs", import.meta.url));
const MEMORY = "process.resourceUsage().maxRSS / 1024";

const EMPTY = `console.log(JSON.stringify({ start: 0, memory: ${MEMORY} }))`;

const READY = `
const began = performance.now();
const { Client } = await import(${PACKAGE});
const [registry, id, keyFile] = process.argv.slice(1);
const client = await Client.open({ registry, id, keyFile });
const start = performance.now() - began;
let next = 0;
const loop = async () => {
  while (next < 64) await client.award("walk " + next++, { aim: "H", minutes: 30, place: [43.72, 12.63] });
};
await Promise.all(Array.from({ length: 32 }, loop));
await client.close();
console.log(JSON.stringify({ start, memory: ${MEMORY} }));
`;

const REGISTRY = `
import { Registry } from ${PACKAGE};
const registry = await Registry.start({ keyBits: 4096 });
const source = await registry.addInstrument("bench", ["H"]);
console.log(JSON.stringify([source.registry, source.id, source.keyFile]));
process.stdin.on("end", () => registry.close()).resume();
`;

const rounds = Number(process.argv[2] ?? 5);
const node = (program) => ["--input-type=module", "--eval", program, "--"];
const registry = spawn(process.execPath, node(REGISTRY), { stdio: ["pipe", "pipe", "inherit"] });
const [told] = await once(createInterface({ input: registry.stdout }), "line");
const place = JSON.parse(told).map((one) => (one.startsWith("file:") ? fileURLToPath(one) : one));
const clients = { "empty Node": EMPTY, "this package": READY };
const runs = Object.fromEntries(Object.keys(clients).map((name) => [name, []]));
for (let round = 0; round < rounds; round += 1) {
  for (const [name, program] of Object.entries(clients)) {
    const answer = execFileSync(process.execPath, [...node(program), ...place], { encoding: "utf8" });
    runs[name].push(JSON.parse(answer.trim().split("\n").at(-1)));
  }
}
registry.stdin.end();
console.log(`${rounds} rounds; load of the machine ${loadavg()[0].toFixed(1)} on ${availableParallelism()} cores`);
for (const [name, of] of Object.entries(runs)) {
  const above = of.map(({ memory }, round) => memory - runs["empty Node"][round].memory);
  const start = of.map((run) => run.start);
  console.log(`${name}: ready after ${spread(start)} ms; ${spread(above)} MiB above an empty Node`);
}
