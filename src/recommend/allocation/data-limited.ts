import { ShapelawError } from '../../errors.js';
import { computeOptimum, optimumAtFlops } from '../../fit/compute-optimum.js';
import { type LawParameters, lossOf } from '../../fit/formulas.js';
import type { Law } from '../../fit/law.js';
import type { Estimate } from '../../fit/optimum/index.js';
import { increasingRoot } from '../increasing-root.js';
import { effectiveEpochs, type RepetitionParameters, repetitionParameters, requireEpochs } from './repetition.js';
import { defaultTrainingFlops, estimates, requirePositive } from './surface.js';

/** Of `flops`, `params` and `mostEpochs` any that bound the tokens: `flops`, or `params` with `mostEpochs`. */
export interface DataLimitedOptions {
  /** Unique tokens at hand, positive. */
  readonly uniqueTokens: number;
  /** Training FLOPs. Defaults to as many as `params` and `mostEpochs` take. */
  readonly flops?: number;
  /** Parameters, as the law counts them. Defaults to those of least loss. */
  readonly params?: number;
  /** Most epochs over the unique tokens, 1 or more. Defaults to no limit. */
  readonly mostEpochs?: number;
  /** Level of the intervals, in (0, 1). Defaults to 0.95. */
  readonly level?: number;
  /** FLOPs of training for each parameter and token; of a shape, its exact FLOPs for a token by its parameters. Defaults to 6. */
  readonly trainingFlopsPerParamToken?: number;
}

/** `none` where no token is read twice for want of unique ones, `most-epochs` where that bound holds. */
export type DataLimit = 'none' | 'unique-tokens' | 'most-epochs';

/** Parameters, tokens and epochs where unique tokens are few. */
export interface DataLimited {
  readonly uniqueTokens: number;
  /** What the law's own parameters meet. */
  readonly limit: DataLimit;
  readonly params: Estimate;
  /** Tokens trained on, each as often as it is read. */
  readonly tokens: Estimate;
  readonly tokensPerParam: Estimate;
  /** Passes over the unique tokens, 1 where they are not all read. */
  readonly epochs: Estimate;
  readonly trainingFlops: Estimate;
  readonly loss: Estimate;
  /** Loss of the same parameters and tokens, if every token were unique. */
  readonly lossIfUnique: Estimate;
  /** Unique tokens that would be worth as much. */
  readonly effectiveTokens: Estimate;
  /** `effectiveTokens` by `tokens`. */
  readonly tokenWorth: Estimate;
  /** The compute optimum of the same training FLOPs, if every token were unique. */
  readonly unlimited: { readonly params: Estimate; readonly tokens: Estimate; readonly loss: Estimate };
  readonly level: number;
}

/**
 * Parameters and tokens of least loss for training FLOPs C = c N D when few tokens are unique, by the law of Muennighoff et al. 2023
 * (section 3.2); or, with `params` given, the tokens that the budget pays for and what their repetition costs.
 *
 * While the compute optimum needs no more than the unique tokens, it is the answer. Beyond, the slope of the loss in ln D along
 * the budget rises throughout, for effective parameters and tokens are concave in the true ones, and the least loss is where it is 0.
 *
 * @throws ShapelawError `bad-usage` for a law that is not data-constrained, values out of range, and neither flops nor params with
 * mostEpochs.
 */
export function dataLimited(law: Law, options: DataLimitedOptions): DataLimited {
  const { uniqueTokens, level = 0.95 } = options;
  const rate = options.trainingFlopsPerParamToken ?? defaultTrainingFlops;
  requireOptions(options, rate);
  const { limit } = allocation(repetitionParameters(law, law.parameters), options, rate);
  const { unlimitedParams, unlimitedTokens, unlimitedLoss, ...found } = estimates(law, level, (drawn) =>
    quantities(law, drawn, options, rate),
  );
  return {
    uniqueTokens,
    limit,
    ...found,
    unlimited: { params: unlimitedParams, tokens: unlimitedTokens, loss: unlimitedLoss },
    level,
  };
}

