import { type MetricsLine, readRunMetrics } from '../run/directory.js';
import type { Holder } from './claims.js';
import { byEnding, type RunFailure, type RunProgress, type SweepFolder } from './folder.js';
import type { PlannedRun } from './plan-sweep.js';

/** Where a sweep stands, read from its folder alone. */
export interface SweepStatus {
  readonly runs: number;
  readonly done: number;
  readonly waiting: number;
  readonly running: readonly RunningRun[];
  readonly failed: readonly ({ readonly runId: string } & RunFailure)[];
  /** Exact training FLOPs of the runs that are done, and of all. */
  readonly flopsDone: number;
  readonly flops: number;
}

/** A run that a worker holds. */
export interface RunningRun {
  readonly runId: string;
  readonly holder: Holder;
  /** Whether the worker has ended without a word: the next controller lets the run go on. */
  readonly hasEnded: boolean;
  /** As the worker last said; undefined of one that has not. */
  readonly progress: RunProgress | undefined;
  /** The last evaluation; undefined where there is none. */
  readonly last: MetricsLine | undefined;
}

/** Reads where a sweep stands. What is running may have gone on since. */
export async function sweepStatus(folder: SweepFolder, runs: readonly PlannedRun[]): Promise<SweepStatus> {
  const { done, failed, open } = byEnding(runs, await folder.endings());
  const ids = new Set(open.map(({ runId }) => runId));
  const seen = (await folder.claims.seen()).filter(({ runId }) => ids.has(runId));
  const running = await Promise.all(
    seen.map(async (claim): Promise<RunningRun> => {
      const { runId, holder } = claim;
      const lines = await readRunMetrics(folder.runPath(runId)).catch(() => []);
      return {
        runId,
        holder,
        hasEnded: await folder.claims.hasEnded(claim),
        progress: await folder.readProgress(runId),
        last: lines.at(-1),
      };
    }),
  );
  const failures = await Promise.all(
    failed.map(async ({ runId }) => {
      const unknown = { code: 'unreadable', message: 'its reason can not be read' };
      return { runId, ...((await folder.readFailure(runId)) ?? unknown) };
    }),
  );
  const sum = (some: readonly PlannedRun[]) => some.reduce((total, { flops }) => total + flops, 0);
  return {
    runs: runs.length,
    done: done.length,
    waiting: open.length - running.length,
    running,
    failed: failures,
    flopsDone: sum(done),
    flops: sum(runs),
  };
}
