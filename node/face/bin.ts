#!/usr/bin/env node
/** The `wom` program: `npx wom-sdk demo`. */

import { native } from "./native.js";

// The program has its own way with signals, and goes on to what was there before: Node's own handler
// raises them again, for ever. What listened once and does so no more leaves what the system does.
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, nothing);
  process.off(signal, nothing);
}

process.exitCode = native.runProgram([process.execPath, __filename], ["wom", ...process.argv.slice(2)]);

function nothing(): void {}
