// What the tests share.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Registry, WomError } from "wom-sdk";

export const URBINO = [43.7263, 12.6366];
export const HEALTH = { name: "walks", lines: [{ name: "health", aim: "H" }], place: URBINO };
const DAY = 86_400_000;

/** Noon so many days ago, so that no day and no month ends meanwhile. */
export function noon(days = 3) {
  return new Date(Math.floor(Date.now() / DAY) * DAY - days * DAY + DAY / 2);
}

/** So many minutes after. */
export function after(start, minutes) {
  return new Date(start.getTime() + minutes * 60_000);
}

/** What `assert.rejects` and `assert.throws` take: a WomError with this code, and this in its text. */
export function wom(code, told = /./, fields = {}) {
  return (error) => {
    if (!(error instanceof WomError) || error.code !== code || !told.test(error.message)) throw error;
    for (const [name, value] of Object.entries(fields)) {
      if (error.fields[name] !== value) throw error;
    }
    return true;
  };
}

/** A Registry for all tests of a file, and an instrument of its own for each. */
export async function registryFor(t, options) {
  const registry = await Registry.start(options);
  t.after(() => registry.close());
  return registry;
}

/** A folder that is removed after the test. */
export async function folderFor(t) {
  const folder = await mkdtemp(join(tmpdir(), "wom-node-test-"));
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }));
  return folder;
}
