import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { availableMemory } from 'node:process';
import { fileURLToPath } from 'node:url';
import type {
  EngineKind,
  Job,
  JobExecutor,
  OpenSweep,
  PlannedRun,
  Recipe,
  SlurmExecutor,
  SweepFolder,
} from '../../train/index.js';
import { defined } from '../options.js';
import type { CalibrateFlags } from './command.js';

/** The program that workers run. */
export const main = fileURLToPath(new URL('../main.js', import.meta.url));

/** The executor of this machine that flags describe; refuses a sweep that its memory can't hold. */
export async function localOf(
  folder: SweepFolder,
  runs: readonly PlannedRun[],
  setup: OpenSweep['setup'],
  jobOf: (run: PlannedRun) => Job,
  flags: CalibrateFlags,
): Promise<JobExecutor> {
  const { byEnding, localExecutor, requireFitting } = await import('../../train/index.js');
  const memoryBytes = await localMemory(flags);
  const { open } = byEnding(runs, await folder.endings());
  const largest = new Map(open.slice(0, mostChecked).map((run) => [JSON.stringify(run.recipe.shape), run]));
  requireFitting([...largest.values()].map(jobOf), memoryBytes);
  return localExecutor({
    command: (runId) => [main, 'calibrate', 'run', folder.path, runId],
    slots: slotsFor(flags, setup),
    memoryBytes,
    ...(onCpu(setup.engine) ? {} : { gpus: flags.gpus ?? 1 }),
  });
}

/** The executor of array jobs that flags describe. */
export async function slurmOf(
  folder: SweepFolder,
  setup: OpenSweep['setup'],
  flags: CalibrateFlags,
): Promise<SlurmExecutor> {
  const { slurmExecutor } = await import('../../train/index.js');
  const { partition, account, gres, timeLimit, workers, sbatch } = flags;
  const path = resolve(folder.path);
  return slurmExecutor({
    path,
    command: (runId, task) => [main, 'calibrate', 'run', path, runId, '--task', task],
    cpus: setup.threads,
    ...defined({ partition, account, gres, timeLimit, workers, extra: sbatch, memoryBytes: await memoryLimit(flags) }),
  });
}

/** Whether an engine runs on the cores of this machine. */
function onCpu(engine: EngineKind): boolean {
  return ['cpu', 'tfjs-node', 'tfjs-wasm', 'tfjs-cpu'].includes(engine);
}

/** Runs side by side: as asked, or one a core of an engine that takes cores, one a GPU of another. */
export function slotsFor(
  { workers, gpus = 1 }: CalibrateFlags,
  { engine, threads }: Pick<OpenSweep['setup'], 'engine' | 'threads'>,
): number {
  return workers ?? (onCpu(engine) ? Math.max(1, Math.floor(availableParallelism() / threads)) : gpus);
}

/** Runs of most FLOPs whose memory is looked at before the first begins; each shape takes some hundredths of a second. */
const mostChecked = 32;

/** Bytes that --memory states; undefined where it is not given. */
async function memoryLimit({ memory }: CalibrateFlags): Promise<number | undefined> {
  if (memory === undefined) return undefined;
  const [{ parseQuantity }, { loadUnits }] = await Promise.all([
    import('../../recommend/quantity.js'),
    import('../../recommend/units.js'),
  ]);
  await loadUnits();
  return parseQuantity(memory, 'bytes');
}

/** Bytes that all runs on this machine together may take. */
export async function localMemory(flags: CalibrateFlags): Promise<number> {
  return (await memoryLimit(flags)) ?? 0.9 * availableMemory();
}

/** A function that gives the job of a run. */
export function jobMaker(memoryOf: (recipe: Recipe) => number): (run: PlannedRun) => Job {
  return ({ runId, recipe }) => ({ runId, memoryBytes: () => memoryOf(recipe) });
}
