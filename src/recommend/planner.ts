import { extrapolation as distance } from '../fit/domain.js';
import { lossOf } from '../fit/formulas.js';
import type { Law } from '../fit/law.js';
import { predictor } from '../fit/predict.js';
import { trainingCost } from '../flops/cost.js';
import { countFlops } from '../flops/flops.js';
import { trainingMemory } from '../flops/memory.js';
import { countParameters } from '../flops/parameters.js';
import type { Shape } from '../flops/shape.js';
import type { Budget } from './budget.js';
import { deepest, type StandardSize, standardSizes, tallShape } from './candidates.js';
import { type Evidence, exactCounts, lawEvidence } from './evidence.js';
import { type Estimate, optimalTokens, parametersFor, pointFor } from './law-use.js';
import type { RecommendedShape } from './recommendation.js';
import type { Setting } from './setting.js';

export interface Laws {
  /** Predicts the loss that is shown. */
  readonly law: Law | null;
  /** Weighs parameters against tokens: says how many are optimal, and which size suits a budget of compute. */
  readonly tokensLaw: Law;
}

/** What a budget, a setting and laws say of single shapes. */
export function createPlanner(
  budget: Budget,
  setting: Setting,
  laws: Laws,
  trainingFlops: readonly [number, number] | null,
  level: number,
) {
  const { law, tokensLaw } = laws;
  const { lengths } = setting;
  const sequenceTokens = lengths.encoderTokens + lengths.decoderTokens;
  const flopsPerToken = (shape: Shape) => countFlops(shape, lengths).training / sequenceTokens;
  const predictLoss = law === null ? null : predictor(law, level);

  /** Tokens that the budget pays for, or where it sets no compute those that the law calls optimal. */
  const tokensOf = (shape: Shape): Estimate => {
    if (trainingFlops === null)
      return optimalTokens(tokensLaw, parametersFor(tokensLaw, countParameters(shape)), level);
    const perToken = flopsPerToken(shape);
    const [low, high] = [trainingFlops[0] / perToken, trainingFlops[1] / perToken];
    return { value: low, interval: high > low ? [low, high] : null };
  };
  /** Loss at the budget by the law that chooses sizes. */
  const expectedLoss = (shape: Shape) => {
    const tokens = tokensOf(shape).value;
    const point = pointFor(tokensLaw, shape, countParameters(shape), tokens, tokens * flopsPerToken(shape));
    return lossOf(tokensLaw, tokensLaw.parameters, point);
  };

  const row = (
    shape: Shape,
    role: RecommendedShape['role'],
    standard: StandardSize,
    evidence: readonly Evidence[],
  ): RecommendedShape => {
    const count = countParameters(shape);
    const tokens = tokensOf(shape);
    const flops = tokens.value * flopsPerToken(shape);
    const cost = trainingCost({ ...setting, flops });
    const memory = trainingMemory(shape, { ...lengths, ...setting.memory });
    const point = (asked: Law) => pointFor(asked, shape, count, tokens.value, flops);
    const predicted = law === null || predictLoss === null ? null : predictLoss(point(law));
    return {
      shape,
      role,
      parameters: count.total,
      excess: budget.kind === 'params' ? count.total / budget.params - 1 : null,
      flops,
      flopsPerTokenRatio: flopsPerToken(shape) / flopsPerToken(standard.shape),
      tokens: tokens.value,
      tokensInterval: tokens.interval,
      tokensIntervalOf: tokens.interval === null ? null : trainingFlops === null ? 'law' : 'mfu',
      // A budget of compute pays for whole steps only; tokens that are asked for take the last one too.
      steps: (trainingFlops === null ? Math.ceil : Math.floor)(tokens.value / (setting.batch * sequenceTokens)),
      time: { devices: setting.devices, deviceHours: cost.deviceHours, wallSeconds: cost.wallSeconds },
      cost: { dollars: cost.dollars, kiloWattHours: cost.kiloWattHours, kilogramsCo2e: cost.kilogramsCo2e },
      memory: {
        ...memory,
        deviceBytes: setting.hardware.memoryBytes,
        fits: memory.total <= setting.hardware.memoryBytes,
      },
      loss: predicted?.loss ?? null,
      extrapolation: predicted?.extrapolation ?? distance(tokensLaw, { ...point(tokensLaw) }),
      evidence: [
        exactCounts,
        ...evidence,
        ...(trainingFlops === null ? [lawEvidence(tokensLaw, 'tokens at the compute optimum')] : []),
        ...(law === null ? [] : [lawEvidence(law, 'loss predicted')]),
      ],
    };
  };

  return {
    row,
    /** Training FLOPs of one step. */
    stepFlops: (shape: Shape) => flopsPerToken(shape) * setting.batch * sequenceTokens,
    bestStandard: () =>
      standardSizes.reduce((best, size) => (expectedLoss(size.shape) < expectedLoss(best.shape) ? size : best)),
    lawRow: (standard: StandardSize) => {
      const lattice = standardSizes.flatMap(({ size }) =>
        Array.from({ length: deepest - 1 }, (_, k) => tallShape(size, k + 2)),
      );
      const losses = lattice.map(expectedLoss);
      const best = lattice[losses.reduce((least, loss, k) => (loss < losses[least]! ? k : least), 0)]!;
      return row(best, 'law', standard, [
        lawEvidence(
          tokensLaw,
          'size chosen for the least loss at the budget; the law has no term of shape, so it tells shapes apart by parameters and FLOPs alone,',
        ),
      ]);
    },
    tokensAssumption: {
      name: 'tokens',
      value:
        trainingFlops === null
          ? 'compute-optimal for the parameters'
          : 'what the training FLOPs pay for, at the lowest MFU',
      source:
        trainingFlops === null ? `${tokensLaw.name}: ${tokensLaw.provenance.source}` : 'exact FLOPs for each token',
      given: trainingFlops !== null || law === tokensLaw,
    },
  };
}
