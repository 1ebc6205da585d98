import { ShapelawError } from '../../errors.js';
import { optimumAtFlops } from '../../fit/compute-optimum.js';
import type { Law } from '../../fit/law.js';
import type { Estimate } from '../../fit/optimum/index.js';
import { increasingRoot } from '../increasing-root.js';
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

interface InferenceOptions extends AllocationOptions {
  /** Tokens read and written over the model's life, 0 or more. */
  readonly inferenceTokens: number;
  /** FLOPs of inference for each parameter and token. Defaults to 2 (Sardana et al. 2024). */
  readonly inferenceFlopsPerParamToken?: number;
}

/** The quality is either `flops` or `loss`. */
export interface InferenceAwareOptions extends InferenceOptions {
  /** Training FLOPs whose compute optimum has the loss to be reached. */
  readonly flops?: number;
  /** The loss to be reached, in the law's unit. */
  readonly loss?: number;
}

export interface InferenceBudgetOptions extends InferenceOptions {
  /** FLOPs of training and of all inference, positive. */
  readonly totalFlops: number;
}

/** Parameters and tokens with the FLOPs of a model's life. */
export interface LifetimeAllocation {
  readonly params: Estimate;
  readonly tokens: Estimate;
  readonly tokensPerParam: Estimate;
  readonly loss: Estimate;
  readonly trainingFlops: Estimate;
  readonly inferenceFlops: Estimate;
  readonly totalFlops: Estimate;
  readonly inferenceTokens: number;
  readonly level: number;
}

/** Parameters and tokens of least lifetime FLOPs at a loss. */
export interface InferenceAware extends LifetimeAllocation {
  /** The model of the same loss that training alone would choose. */
  readonly optimum: { readonly params: Estimate; readonly tokens: Estimate; readonly totalFlops: Estimate };
  /** Parameters by those of that model. */
  readonly paramsRatio: Estimate;
  /** Tokens by those of that model. */
  readonly tokensRatio: Estimate;
  /** FLOPs less than that model takes over its life. */
  readonly savedFlops: Estimate;
  /** `savedFlops` as a share of what that model takes. */
  readonly saving: Estimate;
}

/** Parameters and tokens of least loss for lifetime FLOPs. */
export type InferenceBudget = LifetimeAllocation;

/** FLOPs for each parameter and token. */
interface Rates {
  readonly training: number;
  readonly inference: number;
}

/**
 * Parameters and tokens of least FLOPs of training and inference, `6 N D + 2 N I`, that reach a loss (Sardana et al. 2024,
 * Beyond Chinchilla-Optimal). With t the FLOPs of inference by those of training, the least total is where
 * `alpha A N^-alpha = (1 + t) beta B D^-beta`, which one t alone solves: at t = 0 it is the compute optimum, and inference makes the
 * model smaller and its training longer.
 *
 * @throws ShapelawError `infeasible-budget` for a loss that the law never reaches; `bad-usage` for a law that is no surface of
 * parameters and tokens, values out of range, and not exactly one of flops and loss.
 */
export function inferenceAware(law: Law, options: InferenceAwareOptions): InferenceAware {
  const { inferenceTokens, level = 0.95, shape = null } = options;
  const rates = ratesOf(options);
  const excess = excessOf(law, options, rates, ownSurface(law, shape));
  const { optimumParams, optimumTokens, optimumFlops, ...found } = estimates(law, level, (parameters) => {
    const surface = surfaceAt(law, parameters, shape);
    return leastFlops(surface, excess(surface), inferenceTokens, rates);
  });
  return {
    ...found,
    optimum: { params: optimumParams, tokens: optimumTokens, totalFlops: optimumFlops },
    inferenceTokens,
    level,
  };
}

/**
 * Parameters and tokens of least loss for FLOPs of training and inference together, `6 N D + 2 N I`: the other side of
 * {@link inferenceAware}, with the same condition at the optimum.
 *
 * @throws ShapelawError `infeasible-budget` where the optimum has less than one parameter or is trained on less than one token;
 * `bad-usage` for a law that is no surface of parameters and tokens, and values out of range.
 */
export function inferenceAwareForBudget(law: Law, options: InferenceBudgetOptions): InferenceBudget {
  const { totalFlops, inferenceTokens, level = 0.95, shape = null } = options;
  requirePositive('totalFlops', totalFlops);
  const rates = ratesOf(options);
  requireTraining(leastLoss(ownSurface(law, shape), totalFlops, inferenceTokens, rates), options);
  return {
    ...estimates(law, level, (parameters) => {
      const surface = surfaceAt(law, parameters, shape);
      const { params, tokens } = leastLoss(surface, totalFlops, inferenceTokens, rates);
      return lifetime(surface, params, tokens, inferenceTokens, rates);
    }),
    inferenceTokens,
    level,
  };
}

function ratesOf(options: InferenceOptions): Rates {
  const { inferenceTokens, trainingFlopsPerParamToken: training = defaultTrainingFlops } = options;
  const { inferenceFlopsPerParamToken: inference = 2 } = options;
  if (!(inferenceTokens >= 0 && Number.isFinite(inferenceTokens)))
    throw new ShapelawError('bad-usage', `inferenceTokens must be 0 or a positive number, not ${inferenceTokens}`, {
      inferenceTokens,
    });
  requirePositive('trainingFlopsPerParamToken', training);
  requirePositive('inferenceFlopsPerParamToken', inference);
  return { training, inference };
}

