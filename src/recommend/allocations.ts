import { ShapelawError } from '../errors.js';
import type { Law } from '../fit/law.js';
import {
  computeOptimal,
  dataLimited,
  inferenceAware,
  inferenceAwareForBudget,
  overTraining,
} from './allocation/index.js';
import type { Estimate } from './law-use.js';
import type { Limits } from './limits.js';

/** Parameters and tokens of least loss. */
export interface Allocation {
  readonly params: Estimate;
  readonly tokens: Estimate;
  readonly tokensPerParam: Estimate;
}

/** How a budget of compute is best split, whatever the shape; 6 FLOPs for a parameter and token, 2 where it is served. */
export interface Allocations {
  /** Name of the law behind all of them. */
  readonly law: string;
  /** For training alone, at tokens seen once. */
  readonly optimum: Allocation;
  /** What smaller and larger models take to reach the optimum's loss: FLOPs beyond its own, as a share of them. */
  readonly overTraining: readonly {
    readonly paramsRatio: number;
    readonly params: Estimate;
    readonly tokens: Estimate;
    readonly overhead: Estimate;
  }[];
  /** Where compute pays for serving too: the least loss of all, and what the model of the optimum's quality saves by being smaller; null without a volume. */
  readonly inferenceAware: (Allocation & { readonly saving: Estimate }) | null;
  /** With so many unique tokens, by a law of repeated data; null else. */
  readonly dataLimited: (Allocation & { readonly epochs: Estimate; readonly loss: Estimate }) | null;
}

/** Sizes of over-trained and under-trained models, by that of the optimum. */
const ratios = [0.25, 0.5, 0.75, 2];

/** The allocations of a budget of compute by the law that weighs parameters against tokens. */
export function allocationsOf(law: Law, flops: number, limits: Limits, level: number): Allocations {
  const { uniqueTokens, inferenceTokens } = limits;
  if (law.law === 'data-constrained') {
    const found = dataLimited(law, { flops, uniqueTokens: uniqueTokens!, level });
    const { params, tokens, tokensPerParam, epochs, loss } = found;
    return {
      law: law.name,
      optimum: ratioOf(found.unlimited),
      overTraining: [],
      inferenceAware: null,
      dataLimited: { params, tokens, tokensPerParam, epochs, loss },
    };
  }
  const { params, tokens, tokensPerParam } = computeOptimal(law, { flops, level });
  return {
    law: law.name,
    optimum: { params, tokens, tokensPerParam },
    overTraining: ratios.flatMap((paramsRatio) => overTrained(law, flops, paramsRatio, level)),
    inferenceAware: inferenceTokens === 0 ? null : served(law, flops, inferenceTokens, level),
    dataLimited: null,
  };
}

function ratioOf({ params, tokens }: { readonly params: Estimate; readonly tokens: Estimate }): Allocation {
  return { params, tokens, tokensPerParam: { value: tokens.value / params.value, interval: null } };
}

/** A model too small to reach the loss at all is left out. */
function overTrained(law: Law, flops: number, paramsRatio: number, level: number): Allocations['overTraining'] {
  try {
    const { params, tokens, overhead } = overTraining(law, { flops, paramsRatio, level });
    return [{ paramsRatio, params, tokens, overhead }];
  } catch (error) {
    if (error instanceof ShapelawError && error.code === 'infeasible-budget') return [];
    throw error;
  }
}

function served(law: Law, flops: number, inferenceTokens: number, level: number): Allocations['inferenceAware'] {
  const { params, tokens, tokensPerParam } = inferenceAwareForBudget(law, {
    totalFlops: flops,
    inferenceTokens,
    level,
  });
  const { saving } = inferenceAware(law, { flops, inferenceTokens, level });
  return { params, tokens, tokensPerParam, saving };
}
