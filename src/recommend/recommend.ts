import { ShapelawError } from '../errors.js';
import { requireLevel } from '../fit/intervals.js';
import type { Law } from '../fit/law.js';
import { countParameters } from '../flops/parameters.js';
import type { Shape } from '../flops/shape.js';
import { allocationsOf } from './allocations.js';
import type { Budget } from './budget.js';
import {
  deepenedBase,
  deepNarrowShapes,
  ladderOf,
  nearestStandard,
  referenceSizes,
  type StandardSize,
} from './candidates.js';
import { compareShapes } from './compare-shapes.js';
import { deepNarrowLimits, deepNarrowRule, lawEvidence, publishedEvidence, standardReference } from './evidence.js';
import { tokensLawOf } from './law-use.js';
import { keepsLimits, type Limits, resolveLimits } from './limits.js';
import { refuseUnmet } from './nearest.js';
import { lawNotes } from './notes.js';
import type { RecommendOptions } from './options.js';
import { createPlanner, type PlannedShape } from './planner.js';
import { rankedRows } from './ranked-rows.js';
import type { Recommendation } from './recommendation.js';
import { budgetRegion } from './region.js';
import { latencyOf } from './row-speed.js';
import { lengthsBy, resolveSetting } from './setting.js';
import { planTokens } from './token-plan.js';

/**
 * The shapes for a budget: DeepNarrow shapes beside the standard size of that budget, and with a law that tells shapes apart its own optimum
 * and the members of the set that the evidence can't tell from it.
 *
 * @throws ShapelawError `infeasible-budget` where no shape meets the budget or it pays for no step, `bad-quantity` and `bad-usage` for
 * values out of range.
 */
export function recommend(budget: Budget, options: RecommendOptions = {}): Recommendation {
  const law = options.law ?? null;
  const level = options.level ?? 0.95;
  requireLevel(level);
  const family = options.candidates?.family ?? 't5';
  const ladder = ladderOf(family);
  const kind = ladder[0]!.shape.kind;
  const constraints = options.constraints ?? [];
  const setting = resolveSetting([budget, ...constraints], options, kind);
  const { assumptions, ...numbers } = setting;
  const lengthsOf = lengthsBy(setting, kind);
  const limits = resolveLimits(budget, constraints, setting, lengthsOf, latencyOf(setting, lengthsOf));
  requireUsable(law, limits);
  const tokensLaw = tokensLawOf(law);

  const laws = { law, tokensLaw };
  const tokens = planTokens(limits, lengthsOf, law, tokensLaw, level);
  const planner = createPlanner(budget, limits, setting, laws, tokens, level);
  const fits = (shape: Shape) => keepsLimits(limits.shape, shape) && tokens.tokens(tokens.counts(shape)) > 0;
  const standard = standardOf(limits, ladder, fits, planner.bestOf);
  const tall = tallShapes(standard, ladder, limits, options.base, fits);
  const ranked = rankedRows({ law, limits, setting, tokens, standard, planner, options, level });
  if (tall.length === 0 && ranked === null) refuseUnmet(limits, standard, fits);
  requireStep(
    limits,
    standard.shape,
    planner.trainingFlops(standard.shape),
    planner.stepFlops(standard.shape),
    setting.batch,
  );

  const references = referenceSizes(standard.parameters)
    .filter(({ shape }) => shape.name !== standard.shape.name)
    .filter(({ shape }) => tokens.tokens(tokens.counts(shape)) > 0);
  const planned: readonly PlannedShape[] = [
    ...tall.map((shape) => planner.row(shape, 'deep-narrow', standard, [deepNarrowRule, ...publishedEvidence(shape)])),
    planner.row(standard.shape, 'standard', standard, [
      standardReference,
      ...(limits.flops === null
        ? []
        : [lawEvidence(tokensLaw, 'chosen among the standard sizes for the least loss at the budget')]),
    ]),
    ...(ranked?.rows ?? []),
    ...references.map(({ shape }) => planner.row(shape, 'reference', standard, [standardReference])),
  ];
  return {
    budget: { ...budget, trainingFlops: limits.flops, constraints },
    assumptions: [...assumptions, planner.tokensAssumption],
    setting: numbers,
    set: ranked?.set ?? null,
    allocation: limits.flops === null ? null : allocationsOf(tokensLaw, limits.flops[0], limits, level),
    region: law === null ? null : budgetRegion(law, limits, level),
    recommendations: compareShapes(planned, ranked?.ranking ?? null, ranked?.objectives ?? [], tokens.counts),
    notes: [
      ...lawNotes(laws, standard === ladder.at(-1), limits, level, ranked),
      ...(tall.length > 0
        ? deepNarrowLimits
        : [`No DeepNarrow shape: no smaller standard size than ${standard.shape.name} can grow into this budget.`]),
    ],
  };
}

/** The standard size of a budget: the nearest in parameters, or of least loss at its compute, or the largest that meets it. */
function standardOf(
  limits: Limits,
  ladder: readonly StandardSize[],
  fits: (shape: Shape) => boolean,
  bestOf: (sizes: readonly StandardSize[]) => StandardSize,
): StandardSize {
  const [budget] = limits.constraints;
  if (budget?.kind === 'params') return nearestStandard(budget.params, ladder);
  const meeting = ladder.filter(({ shape }) => fits(shape));
  if (meeting.length === 0) return ladder[0]!;
  return limits.flops === null ? meeting.at(-1)! : bestOf(meeting);
}

/** Share of the room beyond the standard size from which it grows itself. */
const roomToGrow = 1.25;

function tallShapes(
  standard: StandardSize,
  ladder: readonly StandardSize[],
  limits: Limits,
  base: Shape | undefined,
  fits: (shape: Shape) => boolean,
): readonly Shape[] {
  const most = limits.shape.find(({ kind }) => kind === 'params')?.most ?? null;
  // Without a limit on parameters the standard size itself is one: the rule promises its quality with fewer.
  const within = (shape: Shape) => fits(shape) && (most !== null || parametersOf(shape) <= standard.parameters);
  if (base !== undefined) return deepenedBase(base, most === null ? fits : within);
  return deepNarrowShapes(standard, ladder, within, most !== null && standard.parameters * roomToGrow <= most);
}

function parametersOf(shape: Shape): number {
  return countParameters(shape).total;
}

function requireUsable(law: Law | null, { uniqueTokens }: Limits): void {
  if (law === null || !law.variables.includes('uniqueTokens') || uniqueTokens !== null) return;
  throw new ShapelawError(
    'bad-usage',
    `${law.name} needs the unique tokens at hand; state them with --unique-tokens, or use a chinchilla, kaplan or power law`,
  );
}

function requireStep(limits: Limits, shape: Shape, left: number, oneStep: number, batch: number): void {
  if (limits.flops === null || left >= oneStep) return;
  const served = limits.inferenceTokens > 0 ? `, ${Math.max(0, left).toPrecision(3)} of them after serving,` : '';
  throw new ShapelawError(
    'infeasible-budget',
    `the budget of ${limits.flops[0].toPrecision(3)} training FLOPs${served} does not pay for one step of ${shape.name}, ` +
      `which takes ${oneStep.toPrecision(3)} at ${batch} sequences`,
    { trainingFlops: limits.flops[0], nearest: shape.name, stepFlops: oneStep },
  );
}
