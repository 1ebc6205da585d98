import { ShapelawError } from '../../errors.js';
import type { SeenClaim } from './claims.js';
import type { EndedJob, Job, JobExecutor } from './executor.js';
import { byEnding, nothingDone, type RunEnd, type RunFailure, type RunProgress, type SweepFolder } from './folder.js';
import type { PlannedRun } from './plan-sweep.js';
import { countEnded, endingOf } from './work.js';

/** What a sweep tells while it goes on. */
export type SweepEvent =
  | {
      readonly event: 'start';
      readonly runs: number;
      readonly done: number;
      readonly failed: number;
      readonly flopsLeft: number;
      readonly executor: string;
    }
  | { readonly event: 'run-start'; readonly runId: string }
  | {
      readonly event: 'progress';
      readonly active: ReadonlyMap<string, { readonly waits?: string; readonly progress?: RunProgress }>;
    }
  | ({ readonly event: 'run-done'; readonly runId: string } & RunEnd)
  | { readonly event: 'run-again'; readonly runId: string; readonly code: string; readonly message: string }
  | ({ readonly event: 'run-failed'; readonly runId: string } & RunFailure)
  | ({ readonly event: 'end' } & SweepOutcome);

/** How a sweep ended, for now or for good. */
export interface SweepOutcome {
  /** `complete` where every run has ended; `interrupted` by the signal. */
  readonly status: 'complete' | 'interrupted';
  readonly runs: number;
  readonly done: number;
  readonly failed: readonly ({ readonly runId: string } & RunFailure)[];
}

/** What a controller is given. */
export interface ControlOptions {
  readonly folder: SweepFolder;
  readonly runs: readonly PlannedRun[];
  readonly jobOf: (run: PlannedRun) => Job;
  readonly executor: JobExecutor;
  /** As in the sweep's setup. */
  readonly retries: number;
  /** Stops the sweep after the steps at hand; a second signal is the caller's. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: SweepEvent) => void;
  /** Seconds between looks at the folder, where other controllers may work. Defaults to 2. */
  readonly lookSeconds?: number;
  /** Seconds before the second attempt at a run; each further one waits twice as long, up to a minute. Defaults to 0.25. */
  readonly waitSeconds?: number;
}

const longestWaitSeconds = 60;

/**
 * Brings every run of a sweep to an end. All that it knows is in the folder: it can be stopped and begun again at any time, and several
 * may work on one sweep.
 *
 * @throws whatever the executor or the folder throws.
 */
