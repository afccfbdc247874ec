// The stories of `examples/node` run as they stand, and end as their twins in Rust and in Python do.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, readdir, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

import { folderFor } from "./help.mjs";

const ROOT = dirname(import.meta.dirname);
const EXAMPLES = join(ROOT, "..", "examples");

const ENDS = {
  fitness: /2018-05-27: 60 minutes for H\n2018-05-27: 73 minutes for N\ncollected: \{ H: 60, N: 73 \}\n$/,
  lms: /2026-02-20: 8790 minutes for E\n(.*\n)*collected: \{ E: 13500 \}\n$/,
  till: /WOM discount, 15 minutes \(ref\. [0-9A-F]{4}\): -83 cents\nto pay: 747 cents instead of 830\n$/,
};

test("every story is known and has twins in Rust and in Python", async () => {
  const stories = async (folder, ending) => {
    const names = await readdir(join(EXAMPLES, folder));
    return names.filter((name) => name.endsWith(ending)).map((name) => name.slice(0, -ending.length)).sort();
  };
  assert.deepEqual(await stories("node", ".mjs"), Object.keys(ENDS));
  assert.deepEqual(await stories("python", ".py"), Object.keys(ENDS));
  const rust = await stories("examples", ".rs");
  assert.deepEqual(Object.keys(ENDS).filter((story) => !rust.includes(story)), []);
});

test("every story ends well", async (t) => {
  const cwd = await installed(t);
  for (const [story, end] of Object.entries(ENDS)) {
    await t.test(story, async () => {
      const words = ["--throw-deprecation", `${story}.mjs`];
      const { stdout, stderr } = await promisify(execFile)(process.execPath, words, { cwd, timeout: 120_000 });
      assert.equal(stderr, "");
      assert.match(stdout, end);
    });
  }
});

/** The folder as a reader has it, with the package installed as its `package.json` says. */
async function installed(t) {
  const folder = await folderFor(t);
  const here = join(folder, "examples", "node");
  await mkdir(here, { recursive: true });
  await symlink(ROOT, join(folder, "node"));
  for (const data of ["data", "exams"]) await symlink(join(EXAMPLES, data), join(folder, "examples", data));
  for (const name of await readdir(join(EXAMPLES, "node"))) {
    if (name.endsWith(".mjs") || name === "package.json") await cp(join(EXAMPLES, "node", name), join(here, name));
  }
  await promisify(execFile)("npm", ["install", "--offline", "--no-audit", "--no-fund"], { cwd: here, timeout: 120_000 });
  return here;
}
