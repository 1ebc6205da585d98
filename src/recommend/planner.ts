import { extrapolation as distance } from '../fit/domain.js';
import { lossOf } from '../fit/formulas.js';
import type { Law } from '../fit/law.js';
import { predictor } from '../fit/predict.js';
import { trainingCost } from '../flops/cost.js';
import { sequenceTokens } from '../flops/flops.js';
import { inferenceMemory, trainingMemory } from '../flops/memory.js';
import { countParameters } from '../flops/parameters.js';
import type { Shape } from '../flops/shape.js';
import type { Budget } from './budget.js';
import type { StandardSize } from './candidates.js';
import { type Evidence, exactCounts, lawEvidence } from './evidence.js';
import { pointFor } from './law-use.js';
import { excessOf, type Limits } from './limits.js';
import type { RecommendedShape } from './recommendation.js';
import { rowSpeed } from './row-speed.js';
import type { Setting } from './setting.js';
import type { TokenPlan } from './token-plan.js';
import { trainingRule } from './training-rules.js';

export interface Laws {
  /** Predicts the loss that is shown. */
  readonly law: Law | null;
  /** Weighs parameters against tokens: says how many are optimal, and which size suits a budget of compute. */
  readonly tokensLaw: Law;
}

/** A row before it is compared with the others. */
export type PlannedShape = Omit<RecommendedShape, 'set' | 'pareto' | 'dominatedBy'>;

/** What a budget, a setting and laws say of single shapes. */
export function createPlanner(
  budget: Budget,
  limits: Limits,
  setting: Setting,
  laws: Laws,
  plan: TokenPlan,
  level: number,
) {
  const { law, tokensLaw } = laws;
  const { uniqueTokens } = limits;
  const stepTokens = (shape: Shape) => setting.batch * sequenceTokens(shape, plan.lengthsOf(shape));
  const predictLoss = law === null ? null : predictor(law, level);
  const compute = limits.flops !== null;

  const row = (
    shape: Shape,
    role: RecommendedShape['role'],
    standard: StandardSize,
    evidence: readonly Evidence[],
  ): PlannedShape => {
    const count = countParameters(shape);
    const counts = plan.counts(shape);
    const tokens = plan.estimate(counts);
    const flops = tokens.value * counts.training;
    const cost = trainingCost({ ...setting, flops });
    const lengths = plan.lengthsOf(shape);
    const memory = trainingMemory(shape, { ...lengths, ...setting.memory });
    const point = (asked: Law) => pointFor(asked, shape, count, tokens.value, flops, uniqueTokens);
    const predicted = law === null || predictLoss === null ? null : predictLoss(point(law));
    return {
      shape,
      role,
      parameters: count.total,
      excess: budget.kind === 'params' ? count.total / budget.params - 1 : null,
      exceeds: excessOf(limits.shape, shape),
      flops,
      flopsPerTokenRatio: counts.training / plan.counts(standard.shape).training,
      tokens: tokens.value,
      tokensInterval: tokens.interval,
      tokensIntervalOf: tokens.of,
      lengths,
      epochs: uniqueTokens === null ? null : tokens.value / uniqueTokens,
      // A budget of compute pays for whole steps only; tokens that are asked for take the last one too.
      steps: (compute ? Math.floor : Math.ceil)(tokens.value / stepTokens(shape)),
      time: { devices: setting.devices, deviceHours: cost.deviceHours, wallSeconds: cost.wallSeconds },
      cost: { dollars: cost.dollars, kiloWattHours: cost.kiloWattHours, kilogramsCo2e: cost.kilogramsCo2e },
      memory: {
        ...memory,
        deviceBytes: setting.hardware.memoryBytes,
        fits: memory.total <= setting.hardware.memoryBytes,
      },
      inferenceMemory: inferenceMemory(shape, { ...lengths, batch: 1 }),
      speed: rowSpeed(shape, lengths, setting),
      rule: trainingRule(shape, { tokens: tokens.value, flops }),
      loss: predicted?.loss ?? null,
      extrapolation: predicted?.extrapolation ?? distance(tokensLaw, { ...point(tokensLaw) }),
      evidence: [
        exactCounts,
        ...evidence,
        ...(compute ? [] : [lawEvidence(tokensLaw, 'tokens at the compute optimum')]),
        ...(law === null ? [] : [lawEvidence(law, 'loss predicted')]),
      ],
    };
  };

  return {
    row,
    /** Training FLOPs of one step. */
    stepFlops: (shape: Shape) => plan.counts(shape).training * stepTokens(shape),
    /** Training FLOPs of all tokens at the lowest MFU; 0 or less where the budget pays for none. */
    trainingFlops: (shape: Shape) => {
      const counts = plan.counts(shape);
      return plan.tokens(counts) * counts.training;
    },
    /** The size of least loss at the budget, by the law that chooses sizes. */
    bestOf: (sizes: readonly StandardSize[]) => {
      const expectedLoss = ({ shape }: StandardSize) => {
        const counts = plan.counts(shape);
        const tokens = plan.tokens(counts);
        if (!(tokens > 0)) return Number.POSITIVE_INFINITY;
        const point = pointFor(
          tokensLaw,
          shape,
          countParameters(shape),
          tokens,
          tokens * counts.training,
          uniqueTokens ?? tokens,
        );
        return lossOf(tokensLaw, tokensLaw.parameters, point);
      };
      return sizes.reduce((best, size) => (expectedLoss(size) < expectedLoss(best) ? size : best));
    },
    tokensAssumption: tokensAssumption(limits, laws),
  };
}

function tokensAssumption(limits: Limits, { law, tokensLaw }: Laws) {
  const compute = limits.flops !== null;
  const served = limits.inferenceTokens > 0;
  return {
    name: 'tokens',
    value: compute
      ? `what the ${served ? 'FLOPs that serving leaves' : 'training FLOPs'} pay for, at the lowest MFU`
      : 'compute-optimal for the parameters',
    source: compute ? 'exact FLOPs for each token' : `${tokensLaw.name}: ${tokensLaw.provenance.source}`,
    given: compute || law === tokensLaw,
  };
}
