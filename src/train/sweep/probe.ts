import { ShapelawError } from '../../errors.js';
import type { EngineKind } from '../engines/engine.js';
import type { Executor } from '../engines/executor.js';
import { workerExecutor } from '../engines/worker.js';
import { chooseEngine, type EngineTrial, madeUpPasses } from '../run/choose-engine.js';
import { estimateMemory, type MeasuredPeak, measurePeak } from '../run/measure.js';
import { type Recipe, stepSizes } from '../run/recipe.js';
import { initialStates, openTrainer, trainingPrograms } from '../run/trainer.js';
import type { PlannedRun } from './plan-sweep.js';

/** A low and a high end. */
export type Span = readonly [low: number, high: number];

/** What a short measurement says of a sweep's runs on this machine. */
export interface Probe {
  readonly engine: EngineKind;
  readonly device: string;
  /** Why this engine. */
  readonly reason: string;
  readonly trials: readonly EngineTrial[];
  readonly peak: MeasuredPeak;
  /** Shapes whose steps were timed: exact FLOPs of a step, and its seconds, fastest and slowest. */
  readonly timed: readonly { readonly flops: number; readonly seconds: Span }[];
  /** Seconds that a run takes before its first step, measured on the largest. */
  readonly startSeconds: number;
}

/** Steps of a shape that are timed, and the seconds after which no more are. */
const timedSteps = 8;
const timedSeconds = 1;

/** Seconds that a process of Node takes to load the trainer, its engine and the text; measured at 0.6 to 1. */
const processSeconds = 0.8;

/**
 * Times steps of the smallest, the middle and the largest run, by FLOPs of a step, on one engine: the one asked for, or of `auto` the fastest
 * on the largest run.
 *
 * @throws ShapelawError `engine-unavailable`, `interrupted`.
 */
export async function probeSweep(
  runs: readonly PlannedRun[],
  engine: EngineKind | 'auto',
  threads: number,
  signal?: AbortSignal,
): Promise<Probe> {
  const bySize = [...runs].sort((a, b) => stepSizes(a.recipe).flops - stepSizes(b.recipe).flops);
  const chosen = [bySize.at(-1)!, bySize[Math.floor(bySize.length / 2)]!, bySize[0]!];
  const recipes = [...new Map(chosen.map(({ recipe }) => [JSON.stringify(recipe.shape), recipe])).values()];
  const open = (kind: EngineKind) => workerExecutor({ kind, threads });
  const largest = recipes[0]!;
  const { kind, executor, reason, trials } = await chooseEngine(engine, largest, trainingPrograms(largest), open);
  try {
    const timed: { readonly flops: number; readonly seconds: Span }[] = [];
    let startSeconds = 0;
    for (const recipe of recipes) {
      if (signal?.aborted) throw new ShapelawError('interrupted', 'stopped while steps were timed');
      const { ready, seconds } = await timeSteps(executor, recipe);
      if (timed.length === 0) startSeconds = processSeconds + ready;
      timed.push({ flops: stepSizes(recipe).flops, seconds });
    }
    const peak = await measurePeak(executor);
    return { engine: kind, device: executor.device, reason, trials, peak, timed: timed.reverse(), startSeconds };
  } finally {
    await executor.dispose();
  }
}

async function timeSteps(
  executor: Executor,
  recipe: Recipe,
): Promise<{ readonly ready: number; readonly seconds: Span }> {
  const began = performance.now();
  const trainer = await openTrainer(recipe, trainingPrograms(recipe), executor);
  await trainer.write(initialStates(recipe));
  const passes = madeUpPasses(recipe);
  await trainer.step(passes, 1, 1e-6);
  const ready = (performance.now() - began) / 1000;
  const seconds: number[] = [];
  const start = performance.now();
  for (let step = 2; step < 2 + timedSteps && performance.now() - start < 1000 * timedSeconds; step++) {
    const from = performance.now();
    await trainer.step(passes, step, 1e-6);
    seconds.push((performance.now() - from) / 1000);
  }
  await trainer.dispose();
  return { ready, seconds: [Math.min(...seconds), Math.max(...seconds)] };
}

/**
 * Seconds of a run: its steps at the rate of the shapes timed on either side, its evaluations as forward passes, and its start. The ends are
 * those of the fastest and the slowest steps timed.
 */
export function runSeconds({ recipe, steps }: PlannedRun, { timed, startSeconds }: Probe): Span {
  const { flops } = stepSizes(recipe);
  const batches = Math.ceil(recipe.validationExamples / recipe.batch);
  // An evaluation takes the forward pass of a step, a third of its FLOPs, for each batch of the held-out examples.
  const equivalent = steps + ((recipe.evaluations + 1) * batches) / (3 * recipe.accumulate);
  const ends = [0, 1].map((end) => startSeconds + equivalent * stepSeconds(flops, timed, end as 0 | 1));
  return [ends[0]!, ends[1]!];
}

/** Interpolated in the logarithms of FLOPs and seconds; beyond the shapes timed at the rate of the nearest. */
function stepSeconds(flops: number, timed: Probe['timed'], end: 0 | 1): number {
  const after = timed.findIndex((shape) => shape.flops >= flops);
  const nearest = after === -1 ? timed.at(-1)! : timed[after]!;
  if (after <= 0) return (nearest.seconds[end] * flops) / nearest.flops;
  const before = timed[after - 1]!;
  const at = Math.log(flops / before.flops) / Math.log(nearest.flops / before.flops);
  return Math.exp((1 - at) * Math.log(before.seconds[end]) + at * Math.log(nearest.seconds[end]));
}

/** Seconds of all runs on so many workers: their sum over the workers, or the longest run. */
export function sweepSeconds(spans: readonly Span[], workers: number): Span {
  const ends = [0, 1].map((end) => {
    const seconds = spans.map((span) => span[end]!);
    return Math.max(seconds.reduce((sum, value) => sum + value, 0) / workers, ...seconds);
  });
  return [ends[0]!, ends[1]!];
}

/** A function that estimates the memory of a run's process in bytes, once for each shape and size of step. */
export function memoryEstimator(): (recipe: Recipe) => number {
  const known = new Map<string, number>();
  return (recipe) => {
    const { seed: _, tokens: __, ...rest } = recipe;
    const key = JSON.stringify(rest);
    const before = known.get(key);
    if (before !== undefined) return before;
    const bytes = estimateMemory(recipe, trainingPrograms(recipe));
    known.set(key, bytes);
    return bytes;
  };
}
