import { rm } from 'node:fs/promises';
import { ShapelawError } from '../../errors.js';
import type { Sweep } from '../../recommend/design/index.js';
import type { MetricsLine, OpenSweep, SweepFolder, SweepOutcome } from '../../train/index.js';
import { readJson } from '../files.js';
import { defined } from '../options.js';
import type { Terminal } from '../terminal.js';
import type { CalibrateFlags } from './command.js';
import { jobMaker, localOf, slurmOf } from './executors.js';
import { jsonView, textView } from './view.js';

/** What a sweep is read from: a file or a folder, or nothing for the starter sweep. */
interface StatedSweep {
  /** Undefined where a folder holds it. */
  readonly sweep: Sweep | undefined;
  readonly out: string;
}

export async function calibrate(name: string | undefined, flags: CalibrateFlags, terminal: Terminal): Promise<void> {
  await requireUsable(flags);
  const stated = withEngine(await statedSweep(name, flags), flags);
  if (flags.export !== undefined) {
    const { exportRuns } = await import('./export.js');
    return exportRuns(await wholeSweep(stated), flags.export, flags.out, flags.json ?? false, terminal);
  }
  if (flags.dryRun) {
    const { dryRun } = await import('./dry-run.js');
    return dryRun(await wholeSweep(stated), flags, terminal);
  }
  const { openSweep, runsFailed, sweepFolder } = await import('../../train/index.js');
  const folder = sweepFolder(stated.out);
  if (flags.collect) return collectOnly(folder, stated.sweep, flags, terminal);
  const stop = stopSignal(terminal);
  try {
    const open = await openSweep(folder, stated.sweep, {
      ...defined({ threads: flags.threads, retries: flags.retries }),
      signal: stop.signal,
      // A machine that only submits need not have the engine.
      isElsewhere: flags.executor === 'slurm',
    });
    for (const note of open.notes) terminal.err(`note: ${note}\n`);
    if (flags.executor === 'slurm' && !flags.wait) {
      const { submitSweep } = await import('./submit.js');
      return submitSweep(folder, open, flags, terminal);
    }
    const outcome = await sweepToEnd(folder, open, flags, terminal, stop);
    if (outcome.status === 'interrupted') {
      throw new ShapelawError(
        'interrupted',
        `stopped with ${outcome.done} of ${outcome.runs} runs done; go on with: shapelaw calibrate ${folder.path}`,
        { path: folder.path },
      );
    }
    stop.end();
    const isUsable = outcome.done > 0;
    if (flags.then !== undefined && isUsable) {
      const { followUp } = await import('./then.js');
      await followUp(folder.path, open.runs, flags, terminal).catch((error: unknown) => {
        if (outcome.failed.length === 0 || !(error instanceof ShapelawError)) throw error;
        terminal.err(`[${error.code}] ${error.message}\n`);
      });
    }
    if (outcome.failed.length > 0) throw runsFailed(outcome, folder.path);
  } finally {
    stop.end();
  }
}

/** Makes the runs, and those once more whose files were damaged after they had ended; writes the table of their losses. */
async function sweepToEnd(
  folder: SweepFolder,
  open: OpenSweep,
  flags: CalibrateFlags,
  terminal: Terminal,
  stop: Stop,
): Promise<SweepOutcome> {
  const { byEnding, collectRuns } = await import('../../train/index.js');
  for (let turn = 0; ; turn++) {
    const outcome = await sweepOnce(folder, open, flags, terminal, stop);
    const { lines, damaged } = await collectRuns(folder, byEnding(open.runs, await folder.endings()).done);
    if (outcome.status === 'interrupted' || damaged.length === 0 || turn === mostTurns) {
      await writeTable(folder, lines, terminal);
      const lost = damaged.map(({ run, problem }) => ({
        runId: run.runId,
        code: 'bad-run-directory',
        message: problem,
      }));
      return { ...outcome, done: outcome.done - lost.length, failed: [...outcome.failed, ...lost] };
    }
    for (const { run, problem } of damaged) {
      const claim = await folder.claims.take(run.runId);
      // Another controller has seen it too.
      if (claim === undefined) continue;
      terminal.err(`again   ${run.runId}: ${problem}\n`);
      await folder.reopen(run.runId);
      await folder.setAside(run.runId);
      await claim.release();
    }
  }
}

/** Times that runs are made again whose files are damaged when all have ended. */
const mostTurns = 2;

