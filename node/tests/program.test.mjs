// The `wom` program that comes along.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

import { folderFor } from "./help.mjs";

test("it starts itself again to be killed", async (t) => {
  const [folder, cwd] = [await folderFor(t), await folderFor(t)];
  // As npm links the programs of a package.
  const bin = join(folder, "wom");
  await symlink(join(import.meta.dirname, "..", "dist", "bin.js"), bin);
  const words = [bin, "--json", "selftest", "--kills", "2", "--seed", "7", "--dir", cwd];
  const { stdout } = await promisify(execFile)(process.execPath, words, { cwd, timeout: 300_000 });
  const { selftest } = JSON.parse(stdout.trim().split("\n").at(-1));
  const { kills, writerKills, lost, doubled, awards, minutes } = selftest;
  assert.deepEqual({ kills, writerKills, lost, doubled }, { kills: 2, writerKills: 1, lost: 0, doubled: 0 });
  assert.ok(awards >= 60 && minutes > awards, stdout);
  assert.deepEqual(await readdir(cwd), []);
});
