#!/usr/bin/env node
import { run } from './program.js';
import { processTerminal } from './terminal.js';

const code = await run(process.argv.slice(2), processTerminal());
// A command that succeeds may have set a code of its own.
if (code !== 0) process.exitCode = code;
