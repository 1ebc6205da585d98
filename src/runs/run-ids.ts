import { type Run, shapeFields } from './record.js';
import type { ReadRun } from './rows.js';

const identity = ['params', ...shapeFields, 'schedule', 'seed'] as const;

/**
 * Names runs where the table has no ids: rows of the same parameters, shape, schedule and seed are checkpoints of one run,
 * `run-1`, `run-2` and so on in order of first appearance.
 */
export function nameRuns(
  rows: readonly ReadRun[],
  source: string,
): { readonly runs: readonly Run[]; readonly warnings: readonly string[] } {
  if (rows.every((row): row is Run => row.runId !== undefined)) return { runs: rows, warnings: [] };
  const idOf = new Map<string, string>();
  const runs = rows.map((row) => {
    const key = JSON.stringify(identity.map((field) => row[field] ?? null));
    const runId = idOf.get(key) ?? `run-${idOf.size + 1}`;
    idOf.set(key, runId);
    return { ...row, runId };
  });
  return {
    runs,
    warnings: [
      `${source} has no column of run ids: ${runs.length} rows were taken as ${idOf.size} ` +
        `${idOf.size === 1 ? 'run' : 'runs'}, one for each distinct (params, shape, schedule, seed); name the column with --map runId=COLUMN`,
    ],
  };
}
