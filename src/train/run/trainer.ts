import { ShapelawError } from '../../errors.js';
import type { Executor, HostTensor, PreparedProgram } from '../engines/executor.js';
import { lean, type Program, type Slot, sizeOf } from '../graph/index.js';
import { firstLossScale, type LossScale, lossScaleName, nextLossScale } from '../model/loss-scale.js';
import { stepScalars } from '../model/optimizer.js';
import {
  accumulationProgram,
  accumulatorSlots,
  evaluationProgram,
  keepName,
  outputNames,
  parameterSlots,
  stateSlots,
  stepProgram,
} from '../model/step.js';
import type { Batch } from '../text/index.js';
import { batchFeeds, maskFeeds, scalarFeeds } from './feeds.js';
import { type Recipe, stepSizes } from './recipe.js';

/** What a step gives. */
export interface StepResult {
  /** Mean cross-entropy of the batch before the step, nats per token. */
  readonly loss: number;
  readonly gradientNorm: number;
  /** Whether the step changed nothing, since its gradient was beyond float16; the next has a smaller scale. */
  readonly skipped: boolean;
}

/** The programs of a recipe. */
export interface TrainingPrograms {
  readonly step: Program;
  /** Of the passes before a step's last; undefined where it has one. */
  readonly accumulation: Program | undefined;
  readonly evaluation: Program;
}

export function trainingPrograms(recipe: Recipe, recompute: boolean): TrainingPrograms {
  const { shape, batch, accumulate, optimizer, clipNorm, dropout, precision } = recipe;
  const { encoderTokens, decoderTokens } = stepSizes(recipe);
  const sizes = { batch, encoderTokens, decoderTokens, compute: precision === 'fp16' ? 'float16' : 'float32' } as const;
  const options = {
    ...{ ...sizes, optimizer, dropout, recompute, accumulate },
    ...(clipNorm === undefined ? {} : { clipNorm }),
  };
  return {
    step: stepProgram(shape, options),
    accumulation: accumulate === 1 ? undefined : accumulationProgram(shape, options),
    // In fp32 always: the loss is that of the weights, whatever they were trained in.
    evaluation: evaluationProgram(shape, { ...sizes, compute: 'float32' }),
  };
}

/** A model in training on an executor. */
export interface Trainer {
  /** Names and shapes of all states. */
  readonly states: readonly Slot[];
  /**
   * One optimizer step.
   *
   * @param batches - One for each pass.
   * @param step - Counted from 1.
   */
  step(batches: readonly Batch[], step: number, learningRate: number): Promise<StepResult>;
  /** Mean loss, nats per token, and share of tokens right over batches. */
  evaluate(batches: readonly Batch[]): Promise<{ readonly loss: number; readonly accuracy: number }>;
  /** Scale of the loss in fp16; 1 in fp32. */
  readonly lossScale: LossScale;
  write(states: ReadonlyMap<string, HostTensor>, lossScale?: LossScale): Promise<void>;
  read(what?: 'parameters' | 'all'): Promise<ReadonlyMap<string, HostTensor>>;
  /** Lets go of the programs; the executor stays open. */
  dispose(): Promise<void>;
}

/** Prepares a recipe's programs on an executor; its states are still to be written. */
export async function openTrainer(recipe: Recipe, programs: TrainingPrograms, executor: Executor): Promise<Trainer> {
  const states = stateSlots(recipe.shape, recipe.optimizer);
  const parameters = parameterSlots(recipe.shape);
  const masks = lean(programs.step).inputs.filter(({ dtype }) => dtype === 'bool');
  const step: PreparedProgram = await executor.prepare(programs.step);
  const accumulation = programs.accumulation && (await executor.prepare(programs.accumulation));
  const evaluation: PreparedProgram = await executor.prepare(programs.evaluation);
  const number = (outputs: ReadonlyMap<string, HostTensor>, name: string) => Number(outputs.get(name)!.values[0]);

  const isHalf = recipe.precision === 'fp16';
  let lossScale: LossScale = isHalf ? firstLossScale : { scale: 1, steps: 0 };

  return {
    states,
    get lossScale() {
      return lossScale;
    },
    async step(batches, index, learningRate) {
      const feedsOf = (pass: number, scalars: Readonly<Record<string, number>>) =>
        new Map([
          ...batchFeeds(batches[pass]!, recipe.batch),
          ...scalarFeeds({ ...scalars, ...(isHalf ? { [lossScaleName]: lossScale.scale } : {}) }),
          ...maskFeeds(masks, recipe.dropout, recipe.seed, (index - 1) * batches.length + pass),
        ]);
      const last = batches.length - 1;
      let loss = 0;
      for (let pass = 0; pass < last; pass++) {
        const outputs = await accumulation!.run(feedsOf(pass, { [keepName]: pass === 0 ? 0 : 1 }));
        loss += number(outputs, outputNames.loss) / batches.length;
      }
      const outputs = await step.run(feedsOf(last, stepScalars(recipe.optimizer, index, learningRate)));
      loss += number(outputs, outputNames.loss) / batches.length;
      const gradientNorm = number(outputs, outputNames.gradientNorm);
      const finite = Number.isFinite(gradientNorm);
      const skipped = isHalf && !finite && lossScale.scale > 1;
      if (isHalf) lossScale = nextLossScale(lossScale, finite);
      return { loss, gradientNorm, skipped };
    },
    async evaluate(batches) {
      let loss = 0;
      let accuracy = 0;
      for (const batch of batches) {
        const outputs = await evaluation.run(batchFeeds(batch, recipe.batch));
        loss += number(outputs, outputNames.loss) / batches.length;
        accuracy += number(outputs, outputNames.accuracy) / batches.length;
      }
      return { loss, accuracy };
    },
    async write(values, scale = lossScale) {
      requireStates(states, values);
      await executor.writeStates(values);
      if (programs.accumulation !== undefined) await executor.writeStates(emptySums(recipe));
      lossScale = scale;
    },
    async dispose() {
      for (const program of [step, accumulation, evaluation]) await program?.dispose();
    },
    read: (what = 'all') => executor.readStates((what === 'all' ? states : parameters).map(({ name }) => name)),
  };
}

function emptySums({ shape }: Recipe): ReadonlyMap<string, HostTensor> {
  return new Map(
    accumulatorSlots(shape).map(({ name, dims }) => [
      name,
      { dtype: 'float32', dims, values: new Float32Array(sizeOf(dims)) },
    ]),
  );
}

function requireStates(expected: readonly Slot[], values: ReadonlyMap<string, HostTensor>): void {
  const refuse = (problem: string) =>
    new ShapelawError('bad-checkpoint', `the checkpoint is of another shape or optimizer: ${problem}`, {});
  for (const { name, dims } of expected) {
    const found = values.get(name);
    if (found === undefined) throw refuse(`it has no ${name}`);
    if (found.dims.join() !== dims.join())
      throw refuse(`${name} is [${found.dims.join(', ')}], not [${dims.join(', ')}]`);
  }
  if (values.size !== expected.length) throw refuse(`it has ${values.size} tensors, not ${expected.length}`);
}

/** States at 0 for the optimizer beside given parameters. */
export function withFreshOptimizer(
  recipe: Recipe,
  parameters: ReadonlyMap<string, HostTensor>,
): ReadonlyMap<string, HostTensor> {
  return new Map(
    stateSlots(recipe.shape, recipe.optimizer).map(({ name, dims }) => [
      name,
      parameters.get(name) ?? { dtype: 'float32', dims, values: new Float32Array(sizeOf(dims)) },
    ]),
  );
}
