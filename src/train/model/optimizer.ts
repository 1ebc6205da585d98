import {
  add,
  div,
  input,
  maximum,
  mul,
  reciprocal,
  reduceMean,
  reshape,
  type Slot,
  sizeOf,
  sqrt,
  state,
  sub,
  type Tensor,
} from '../graph/index.js';

/** How parameters follow their gradients. */
export type OptimizerOptions = AdamWOptions | AdafactorOptions;

/** AdamW (Loshchilov & Hutter 2019), as torch computes it. */
export interface AdamWOptions {
  readonly kind: 'adamw';
  /** Decay of the mean of gradients. Defaults to 0.9. */
  readonly beta1?: number;
  /** Decay of the mean of squared gradients. Defaults to 0.999. */
  readonly beta2?: number;
  /** Added to the root of the mean square. Defaults to 1e-8. */
  readonly epsilon?: number;
  /** Share of a parameter, times the learning rate, taken off at each step. Defaults to 0. */
  readonly weightDecay?: number;
}

/**
 * Adafactor (Shazeer & Stern 2018) as T5 uses it: no mean of gradients, beta2 = 1 - t^-0.8, steps relative to the size of
 * the parameter, updates clipped at a root mean square of 1.
 */
export interface AdafactorOptions {
  readonly kind: 'adafactor';
  /** Smallest side of a matrix whose second moments are kept as rows and columns. Defaults to 128, as in Mesh TensorFlow. */
  readonly factorFrom?: number;
  /** Share of a parameter, times the learning rate, taken off at each step. Defaults to 0. */
  readonly weightDecay?: number;
}

/** States and update of one parameter. */
export interface ParameterUpdate {
  readonly parameter: Tensor;
  /** New values of the optimizer's states, by the state's name. */
  readonly states: Readonly<Record<string, Tensor>>;
}

/** Names of the scalars that a step is fed: what changes from step to step is no part of the graph. */
const scalarNames = {
  learningRate: 'learning rate',
  beta2: 'beta2',
  correction1: 'correction 1',
  correction2: 'correction 2',
} as const;

/**
 * The scalars of one step.
 *
 * @param step - Counted from 1.
 */
export function stepScalars(
  options: OptimizerOptions,
  step: number,
  learningRate: number,
): Readonly<Record<string, number>> {
  if (options.kind === 'adafactor') {
    return { [scalarNames.learningRate]: learningRate, [scalarNames.beta2]: 1 - step ** -0.8 };
  }
  const { beta1 = 0.9, beta2 = 0.999 } = options;
  return {
    [scalarNames.learningRate]: learningRate,
    [scalarNames.correction1]: 1 / (1 - beta1 ** step),
    [scalarNames.correction2]: 1 / Math.sqrt(1 - beta2 ** step),
  };
}

const scalar = (name: string) => input(name, 'float32', []);

/** The learning rate that a step is fed. */
export const learningRateInput = (): Tensor => scalar(scalarNames.learningRate);

const firstMoment = (name: string) => `mean of ${name}`;
const secondMoment = (name: string) => `mean square of ${name}`;
const rowMoment = (name: string) => `row mean square of ${name}`;
const columnMoment = (name: string) => `column mean square of ${name}`;

function isFactored(dims: readonly number[], options: AdafactorOptions): boolean {
  return dims.length === 2 && Math.min(...dims) >= (options.factorFrom ?? 128);
}

/** The states that the optimizer keeps of a parameter, all 0 at the start. */
export function optimizerStates(parameter: Slot, options: OptimizerOptions): readonly Slot[] {
  const { name, dims } = parameter;
  const slot = (stateName: string, stateDims: readonly number[]): Slot => ({
    name: stateName,
    dtype: 'float32',
    dims: stateDims,
  });
  if (options.kind === 'adamw') return [slot(firstMoment(name), dims), slot(secondMoment(name), dims)];
  if (!isFactored(dims, options)) return [slot(secondMoment(name), dims)];
  return [slot(rowMoment(name), [dims[0]!, 1]), slot(columnMoment(name), [1, dims[1]!])];
}

