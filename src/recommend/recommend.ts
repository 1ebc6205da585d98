import { ShapelawError } from '../errors.js';
import type { Extrapolation } from '../fit/domain.js';
import type { Law } from '../fit/law.js';
import { type LossPrediction, lawDraws, predictor } from '../fit/predict.js';
import { publishedLaw } from '../fit/published.js';
import { type Cost, trainingCost } from '../flops/cost.js';
import { countFlops } from '../flops/flops.js';
import { type TrainingMemory, trainingMemory } from '../flops/memory.js';
import { countParameters } from '../flops/parameters.js';
import type { Shape } from '../flops/shape.js';
import { type Budget, budgetFlops } from './budget.js';
import {
  deepest,
  deepNarrowShapes,
  nearestStandard,
  type StandardSize,
  standardSizes,
  tallShape,
} from './candidates.js';
import {
  deepNarrowLimits,
  deepNarrowRule,
  type Evidence,
  exactCounts,
  lawEvidence,
  publishedRelation,
  standardReference,
} from './evidence.js';
import { type Estimate, optimalTokens, parametersFor, pointFor } from './law-use.js';
import { type Assumption, resolveSetting, type Setting, type SettingOptions } from './setting.js';

export interface RecommendOptions extends SettingOptions {
  /** The law that predicts loss and sets tokens. Defaults to none: tokens by Besiroglu et al. 2024, and no loss. */
  readonly law?: Law;
  /** Level of intervals, in (0, 1). Defaults to 0.95. */
  readonly level?: number;
}

/** One shape, what it takes and what to expect of it. */
export interface RecommendedShape {
  readonly shape: Shape;
  readonly role: 'deep-narrow' | 'standard' | 'law';
  /** All parameters, tied embeddings once. */
  readonly parameters: number;
  /** Parameters over the budget's, less 1; null where the budget sets none. */
  readonly excess: number | null;
  /** Training FLOPs of all tokens, exact convention. */
  readonly flops: number;
  /** Exact training FLOPs for each token over those of the standard size beside it. */
  readonly flopsPerTokenRatio: number;
  /** Training tokens, encoder and decoder. */
  readonly tokens: number;
  /** What the tokens may range over: the law's interval, or the budget's from the lowest to the highest MFU; null where neither has one. */
  readonly tokensInterval: readonly [number, number] | null;
  readonly steps: number;
  readonly time: {
    readonly devices: number;
    readonly deviceHours: Cost['deviceHours'];
    readonly wallSeconds: Cost['wallSeconds'];
  };
  readonly cost: {
    readonly dollars: Cost['dollars'];
    readonly kiloWattHours: Cost['kiloWattHours'];
    readonly kilogramsCo2e: Cost['kilogramsCo2e'];
  };
  /** Bytes of training on one device, and whether they fit it. */
  readonly memory: TrainingMemory & { readonly deviceBytes: number; readonly fits: boolean };
  /** Predicted loss in the law's unit; null without a law. */
  readonly loss: LossPrediction | null;
  /** Distance of the point from the law's evidence; null without a law. */
  readonly extrapolation: Extrapolation | null;
  readonly evidence: readonly Evidence[];
}

/** A budget, what was assumed, and the shapes that answer it. */
export interface Recommendation {
  readonly budget: Budget & {
    /** Training FLOPs at the lowest and the highest MFU; null where the budget sets none. Shapes are planned at the lowest. */
    readonly trainingFlops: readonly [number, number] | null;
  };
  readonly assumptions: readonly Assumption[];
  readonly recommendations: readonly RecommendedShape[];
  readonly notes: readonly string[];
}

/**
 * The DeepNarrow shapes for a budget, beside the standard T5 size of that budget, and with a law and a budget of compute
 * the size at which the law expects the least loss.
 *
 * @throws ShapelawError `infeasible-budget` where no shape of the family comes near the budget, `bad-quantity` and
 * `bad-usage` for values out of range.
 */
export function recommend(budget: Budget, options: RecommendOptions = {}): Recommendation {
  const law = options.law ?? null;
  const level = options.level ?? 0.95;
  const setting = resolveSetting(budget, options);
  const trainingFlops = budgetFlops(budget, setting);
  const tokensLaw = law?.law === 'chinchilla' ? law : publishedLaw('besiroglu-2024');
  requireUsable(law);

  const plan = createPlanner(budget, setting, law, tokensLaw, trainingFlops, level);
  const standard = budget.kind === 'params' ? nearestStandard(budget.params) : plan.bestStandard();
  const mostParameters = budget.kind === 'params' ? budget.params : standard.parameters;
  const tall = deepNarrowShapes(standard, mostParameters);
  if (budget.kind === 'params' && tall.length === 0 && standard.parameters > budget.params * 1.05) {
    throw new ShapelawError(
      'infeasible-budget',
      `no shape of the T5 family has ${budget.params.toLocaleString('en-US')} parameters or fewer; the nearest is ${standard.shape.name} with ` +
        `${standard.parameters.toLocaleString('en-US')}`,
      { params: budget.params, nearest: standard.shape.name, parameters: standard.parameters },
    );
  }

  const recommendations = [
    ...tall.map((shape) =>
      plan.row(shape, 'deep-narrow', standard, [deepNarrowRule, ...publishedRelation(shape.name)]),
    ),
    plan.row(standard.shape, 'standard', standard, [standardReference]),
    ...(law !== null && budget.kind !== 'params' ? [plan.lawRow(law, standard)] : []),
  ];
  return {
    budget: { ...budget, trainingFlops },
    assumptions: [...setting.assumptions, plan.tokensAssumption],
    recommendations,
    notes: [
      ...plan.notes(standard),
      ...(tall.length > 0
        ? deepNarrowLimits
        : [`No DeepNarrow shape: no smaller standard size than ${standard.shape.name} can grow into this budget.`]),
    ],
  };
}

