import { availableParallelism } from 'node:os';
import { availableMemory } from 'node:process';
import { fileURLToPath } from 'node:url';
import { ShapelawError } from '../../errors.js';
import type { Sweep } from '../../recommend/design/index.js';
import type { EngineKind, OpenSweep, SweepFolder, SweepOutcome } from '../../train/index.js';
import { readJson } from '../files.js';
import { defined } from '../options.js';
import type { Terminal } from '../terminal.js';
import type { CalibrateFlags } from './command.js';
import { jsonView, textView } from './view.js';

/** What a sweep is read from: a file or a folder, or nothing for the starter sweep. */
interface StatedSweep {
  /** Undefined where a folder holds it. */
  readonly sweep: Sweep | undefined;
  readonly out: string;
}

export async function calibrate(name: string | undefined, flags: CalibrateFlags, terminal: Terminal): Promise<void> {
  requireUsable(flags);
  const stated = await statedSweep(name, flags);
  if (flags.export !== undefined) {
    const { exportRuns } = await import('./export.js');
    return exportRuns(await wholeSweep(stated), flags.export, flags.out, terminal);
  }
  if (flags.dryRun) {
    const { dryRun } = await import('./dry-run.js');
    return dryRun(await wholeSweep(stated), flags, terminal);
  }
  const { sweepFolder, openSweep, collectRuns, byEnding, runsFailed } = await import('../../train/index.js');
  const folder = sweepFolder(stated.out);
  const stop = stopSignal(terminal);
  try {
    const open = await openSweep(folder, stated.sweep, {
      ...defined({ threads: flags.threads, retries: flags.retries }),
      signal: stop.signal,
    });
    for (const note of open.notes) terminal.err(`note: ${note}\n`);
    let outcome = await sweepOnce(folder, open, flags, terminal, stop);
    let collected = await collectRuns(folder, byEnding(open.runs, await folder.endings()).done);
    // Runs whose files were damaged after they had ended are made once more.
    for (let turn = 0; outcome.status === 'complete' && collected.damaged.length > 0 && turn < 2; turn++) {
      for (const { run, problem } of collected.damaged) {
        terminal.err(`again   ${run.runId}: ${problem}\n`);
        await folder.reopen(run.runId);
        await folder.setAside(run.runId);
      }
      outcome = await sweepOnce(folder, open, flags, terminal, stop);
      collected = await collectRuns(folder, byEnding(open.runs, await folder.endings()).done);
    }
    const table = `${folder.path}/runs.jsonl`;
    const { writeWhole } = await import('../files.js');
    if (collected.lines.length > 0) {
      await writeWhole(table, collected.lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
      terminal.err(`wrote ${table}: the final losses of ${collected.lines.length} runs\n`);
    }
    if (outcome.status === 'interrupted') {
      throw new ShapelawError(
        'interrupted',
        `stopped with ${outcome.done} of ${outcome.runs} runs done; go on with: shapelaw calibrate ${folder.path}`,
        {
          path: folder.path,
        },
      );
    }
    if (flags.then !== undefined) {
      const { followUp } = await import('./then.js');
      await followUp(folder.path, open.runs, flags, terminal);
    }
    if (outcome.failed.length > 0) throw runsFailed(outcome, folder.path);
  } finally {
    stop.end();
  }
}

/** Options that only others read. */
function requireUsable(flags: CalibrateFlags): void {
  const slurmOnly = ['partition', 'account', 'gres', 'timeLimit', 'sbatch', 'wait'] as const;
  const given = slurmOnly.filter((name) => flags[name] !== undefined);
  if (flags.executor === 'local' && given.length > 0) {
    const flag = `--${given[0]!.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    throw new ShapelawError('bad-usage', `${flag} is of the executor slurm: add --executor slurm, or leave it out`, {
      given,
    });
  }
  if (flags.budget !== undefined && !flags.then?.includes('recommend')) {
    throw new ShapelawError('bad-usage', '--budget is of a recommendation: add --then fit,recommend, or leave it out');
  }
  if (flags.export !== undefined && (flags.dryRun || flags.then !== undefined)) {
    throw new ShapelawError('bad-usage', '--export makes no run: leave --dry-run and --then out');
  }
}

async function statedSweep(name: string | undefined, { out }: CalibrateFlags): Promise<StatedSweep> {
  if (name === undefined) {
    const { starterSweep } = await import('../../train/index.js');
    return { sweep: starterSweep, out: out ?? 'sweeps/starter' };
  }
  const { stat } = await import('node:fs/promises');
  if ((await stat(name).catch(() => undefined))?.isDirectory()) {
    if (out !== undefined)
      throw new ShapelawError('bad-usage', `${name} is the folder of a sweep: leave --out out`, { out });
    return { sweep: undefined, out: name };
  }
  const { parseSweep } = await import('../../recommend/design/index.js');
  const sweep = parseSweep(await readJson(name), name);
  const { basename } = await import('node:path');
  return { sweep, out: out ?? `sweeps/${basename(name).replace(/\.json$/, '')}` };
}

async function wholeSweep({ sweep, out }: StatedSweep): Promise<Sweep> {
  if (sweep !== undefined) return sweep;
  const { sweepFolder } = await import('../../train/index.js');
  const found = await sweepFolder(out).readSweep();
  if (found === undefined)
    throw new ShapelawError('bad-run-directory', `${out} holds no sweep: it has no sweep.json`, { path: out });
  return found;
}

interface Stop {
  readonly signal: AbortSignal;
  /** What a second signal does. */
  atOnce: () => Promise<void>;
  end(): void;
}

/** The first signal stops after the steps at hand, the second at once. */
function stopSignal(terminal: Terminal): Stop {
  const controller = new AbortController();
  const stop: Stop = { signal: controller.signal, atOnce: async () => {}, end: () => {} };
  const onSignal = () => {
    if (controller.signal.aborted) return void stop.atOnce().finally(() => process.exit(1));
    terminal.err('\nstopping after the steps at hand; once more stops at once\n');
    controller.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  stop.end = () => {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  };
  terminal.onReaderGone?.(() => {
    if (controller.signal.aborted) return;
    terminal.err('nobody reads the output any more: stopping after the steps at hand\n');
    controller.abort();
  });
  return stop;
}

async function sweepOnce(
  folder: SweepFolder,
  open: OpenSweep,
  flags: CalibrateFlags,
  terminal: Terminal,
  stop: Stop,
): Promise<SweepOutcome> {
  const { controlSweep, localExecutor, memoryEstimator, requireFitting } = await import('../../train/index.js');
  const { runs, setup } = open;
  const memoryOf = memoryEstimator();
  const memoryBytes = await memoryLimit(flags);
  const jobOf = (run: OpenSweep['runs'][number]) => ({ runId: run.runId, memoryBytes: () => memoryOf(run.recipe) });
  const largest = new Map(runs.slice(0, mostChecked).map((run) => [JSON.stringify(run.recipe.shape), run]));
  requireFitting([...largest.values()].map(jobOf), memoryBytes);
  const main = fileURLToPath(new URL('../main.js', import.meta.url));
  const executor = localExecutor({
    command: (runId) => [main, 'calibrate', 'run', folder.path, runId],
    slots: slotsFor(flags, setup),
    memoryBytes,
    ...(onCpu(setup.engine) ? {} : { gpus: flags.gpus ?? 1 }),
  });
  stop.atOnce = () => executor.cancel('at-once');
  const view = flags.json ? jsonView(terminal) : textView(runs, terminal);
  return controlSweep({
    folder,
    runs,
    jobOf,
    executor,
    retries: setup.retries,
    signal: stop.signal,
    onEvent: view.show,
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

export async function memoryLimit({ memory }: CalibrateFlags): Promise<number> {
  if (memory === undefined) return 0.9 * availableMemory();
  const [{ parseQuantity }, { loadUnits }] = await Promise.all([
    import('../../recommend/quantity.js'),
    import('../../recommend/units.js'),
  ]);
  await loadUnits();
  return parseQuantity(memory, 'bytes');
}
