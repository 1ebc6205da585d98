import type { Shape } from '../../flops/index.js';
import { t5Tensors } from '../checkpoint/t5-tensors.js';
import {
  add,
  div,
  gradients,
  greater,
  input,
  minimum,
  mul,
  type Program,
  reduceSum,
  reshape,
  type Slot,
  sqrt,
  state,
  type Tensor,
  where,
} from '../graph/index.js';
import { fedDropout } from './dropout.js';
import { lossScaleName } from './loss-scale.js';
import { learningRateInput, type OptimizerOptions, optimizerStates, updateOf } from './optimizer.js';
import { type T5Options, t5Graph } from './t5.js';

export interface StepOptions extends Omit<T5Options, 'dropout'> {
  readonly optimizer: OptimizerOptions;
  /** Largest norm of the whole gradient; a longer one is shortened to it. Defaults to none. */
  readonly clipNorm?: number;
  /** Share of activations dropped, in [0, 1). Defaults to 0. */
  readonly dropout?: number;
  /** Passes of one step; all but the last run the accumulation program. Defaults to 1. */
  readonly accumulate?: number;
}

/** The parameters of a T5 shape as states of an engine, float32, by Hugging Face name. */
export function parameterSlots(shape: Shape): readonly Slot[] {
  return t5Tensors(shape).map(({ name, shape: dims }) => ({ name, dtype: 'float32', dims }));
}

/** Parameters and what the optimizer keeps of each. */
export function stateSlots(shape: Shape, optimizer: OptimizerOptions): readonly Slot[] {
  const parameters = parameterSlots(shape);
  return [...parameters, ...parameters.flatMap((parameter) => optimizerStates(parameter, optimizer))];
}

const accumulatorName = (name: string) => `gradient of ${name}`;

/** The sums of gradients that several passes of one step share. */
export function accumulatorSlots(shape: Shape): readonly Slot[] {
  return parameterSlots(shape).map((slot) => ({ ...slot, name: accumulatorName(slot.name) }));
}

/** Name of the scalar that the accumulation program is fed: 0 in the first pass of a step, 1 in those after. */
export const keepName = 'keep';

/** Names of what the programs here give. */
export const outputNames = {
  loss: 'loss',
  accuracy: 'accuracy',
  gradientNorm: 'gradient norm',
  logits: 'logits',
} as const;

function weightsOf(shape: Shape): {
  readonly weights: ReadonlyMap<string, Tensor>;
  readonly read: (name: string) => Tensor;
} {
  const weights = new Map(parameterSlots(shape).map(({ name, dtype, dims }) => [name, state(name, dtype, dims)]));
  return { weights, read: (name) => weights.get(name)! };
}

/** Loss and accuracy of a batch. */
export function evaluationProgram(shape: Shape, options: Omit<T5Options, 'dropout' | 'recompute'>): Program {
  const { loss, accuracy } = t5Graph(shape, weightsOf(shape).read, options);
  return { name: 'evaluation', outputs: { [outputNames.loss]: loss, [outputNames.accuracy]: accuracy }, updates: {} };
}

/** Logits of a batch: [decoder tokens * batch, vocab], time before batch. */
export function logitsProgram(shape: Shape, options: Omit<T5Options, 'dropout' | 'recompute'>): Program {
  return {
    name: 'logits',
    outputs: { [outputNames.logits]: t5Graph(shape, weightsOf(shape).read, options).logits },
    updates: {},
  };
}

/** Loss of a pass and the gradient of each parameter, in float16 times the loss's scale. */
function passGradients(shape: Shape, options: StepOptions) {
  const { weights, read } = weightsOf(shape);
  const { loss } = t5Graph(shape, read, { ...options, dropout: fedDropout(options.dropout ?? 0) });
  const scale = options.compute === 'float16' ? input(lossScaleName, 'float32', []) : undefined;
  return { weights, loss, scale, found: gradients(loss, [...weights.values()], scale).map((gradient) => gradient!) };
}

/** A pass of a step that is not its last: adds the gradients of a batch to the sums. */
export function accumulationProgram(shape: Shape, options: StepOptions): Program {
  const { loss, found } = passGradients(shape, options);
  // Chosen, not multiplied by 0: what a step left there may not be finite.
  const isLater = greater(input(keepName, 'float32', []), 0);
  const updates = accumulatorSlots(shape).map(({ name, dtype, dims }, index) => {
    const gradient = found[index]!;
    return [name, where(isLater, add(state(name, dtype, dims), gradient), gradient)];
  });
  return { name: 'accumulation', outputs: { [outputNames.loss]: loss }, updates: Object.fromEntries(updates) };
}

/**
 * One training step in one graph: forward, backward, clipping and the optimizer's update.
 *
 * Where products compute in float16, the gradient is computed of the loss times a scale that each step is fed, so that it is
 * not lost below what float16 can hold; a step whose gradient isn't finite leaves all states as they were.
 */
export function stepProgram(shape: Shape, options: StepOptions): Program {
  const { weights, loss, scale, found: ofPass } = passGradients(shape, options);
  const { accumulate = 1 } = options;
  const found =
    accumulate === 1
      ? ofPass
      : accumulatorSlots(shape).map(({ name, dtype, dims }, index) =>
          mul(add(state(name, dtype, dims), ofPass[index]!), 1 / accumulate),
        );
  // Last layers first: an engine that follows the sum of squares finds each gradient as soon as the backward pass has it,
  // and needs to keep no layer's activations longer than that.
  const names = [...weights.keys()];
  const length = sqrt(
    found.map((g) => reshape(reduceSum(mul(g, g)), [])).reduceRight((sum, square) => add(square, sum)),
  );
  const norm = scale === undefined ? length : div(length, scale);
  const shortened = options.clipNorm === undefined ? undefined : minimum(div(options.clipNorm, add(norm, 1e-6)), 1);
  const factor = scale === undefined ? shortened : div(shortened ?? 1, scale);
  // The smaller of the rate and a huge number is the rate; but so no parameter is replaced before every gradient, which
  // reads parameters, is there: an engine may then write a new parameter over the old one.
  const rate = minimum(learningRateInput(), add(norm, 1e30));
  // Nothing is less than what is not a number.
  const finite = scale === undefined ? undefined : greater(1e30, norm);
  const accepted = (name: string, value: Tensor) =>
    finite === undefined ? value : where(finite, value, state(name, value.dtype, value.dims));

  const updates: Record<string, Tensor> = {};
  for (const [index, name] of names.entries()) {
    const gradient = factor === undefined ? found[index]! : mul(found[index]!, factor);
    const { parameter, states } = updateOf(name, weights.get(name)!, gradient, rate, options.optimizer);
    updates[name] = accepted(name, parameter);
    for (const [stateName, value] of Object.entries(states)) updates[stateName] = accepted(stateName, value);
  }
  return { name: 'step', outputs: { [outputNames.loss]: loss, [outputNames.gradientNorm]: norm }, updates };
}