function requireUsable(law: Law | null): void {
  if (law?.law !== 'data-constrained') return;
  throw new ShapelawError(
    'bad-usage',
    `${law.name} needs the unique tokens at hand, which a budget does not state yet; use a chinchilla, kaplan or power law`,
  );
}

function createPlanner(
  budget: Budget,
  setting: Setting,
  law: Law | null,
  tokensLaw: Law,
  trainingFlops: readonly [number, number] | null,
  level: number,
) {
  const { lengths } = setting;
  const sequenceTokens = lengths.encoderTokens + lengths.decoderTokens;
  const flopsPerToken = (shape: Shape) => countFlops(shape, lengths).training / sequenceTokens;
  const predictLoss = law === null ? null : predictor(law, level);
  const chooseBy = predictor(tokensLaw, level);

  /** Tokens that the budget pays for, or where it sets no compute those that the law calls optimal. */
  const tokensOf = (shape: Shape): Estimate => {
    if (trainingFlops === null)
      return optimalTokens(tokensLaw, parametersFor(tokensLaw, countParameters(shape)), level);
    const perToken = flopsPerToken(shape);
    const [low, high] = [trainingFlops[0] / perToken, trainingFlops[1] / perToken];
    return { value: low, interval: high > low ? [low, high] : null };
  };
  /** Loss at the budget by the law that chooses sizes, the point value alone. */
  const expectedLoss = (shape: Shape) => {
    const tokens = tokensOf(shape).value;
    return chooseBy(pointFor(tokensLaw, countParameters(shape), tokens, tokens * flopsPerToken(shape))).loss.value;
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
    const predicted =
      law === null || predictLoss === null ? null : predictLoss(pointFor(law, count, tokens.value, flops));
    return {
      shape,
      role,
      parameters: count.total,
      excess: budget.kind === 'params' ? count.total / budget.params - 1 : null,
      flops,
      flopsPerTokenRatio: flopsPerToken(shape) / flopsPerToken(standard.shape),
      tokens: tokens.value,
      tokensInterval: tokens.interval,
      steps: Math.ceil(tokens.value / (setting.batch * sequenceTokens)),
      time: { devices: setting.devices, deviceHours: cost.deviceHours, wallSeconds: cost.wallSeconds },
      cost: { dollars: cost.dollars, kiloWattHours: cost.kiloWattHours, kilogramsCo2e: cost.kilogramsCo2e },
      memory: {
        ...memory,
        deviceBytes: setting.hardware.memoryBytes,
        fits: memory.total <= setting.hardware.memoryBytes,
      },
      loss: predicted?.loss ?? null,
      extrapolation: predicted?.extrapolation ?? null,
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
    bestStandard: () =>
      standardSizes.reduce((best, size) => (expectedLoss(size.shape) < expectedLoss(best.shape) ? size : best)),
    lawRow: (chosenBy: Law, standard: StandardSize) => {
      const lattice = standardSizes.flatMap(({ size }) =>
        Array.from({ length: deepest - 1 }, (_, k) => tallShape(size, k + 2)),
      );
      const losses = lattice.map(expectedLoss);
      const best = lattice[losses.reduce((least, loss, k) => (loss < losses[least]! ? k : least), 0)]!;
      return row(best, 'law', standard, [
        lawEvidence(
          chosenBy,
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
      given: trainingFlops !== null || law !== null,
    },
    notes: (standard: StandardSize) => lawNotes(law, tokensLaw, standard),
  };
}

function lawNotes(law: Law | null, tokensLaw: Law, standard: StandardSize): string[] {
  const notes: string[] = [];
  if (law === null)
    notes.push(
      'No law was given, so no loss is predicted. Fit one to your runs: shapelaw fit RUNS --law chinchilla -o LAW.json',
    );
  if (lawDraws(tokensLaw) === null)
    notes.push(`${tokensLaw.name} has no published draws, so its tokens have no interval.`);
  for (const used of law === null ? [tokensLaw] : [law]) {
    if (used.conventions.params === 'unstated')
      notes.push(`${used.name} does not state how it counts parameters; all are counted here.`);
    if (used.provenance.rounded)
      notes.push(`${used.name} has rounded parameters; results shift with the digits that are missing.`);
  }
  if (standard.size === 'xxl')
    notes.push('The largest standard size is the nearest; the budget may call for more than this family holds.');
  return notes;
}
