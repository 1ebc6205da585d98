import { createHash } from 'node:crypto';
import { ShapelawError } from '../../errors.js';
import { version } from '../../version.js';
import { writeHuggingFaceT5 } from '../checkpoint/index.js';
import { type EngineKind, openExecutor } from '../engines/engine.js';
import type { Executor, HostTensor } from '../engines/executor.js';
import { workerExecutor } from '../engines/worker.js';
import { initialParameters } from '../model/initial.js';
import {
  type Batch,
  byteTokenizer,
  embeddedCorpus,
  openCorpus,
  openTokenizer,
  type TextOptions,
  trainBatches,
  validationSet,
} from '../text/index.js';
import { type BatchSource, batchSource } from './batches.js';
import { chooseEngine, type EngineTrial } from './choose-engine.js';
import { type MetricsLine, openRunDirectory, type Position, type RunDirectory, readConfig } from './directory.js';
import { estimateMemory, type MeasuredPeak, measurePeak, requireMemory } from './measure.js';
import { type Plan, planRun } from './plan.js';
import { parametersOf, type Recipe, recipeId, type StepSizes, stepSizes } from './recipe.js';
import { cooldownStart, learningRateAt } from './schedule.js';
import { openTrainer, type Trainer, trainingPrograms, withFreshOptimizer } from './trainer.js';

/** How a run is made; none of it changes the losses on the CPU engine. */
export interface TrainOptions {
  readonly recipe: Recipe;
  /** The run's directory; made where it is missing, resumed where it holds this run. */
  readonly out: string;
  /** Defaults to `auto`. */
  readonly engine?: EngineKind | 'auto';
  /** Threads of the CPU engine. Defaults to 1. */
  readonly threads?: number;
  /** Whether layers are computed again for their gradients instead of kept. Defaults to false. */
  readonly recompute?: boolean;
  /** Seconds after which the run stops, to be resumed. Defaults to none. */
  readonly timeSeconds?: number;
  /** Stops the run after the step at hand, to be resumed. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: TrainEvent) => void;
  /** Whether the engine has a thread of its own. Defaults to true. */
  readonly ownThread?: boolean;
}

/** What a run tells while it goes on. */
export type TrainEvent =
  | {
      readonly event: 'start';
      readonly runId: string;
      readonly out: string;
      readonly parameters: number;
      readonly steps: number;
      readonly sizes: StepSizes;
      readonly tokenizer: string;
      readonly corpus: string;
      readonly recipe: Recipe;
      readonly engine: EngineKind;
      readonly device: string;
      readonly reason: string;
      readonly trials: readonly EngineTrial[];
      readonly peak: MeasuredPeak;
      readonly memoryEstimateBytes: number;
      /** Steps done before. */
      readonly resumedAt: number;
    }
  | {
      readonly event: 'step';
      readonly step: number;
      readonly steps: number;
      /** Whether the step is of a cool-down off the trunk. */
      readonly branch: boolean;
      readonly loss: number;
      readonly tokensPerSecond: number;
      readonly secondsLeft: number;
    }
  | { readonly event: 'evaluation'; readonly line: MetricsLine }
  | ({ readonly event: 'end' } & TrainResult);

/** How a run ended, for now or for good. */
export interface TrainResult {
  readonly runId: string;
  readonly out: string;
  /** `complete`; `time` where the time was up; `interrupted` by the signal. */
  readonly status: 'complete' | 'time' | 'interrupted';
  readonly step: number;
  readonly steps: number;
  /** Encoder and decoder tokens of the trunk. */
  readonly tokens: number;
  /** FLOPs of all steps in this directory's metrics, those of branches included. */
  readonly flops: number;
  readonly loss: number | null;
  readonly bestLoss: number | null;
  readonly elapsedSeconds: number;
  readonly peakMemoryBytes: number;
}

