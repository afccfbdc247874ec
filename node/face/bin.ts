#!/usr/bin/env node
/** The `wom` program: `npx wom-sdk demo`. */

import { native } from "./native.js";

process.exitCode = native.runProgram(["wom", ...process.argv.slice(2)]);