/**
 * One step of one parameter.
 *
 * @param learningRate - Scalar.
 */
export function updateOf(
  name: string,
  parameter: Tensor,
  gradient: Tensor,
  learningRate: Tensor,
  options: OptimizerOptions,
): ParameterUpdate {
  return options.kind === 'adamw'
    ? adamW(name, parameter, gradient, learningRate, options)
    : adafactor(name, parameter, gradient, learningRate, options);
}

function decayed(parameter: Tensor, learningRate: Tensor, weightDecay = 0): Tensor {
  return weightDecay === 0 ? parameter : mul(parameter, sub(1, mul(learningRate, weightDecay)));
}

function adamW(
  name: string,
  parameter: Tensor,
  gradient: Tensor,
  learningRate: Tensor,
  options: AdamWOptions,
): ParameterUpdate {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay } = options;
  const { dims } = parameter;
  const mean = add(mul(state(firstMoment(name), 'float32', dims), beta1), mul(gradient, 1 - beta1));
  const square = add(mul(state(secondMoment(name), 'float32', dims), beta2), mul(mul(gradient, gradient), 1 - beta2));
  const root = add(mul(sqrt(square), scalar(scalarNames.correction2)), epsilon);
  const step = mul(div(mean, root), mul(learningRate, scalar(scalarNames.correction1)));
  return {
    parameter: sub(decayed(parameter, learningRate, weightDecay), step),
    states: { [firstMoment(name)]: mean, [secondMoment(name)]: square },
  };
}

/** Added to each squared gradient: `epsilon1` of Adafactor. */
const smallestSquare = 1e-30;
/** Smallest size of a parameter that a step is relative to: `epsilon2` of Adafactor. */
const smallestScale = 1e-3;

function adafactor(
  name: string,
  parameter: Tensor,
  gradient: Tensor,
  learningRate: Tensor,
  options: AdafactorOptions,
): ParameterUpdate {
  const { dims } = parameter;
  const beta2 = scalar(scalarNames.beta2);
  const blend = (before: Tensor, now: Tensor) => add(mul(before, beta2), mul(now, sub(1, beta2)));
  const square = add(mul(gradient, gradient), smallestSquare);
  const { direction, states } = isFactored(dims, options) ? factored() : whole();

  function whole() {
    const moment = blend(state(secondMoment(name), 'float32', dims), square);
    return { direction: div(gradient, sqrt(moment)), states: { [secondMoment(name)]: moment } };
  }
  function factored() {
    const rows = blend(state(rowMoment(name), 'float32', [dims[0]!, 1]), reduceMean(square, [1]));
    const columns = blend(state(columnMoment(name), 'float32', [1, dims[1]!]), reduceMean(square, [0]));
    const rowFactor = reciprocal(sqrt(div(rows, reduceMean(rows))));
    const columnFactor = reciprocal(sqrt(columns));
    return {
      direction: mul(mul(gradient, rowFactor), columnFactor),
      states: { [rowMoment(name)]: rows, [columnMoment(name)]: columns },
    };
  }

  const rootMeanSquare = (x: Tensor) => sqrt(reshape(reduceMean(mul(x, x)), []));
  const size = maximum(rootMeanSquare(parameter), smallestScale);
  const clipped = maximum(rootMeanSquare(direction), 1);
  const step = mul(direction, div(mul(learningRate, size), clipped));
  return { parameter: sub(decayed(parameter, learningRate, options.weightDecay), step), states };
}

/** Numbers that the optimizer keeps of the parameters. */
export function optimizerNumbers(parameters: readonly Slot[], options: OptimizerOptions): number {
  return parameters
    .flatMap((parameter) => optimizerStates(parameter, options))
    .reduce((sum, { dims }) => sum + sizeOf(dims), 0);
}