/**
 * Makes or resumes a run: trains a T5 model from its initialisation, evaluates it on fixed held-out examples, and keeps
 * run records, checkpoints and at the end the model in its directory.
 *
 * @throws ShapelawError `bad-corpus`, `bad-tokenizer`, `bad-run-directory`, `bad-checkpoint`, `engine-unavailable`,
 *   `out-of-memory`, `diverged` where a loss is no longer finite, `write-failed`.
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  const { recipe, out, threads = 1, recompute = false } = options;
  const tokenizer = recipe.tokenizer === 'bytes' ? byteTokenizer : await openTokenizer(recipe.tokenizer);
  if (tokenizer.vocab > recipe.shape.vocab) {
    throw new ShapelawError(
      'bad-tokenizer',
      `the tokenizer ${tokenizer.name} has ${tokenizer.vocab} ids and the model's vocabulary ${recipe.shape.vocab}: give the shape vocab=${128 * Math.ceil(tokenizer.vocab / 128)}`,
      { tokenizer: tokenizer.name, ids: tokenizer.vocab, vocab: recipe.shape.vocab },
    );
  }
  const corpus =
    recipe.corpus.length === 0 ? embeddedCorpus() : await openCorpus(recipe.corpus, { textField: recipe.textField });
  const sizes = stepSizes(recipe);
  const text: TextOptions = {
    corpus,
    tokenizer,
    encoderTokens: recipe.encoderTokens,
    batch: recipe.batch,
    seed: recipe.seed,
    density: recipe.density,
    meanSpan: recipe.meanSpan,
    validationFraction: recipe.validationFraction,
  };
  const runId = recipeId(recipe);
  const earlier = await readConfig(out);
  if (earlier !== undefined && earlier.runId !== runId) throw otherRun(out, earlier.recipe, recipe);

  const programs = trainingPrograms(recipe, recompute);
  const memoryEstimateBytes = estimateMemory(recipe, programs);
  requireMemory(memoryEstimateBytes);
  const validation = await validationSet(text, recipe.validationExamples);
  const validationHash = hashOf(validation.batches);
  if (earlier !== undefined && earlier.validationHash !== validationHash) {
    throw new ShapelawError(
      'bad-run-directory',
      `${out}: its run was evaluated on other text: the corpus or the tokenizer's file has changed since; restore it, or name another directory`,
      { path: out },
    );
  }

  if (earlier === undefined) await requireBatch(trainBatches(text));

  const open = (kind: EngineKind): Promise<Executor> =>
    options.ownThread === false ? openExecutor({ kind, threads }) : workerExecutor({ kind, threads });
  const chosen = await chooseEngine(options.engine ?? 'auto', recipe, programs, open);
  const { executor } = chosen;
  let directory: RunDirectory | undefined;
  try {
    const peak = await measurePeak(executor);
    directory = await openRunDirectory(out, {
      version,
      runId,
      recipe,
      validationHash,
      engine: chosen.kind,
      device: executor.device,
      engineVersions: executor.versions,
      node: process.version,
      threads,
      recompute,
      tokenizer: tokenizer.name,
      corpus: corpus.name,
      measuredPeak: peak,
      bytesPerToken: validation.bytesPerToken,
    });
    const trainer = await openTrainer(recipe, programs, executor);
    const saved = await directory.load();
    const position: Position = saved?.position ?? {
      step: 0,
      elapsedSeconds: 0,
      lossScale: trainer.lossScale,
    };
    const states = saved?.states ?? withFreshOptimizer(recipe, initialParameters(recipe.shape, recipe.seed));
    await trainer.write(states, position.lossScale);
    const plan = planRun(recipe, sizes);
    options.onEvent?.({
      event: 'start',
      runId,
      out,
      parameters: parametersOf(recipe),
      steps: plan.steps,
      sizes,
      tokenizer: tokenizer.name,
      corpus: corpus.name,
      recipe,
      engine: chosen.kind,
      device: executor.device,
      reason: chosen.reason,
      trials: chosen.trials,
      peak,
      memoryEstimateBytes,
      resumedAt: position.step,
    });
    const stream = trainBatches(text, position.step * recipe.accumulate);
    const result = await runPlan({
      options,
      recipe,
      sizes,
      plan,
      runId,
      engine: chosen.kind,
      device: executor.device,
      peak,
      measurePeak: () => measurePeak(executor),
      tokenizer: tokenizer.name,
      validation: validation.batches,
      bytesPerTarget: (validation.removedTokens * validation.bytesPerToken) / sizes.decoderTokens,
      directory,
      trainer,
      batches: batchSource(stream, position.step * recipe.accumulate),
      position,
    });
    options.onEvent?.({ event: 'end', ...result });
    return result;
  } finally {
    await directory?.close();
    await executor.dispose();
  }
}

/** Draws a batch, so that text too short for one is refused before anything is made. */
async function requireBatch(batches: AsyncIterable<Batch>): Promise<void> {
  for await (const _ of batches) return;
}

