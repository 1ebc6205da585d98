import { ShapelawError } from '../errors.js';
import { requireLevel } from '../fit/intervals.js';
import type { Law } from '../fit/law.js';
import { publishedLaw } from '../fit/published.js';
import { type Budget, budgetFlops } from './budget.js';
import { deepNarrowShapes, nearestStandard } from './candidates.js';
import { deepNarrowLimits, deepNarrowRule, lawEvidence, publishedEvidence, standardReference } from './evidence.js';
import { lawNotes } from './notes.js';
import { createPlanner } from './planner.js';
import type { Recommendation } from './recommendation.js';
import { resolveSetting, type SettingOptions } from './setting.js';

export interface RecommendOptions extends SettingOptions {
  /** The law that predicts loss and sets tokens. Defaults to none: tokens by Besiroglu et al. 2024, and no loss. */
  readonly law?: Law;
  /** Level of intervals, in (0, 1). Defaults to 0.95. */
  readonly level?: number;
}

/**
 * The DeepNarrow shapes for a budget, beside the standard T5 size of that budget, and with a law and a budget of compute
 * the size at which the law expects the least loss.
 *
 * @throws ShapelawError `infeasible-budget` where no shape of the family comes near the budget or it pays for no step,
 * `bad-quantity` and `bad-usage` for values out of range.
 */
export function recommend(budget: Budget, options: RecommendOptions = {}): Recommendation {
  const law = options.law ?? null;
  const level = options.level ?? 0.95;
  requireLevel(level);
  const setting = resolveSetting(budget, options);
  const trainingFlops = budgetFlops(budget, setting);
  const tokensLaw = law?.law === 'chinchilla' ? law : publishedLaw('besiroglu-2024');
  requireUsable(law);

  const laws = { law, tokensLaw };
  const plan = createPlanner(budget, setting, laws, trainingFlops, level);
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
  const oneStep = plan.stepFlops(standard.shape);
  if (trainingFlops !== null && trainingFlops[0] < oneStep) {
    throw new ShapelawError(
      'infeasible-budget',
      `the budget of ${trainingFlops[0].toPrecision(3)} training FLOPs does not pay for one step of ${standard.shape.name}, ` +
        `which takes ${oneStep.toPrecision(3)} at ${setting.batch} sequences`,
      { trainingFlops: trainingFlops[0], nearest: standard.shape.name, stepFlops: oneStep },
    );
  }

  const recommendations = [
    ...tall.map((shape) => plan.row(shape, 'deep-narrow', standard, [deepNarrowRule, ...publishedEvidence(shape)])),
    plan.row(standard.shape, 'standard', standard, [
      standardReference,
      ...(budget.kind === 'params'
        ? []
        : [lawEvidence(tokensLaw, 'chosen among the standard sizes for the least loss at the budget')]),
    ]),
    ...(law === tokensLaw && budget.kind !== 'params' ? [plan.lawRow(standard)] : []),
  ];
  return {
    budget: { ...budget, trainingFlops },
    assumptions: [...setting.assumptions, plan.tokensAssumption],
    recommendations,
    notes: [
      ...lawNotes(laws, standard, trainingFlops !== null, level),
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