/** The loss above E that is to be reached, for a surface. */
function excessOf(
  law: Law,
  { flops, loss }: InferenceAwareOptions,
  rates: Rates,
  own: Surface,
): (surface: Surface) => number {
  if ((flops === undefined) === (loss === undefined)) {
    throw new ShapelawError('bad-usage', 'the quality to reach is either flops or loss, and one of them', {
      flops,
      loss,
    });
  }
  if (flops !== undefined) {
    requirePositive('flops', flops);
    return (surface) => {
      const { params, tokens } = optimumAtFlops(surface, flops, rates.training);
      return lossAt({ ...surface, E: 0 }, params, tokens);
    };
  }
  requirePositive('loss', loss!);
  if (loss! <= own.E) {
    throw new ShapelawError(
      'infeasible-budget',
      `no parameters and tokens reach the loss ${loss}, by ${law.name}: it never falls to ${own.E.toPrecision(6)}; ask for more than that`,
      { loss, leastLoss: own.E },
    );
  }
  return ({ E }) => loss! - E;
}

/**
 * N and D that reach a loss, where FLOPs of inference are t times those of training. A draw whose E lies above the loss asks for
 * both without end.
 */
function sizesAt({ A, B, alpha, beta }: Surface, excess: number, t: number): { params: number; tokens: number } {
  if (!(excess > 0)) return { params: Number.POSITIVE_INFINITY, tokens: Number.POSITIVE_INFINITY };
  // The term of parameters by that of tokens is (beta / alpha) (1 + t), turned upside down.
  const terms = (beta / alpha) * (1 + t);
  return {
    params: ((A * (1 + 1 / terms)) / excess) ** (1 / alpha),
    tokens: ((B * (1 + terms)) / excess) ** (1 / beta),
  };
}

function leastFlops(surface: Surface, excess: number, inferenceTokens: number, rates: Rates) {
  const isReached = excess > 0;
  const { params, tokens } = sizesAt(surface, excess, inferenceRatio(surface, excess, inferenceTokens, rates));
  const optimum = sizesAt(surface, excess, 0);
  const found = lifetime(surface, params, tokens, inferenceTokens, rates);
  const plain = lifetime(surface, optimum.params, optimum.tokens, inferenceTokens, rates);
  // Where inference is next to nothing the two totals differ by rounding, which may fall on either side of 0.
  const savedFlops = Math.max(plain.totalFlops - found.totalFlops, 0);
  return {
    ...found,
    loss: surface.E + excess,
    optimumParams: optimum.params,
    optimumTokens: optimum.tokens,
    optimumFlops: plain.totalFlops,
    savedFlops,
    // What they come to as the loss nears E: the training grows beyond all inference.
    paramsRatio: isReached ? params / optimum.params : 1,
    tokensRatio: isReached ? tokens / optimum.tokens : 1,
    saving: isReached ? savedFlops / plain.totalFlops : 0,
  };
}

/** FLOPs of inference by those of training at the least total: t with `c t D(t) = c' I`, whose left side rises with t. */
function inferenceRatio(surface: Surface, excess: number, inferenceTokens: number, rates: Rates): number {
  if (inferenceTokens === 0 || !(excess > 0)) return 0;
  const asked = Math.log(rates.inference * inferenceTokens) - Math.log(rates.training);
  const miss = (logT: number) => logT + Math.log(sizesAt(surface, excess, Math.exp(logT)).tokens) - asked;
  // Tokens are never fewer than at t = 0, and ln t + ln D(t) rises at least as fast as ln t.
  const most = asked - Math.log(sizesAt(surface, excess, 0).tokens);
  return Math.exp(increasingRoot(miss, most - Math.max(miss(most), 0), most));
}

/** The optimum of a budget: as D = c' I / (c t) and N = T / (c D (1 + t)), one t alone meets the condition. */
function leastLoss(
  surface: Surface,
  totalFlops: number,
  inferenceTokens: number,
  rates: Rates,
): { params: number; tokens: number } {
  if (inferenceTokens === 0) return optimumAtFlops(surface, totalFlops, rates.training);
  const { A, B, alpha, beta } = surface;
  const logInference = Math.log(rates.inference * inferenceTokens);
  const logParams = (logT: number) => Math.log(totalFlops) - logInference + logT - Math.log1p(Math.exp(logT));
  const logTokens = (logT: number) => logInference - Math.log(rates.training) - logT;
  const miss = (logT: number) =>
    Math.log1p(Math.exp(logT)) - Math.log((alpha * A) / (beta * B)) + alpha * logParams(logT) - beta * logTokens(logT);
  // It rises by beta + (alpha + t) / (1 + t), which lies between beta + alpha and beta + 1.
  const start = -miss(0);
  const ends = [start / (beta + alpha), start / (beta + 1)];
  const root = increasingRoot(miss, Math.min(...ends), Math.max(...ends));
  return { params: Math.exp(logParams(root)), tokens: Math.exp(logTokens(root)) };
}

function lifetime(surface: Surface, params: number, tokens: number, inferenceTokens: number, rates: Rates) {
  const trainingFlops = rates.training * params * tokens;
  const inferenceFlops = inferenceTokens === 0 ? 0 : rates.inference * params * inferenceTokens;
  return {
    params,
    tokens,
    tokensPerParam: tokens / params,
    loss: lossAt(surface, params, tokens),
    trainingFlops,
    inferenceFlops,
    totalFlops: trainingFlops + inferenceFlops,
  };
}

function requireTraining(
  { params, tokens }: { params: number; tokens: number },
  { totalFlops, inferenceTokens }: InferenceBudgetOptions,
): void {
  if (params >= 1 && tokens >= 1) return;
  throw new ShapelawError(
    'infeasible-budget',
    `${totalFlops.toPrecision(3)} FLOPs train nothing beside ${inferenceTokens.toPrecision(3)} tokens of inference: the best that they pay for is ${params.toPrecision(2)} parameters on ${tokens.toPrecision(2)} tokens; take a larger budget, or fewer tokens of inference`,
    { totalFlops, inferenceTokens, params, tokens },
  );
}