function otherRun(out: string, before: Recipe, now: Recipe): ShapelawError {
  const differing = [...new Set([...Object.keys(before), ...Object.keys(now)])].filter(
    (key) => JSON.stringify(before[key as keyof Recipe]) !== JSON.stringify(now[key as keyof Recipe]),
  );
  const described = differing.map((key) => {
    const was = before[key as keyof Recipe];
    return `${key} was ${JSON.stringify(key === 'shape' ? before.shape.name : was)}`;
  });
  return new ShapelawError(
    'bad-run-directory',
    `${out} holds another run (${described.join('; ')}): name another directory, or resume that one with --resume ${out}`,
    { path: out, differing },
  );
}

function hashOf(batches: readonly Batch[]): string {
  const hash = createHash('sha256');
  for (const { encoderIds, targetIds } of batches) hash.update(encoderIds).update(targetIds);
  return hash.digest('hex');
}

interface Running {
  readonly options: TrainOptions;
  readonly recipe: Recipe;
  readonly sizes: StepSizes;
  readonly plan: Plan;
  readonly runId: string;
  readonly engine: EngineKind;
  readonly device: string;
  readonly peak: MeasuredPeak;
  /** Measures the peak again. */
  readonly measurePeak: () => Promise<MeasuredPeak>;
  readonly tokenizer: string;
  readonly validation: readonly Batch[];
  /** Bytes of text a target token stands for, sentinels and ends of sequence included in the count of tokens. */
  readonly bytesPerTarget: number;
  readonly directory: RunDirectory;
  readonly trainer: Trainer;
  readonly batches: BatchSource;
  readonly position: Position;
}