async function writeTable(folder: SweepFolder, lines: readonly MetricsLine[], terminal: Terminal): Promise<void> {
  const { writeWhole } = await import('../files.js');
  const table = `${folder.path}/runs.jsonl`;
  // None of an earlier sweep of this folder is left to be taken for this one's.
  if (lines.length === 0) return rm(table, { force: true });
  await writeWhole(table, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  terminal.err(`wrote ${table}: the final losses of ${lines.length} runs\n`);
}

/** Takes the runs of a folder that are done, and makes none. */
async function collectOnly(
  folder: SweepFolder,
  sweep: Sweep | undefined,
  flags: CalibrateFlags,
  terminal: Terminal,
): Promise<void> {
  const { absoluteSweep, byEnding, collectRuns, planSweep } = await import('../../train/index.js');
  const runs = planSweep(absoluteSweep(sweep ?? (await wholeSweep({ sweep, out: folder.path }))));
  const { done, failed, open } = byEnding(runs, await folder.endings());
  const { lines, damaged } = await collectRuns(folder, done);
  if (open.length + failed.length > 0) {
    terminal.err(
      `note: ${done.length} of ${runs.length} runs are done, ${failed.length} failed; see shapelaw calibrate status ${folder.path}\n`,
    );
  }
  for (const { run, problem } of damaged) terminal.err(`warning: run ${run.runId} is left out: ${problem}\n`);
  if (lines.length === 0) {
    throw new ShapelawError(
      'no-rows',
      `${folder.path} has no run that is done; make them with: shapelaw calibrate ${folder.path}`,
      {
        path: folder.path,
      },
    );
  }
  await writeTable(folder, lines, terminal);
  if (flags.then === undefined) return;
  const { followUp } = await import('./then.js');
  await followUp(folder.path, done, flags, terminal);
}

/** Options that only others read. */
async function requireUsable(flags: CalibrateFlags): Promise<void> {
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
  if (flags.collect && (flags.dryRun || flags.export !== undefined || flags.wait)) {
    throw new ShapelawError('bad-usage', '--collect makes no run: leave --dry-run, --export and --wait out');
  }
  if (flags.dryRun && flags.then !== undefined) {
    throw new ShapelawError('bad-usage', '--dry-run makes no run: leave --then out');
  }
  // What follows hours of training is checked before.
  if (flags.then !== undefined && /^[a-z][a-z-]*$/.test(flags.law)) {
    const { loadLaw } = await import('../../fit/laws/registry.js');
    await loadLaw(flags.law as Parameters<typeof loadLaw>[0]);
  }
  if (flags.budget !== undefined) {
    const [{ loadUnits }, { parseBudget }] = await Promise.all([
      import('../../recommend/units.js'),
      import('../../recommend/budget-text.js'),
    ]);
    await loadUnits();
    parseBudget(flags.budget);
  }
  if (flags.export !== undefined && (flags.dryRun || flags.then !== undefined)) {
    throw new ShapelawError('bad-usage', '--export makes no run: leave --dry-run and --then out');
  }
}

/** A sweep that is stated, on the engine asked for. */
function withEngine({ sweep, out }: StatedSweep, { engine, executor }: CalibrateFlags): StatedSweep {
  if (sweep === undefined) {
    if (engine === undefined) return { sweep, out };
    throw new ShapelawError('bad-usage', `the sweep in ${out} has its engine: leave --engine out`, { engine });
  }
  const chosen = engine ?? sweep.engine ?? 'auto';
  if (executor === 'slurm' && chosen === 'auto') {
    throw new ShapelawError(
      'bad-usage',
      "which engine is the fastest on Slurm's nodes can't be timed from here: give --engine, such as cpu, webgpu or cuda",
      { engine: chosen },
    );
  }
  return { sweep: { ...sweep, engine: chosen }, out };
}

async function statedSweep(name: string | undefined, { out, export: format }: CalibrateFlags): Promise<StatedSweep> {
  if (name === undefined) {
    const { starterSweep } = await import('../../train/index.js');
    return { sweep: starterSweep, out: out ?? 'sweeps/starter' };
  }
  const { stat } = await import('node:fs/promises');
  if ((await stat(name).catch(() => undefined))?.isDirectory()) {
    if (out !== undefined && format === undefined)
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
  return sweepFolder(out).requireSweep();
}

interface Stop {
  readonly signal: AbortSignal;
  /** What a second signal does. */
  atOnce: () => Promise<void>;
  /** Makes room for what is said. */
  clear: () => void;
  end(): void;
}

/** The first signal stops after the steps at hand, the second at once. */
function stopSignal(terminal: Terminal): Stop {
  const controller = new AbortController();
  const stop: Stop = { signal: controller.signal, atOnce: async () => {}, clear: () => {}, end: () => {} };
  const onSignal = () => {
    if (controller.signal.aborted) return void stop.atOnce().finally(() => process.exit(1));
    stop.clear();
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
  { runs, setup }: OpenSweep,
  flags: CalibrateFlags,
  terminal: Terminal,
  stop: Stop,
): Promise<SweepOutcome> {
  const { controlSweep, memoryEstimator } = await import('../../train/index.js');
  const jobOf = jobMaker(memoryEstimator());
  const executor =
    flags.executor === 'slurm' ? await slurmOf(folder, setup, flags) : await localOf(folder, runs, setup, jobOf, flags);
  stop.atOnce = () => executor.cancel('at-once');
  const view = flags.json ? jsonView(terminal) : textView(runs, terminal);
  stop.clear = view.clear;
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
