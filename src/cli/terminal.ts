import { createColors } from 'picocolors';

/** Where a command writes. Results go to `out`, everything else to `err`. */
export interface Terminal {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Colours of `out`; plain text where it is no terminal or NO_COLOR is set. */
  readonly colors: ReturnType<typeof createColors>;
  /** Whether `err` is a terminal, where a line can be written over. Defaults to false. */
  readonly live?: boolean;
  /** Characters of a line of `err`, where it is a terminal. */
  readonly columns?: () => number | undefined;
  /** Does something once nobody reads `out` any more, instead of ending the process at once. */
  readonly onReaderGone?: (action: () => void) => void;
}

/** The terminal of this process: colour only on a terminal, and never with NO_COLOR set (no-color.org). */
export function processTerminal(): Terminal {
  // A reader that closes the pipe early, such as head, has all it wants.
  let onReaderGone: () => void = () => process.exit(0);
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return onReaderGone();
    process.stderr.write(`[write-failed] can't write to standard output: ${error.message}\n`);
    process.exit(1);
  });
  // Warnings that nobody reads must not keep a law file from being written.
  process.stderr.on('error', (error: NodeJS.ErrnoException) => {
    if (!['EPIPE', 'ENOSPC', 'EIO'].includes(error.code ?? '')) throw error;
  });
  const colored = process.stdout.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    colors: createColors(colored),
    live: process.stderr.isTTY === true && process.env.TERM !== 'dumb',
    columns: () => process.stderr.columns,
    onReaderGone: (action) => {
      onReaderGone = action;
    },
  };
}