/** Steps, evaluations and branches from the position to the end, the signal or the end of the time. */
async function runPlan(run: Running): Promise<TrainResult> {
  const { options, recipe, sizes, plan, directory, trainer, batches } = run;
  const { schedule } = recipe;
  const started = performance.now();
  let { step } = run.position;
  let peakFlops = run.peak.flopsPerSecond;
  let bestLoss = directory.metrics.length === 0 ? null : Math.min(...directory.metrics.map(({ loss }) => loss));
  const elapsed = () => run.position.elapsedSeconds + (performance.now() - started) / 1000;
  const stopped = (): 'time' | 'interrupted' | undefined => {
    if (options.signal?.aborted) return 'interrupted';
    if (options.timeSeconds !== undefined && performance.now() - started > 1000 * options.timeSeconds) return 'time';
    return undefined;
  };
  const hasLine = (at: number, finished: boolean) =>
    directory.metrics.some((line) => line.step === at && line.finished === finished);
  const meter = stepMeter();

  const doStep = async (index: number, total: number, branch: boolean): Promise<void> => {
    const rate = learningRateAt(schedule, index, total);
    const passes: Batch[] = [];
    for (let pass = 0; pass < recipe.accumulate; pass++) {
      passes.push(await batches.at((index - 1) * recipe.accumulate + pass));
    }
    const from = performance.now();
    const result = await trainer.step(passes, index, rate);
    const sound = Number.isFinite(result.loss) && (Number.isFinite(result.gradientNorm) || result.skipped);
    if (!sound) {
      throw new ShapelawError(
        'diverged',
        `the loss is no longer finite at step ${index}, learning rate ${rate}: the last checkpoint in ${directory.path} is kept; lower --learning-rate or give --clip-norm`,
        { step: index, learningRate: rate, loss: String(result.loss), gradientNorm: String(result.gradientNorm) },
      );
    }
    meter.add((performance.now() - from) / 1000, result.loss, result.gradientNorm, rate);
    options.onEvent?.({
      event: 'step',
      step: index,
      steps: plan.steps,
      branch,
      loss: result.loss,
      tokensPerSecond: sizes.tokens / meter.recent(),
      secondsLeft: stepsLeft(plan, branch ? step : index) * meter.recent(),
    });
  };

  const evaluate = async (at: number, total: number): Promise<void> => {
    const finished = at === total;
    const measured = meter.take();
    if (hasLine(at, finished)) return;
    // A step faster than the peak shows that the machine was busy when that was measured.
    if (measured !== undefined && sizes.flops / measured.stepSeconds > peakFlops) {
      peakFlops = Math.max(peakFlops, (await run.measurePeak()).flopsPerSecond);
    }
    const { loss, accuracy } = await trainer.evaluate(run.validation);
    if (!Number.isFinite(loss)) {
      const rate = at === 0 ? 0 : learningRateAt(schedule, at, total);
      throw new ShapelawError(
        'diverged',
        `the held-out loss is no longer finite at step ${at}, learning rate ${rate}: lower --learning-rate or give --clip-norm`,
        { step: at, learningRate: rate },
      );
    }
    const line: MetricsLine = {
      runId: run.runId,
      params: parametersOf(recipe),
      tokens: at * sizes.tokens,
      flops: at * sizes.flops,
      loss,
      step: at,
      ...(measured === undefined ? {} : { ...measured, mfu: sizes.flops / measured.stepSeconds / peakFlops }),
      seed: recipe.seed,
      schedule: scheduleName(recipe, at, total),
      split: 'validation',
      ...shapeFields(recipe),
      paramsConvention: 'total',
      flopsConvention: 'exact',
      tokensConvention: 'encoder+decoder',
      lossUnit: 'nats-per-token',
      tokenizer: run.tokenizer,
      finished,
      bitsPerByte: loss / Math.LN2 / run.bytesPerTarget,
      tokenAccuracy: accuracy,
      elapsedSeconds: elapsed(),
      peakMemoryBytes: peakMemory(),
      engine: run.engine,
      device: run.device,
    };
    // Before the line, which a resumed run takes for a sign that nothing is left to do here.
    if (bestLoss === null || loss < bestLoss) {
      await directory.saveBest(await trainer.read('parameters'), at, loss);
      bestLoss = loss;
    }
    await directory.append(line);
    options.onEvent?.({ event: 'evaluation', line });
  };

  const save = async (states?: ReadonlyMap<string, HostTensor>) =>
    directory.save({ step, elapsedSeconds: elapsed(), lossScale: trainer.lossScale }, states ?? (await trainer.read()));

  /** Cools down off the trunk to the end of a budget, and goes back; false where a stop left it half-way. */
  const runBranch = async (start: number, end: number): Promise<boolean> => {
    if (hasLine(end, true)) return true;
    const states = await trainer.read();
    const { lossScale } = trainer;
    await save(states);
    meter.take();
    for (let index = start + 1; index <= end; index++) {
      if (stopped() !== undefined) return false;
      await doStep(index, end, true);
    }
    await evaluate(end, end);
    await trainer.write(states, lossScale);
    return true;
  };

  let status: TrainResult['status'] | undefined;
  let isOnTrunk = true;
  for (;;) {
    if (plan.evaluations.includes(step)) {
      await evaluate(step, plan.steps);
      await save();
    }
    for (const { start, end } of plan.branches)
      if (start === step && stopped() === undefined) isOnTrunk = await runBranch(start, end);
    status = stopped() ?? (step === plan.steps ? 'complete' : undefined);
    if (status !== undefined) break;
    batches.forget(step * recipe.accumulate);
    await doStep(step + 1, plan.steps, false);
    step += 1;
  }
  // What a stop left half-way in a branch is done again from the trunk's checkpoint there.
  if (isOnTrunk && !plan.evaluations.includes(step)) await save();
  if (status === 'complete') {
    const weights = await trainer.read('parameters');
    await writeHuggingFaceT5(
      `${directory.path}/model`,
      recipe.shape,
      new Map([...weights].map(([name, { dims, values }]) => [name, { shape: dims, data: values as Float32Array }])),
      { dropoutRate: recipe.dropout },
    );
  }
  const branchSteps = plan.branches
    .filter(({ end }) => hasLine(end, true))
    .reduce((sum, { start, end }) => sum + end - start, 0);
  return {
    runId: run.runId,
    out: directory.path,
    status,
    step,
    steps: plan.steps,
    tokens: step * sizes.tokens,
    flops: (step + branchSteps) * sizes.flops,
    loss: directory.metrics.findLast((line) => line.step === step)?.loss ?? null,
    bestLoss,
    elapsedSeconds: elapsed(),
    peakMemoryBytes: peakMemory(),
  };
}

