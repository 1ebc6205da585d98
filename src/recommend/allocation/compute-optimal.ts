import { optimumAtFlops } from '../../fit/compute-optimum.js';
import type { Law } from '../../fit/law.js';
import type { Estimate } from '../../fit/optimum/index.js';
import {
  type AllocationOptions,
  defaultTrainingFlops,
  estimates,
  ownSurface,
  requirePositive,
  type Surface,
  surfaceAt,
} from './surface.js';

export interface ComputeOptimalOptions extends AllocationOptions {
  /** Training FLOPs, positive. */
  readonly flops: number;
}

/** Parameters and tokens of least loss for a budget of training FLOPs. */
export interface ComputeOptimal {
  readonly flops: number;
  /** As the law counts them. */
  readonly params: Estimate;
  readonly tokens: Estimate;
  readonly tokensPerParam: Estimate;
  /** The law's mean, in its own unit. */
  readonly loss: Estimate;
  readonly level: number;
}

/**
 * Parameters and tokens of least loss for training FLOPs C = c N D: `N = G (C/c)^a`, `D = (C/c)^b / G`
 * (Hoffmann et al. 2022, equation 4, where c is 6).
 *
 * @throws ShapelawError `bad-usage` for a law that is no surface of parameters and tokens, and values out of range.
 */
export function computeOptimal(law: Law, options: ComputeOptimalOptions): ComputeOptimal {
  const { flops, level = 0.95, shape = null, trainingFlopsPerParamToken: rate = defaultTrainingFlops } = options;
  requirePositive('flops', flops);
  requirePositive('trainingFlopsPerParamToken', rate);
  ownSurface(law, shape);
  return {
    flops,
    ...estimates(law, level, (parameters) => {
      const surface = surfaceAt(law, parameters, shape);
      const { params, tokens } = optimumAtFlops(surface, flops, rate);
      return { params, tokens, tokensPerParam: tokens / params, loss: lossAt(surface, params, tokens) };
    }),
    level,
  };
}

export function lossAt({ E, A, B, alpha, beta }: Surface, params: number, tokens: number): number {
  return E + A * params ** -alpha + B * tokens ** -beta;
}
