// What the README shows runs as it stands.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { promisify } from "node:util";

const README = await readFile(new URL("../README.md", import.meta.url), "utf8");
const BLOCKS = [...README.matchAll(/```js\n(.*?)```/gs)].map(([, block]) => block);

test("the first block has ten lines", () => {
  const lines = BLOCKS[0].split("\n").filter((line) => line.trim() !== "" && !line.startsWith("import "));
  assert.ok(lines.length <= 10, String(lines.length));
});

for (const [number, block] of BLOCKS.entries()) {
  test(`block ${number} runs`, async () => {
    const words = ["--throw-deprecation", "--input-type=module", "-e", block];
    const run = await promisify(execFile)(process.execPath, words, { cwd: import.meta.dirname, timeout: 60_000 });
    assert.equal(run.stderr, "");
    const told = /^30 WOM: http:\/\/127\.0\.0\.1:\d+\/vouchers\/[0-9a-f-]{36} {2}PIN \d{4}\n$/;
    if (number === 0) assert.match(run.stdout, told);
    else assert.equal(run.stdout, "");
  });
}
