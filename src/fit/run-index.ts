import type { Run } from '../runs/index.js';

/** Which run each row is of. */
export interface RunIndex {
  /** Index of each row's run, from 0 on, in order of first appearance. */
  readonly runOfRow: Int32Array;
  readonly runs: number;
  readonly runIds: readonly string[];
}

/** Numbers the runs of rows. */
export function indexRuns(rows: readonly Pick<Run, 'runId'>[]): RunIndex {
  const index = new Map<string, number>();
  const runOfRow = Int32Array.from(rows, ({ runId }) => {
    const known = index.get(runId);
    if (known !== undefined) return known;
    index.set(runId, index.size);
    return index.size - 1;
  });
  return { runOfRow, runs: index.size, runIds: [...index.keys()] };
}
