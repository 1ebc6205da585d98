import { hostname } from 'node:os';
import { ShapelawError } from '../../errors.js';
import type { RunClaim } from './claims.js';
import { beatSeconds } from './claims.js';
import { type Attempt, nothingDone, type RunEnd, type RunProgress, type SweepFolder } from './folder.js';
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

/** What an error says of a run: `again` where another attempt may mend it, `damaged` where the run has to begin anew, else `final`. */
function verdictOn(error: unknown): 'again' | 'damaged' | 'final' {
  if (!(error instanceof ShapelawError)) return 'again';
  const { code, details } = error;
  // Held by a process outside the sweep; other text, which a run that began anew would mix with that of the others.
  if (code === 'bad-run-directory' && details.pid !== undefined) return 'again';
  if (code === 'bad-run-directory' && details.isOtherText === true) return 'final';
  if (damaged.has(code)) return 'damaged';
  return passing.has(code) ? 'again' : 'final';
}

/** How work is done. */
export interface WorkOptions {
  /** Attempts one after the other that get no further, after which a run has failed. */
  readonly retries: number;
  /** Whether a claim that another holds is waited for, as long as it may turn out that its holder has ended. Defaults to false. */
  readonly isPatient?: boolean;
  readonly onProgress?: (at: RunProgress) => void;
}

/**
 * Claims a run, makes it, and writes how it ended. Files of the run that are damaged are moved aside, and the run begins anew.
 *
 * @throws whatever the folder's own files throw.
 */
export async function workOn(
  folder: SweepFolder,
  run: PlannedRun,
  maker: RunMaker,
  signal: AbortSignal,
  options: WorkOptions,
): Promise<WorkEnding> {
  const { runId } = run;
  const { retries, onProgress = () => {} } = options;
  const ended = await endingOf(folder, runId);
  if (ended !== undefined) return ended;
  const taken = (await folder.claims.take(runId)) ?? (await takeEnded(folder, runId, signal, options));
  if (taken === undefined || typeof taken === 'string') return taken ?? 'taken';
  const claim = taken;
  const lost = new AbortController();
  let latest: RunProgress | undefined;
  const beat = setInterval(() => {
    claim.beat().catch((error: unknown) => {
      if (error instanceof ShapelawError && error.code === 'claim-lost') lost.abort();
    });
    // A disk that is full must not end the run: its own files will say.
    if (latest !== undefined) folder.writeProgress(runId, latest).catch(() => {});
  }, 1000 * beatSeconds);
  const attempt = async (): Promise<WorkEnding> => {
    const before = await endingOf(folder, runId);
    if (before !== undefined) return before;
    if (claim.isTakenOver) {
      const why = 'its worker ended without a word; the same task has come again';
      if ((await failedAttempt(folder, runId, retries, 'killed', why)) === 'failed') return 'failed';
    }
    try {
      const end = await maker.make(run, claim, AbortSignal.any([signal, lost.signal]), (at) => {
        latest = at;
        onProgress(at);
      });
      await claim.require();
      if (end === undefined) return 'stopped';
      await folder.writeEnd(runId, end);
      return 'done';
    } catch (error) {
      await claim.require();
      const code = error instanceof ShapelawError ? error.code : 'internal';
      if (code === 'claim-lost') return 'taken';
      if (code === 'interrupted' && signal.aborted) return 'stopped';
      const message = error instanceof ShapelawError ? error.message : String((error as Error)?.stack ?? error);
      const verdict = verdictOn(error);
      if (verdict !== 'damaged') return await failedAttempt(folder, runId, retries, code, message, verdict === 'final');
      const aside = await folder.setAside(runId);
      return await failedAttempt(folder, runId, retries, code, `${message}. Its files are in ${aside}; it begins anew`);
    }
  };
  try {
    return await attempt();
  } catch (error) {
    if (error instanceof ShapelawError && error.code === 'claim-lost') return 'taken';
    throw error;
  } finally {
    clearInterval(beat);
    await claim.release();
  }
}

/** Claims a run whose holder has ended, after its attempt is counted. */
async function takeEnded(
  folder: SweepFolder,
  runId: string,
  signal: AbortSignal,
  { retries, isPatient = false }: WorkOptions,
): Promise<RunClaim | WorkEnding | undefined> {
  const seen = await folder.claims.seenOn(runId);
  if (seen === undefined) return folder.claims.take(runId);
  const { hasEnded, endsInTime } = folder.claims;
  if (!(isPatient ? await endsInTime(seen, signal) : await hasEnded(seen))) return 'taken';
  const { pid, host } = seen.holder;
  const ending = await countEnded(folder, seen, retries, `its worker, process ${pid} on ${host}, has ended`);
  return ending === 'again' ? folder.claims.take(runId) : (ending ?? 'taken');
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
  isFinal = false,
): Promise<'failed' | 'again'> {
  const before = await folder.readAttempts(runId);
  const mark = await folder.mark(runId);
  const attempt: Attempt = { at: new Date().toISOString(), host: hostname(), code, message, mark };
  const attempts = [...before, attempt];
  const isNoted = await folder.writeAttempts(runId, attempts).then(
    () => true,
    (error: unknown) => {
      if (!(error instanceof ShapelawError && error.code === 'write-failed')) throw error;
      return false;
    },
  );
  // What can't be noted on a full disk is bounded by whoever starts workers.
  if (!isNoted || (!isFinal && withoutGain(attempts) < retries)) return 'again';
  await folder.writeFailure(runId, { code, message });
  return 'failed';
}

/** The last attempts that got no further than the one before them; the first than nothing. */
function withoutGain(attempts: readonly Attempt[]): number {
  let count = 0;
  for (let index = attempts.length - 1; index >= 0; index--) {
    if (attempts[index]!.mark !== (attempts[index - 1]?.mark ?? nothingDone)) break;
    count++;
  }
  return count;
}
