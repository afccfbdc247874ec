// A process that awards is killed with -9, again and again: nothing is lost and nothing doubled.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { suite, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { Client, Pocket } from "wom-sdk";

import { folderFor, registryFor } from "./help.mjs";

const AWARDS = 60;
const KILLS = 8;
// A fast worker may come through before it is killed: it is then given this many more.
const MORE = 50;
const MOST = 2_000;
const AWARD = { aim: "H", minutes: 1, place: [43.7, 12.6] };

const WORKER = `
  import { fsyncSync, openSync, writeSync } from "node:fs";
  import { Client } from "wom-sdk";

  const [source, folder, together, awards] = process.argv.slice(1).map((text) => JSON.parse(text));
  // A faithful Registry does not say whether it verified a code: that takes its time to find out.
  const where = { patienceMs: 300_000, store: folder + "/awards.db", keys: folder + "/keys.json" };
  const handed = openSync(folder + "/handed", "a");
  const client = await Client.open(source, where);

  async function award(number) {
    const ticket = await client.award("walk " + number, ${JSON.stringify(AWARD)});
    // The till's own journal: written and synced before the person is shown anything.
    writeSync(handed, number + " " + ticket.link + " " + ticket.pin + "\\n");
    fsyncSync(handed);
  }

  const numbers = Array.from({ length: awards }, (_, number) => number);
  if (together) await Promise.all(numbers.map(award));
  else for (const number of numbers) await award(number);
  await client.close();
`;

/** Numbers that follow from a seed: mulberry32. */
function chanceOf(seed) {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** What was handed over: lines of the journal. */
function handedIn(folder) {
  const journal = join(folder, "handed");
  return existsSync(journal) ? readFileSync(journal, "utf8").split("\n").slice(0, -1) : [];
}

/** Kills the worker at random instants until it has come through; gives how many awards it made. */
async function play(t, folder, together, seed) {
  const chance = chanceOf(seed);
  const registry = await registryFor(t, { faithful: together });
  const source = await registry.addInstrument("Mortal", ["H"]);
  const words = ["--input-type=module", "-e", WORKER, ...[source, folder, together].map((word) => JSON.stringify(word))];
  let [awards, killed] = [AWARDS, 0];
  for (;;) {
    const worker = spawn(process.execPath, [...words, String(awards)], { cwd: import.meta.dirname, stdio: ["ignore", "ignore", "inherit"] });
    const exit = once(worker, "exit");
    // At some instant of an award, from none to a few after the last time.
    const [enough, ends] = [handedIn(folder).length + chance(14), Date.now() + 2_000];
    while (killed < KILLS && worker.exitCode === null && Date.now() < ends && handedIn(folder).length < enough) await sleep(1);
    await sleep([0, 0, 0, 3, 10, 100][chance(6)]);
    if (killed < KILLS && worker.exitCode === null) {
      worker.kill("SIGKILL");
      killed += 1;
    }
    const [code, signal] = await exit;
    if (code === 0 && killed === KILLS) break;
    if (code === 0) {
      awards += MORE;
      assert.ok(awards <= MOST, `came through ${awards} awards, killed ${killed} times`);
      continue;
    }
    assert.deepEqual([code, signal], [null, "SIGKILL"]);
  }
  const handed = new Map();
  for (const line of handedIn(folder)) {
    const [number, ...code] = line.split(" ");
    handed.set(number, (handed.get(number) ?? new Set()).add(code.join(" ")));
  }
  // Lost: keys without a code. Doubled: keys with two, or more issued than asked for.
  assert.equal(handed.size, awards);
  const pocket = await Pocket.open(registry);
  t.after(() => pocket.close());
  for (const codes of handed.values()) {
    assert.equal(codes.size, 1);
    const [link, pin] = [...codes][0].split(" ");
    assert.equal((await pocket.redeemLink(link, pin)).vouchers, 1);
  }
  assert.deepEqual(await pocket.balance(), { H: awards });
  const { issued, redeemed } = await registry.books();
  assert.deepEqual([issued, redeemed], [awards, awards]);
  const client = await Client.open(source, { store: join(folder, "awards.db"), keys: join(folder, "keys.json") });
  await client.award("walk 0", AWARD);
  await client.close();
  assert.equal((await registry.books()).issued, awards);
  return awards;
}

// A faithful Registry remembers nothing: what our store does not know is made twice there. What it leaves
// open takes half a minute, in which many may wait at a time.
suite("nothing is lost and nothing doubled", { concurrency: true }, () => {
  for (const together of [false, true]) {
    const how = together ? "all at once" : "one by one";
    test(how, async (t) => {
      const seed = Number(process.env.SEED ?? 0) || randomInt(1, 2 ** 32);
      console.log(`SEED=${seed}`);
      const folder = join(await folderFor(t), "till");
      await mkdir(folder);
      const awards = await play(t, folder, together, seed);
      console.log(`${how}: killed ${KILLS} times, ${awards} awards, lost 0, doubled 0`);
    });
  }
});