function requireOptions(options: DataLimitedOptions, rate: number): void {
  const { uniqueTokens, flops, params, mostEpochs } = options;
  requirePositive('uniqueTokens', uniqueTokens);
  requirePositive('trainingFlopsPerParamToken', rate);
  if (flops !== undefined) requirePositive('flops', flops);
  if (params !== undefined) requirePositive('params', params);
  if (mostEpochs !== undefined) requireEpochs('mostEpochs', mostEpochs);
  if (flops === undefined && (params === undefined || mostEpochs === undefined)) {
    throw new ShapelawError(
      'bad-usage',
      'more tokens never raise the loss of this law: state flops, or params with mostEpochs',
      { params, mostEpochs },
    );
  }
}

function quantities(law: Law, drawn: LawParameters, options: DataLimitedOptions, rate: number) {
  const { uniqueTokens } = options;
  const parameters = repetitionParameters(law, drawn);
  const { params, tokens } = allocation(parameters, options, rate);
  const epochs = Math.max(tokens / uniqueTokens, 1);
  const effectiveTokens = Math.min(uniqueTokens, tokens) * effectiveEpochs(parameters.RD, epochs);
  const unlimited = optimumAtFlops(parameters, rate * params * tokens, rate);
  const loss = (size: number, read: number, unique: number) =>
    lossOf(law, drawn, { params: size, tokens: read, uniqueTokens: unique });
  return {
    params,
    tokens,
    tokensPerParam: tokens / params,
    epochs,
    trainingFlops: rate * params * tokens,
    loss: loss(params, tokens, uniqueTokens),
    lossIfUnique: loss(params, tokens, tokens),
    effectiveTokens,
    tokenWorth: effectiveTokens / tokens,
    unlimitedParams: unlimited.params,
    unlimitedTokens: unlimited.tokens,
    unlimitedLoss: loss(unlimited.params, unlimited.tokens, unlimited.tokens),
  };
}

interface Allocation {
  readonly params: number;
  readonly tokens: number;
}

function allocation(
  parameters: RepetitionParameters,
  { uniqueTokens, flops, params, mostEpochs = Number.POSITIVE_INFINITY }: DataLimitedOptions,
  rate: number,
): Allocation & { readonly limit: DataLimit } {
  const wished =
    params === undefined
      ? leastLoss(parameters, uniqueTokens, flops!, rate)
      : { params, tokens: flops === undefined ? Number.POSITIVE_INFINITY : flops / (rate * params) };
  const mostTokens = uniqueTokens * mostEpochs;
  if (wished.tokens <= mostTokens) return { ...wished, limit: wished.tokens > uniqueTokens ? 'unique-tokens' : 'none' };
  // The loss falls all the way to its least, so that short of it the most tokens are the best.
  return { params: params ?? flops! / (rate * mostTokens), tokens: mostTokens, limit: 'most-epochs' };
}

function leastLoss(parameters: RepetitionParameters, uniqueTokens: number, flops: number, rate: number): Allocation {
  const plain = optimumAtFlops(parameters, flops, rate);
  if (plain.tokens <= uniqueTokens) return plain;
  const { A, B, alpha, beta, RD, RN } = parameters;
  // Parameters that the unique tokens call for, those beyond being in excess.
  const { G } = computeOptimum(parameters);
  const called = (uniqueTokens * G) ** (beta / alpha) * G;
  const slopeSign = (logTokens: number) => {
    const tokens = Math.exp(logTokens);
    const size = effective(flops / (rate * tokens), called, RN);
    const data = effective(tokens, uniqueTokens, RD);
    return (
      Math.log((alpha * A) / (beta * B)) -
      alpha * size.log +
      size.logElasticity -
      (data.logElasticity - beta * data.log)
    );
  };
  const low = Math.log(uniqueTokens);
  let step = 1;
  while (slopeSign(low + step) < 0) step *= 2;
  const tokens = Math.exp(increasingRoot(slopeSign, low, low + step));
  return { params: flops / (rate * tokens), tokens };
}

/** The log of the effective amount, and of its elasticity to the true one: 1 up to `unique`, and falling beyond. */
function effective(amount: number, unique: number, decay: number): { log: number; logElasticity: number } {
  const times = amount / unique;
  if (times <= 1) return { log: Math.log(amount), logElasticity: 0 };
  const whole = effectiveEpochs(decay, times);
  return {
    log: Math.log(unique * whole),
    logElasticity: Math.log(times) - (times - 1) / decay - Math.log(whole),
  };
}
