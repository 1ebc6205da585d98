import type { Sweep } from '../../recommend/design/index.js';
import type { Terminal } from '../terminal.js';
export async function exportRuns(
  _sweep: Sweep,
  _format: string,
  _out: string | undefined,
  _terminal: Terminal,
): Promise<void> {}
