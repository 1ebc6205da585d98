import { hostname } from 'node:os';
import { ShapelawError } from '../../errors.js';
import type { RunClaim } from './claims.js';
import { beatSeconds } from './claims.js';
import type { Attempt, RunEnd, RunProgress, SweepFolder } from './folder.js';
import type { PlannedRun } from './plan-sweep.js';

/** How the work on a run ended: `again` where another attempt is due, `taken` where another worker has it. */
export type WorkEnding = 'done' | 'failed' | 'again' | 'stopped' | 'taken';

/** What makes a run. */
export interface RunMaker {
  /**
   * Makes a run or goes on with it; undefined where the signal stopped it.
   *
   * @throws ShapelawError `diverged` and others that come again with the same run; anything else is tried again.
   */
  make(
    run: PlannedRun,
    claim: RunClaim,
    signal: AbortSignal,
    onProgress: (at: RunProgress) => void,
  ): Promise<RunEnd | undefined>;
}

/** Codes of what another attempt can mend: what the machine or the disk did, and not the run itself. */
const passing: ReadonlySet<string> = new Set([
  'write-failed',
  'out-of-memory',
  'killed',
  'internal',
  'unreadable',
  'bad-checkpoint',
  'bad-run-directory',
]);

/** Codes that say of a run's files that they are damaged. */
const damaged: ReadonlySet<string> = new Set(['bad-checkpoint', 'bad-run-directory']);

/** Whether a run that failed so may end if it is tried again. */
export function isPassing(code: string): boolean {
  return passing.has(code);
}

/**
 * Claims a run, makes it, and writes how it ended. Files of the run that are damaged are moved aside, and the run begins anew.
 *
 * @param retries - Attempts one after the other that get no further, after which the run has failed.
 * @throws whatever the folder's own files throw.
 */
export async function workOn(
  folder: SweepFolder,
  run: PlannedRun,
  maker: RunMaker,
  retries: number,
  signal: AbortSignal,
  onProgress: (at: RunProgress) => void = () => {},
): Promise<WorkEnding> {
  const { runId } = run;
  const claim = await folder.claims.take(runId);
  if (claim === undefined) return 'taken';
  const lost = new AbortController();
  let latest: RunProgress | undefined;
  const beat = setInterval(() => {
    claim.beat().catch((error: unknown) => {
      if (error instanceof ShapelawError && error.code === 'claim-lost') lost.abort();
    });
    // A disk that is full must not end the run: its own files will say.
    if (latest !== undefined) folder.writeProgress(runId, latest).catch(() => {});
  }, 1000 * beatSeconds);
  try {
    const ended = await endingOf(folder, runId);
    if (ended !== undefined) return ended;
    if (claim.isTakenOver) {
      const why = 'its worker ended without a word; the same task has come again';
      if ((await failedAttempt(folder, runId, retries, 'killed', why)) === 'failed') return 'failed';
    }
    const end = await maker.make(run, claim, AbortSignal.any([signal, lost.signal]), (at) => {
      latest = at;
      onProgress(at);
    });
    if (end === undefined) return 'stopped';
    await claim.require();
    await folder.writeEnd(runId, end);
    return 'done';
  } catch (error) {
    const code = error instanceof ShapelawError ? error.code : 'internal';
    if (code === 'claim-lost') return 'taken';
    if (code === 'interrupted' && signal.aborted) return 'stopped';
    const message = error instanceof ShapelawError ? error.message : String((error as Error)?.stack ?? error);
    if (!damaged.has(code)) return await failedAttempt(folder, runId, retries, code, message);
    await claim.require();
    const aside = await folder.setAside(runId);
    return await failedAttempt(folder, runId, retries, code, `${message}. Its files are in ${aside}; it begins anew`);
  } finally {
    clearInterval(beat);
    await claim.release();
  }
}

/**
 * Takes over the claim of a worker that has ended without a word, and counts the attempt; undefined where another was first.
 *
 * @param why - What is known of its end.
 */
export async function countEnded(
  folder: SweepFolder,
  seen: Parameters<SweepFolder['claims']['takeOver']>[0],
  retries: number,
  why: string,
): Promise<WorkEnding | undefined> {
  const claim = await folder.claims.takeOver(seen);
  if (claim === undefined) return undefined;
  try {
    const ended = await endingOf(folder, seen.runId);
    if (ended !== undefined) return ended;
    return await failedAttempt(folder, seen.runId, retries, 'killed', why);
  } finally {
    await claim.release();
  }
}

/** How a run has ended, as its folder has it; undefined of one that has not. */
export async function endingOf(folder: SweepFolder, runId: string): Promise<'done' | 'failed' | undefined> {
  if ((await folder.readEnd(runId)) !== undefined) return 'done';
  return (await folder.readFailure(runId)) === undefined ? undefined : 'failed';
}

async function failedAttempt(
  folder: SweepFolder,
  runId: string,
  retries: number,
  code: string,
  message: string,
): Promise<'failed' | 'again'> {
  const before = await folder.readAttempts(runId);
  const mark = await folder.mark(runId);
  const attempt: Attempt = { at: new Date().toISOString(), host: hostname(), code, message, mark };
  const attempts = [...before, attempt];
  await folder.writeAttempts(runId, attempts).catch((error: unknown) => {
    // Where even this can't be written the attempts are not bounded by it, but by whoever makes them.
    if (!(error instanceof ShapelawError && error.code === 'write-failed')) throw error;
  });
  if (isPassing(code) && withoutGain(attempts) < retries) return 'again';
  await folder.writeFailure(runId, { code, message });
  return 'failed';
}

/** The last attempts that got no further than the one before them. */
function withoutGain(attempts: readonly Attempt[]): number {
  const { mark } = attempts.at(-1)!;
  let count = 0;
  for (let index = attempts.length - 1; index >= 0 && attempts[index]!.mark === mark; index--) count++;
  return count;
}
