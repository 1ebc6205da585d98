import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ShapelawError } from '../errors.js';
import type { Law } from '../fit/law.js';
import type { NamedPlot } from '../report/law-plots.js';
import type { RunTable } from '../runs/index.js';
import { writeWhole } from './files.js';

/**
 * Writes the plots of a law into a folder, which is made where it is missing.
 *
 * @returns their paths.
 * @throws ShapelawError `write-failed`.
 */
export async function writePlots(law: Law, table: RunTable, folder: string, level: number): Promise<readonly string[]> {
  const { lawPlots } = await import('../report/law-plots.js');
  return writeNamedPlots(lawPlots(law, table, level), folder);
}

/**
 * Writes plots into a folder, each under its name.
 *
 * @returns their paths.
 * @throws ShapelawError `write-failed`.
 */
export async function writeNamedPlots(plots: readonly NamedPlot[], folder: string): Promise<readonly string[]> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw new ShapelawError('write-failed', `can't make the folder ${folder}: ${(error as Error).message}`, { folder });
  }
  const paths = plots.map(({ name }) => join(folder, `${name}.svg`));
  for (const [k, { svg }] of plots.entries()) await writeWhole(paths[k]!, svg);
  return paths;
}
