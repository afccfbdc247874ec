// The tarball as others get it: what is in it, its types, programs that use it, and what it says where it
// cannot run. Nothing of Rust is on the path.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, cp, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { after as atTheEnd, before, suite, test } from "node:test";
import { promisify } from "node:util";

import { folderFor } from "./help.mjs";

const HERE = import.meta.dirname;
const ROOT = dirname(HERE);
const BIN = join(ROOT, "node_modules", ".bin");
const PATH = [dirname(process.execPath), "/usr/local/bin", "/usr/bin", "/bin"].join(delimiter);

async function run(cwd, program, ...args) {
  const env = { ...process.env, PATH, npm_config_update_notifier: "false", NO_COLOR: "1" };
  const options = { cwd, env, timeout: 300_000, maxBuffer: 1 << 26 };
  try {
    return (await promisify(execFile)(program, args, options)).stdout;
  } catch (error) {
    throw new Error(`${program} ${args.join(" ")}\n${error.stdout}\n${error.stderr}`, { cause: error });
  }
}

suite("the tarball", async () => {
  let folder;
  let tarball;
  let packed;
  const ends = [];
  before(async () => {
    folder = await folderFor({ after: (end) => ends.push(end) });
    [packed] = JSON.parse(await run(ROOT, "npm", "pack", "--json", "--pack-destination", folder));
    tarball = join(folder, packed.filename);
  });
  atTheEnd(async () => {
    for (const end of ends) await end();
  });

  /** A project with the package installed; without a network, as there is nothing else to fetch. */
  async function install(name) {
    const project = join(folder, name);
    const model = join(HERE, "consumers", name);
    await cp(model, project, { recursive: true }).catch(() => mkdir(project));
    await run(project, "npm", "install", "--offline", "--no-audit", "--no-fund", "--no-save", tarball);
    return project;
  }

  test("holds what a user needs, and nothing else", async () => {
    const files = packed.files.map(({ path }) => path);
    const expected = /^(dist\/[a-z-]+\.(d\.m?ts|m?js)|native\/wom-sdk\.[a-z0-9-]+\.node|README\.md|LICENSE-(MIT|APACHE)|package\.json)$/;
    assert.deepEqual(files.filter((file) => !expected.test(file)), []);
    for (const file of ["LICENSE-MIT", "LICENSE-APACHE", "dist/index.mjs", "dist/index.d.mts"]) assert.ok(files.includes(file), file);
    const manifest = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));
    assert.deepEqual([manifest.dependencies, manifest.optionalDependencies, manifest.scripts.postinstall], [undefined, undefined, undefined]);
    const workspace = await readFile(join(ROOT, "..", "Cargo.toml"), "utf8");
    assert.equal(manifest.version, /^version = "(.*)"$/m.exec(workspace)[1]);
    assert.ok(!(await readFile(join(ROOT, "package-lock.json"), "utf8")).includes('"resolved"'));
  });

  test("is good for publint and for are-the-types-wrong", async () => {
    await run(ROOT, join(BIN, "publint"), tarball, "--strict");
    await run(ROOT, join(BIN, "attw"), tarball);
  });

  for (const name of ["cjs", "esm"]) {
    test(`serves a program: ${name}`, async () => {
      assert.equal(await run(await install(name), process.execPath, "main.js"), "7 WOM\n");
    });
  }

  test("serves TypeScript, as modules, as CommonJS and for bundlers", async () => {
    const project = await install("ts");
    await cp(join(ROOT, "node_modules", "@types"), join(project, "node_modules", "@types"), { recursive: true });
    await cp(join(ROOT, "node_modules", "undici-types"), join(project, "node_modules", "undici-types"), { recursive: true });
    await run(project, join(BIN, "tsc"), "-p", ".");
    await run(project, join(BIN, "tsc"), "-p", "tsconfig.bundler.json");
    assert.equal(await run(project, process.execPath, "dist/main.cjs"), "7 WOM\n");
    assert.equal(await run(project, process.execPath, "dist/main.mjs"), "7 WOM function\n");
  });

  test("runs the demo with npx, without Rust", async () => {
    const project = join(folder, "npx");
    await mkdir(project);
    const cargo = await run(project, "sh", "-c", "command -v cargo || true");
    assert.equal(cargo, "");
    const told = await run(project, "npx", "--yes", "--offline", `../${packed.filename}`, "demo", "--json");
    assert.equal(JSON.parse(told).books.spent, 15);
    await assert.rejects(run(project, "npx", "--yes", "--offline", `../${packed.filename}`, "dmeo"), ({ cause }) => cause.code === 2);
  });

  test("says which platform it cannot run on, and what to do", async () => {
    const project = await install("broken");
    const inner = join(project, "node_modules", "wom-sdk");
    const [file] = await readdir(join(inner, "native"));
    const load = async () => {
      const failed = await run(project, process.execPath, "-e", 'require("wom-sdk")').catch((error) => error);
      return failed.message;
    };
    const here = `${process.platform}-${process.arch}`;
    await chmod(join(inner, "native", file), 0o644);
    await writeFile(join(inner, "native", file), "not a library");
    const broken = await load();
    assert.match(broken, new RegExp(`wom-sdk cannot run on ${here}\\S* with Node ${process.versions.node}: its native file cannot be loaded`));
    assert.match(broken, /install it again/);
    await rename(join(inner, "native", file), join(inner, "native", "wom-sdk.amiga-m68k.node"));
    const missing = await load();
    assert.match(missing, new RegExp(`cannot run on ${here}.*holds no native file for it \\(there are: wom-sdk\\.amiga-m68k\\.node\\); install a package`));
    await rm(join(inner, "native"), { recursive: true });
    assert.match(await load(), /there are: none/);
  });
});
