import { availableParallelism } from 'node:os';
import type { Sweep } from '../../recommend/design/index.js';
import { bytes, durations, exact, scientific, short } from '../format.js';
import { right, table } from '../table.js';
import type { Terminal } from '../terminal.js';
import type { CalibrateFlags } from './command.js';
import { jobMaker, localMemory, slotsFor } from './executors.js';

/** Prints the runs of a sweep with what they take here, and refuses one that can't fit. */
export async function dryRun(sweep: Sweep, flags: CalibrateFlags, terminal: Terminal): Promise<void> {
  const { absoluteSweep, memoryEstimator, planSweep, probeSweep, requireFitting, runSeconds, sweepSeconds } =
    await import('../../train/index.js');
  const runs = planSweep(absoluteSweep(sweep));
  const memoryOf = memoryEstimator();
  const limit = await localMemory(flags);
  requireFitting(runs.map(jobMaker(memoryOf)), limit);
  const threads = flags.threads ?? 1;
  terminal.err('timing steps of the smallest, the middle and the largest run\n');
  const probe = await probeSweep(runs, sweep.engine ?? 'auto', threads);
  const workers = slotsFor(flags, { engine: probe.engine, threads });
  const spans = runs.map((run) => runSeconds(run, probe));
  const seconds = sweepSeconds(spans, workers);
  const flops = runs.reduce((sum, run) => sum + run.flops, 0);
  if (flags.json) {
    const rows = runs.map((run, index) => ({
      runId: run.runId,
      shape: run.recipe.shape.name,
      params: run.params,
      tokens: run.tokens,
      steps: run.steps,
      flops: run.flops,
      seed: run.recipe.seed,
      seconds: spans[index],
      memoryBytes: memoryOf(run.recipe),
    }));
    const units = {
      params: 'total',
      tokens: 'encoder+decoder',
      flops: 'exact',
      seconds: 'fastest to slowest steps timed',
      memory: 'estimated peak of a process',
    };
    terminal.out(
      `${JSON.stringify({ runs: rows, units, probe, workers, memoryLimitBytes: limit, flops, seconds }, null, 2)}\n`,
    );
    return;
  }
  const rows = runs.map((run, index) => [
    run.runId,
    run.recipe.shape.name,
    exact(run.params),
    short(run.tokens),
    exact(run.steps),
    String(run.recipe.seed),
    scientific(run.flops),
    durations(spans[index]!),
    bytes(memoryOf(run.recipe)),
  ]);
  const columns = [
    { heading: 'run' },
    { heading: 'shape' },
    ...['parameters', 'tokens', 'steps', 'seed', 'FLOPs', 'time', 'memory'].map(right),
  ];
  terminal.out(
    [
      table(columns, rows, terminal.colors.bold),
      `sweep    ${exact(runs.length)} runs, ${scientific(flops)} FLOPs (exact count), tokens of encoder and decoder`,
      `engine   ${probe.engine} on ${probe.device} (${probe.reason}), ${threads} ${threads === 1 ? 'thread' : 'threads'} a run`,
      `rates    ${probe.timed.map(({ flops: step, seconds: [fast, slow] }) => `${short(step / slow)} to ${short(step / fast)}FLOP/s at ${scientific(step)} a step`).join('; ')}`,
      `time     ${durations(seconds)} on ${exact(workers)} ${workers === 1 ? 'worker' : 'workers'} of ${exact(availableParallelism())} cores, by the fastest and the slowest of the steps timed, one run at a time`,
      `memory   at most ${bytes(Math.max(...runs.map((run) => memoryOf(run.recipe))))} a run, estimated; ${bytes(limit)} for all that run side by side`,
      '',
    ].join('\n'),
  );
}
