import { join } from 'node:path';
import type { Sweep } from '../../recommend/design/index.js';
import { exact } from '../format.js';
import type { Terminal } from '../terminal.js';

/** Writes the configurations of a sweep's runs for another trainer, each file whole, the table of the runs last. */
export async function exportRuns(
  sweep: Sweep,
  format: 'hf-config' | 't5x-gin',
  out: string | undefined,
  json: boolean,
  terminal: Terminal,
): Promise<void> {
  const [{ exportSweep }, { makeFolder }, { writeWhole }] = await Promise.all([
    import('../../recommend/design/index.js'),
    import('../../train/checkpoint/index.js'),
    import('../files.js'),
  ]);
  const folder = out ?? `${sweep.name?.replaceAll(/[^\w.-]+/g, '-') ?? 'sweep'}-${format}`;
  const files = exportSweep(sweep, format);
  const [table, ...configurations] = files;
  for (const { path, text } of [...configurations, table!]) {
    await makeFolder(join(folder, path, '..'));
    await writeWhole(join(folder, path), text);
  }
  if (json) {
    terminal.out(`${JSON.stringify({ format, folder, files: files.map(({ path }) => path) }, null, 2)}\n`);
    return;
  }
  terminal.out(
    `wrote ${exact(configurations.length)} configurations and ${join(folder, table!.path)}, a row for each run with what trains it\nwith a column of losses added, that table is one of runs: shapelaw fit ${join(folder, table!.path)} --law chinchilla\n`,
  );
}