function stepsLeft(plan: Plan, step: number): number {
  const branches = plan.branches.filter(({ start }) => start >= step);
  return plan.steps - step + branches.reduce((sum, { start, end }) => sum + end - start, 0);
}

/** Like runs have like names: a loss in the middle of a schedule is not that of a finished run. */
function scheduleName(recipe: Recipe, step: number, total: number): string {
  const { kind, cooldown } = recipe.schedule;
  if (kind === 'constant' && cooldown > 0) {
    if (step === total) return 'constant+cooldown';
    return step <= cooldownStart(recipe.schedule, total) ? 'constant' : 'constant+cooldown-unfinished';
  }
  return kind === 'cosine' && step < total ? 'cosine-unfinished' : kind;
}

function shapeFields({ shape }: Recipe) {
  const { encoderLayers, decoderLayers, dModel, dFf, dKv, heads, vocab } = shape;
  return { encoderLayers, decoderLayers, dModel, dFf, dKv, heads, vocab };
}

function peakMemory(): number {
  return process.resourceUsage().maxRSS * 1024;
}

/** Times and losses of the steps since the last evaluation. */
function stepMeter() {
  let seconds: number[] = [];
  let losses = 0;
  let last = { gradientNorm: Number.NaN, learningRate: Number.NaN };
  let recent = 0;
  return {
    add(stepSeconds: number, loss: number, gradientNorm: number, learningRate: number) {
      // The first step of a session warms the engine up.
      recent = recent === 0 || seconds.length === 1 ? stepSeconds : 0.9 * recent + 0.1 * stepSeconds;
      seconds.push(stepSeconds);
      losses += loss;
      last = { gradientNorm, learningRate };
    },
    recent: () => recent,
    /** What is due to the next line of metrics; undefined after no step. */
    take() {
      if (seconds.length === 0) return undefined;
      const stepSeconds = seconds.reduce((sum, value) => sum + value, 0) / seconds.length;
      const trainLoss = losses / seconds.length;
      const { gradientNorm, learningRate } = last;
      seconds = [];
      losses = 0;
      return { stepSeconds, trainLoss, gradientNorm, learningRate };
    },
  };
}
