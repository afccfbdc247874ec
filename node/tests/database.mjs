// A PostgreSQL server for the tests, where there is one.

import { execFileSync } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The folder of `initdb`, `pg_ctl` and `postgres`. */
function findPrograms() {
  const all = "/usr/lib/postgresql";
  const versions = existsSync(all) ? readdirSync(all).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [process.env.WOM_POSTGRES_BIN ?? "/none", ...versions.map((version) => join(all, version, "bin"))];
  return folders.find((folder) => existsSync(join(folder, "initdb")));
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((listening) => server.once("listening", listening));
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
}

/**
 * The URL of a server of our own, or of the one that `WOM_POSTGRES` names, up to the data base, and what
 * stops it; `undefined` where there is none.
 */
export async function startDatabase() {
  const named = process.env.WOM_POSTGRES;
  if (named !== undefined) return { url: named.slice(0, named.lastIndexOf("/")), stop() {} };
  const programs = findPrograms();
  if (programs === undefined) {
    if (process.env.CI !== undefined) throw new Error("there is no PostgreSQL here: install the package postgresql");
    return undefined;
  }
  const folder = mkdtempSync(join(tmpdir(), "wom-postgres-"));
  const options = { cwd: folder, stdio: ["ignore", "ignore", "inherit"] };
  if (process.geteuid() === 0) {
    // It does not run as root.
    const id = (flag) => Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" }));
    [options.uid, options.gid] = [id("-u"), id("-g")];
    chownSync(folder, options.uid, options.gid);
  }
  const run = (program, ...words) => execFileSync(join(programs, program), ["-D", join(folder, "data"), ...words], options);
  run("initdb", "-U", "wom", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync");
  const port = await freePort();
  const set = `-c listen_addresses=127.0.0.1 -c port=${port} -c unix_socket_directories=${folder}`;
  run("pg_ctl", "-w", "-s", "-l", join(folder, "log"), "-o", set, "start");
  return {
    url: `postgres://wom@127.0.0.1:${port}`,
    stop() {
      run("pg_ctl", "-w", "-s", "-m", "immediate", "stop");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
