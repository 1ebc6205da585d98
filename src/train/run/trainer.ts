import type { LazyTensor } from '../checkpoint/index.js';
import type { Executor, HostTensor, PreparedProgram, Values } from '../engines/executor.js';
import { letGo } from '../engines/let-go.js';
import { bytesOf, type Dims, lean, type Program, type Slot, sizeOf } from '../graph/index.js';
import { initialValues } from '../model/initial.js';
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

export function trainingPrograms(recipe: Recipe): TrainingPrograms {
  const { shape, batch, accumulate, optimizer, clipNorm, dropout, precision, recompute = false } = recipe;
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

/** Float32 states by name, of which each is made or read when it is asked for: all of them at once may fill the memory. */
export type LazyStates = ReadonlyMap<string, LazyTensor>;

/** Bytes of states that are read from an executor at once; each reading from a device has a cost of its own. */
export const readBytes = 2 ** 26;

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
  /** Replaces all states, one after the other. */
  write(states: LazyStates, lossScale?: LossScale): Promise<void>;
  /** The states, each read when it is asked for, in this order; an array is good until the next is asked for. */
  read(what?: 'parameters' | 'all'): LazyStates;
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
  const write = (name: string, dims: Dims, values: Float32Array) =>
    executor.writeStates(new Map([[name, { dtype: 'float32', dims, values }]]), true);
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
      for (const { name, dims } of states) await write(name, dims, (await values.get(name)!.load()) as Float32Array);
      if (programs.accumulation !== undefined) {
        for (const { name, dims } of accumulatorSlots(recipe.shape))
          await write(name, dims, new Float32Array(sizeOf(dims)));
      }
      lossScale = scale;
    },
    async dispose() {
      for (const program of [step, accumulation, evaluation]) await program?.dispose();
    },
    read: (what = 'all') => statesOf(executor, what === 'all' ? states : parameters),
  };
}

/** States of an executor, read in groups while they are asked for one after the other. */
function statesOf(executor: Executor, slots: readonly Slot[]): LazyStates {
  let read = new Map<string, HostTensor>();
  let given: Values | undefined;
  const readFrom = async (first: number) => {
    let last = first;
    for (let bytes = 0; last < slots.length && (last === first || bytes + bytesOf(slots[last]!) <= readBytes); last++) {
      bytes += bytesOf(slots[last]!);
    }
    read = new Map(await executor.readStates(slots.slice(first, last).map(({ name }) => name)));
  };
  return new Map(
    slots.map(({ name, dims }, index) => [
      name,
      {
        dtype: 'F32',
        shape: dims,
        async load() {
          if (given !== undefined) letGo(given);
          given = undefined;
          if (!read.has(name)) await readFrom(index);
          given = read.get(name)!.values;
          read.delete(name);
          return given as Float32Array;
        },
      },
    ]),
  );
}

/** The states at the start of a run: parameters by the seed, those of the optimizer 0. */
export function initialStates({ shape, optimizer, seed }: Pick<Recipe, 'shape' | 'optimizer' | 'seed'>): LazyStates {
  const isParameter = new Set(parameterSlots(shape).map(({ name }) => name));
  return new Map(
    stateSlots(shape, optimizer).map((slot) => [
      slot.name,
      {
        dtype: 'F32',
        shape: slot.dims,
        load: async () =>
          isParameter.has(slot.name) ? initialValues(shape, slot, seed) : new Float32Array(sizeOf(slot.dims)),
      },
    ]),
  );
}
