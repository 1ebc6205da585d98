import { ShapelawError } from '../../errors.js';
import { optimumAtFlops } from '../../fit/compute-optimum.js';
import type { Law } from '../../fit/law.js';
import type { Estimate } from '../../fit/optimum/index.js';
import { lossAt } from './compute-optimal.js';
import {
  type AllocationOptions,
  defaultTrainingFlops,
  estimates,
  ownSurface,
  requirePositive,
  type Surface,
  surfaceAt,
} from './surface.js';

/** The size is either `params` or `paramsRatio`. */
export interface OverTrainingOptions extends AllocationOptions {
  /** Training FLOPs of the compute-optimal model whose loss is to be reached, positive. */
  readonly flops: number;
  /** Parameters of the model, as the law counts them. */
  readonly params?: number;
  /** Parameters of the model by those of the compute optimum: 0.5 is a model of half the size. */
  readonly paramsRatio?: number;
}

/** What it takes to reach the loss of a compute optimum with a model of another size. */
export interface OverTraining {
  /** Of the compute optimum. */
  readonly flops: number;
  readonly params: Estimate;
  /** By the parameters of the compute optimum. */
  readonly paramsRatio: Estimate;
  readonly tokens: Estimate;
  readonly tokensPerParam: Estimate;
  /** Training FLOPs of this model. */
  readonly trainingFlops: Estimate;
  /** Training FLOPs beyond those of the compute optimum, as a share of them. */
  readonly overhead: Estimate;
  /** Of both models. */
  readonly loss: Estimate;
  /** Parameters at which no tokens would do any more. */
  readonly leastParams: Estimate;
  readonly optimum: { readonly params: Estimate; readonly tokens: Estimate };
  readonly level: number;
}

/**
 * Tokens and FLOPs with which a model smaller or larger than the compute optimum reaches the same loss. With k its parameters by
 * those of the optimum, at which `beta B D^-beta = alpha A N^-alpha`, its tokens by the optimum's are
 * `(1 + (beta/alpha) (1 - k^-alpha))^(-1/beta)`: the overhead, k times that less 1, is the same for every budget.
 *
 * @throws ShapelawError `infeasible-budget` for a size at which no tokens reach the loss, with the least that does; `bad-usage`
 * for a law that is no surface of parameters and tokens, values out of range, and not exactly one of params and paramsRatio.
 */
export function overTraining(law: Law, options: OverTrainingOptions): OverTraining {
  const { flops, level = 0.95, shape = null, trainingFlopsPerParamToken: rate = defaultTrainingFlops } = options;
  requirePositive('flops', flops);
  requirePositive('trainingFlopsPerParamToken', rate);
  const size = sizeOf(options);
  requireReach(law, ownSurface(law, shape), options, size, rate);
  const { optimumParams, optimumTokens, ...found } = estimates(law, level, (parameters) => {
    const surface = surfaceAt(law, parameters, shape);
    const optimum = optimumAtFlops(surface, flops, rate);
    const params = size(optimum.params);
    const paramsRatio = params / optimum.params;
    const tokensRatio = tokensFactor(surface, paramsRatio);
    const tokens = optimum.tokens * tokensRatio;
    return {
      params,
      paramsRatio,
      tokens,
      tokensPerParam: tokens / params,
      trainingFlops: flops * paramsRatio * tokensRatio,
      overhead: paramsRatio * tokensRatio - 1,
      loss: lossAt(surface, optimum.params, optimum.tokens),
      leastParams: optimum.params * leastRatio(surface),
      optimumParams: optimum.params,
      optimumTokens: optimum.tokens,
    };
  });
  return { flops, ...found, optimum: { params: optimumParams, tokens: optimumTokens }, level };
}

/** The parameters of the model, from those of the compute optimum. */
function sizeOf({ params, paramsRatio }: OverTrainingOptions): (optimum: number) => number {
  if ((params === undefined) === (paramsRatio === undefined)) {
    throw new ShapelawError('bad-usage', 'the size to train is either params or paramsRatio, and one of them', {
      params,
      paramsRatio,
    });
  }
  if (params !== undefined) {
    requirePositive('params', params);
    return () => params;
  }
  requirePositive('paramsRatio', paramsRatio!);
  return (optimum) => paramsRatio! * optimum;
}

/** Tokens by those of the optimum; infinite where none reach the loss. */
function tokensFactor({ alpha, beta }: Surface, ratio: number): number {
  const left = 1 + (beta / alpha) * (1 - ratio ** -alpha);
  return left > 0 ? left ** (-1 / beta) : Number.POSITIVE_INFINITY;
}

/** Parameters by those of the optimum at which the tokens grow beyond all bounds: `k^-alpha = 1 + alpha/beta`. */
function leastRatio({ alpha, beta }: Surface): number {
  return (1 + alpha / beta) ** (-1 / alpha);
}

function requireReach(
  law: Law,
  surface: Surface,
  { flops }: OverTrainingOptions,
  size: (optimum: number) => number,
  rate: number,
): void {
  const optimum = optimumAtFlops(surface, flops, rate);
  const params = size(optimum.params);
  if (Number.isFinite(tokensFactor(surface, params / optimum.params))) return;
  const least = optimum.params * leastRatio(surface);
  const target = lossAt(surface, optimum.params, optimum.tokens);
  throw new ShapelawError(
    'infeasible-budget',
    `${params.toPrecision(3)} parameters cannot reach the loss ${target.toFixed(4)} of the compute optimum of ${flops.toPrecision(3)} FLOPs with any tokens, by ${law.name}: take more than ${least.toPrecision(3)} parameters, or a smaller budget`,
    { params, leastParams: least, loss: target },
  );
}
