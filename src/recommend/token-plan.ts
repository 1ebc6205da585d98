import type { Law } from '../fit/law.js';
import type { Range } from '../flops/cost.js';
import { countFlops, type SequenceLengths, sequenceTokens } from '../flops/flops.js';
import { countParameters, type ParameterCount } from '../flops/parameters.js';
import type { Shape } from '../flops/shape.js';
import { type Estimate, optimalTokens, parametersFor, tokensOptimum } from './law-use.js';
import type { Limits } from './limits.js';
import type { Counts } from './search/section-counts.js';
import type { LengthsOf } from './setting.js';

/**
 * Passes over the unique tokens that are planned at most, where nothing says what repetition costs. Up to 4 epochs change the loss
 * little against unique tokens (Muennighoff et al. 2023, abstract).
 */
export const mostEpochs = 4;

/** How many tokens a shape is trained on. */
export interface TokenPlan {
  readonly lengthsOf: LengthsOf;
  readonly counts: (shape: Shape) => Counts;
  /** Tokens at the lowest MFU, or compute-optimal ones; 0 or less where the budget pays for none. */
  readonly tokens: (counts: Counts) => number;
  /** The same with what they may range over, and what that is. */
  readonly estimate: (counts: Counts) => Estimate & { readonly of: 'law' | 'mfu' | null };
}

/**
 * Tokens that the budget pays for, or where it sets no compute those that the law calls optimal; with so many unique tokens at hand
 * no more than {@link mostEpochs} passes over them, unless the law knows repetition.
 *
 * @param law - That predicts losses; null for none.
 * @param tokensLaw - That weighs parameters against tokens.
 */
export function planTokens(
  limits: Limits,
  lengthsOf: LengthsOf,
  law: Law | null,
  tokensLaw: Law,
  level: number,
): TokenPlan {
  const { flops, inferenceTokens, uniqueTokens } = limits;
  const knowsRepetition = flops !== null && law?.variables.includes('uniqueTokens') === true;
  const most = uniqueTokens === null || knowsRepetition ? Number.POSITIVE_INFINITY : mostEpochs * uniqueTokens;
  const optimum = flops === null ? tokensOptimum(tokensLaw) : null;
  const paramsOf = (counts: Counts) => parametersFor(tokensLaw, counts);
  const bought = (budget: number, { training, inference }: Counts) =>
    Math.min(most, (budget - inferenceTokens * inference) / training);
  return {
    lengthsOf,
    counts: (shape) => countsOf(shape, countParameters(shape), lengthsOf(shape)),
    tokens: (counts) => (flops === null ? Math.min(most, optimum!(paramsOf(counts))) : bought(flops[0], counts)),
    estimate: (counts) => {
      if (flops === null) {
        const { value, interval } = optimalTokens(tokensLaw, paramsOf(counts), level);
        const capped = interval === null ? null : ([Math.min(most, interval[0]), Math.min(most, interval[1])] as Range);
        return { value: Math.min(most, value), interval: capped, of: interval === null ? null : 'law' };
      }
      const [low, high] = [bought(flops[0], counts), bought(flops[1], counts)];
      return { value: low, interval: high > low ? [low, high] : null, of: high > low ? 'mfu' : null };
    },
  };
}

/** Parameters, and FLOPs a token at some lengths. */
function countsOf(shape: Shape, count: ParameterCount, lengths: SequenceLengths): Counts {
  const flops = countFlops(shape, lengths);
  const tokens = sequenceTokens(shape, lengths);
  return {
    total: count.total,
    nonEmbedding: count.nonEmbedding,
    training: flops.training / tokens,
    inference: flops.forward / tokens,
  };
}