export async function controlSweep(options: ControlOptions): Promise<SweepOutcome> {
  const {
    folder,
    runs,
    jobOf,
    executor,
    retries,
    signal,
    onEvent = () => {},
    lookSeconds = 2,
    waitSeconds = 0.25,
  } = options;
  const first = byEnding(runs, await folder.endings());
  const open = new Map(first.open.map((run) => [run.runId, run]));
  const failed = new Map<string, RunFailure>();
  let done = first.done.length;
  onEvent({
    event: 'start',
    runs: runs.length,
    done,
    failed: first.failed.length,
    flopsLeft: first.open.reduce((sum, { flops }) => sum + flops, 0),
    executor: executor.name,
  });
  for (const { runId } of first.failed) failed.set(runId, await failureOf(folder, runId));

  /**
   * Of each run the attempts in the folder as last seen; those after them that got no further and that the folder does not have, as when its
   * disk is full or a process ends before it can claim; how far the run was; and when the next attempt may begin.
   */
  const attempts = new Map<string, { recorded: number; unrecorded: number; mark: string; notBefore: number }>();
  let claimed = new Set<string>();
  let lookedAt = Number.NEGATIVE_INFINITY;

  const close = async (runId: string, ending: 'done' | 'failed'): Promise<void> => {
    if (!open.delete(runId)) return;
    if (ending === 'failed') {
      const failure = await failureOf(folder, runId);
      failed.set(runId, failure);
      return onEvent({ event: 'run-failed', runId, ...failure });
    }
    done += 1;
    const end = await folder.readEnd(runId);
    if (end !== undefined) onEvent({ event: 'run-done', runId, ...end });
  };

  const tryAgain = async (runId: string, code: string, message: string): Promise<void> => {
    const before = attempts.get(runId);
    const recorded = (await folder.readAttempts(runId)).length;
    const mark = await folder.mark(runId);
    const isBounded = recorded > (before?.recorded ?? 0) || mark !== (before?.mark ?? nothingDone);
    const unrecorded = isBounded ? 0 : (before?.unrecorded ?? 0) + 1;
    const wait = Math.min(longestWaitSeconds, waitSeconds * 2 ** Math.max(0, recorded + unrecorded - 1));
    attempts.set(runId, { recorded, unrecorded, mark, notBefore: performance.now() + 1000 * wait });
    if (unrecorded < retries) return onEvent({ event: 'run-again', runId, code, message });
    // The folder can't say so; the next controller tries again.
    open.delete(runId);
    failed.set(runId, { code, message });
    onEvent({ event: 'run-failed', runId, code, message });
  };

  /** Ends of runs and claims that others made, and claims that ended without a word. */
  const look = async (active: ReadonlySet<string>): Promise<void> => {
    const endings = await folder.endings();
    for (const runId of [...open.keys()]) {
      if (endings.done.has(runId)) await close(runId, 'done');
      else if (endings.failed.has(runId)) await close(runId, 'failed');
    }
    const seen = await folder.claims.seen();
    claimed = new Set();
    for (const claim of seen) {
      if (active.has(claim.runId) || !open.has(claim.runId)) continue;
      if (!(await folder.claims.hasEnded(claim))) claimed.add(claim.runId);
      else {
        const { pid, host } = claim.holder;
        await settle(claim.runId, () => `its worker, process ${pid} on ${host}, has ended`);
      }
    }
  };

  /** Counts the attempt of a worker that ended without a word. */
  const settle = async (runId: string, whyOf: EndedJob['why']): Promise<void> => {
    const written = await endingOf(folder, runId);
    if (written !== undefined) return close(runId, written);
    const claim = await folder.claims.seenOn(runId);
    if (claim !== undefined && !(await folder.claims.hasEnded(claim))) return void claimed.add(runId);
    const why = await whyOf();
    const ending = claim === undefined ? 'again' : await counted(claim, why);
    if (ending === 'done' || ending === 'failed') return close(runId, ending);
    if (ending === 'again') await tryAgain(runId, 'killed', why);
  };

  const counted = (claim: SeenClaim, why: string) =>
    countEnded(folder, claim, retries, why).catch((error: unknown) => {
      // On a full disk the attempt is counted here alone.
      if (error instanceof ShapelawError && error.code === 'write-failed') return 'again' as const;
      throw error;
    });

  const waiting = function* (active: ReadonlySet<string>): Generator<Job> {
    const now = performance.now();
    for (const [runId, run] of open) {
      if (active.has(runId) || claimed.has(runId) || (attempts.get(runId)?.notBefore ?? now) > now) continue;
      yield jobOf(run);
    }
  };

  let isStopping = false;
  const turn = async (): Promise<'on' | 'over'> => {
    const { active, ended } = await executor.observe();
    const ids = new Set(active.keys());
    for (const { runId, ending, why } of ended) {
      if (ending === 'done' || ending === 'failed') await close(runId, ending);
      else if (ending === 'taken') claimed.add(runId);
      else if (ending === 'again') {
        const last = (await folder.readAttempts(runId)).at(-1);
        await tryAgain(runId, last?.code ?? 'internal', last?.message ?? (await why()));
      } else if (isStopping) continue;
      else if (ending === 'stopped') await tryAgain(runId, 'interrupted', 'a signal from elsewhere stopped its worker');
      else if (ending === undefined) await settle(runId, why);
    }
    if (performance.now() - lookedAt > 1000 * lookSeconds) {
      await look(ids);
      lookedAt = performance.now();
    }
    onEvent({ event: 'progress', active });
    if (signal?.aborted && !isStopping) {
      isStopping = true;
      await executor.cancel('soon');
    }
    if (active.size === 0 && (isStopping || open.size === 0)) return 'over';
    if (!isStopping) for (const runId of await executor.submit(waiting(ids))) onEvent({ event: 'run-start', runId });
    await executor.changed(Math.min(lookSeconds, 0.5));
    return 'on';
  };
  try {
    while ((await turn()) === 'on') {}
  } catch (error) {
    await executor.cancel('soon');
    while ((await executor.observe()).active.size > 0) await executor.changed(0.5);
    throw error;
  }
  const outcome: SweepOutcome = {
    status: open.size === 0 ? 'complete' : 'interrupted',
    runs: runs.length,
    done,
    failed: [...failed].map(([runId, failure]) => ({ runId, ...failure })),
  };
  onEvent({ event: 'end', ...outcome });
  return outcome;
}

async function failureOf(folder: SweepFolder, runId: string): Promise<RunFailure> {
  const failure = await folder.readFailure(runId);
  return failure ?? { code: 'unreadable', message: `${folder.path}/failed/${runId}.json can't be read` };
}

/** The error of a sweep of which runs have failed. */
export function runsFailed({ failed, runs }: SweepOutcome, path: string): ShapelawError {
  const shown = failed.slice(0, 3).map(({ runId, code, message }) => `${runId} [${code}] ${message}`);
  const more =
    failed.length > shown.length
      ? `\n  and ${failed.length - shown.length} more; see shapelaw calibrate status ${path}`
      : '';
  return new ShapelawError('runs-failed', `${failed.length} of ${runs} runs failed:\n  ${shown.join('\n  ')}${more}`, {
    failed: failed.map(({ runId, code }) => ({ runId, code })),
  });
}
