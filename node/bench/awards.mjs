// Awards through this package, for the benchmark `tests/benches/awards`.
//
// The first line of the standard input: {"domain", "sourceId", "sourceKey"}. Each further line,
// "AWARDS IN_FLIGHT", is answered by "done SECONDS CPU_SECONDS". Each run has a store of its own in a
// SQLite file, as our Rust client has there; as many loops as may be in flight take the next award.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { Client } from "../dist/index.mjs";

const HALF_AN_HOUR = { aim: "H", minutes: 30, place: [43.72, 12.63] };

async function run(source, folder, awards, inFlight) {
  const client = await Client.open(source, { store: join(folder, "awards.db"), keys: join(folder, "keys.json") });
  await client.award("warm", HALF_AN_HOUR);
  const [began, used] = [performance.now(), process.cpuUsage()];
  let next = 0;
  const loop = async () => {
    while (next < awards) await client.award(`activity ${next++}`, HALF_AN_HOUR);
  };
  await Promise.all(Array.from({ length: inFlight }, loop));
  const { user, system } = process.cpuUsage(used);
  const told = `done ${(performance.now() - began) / 1e3} ${(user + system) / 1e6}`;
  await client.close();
  return told;
}

let source;
for await (const line of createInterface({ input: process.stdin })) {
  if (source === undefined) {
    const { domain, sourceId, sourceKey } = JSON.parse(line);
    source = { registry: `http://${domain}`, id: sourceId, key: () => sourceKey };
    continue;
  }
  const folder = await mkdtemp(join(tmpdir(), "wom-awards-"));
  console.log(await run(source, folder, ...line.split(" ").map(Number)));
  await rm(folder, { recursive: true });
}
