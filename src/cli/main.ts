#!/usr/bin/env node
import { run } from './program.js';
import { processTerminal } from './terminal.js';

// A reader that closes the pipe early, such as head, has all it wants.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  process.stderr.write(`[write-failed] can't write to standard output: ${error.message}\n`);
  process.exit(1);
});
// Warnings that nobody reads must not keep a law file from being written.
process.stderr.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

process.exitCode = await run(process.argv.slice(2), processTerminal());
