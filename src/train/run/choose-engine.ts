import { ShapelawError } from '../../errors.js';
import { type EngineKind, engineKinds } from '../engines/engine.js';
import type { Executor } from '../engines/executor.js';
import type { Batch } from '../text/index.js';
import { type Recipe, stepSizes } from './recipe.js';
import { initialStates, openTrainer, type TrainingPrograms } from './trainer.js';

/** An engine that `auto` looked at. */
export interface EngineTrial {
  readonly kind: EngineKind;
  /** Seconds of one step of the run; undefined where the engine is missing or failed. */
  readonly stepSeconds?: number;
  /** Why it can't run here. */
  readonly problem?: string;
}

/** The engine of a run, open. */
export interface ChosenEngine {
  readonly kind: EngineKind;
  readonly executor: Executor;
  /** One sentence. */
  readonly reason: string;
  readonly trials: readonly EngineTrial[];
}

/** Engines that `auto` tries, the likely fastest first; the others are slower than the first two wherever they run. */
const tried: readonly EngineKind[] = ['cuda', 'webgpu', 'tfjs-node-gpu', 'cpu'];

/**
 * Opens the engine asked for, or with `auto` the one whose step is the fastest, each timed on one step of this run.
 *
 * @param open - Opens an executor.
 * @param before - The engine that the run was trained with so far; undefined where there is none.
 * @throws ShapelawError `engine-unavailable`; `interrupted`, which `open` and its executors may throw.
 */
export async function chooseEngine(
  wanted: EngineKind | 'auto',
  recipe: Recipe,
  programs: TrainingPrograms,
  open: (kind: EngineKind) => Promise<Executor>,
  before?: EngineKind,
): Promise<ChosenEngine> {
  if (wanted !== 'auto') {
    if (!engineKinds.includes(wanted)) {
      throw new ShapelawError('bad-usage', `no engine "${wanted}": auto, ${engineKinds.join(', ')}`, {
        engine: wanted,
      });
    }
    const executor = await open(wanted).catch((error: unknown) => {
      if (wanted !== before || !(error instanceof ShapelawError && error.code === 'engine-unavailable')) throw error;
      const problem = `${error.message}; the run was trained on ${before}: --engine goes on with another, whose losses differ in rounding`;
      throw new ShapelawError('engine-unavailable', problem, error.details);
    });
    const reason = wanted === before ? 'as before' : before === undefined ? 'as asked' : changed(before);
    return { kind: wanted, executor, reason, trials: [] };
  }
  const trials: EngineTrial[] = [];
  // An engine that fails to close is no reason against another.
  const close = async (executor?: Executor) => executor?.dispose().catch(() => {});
  let best: { readonly kind: EngineKind; readonly executor: Executor; readonly seconds: number } | undefined;
  for (const kind of tried) {
    let executor: Executor | undefined;
    try {
      executor = await open(kind);
      const seconds = await timeStep(executor, recipe, programs);
      trials.push({ kind, stepSeconds: seconds });
      if (best === undefined || seconds < best.seconds) {
        await close(best?.executor);
        best = { kind, executor, seconds };
      } else await close(executor);
    } catch (error) {
      await close(executor);
      if (error instanceof ShapelawError && error.code === 'interrupted') {
        await close(best?.executor);
        throw error;
      }
      trials.push({ kind, problem: (error as Error).message.split('\n')[0]! });
    }
  }
  if (best === undefined) {
    const problems = trials.map(({ kind, problem }) => `${kind}: ${problem}`).join('\n  ');
    throw new ShapelawError('engine-unavailable', `no engine runs here:\n  ${problems}`, { trials });
  }
  const others = trials
    .filter(({ kind }) => kind !== best.kind)
    .map(({ kind, stepSeconds }) =>
      stepSeconds === undefined ? `${kind} can't run here` : `${kind} ${stepSeconds.toFixed(3)} s`,
    );
  const isOther = before !== undefined && before !== best.kind;
  return {
    kind: best.kind,
    executor: best.executor,
    reason: `a step takes ${best.seconds.toFixed(3)} s; ${others.join(', ')}${isOther ? `; ${changed(before)}` : ''}`,
    trials,
  };
}

const changed = (before: EngineKind) =>
  `asked for; the run was trained on ${before} before, and losses differ in rounding`;

/** The batches of one step, of made-up ids: what a step takes does not depend on them. */
export function madeUpPasses(recipe: Recipe): readonly Batch[] {
  const { encoderTokens, decoderTokens } = stepSizes(recipe);
  const ids = (tokens: number) =>
    Int32Array.from({ length: recipe.batch * tokens }, (_, index) => (7 * index) % recipe.shape.vocab);
  const batch = { encoderIds: ids(encoderTokens), targetIds: ids(decoderTokens) };
  return Array.from({ length: recipe.accumulate }, () => batch);
}

/** Seconds of the second of two steps of the run, on made-up ids. */
async function timeStep(executor: Executor, recipe: Recipe, programs: TrainingPrograms): Promise<number> {
  const trainer = await openTrainer(recipe, programs, executor);
  await trainer.write(initialStates(recipe));
  const passes = madeUpPasses(recipe);
  const rate = 1e-6;
  await trainer.step(passes, 1, rate);
  const start = performance.now();
  await trainer.step(passes, 2, rate);
  const seconds = (performance.now() - start) / 1000;
  await trainer.dispose();
  return seconds;
}
