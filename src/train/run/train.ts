import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { ShapelawError } from '../../errors.js';
import { version } from '../../version.js';
import { type EngineKind, openExecutor } from '../engines/engine.js';
import type { Executor } from '../engines/executor.js';
import { workerExecutor } from '../engines/worker.js';
import {
  type Batch,
  byteTokenizer,
  embeddedCorpus,
  openCorpus,
  openTokenizer,
  type TextOptions,
  type Tokenizer,
  trainBatches,
  validationSet,
} from '../text/index.js';
import { batchSource } from './batches.js';
import { chooseEngine, type EngineTrial } from './choose-engine.js';
import { type Claim, type MetricsLine, openRunDirectory, type RunDirectory, readConfig } from './directory.js';
import { resumption, runPlan } from './loop.js';
import { estimateMemory, type MeasuredPeak, measurePeak, requireMemory } from './measure.js';
import { planRun } from './plan.js';
import { parametersOf, type Recipe, recipeId, type StepSizes, stepSizes } from './recipe.js';
import { stopper } from './stopper.js';
import { openTrainer, trainingPrograms } from './trainer.js';

/** How a run is made; none of it changes the losses on the CPU engine. */
export interface TrainOptions {
  readonly recipe: Recipe;
  /** The run's directory; made where it is missing, resumed where it holds this run. */
  readonly out: string;
  /** Defaults to the engine that the run in the directory was last trained with, or to `auto`. */
  readonly engine?: EngineKind | 'auto';
  /** Threads of the CPU engine, at most four for each core. Defaults to 1. */
  readonly threads?: number;
  /** Seconds after which the run stops, to be resumed; it makes a step at least. Defaults to none. */
  readonly timeSeconds?: number;
  /** Seconds of training after which a checkpoint is saved, beside those at evaluations and stops. Defaults to 300. */
  readonly saveSeconds?: number;
  /** Stops the run after the step at hand, to be resumed; before the first step it fails with `interrupted`. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: TrainEvent) => void;
  /** Whether the engine has a thread of its own. Defaults to true. */
  readonly ownThread?: boolean;
  /** The engine's peak where it was measured before. Defaults to a measurement at the start. */
  readonly peak?: MeasuredPeak;
  /** What holds the directory beside its lock. Defaults to none. */
  readonly claim?: Claim;
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
      /** What may not be as meant. */
      readonly notes: readonly string[];
      /** Steps of the trunk done before. */
      readonly resumedAt: number;
      /** Step reached before of the cool-down that goes on; null on the trunk. */
      readonly resumedBranchAt: number | null;
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
 *   `out-of-memory`, `diverged` where a loss or a state is no longer finite, `interrupted`, `write-failed`.
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  const { recipe, out, threads = 1 } = options;
  const cores = availableParallelism();
  if (!(Number.isSafeInteger(threads) && threads >= 1 && threads <= 4 * cores)) {
    throw new ShapelawError(
      'bad-usage',
      `threads must be a whole number from 1 to ${4 * cores}, four for each of this machine's ${cores} cores, not ${threads}`,
      { threads, cores },
    );
  }
  const start = stopper(options.signal);
  const tokenizer = recipe.tokenizer === 'bytes' ? byteTokenizer : await openTokenizer(recipe.tokenizer);
  if (tokenizer.vocab > recipe.shape.vocab) {
    throw new ShapelawError(
      'bad-tokenizer',
      `the tokenizer ${tokenizer.name} has ${tokenizer.vocab} ids and the model's vocabulary ${recipe.shape.vocab}: give the shape vocab=${rowsFor(tokenizer.vocab)}`,
      { tokenizer: tokenizer.name, ids: tokenizer.vocab, vocab: recipe.shape.vocab },
    );
  }
  const corpus =
    recipe.corpus.length === 0 ? embeddedCorpus() : await openCorpus(recipe.corpus, { textField: recipe.textField });
  const sizes = stepSizes(recipe);
  const text: TextOptions = {
    corpus: start.corpus(corpus),
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

  const programs = trainingPrograms(recipe);
  const memoryEstimateBytes = estimateMemory(recipe, programs);
  requireMemory(memoryEstimateBytes);
  if (earlier === undefined) await requireBatch(trainBatches(text));
  const validation = await validationSet(text, recipe.validationExamples);
  const validationHash = hashOf(validation.batches);
  if (earlier !== undefined && earlier.validationHash !== validationHash) {
    throw new ShapelawError(
      'bad-run-directory',
      `${out}: its run was evaluated on other text: the corpus or the tokenizer's file has changed since; restore it, or name another directory`,
      { path: out, isOtherText: true },
    );
  }

  const open = async (kind: EngineKind): Promise<Executor> => {
    start.check();
    return start.executor(
      options.ownThread === false ? await openExecutor({ kind, threads }) : await workerExecutor({ kind, threads }),
    );
  };
  const before = earlier?.engine as EngineKind | undefined;
  const chosen = await chooseEngine(options.engine ?? before ?? 'auto', recipe, programs, open, before);
  const { executor } = chosen;
  let directory: RunDirectory | undefined;
  try {
    const peak = options.peak ?? (await measurePeak(executor));
    const session = {
      version,
      engine: chosen.kind,
      device: executor.device,
      engineVersions: executor.versions,
      node: process.version,
      threads,
      measuredPeak: peak,
    };
    const config = {
      ...session,
      runId,
      recipe,
      validationHash,
      tokenizer: tokenizer.name,
      corpus: corpus.name,
      bytesPerToken: validation.bytesPerToken,
      sessions: [{ startedAt: new Date().toISOString(), ...session }],
    };
    directory = await openRunDirectory(out, config, options.claim);
    const trainer = await openTrainer(recipe, programs, executor);
    const plan = planRun(recipe, sizes);
    const from = await resumption(directory, plan, trainer.states);
    const resumedAt = from.trunk?.position.step ?? 0;
    start.check();
    start.end();
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
      notes: notesOn(recipe, tokenizer, chosen.kind),
      resumedAt,
      resumedBranchAt: from.branch?.position.step ?? null,
    });
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
      batches: batchSource((first) => trainBatches(text, first), resumedAt * recipe.accumulate),
      from,
    });
    options.onEvent?.({ event: 'end', ...result });
    return result;
  } finally {
    await directory?.close();
    await executor.dispose();
  }
}

/** Rows of an embedding table that hold a number of ids, a multiple of 128. */
function rowsFor(ids: number): number {
  return 128 * Math.ceil(ids / 128);
}

function notesOn({ precision, shape }: Recipe, tokenizer: Tokenizer, engine: EngineKind): readonly string[] {
  const rows = rowsFor(tokenizer.vocab);
  return [
    ...(precision === 'fp16' && engine === 'cpu'
      ? ['fp16 on the engine cpu is slower than fp32 and less precise; it is for checks']
      : []),
    ...(shape.vocab >= 2 * rows
      ? [
          `the vocabulary of ${shape.vocab} is larger than the tokenizer's ${tokenizer.vocab} ids need: vocab=${rows} in the shape's dimensions makes a smaller model`,
        ]
      : []),
  ];
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
