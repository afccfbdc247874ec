// Start-up until ready to award, and memory, beside an empty Node.
//
//     node bench/start.mjs [ROUNDS]
//
// Every round starts each of them once, one after the other, in a process of its own. The key has 4096
// bits. Start-up is from before the import until the key is loaded and the client is open. Memory is
// the most that was resident, after 64 awards with 32 in flight, and what of it is the process's own
// then: the rest are pages of files, which processes share (Linux tells it). Connections are those that
// the Registry sees for these awards; it is in another process. For Node there is no published connector
// to be beside.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { availableParallelism, loadavg } from "node:os";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { spread } from "./spread.mjs";

const PACKAGE = JSON.stringify(new URL("../dist/index.mjs", import.meta.url));

const TELL = `
const { readFileSync } = await import("node:fs");
const pages = readFileSync("/proc/self/smaps_rollup", "utf8").matchAll(/^Private_\\w+:\\s+(\\d+)/gm);
const own = [...pages].reduce((sum, [, kib]) => sum + Number(kib), 0) / 1024;
console.log(JSON.stringify({ start, memory: process.resourceUsage().maxRSS / 1024, own }));
`;

const EMPTY = `const start = 0; ${TELL}`;

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
${TELL}`;

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
const [url, id, key] = JSON.parse(told).map((one) => (one.startsWith("file:") ? fileURLToPath(one) : one));

let connections = 0;
const counting = createServer((client) => {
  connections += 1;
  const { hostname, port } = new URL(url);
  const to = connect(Number(port), hostname);
  client.pipe(to).pipe(client);
  for (const one of [client, to]) one.on("error", () => [client, to].forEach((end) => end.destroy()));
});
await once(counting.listen(0, "127.0.0.1"), "listening");

const clients = { "empty Node": EMPTY, "this package": READY };
const runs = Object.fromEntries(Object.keys(clients).map((name) => [name, []]));
for (let round = 0; round < rounds; round += 1) {
  for (const [name, program] of Object.entries(clients)) {
    const before = connections;
    const given = [...node(program), `http://127.0.0.1:${counting.address().port}`, id, key];
    const { stdout } = await promisify(execFile)(process.execPath, given, { encoding: "utf8" });
    runs[name].push({ ...JSON.parse(stdout.trim().split("\n").at(-1)), connections: connections - before });
  }
}
registry.stdin.end();
counting.close();
console.log(`${rounds} rounds; load of the machine ${loadavg()[0].toFixed(1)} on ${availableParallelism()} cores`);
for (const [name, of] of Object.entries(runs)) {
  const above = (sort) => spread(of.map((run, round) => run[sort] - runs["empty Node"][round][sort]));
  console.log(
    `${name}: ready after ${spread(of.map((run) => run.start))} ms; ${above("memory")} MiB above an empty Node,` +
      ` ${above("own")} of it its own; ${spread(of.map((run) => run.connections))} connections`,
  );
}
