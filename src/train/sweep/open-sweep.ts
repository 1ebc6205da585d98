import { ShapelawError } from '../../errors.js';
import type { Sweep } from '../../recommend/design/index.js';
import type { EngineKind } from '../engines/engine.js';
import { workerExecutor } from '../engines/worker.js';
import { chooseEngine } from '../run/choose-engine.js';
import { measurePeak } from '../run/measure.js';
import { trainingPrograms } from '../run/trainer.js';
import { byEnding, type SweepFolder, type SweepSetup } from './folder.js';
import { absoluteSweep, type PlannedRun, planSweep } from './plan-sweep.js';
import { isPassing } from './work.js';

/** A sweep whose folder is ready to be worked on. */
export interface OpenSweep {
  readonly runs: readonly PlannedRun[];
  readonly setup: SweepSetup;
  /** What may not be as meant. */
  readonly notes: readonly string[];
}

/** How the runs of a sweep are made; what is left out is as the folder has it. */
export interface OpenSweepOptions {
  /** Of the CPU engine in each run. Defaults to 1, or to what the sweep has. */
  readonly threads?: number;
  /** Attempts at a run that get no further. Defaults to 3, or to what the sweep has. */
  readonly retries?: number;
  readonly signal?: AbortSignal;
  /** Whether the runs are made on other machines, so that the engine is neither needed nor measured here. Defaults to false. */
  readonly isElsewhere?: boolean;
}

/**
 * Writes a sweep and how its runs are made into its folder, or goes on with the one that is there. Runs keep their names, so that those made
 * before are not made again, of whatever sweep the folder held. Runs that failed for what may have passed are let try again.
 *
 * @param sweep - Undefined to go on with the folder's own.
 * @throws ShapelawError `bad-sweep`, `bad-run-directory`, `engine-unavailable`, `interrupted`, `write-failed`.
 */
export async function openSweep(
  folder: SweepFolder,
  sweep: Sweep | undefined,
  options: OpenSweepOptions = {},
): Promise<OpenSweep> {
  const before = await folder.readSweep();
  const now = sweep === undefined ? await folder.requireSweep() : absoluteSweep(sweep);
  const runs = planSweep(now);
  const notes: string[] = [];
  if (JSON.stringify(before) !== JSON.stringify(now)) {
    if (before !== undefined) {
      await requireQuiet(folder);
      notes.push(changeNote(planSweep(before), runs));
    }
    await folder.writeSweep(now);
  }
  const setup = await setupOf(folder, now, runs, options);
  const { failed } = byEnding(runs, await folder.endings());
  for (const { runId } of failed) {
    const failure = await folder.readFailure(runId);
    if (failure === undefined || isPassing(failure.code)) await folder.reopen(runId);
  }
  return { runs, setup, notes };
}

/** Workers find their runs in the sweep that the folder holds. */
async function requireQuiet(folder: SweepFolder): Promise<void> {
  for (const seen of await folder.claims.seen()) {
    if (await folder.claims.hasEnded(seen)) continue;
    const { pid, host } = seen.holder;
    throw new ShapelawError(
      'bad-run-directory',
      `${folder.path} holds another sweep, and process ${pid} on ${host} works on its run ${seen.runId}: wait for it, or name another folder`,
      { path: folder.path, pid, host },
    );
  }
}

function changeNote(before: readonly PlannedRun[], now: readonly PlannedRun[]): string {
  const ids = new Set(now.map(({ runId }) => runId));
  const gone = before.filter(({ runId }) => !ids.has(runId)).length;
  const kept = before.length - gone;
  return `the sweep has changed: ${kept} of its runs are as before, ${now.length - kept} are new, and ${gone} are no longer part of it (their files stay)`;
}

async function setupOf(
  folder: SweepFolder,
  { engine = 'auto' }: Sweep,
  runs: readonly PlannedRun[],
  { threads, retries, signal, isElsewhere = false }: OpenSweepOptions,
): Promise<SweepSetup> {
  const before = await folder.readSetup();
  if (before !== undefined && (engine === 'auto' || engine === before.engine)) {
    const changed = { ...before, threads: threads ?? before.threads, retries: retries ?? before.retries };
    if (JSON.stringify(changed) !== JSON.stringify(before)) await folder.writeSetup(changed);
    return changed;
  }
  const made = { threads: threads ?? 1, retries: retries ?? 3 };
  if (isElsewhere && engine !== 'auto') await folder.writeSetup({ ...made, engine });
  else {
    const { recipe } = runs[0]!;
    const open = async (kind: EngineKind) => {
      if (signal?.aborted) throw new ShapelawError('interrupted', 'stopped while an engine was chosen');
      return workerExecutor({ kind, threads: made.threads });
    };
    const { kind, executor } = await chooseEngine(engine, recipe, trainingPrograms(recipe), open);
    const peak = await measurePeak(executor).finally(() => executor.dispose());
    await folder.writeSetup({ ...made, engine: kind, peak });
  }
  return (await folder.readSetup())!;
}
