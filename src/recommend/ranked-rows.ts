import { ShapelawError } from '../errors.js';
import { lossOf } from '../fit/formulas.js';
import type { Law } from '../fit/law.js';
import type { LawColumn } from '../fit/law-form.js';
import { trainingMemory } from '../flops/memory.js';
import { countParameters } from '../flops/parameters.js';
import type { Shape } from '../flops/shape.js';
import type { StandardSize } from './candidates.js';
import { lawEvidence } from './evidence.js';
import { parametersFor, pointFor, shapeColumns, statesTokens } from './law-use.js';
import { keepsLimits, type Limits } from './limits.js';
import { type Preference, preferences, type RecommendOptions } from './options.js';
import { dominates, type Objectives } from './pareto.js';
import type { createPlanner, PlannedShape } from './planner.js';
import type { RecommendationSet } from './recommendation.js';
import { stepSeconds } from './row-speed.js';
import { leastBetween } from './search/continuous.js';
import { createLattice, type LatticeOptions } from './search/lattice.js';
import { type Candidate, knownRatios, type Ranking, rankLattice } from './search/rank.js';
import type { Setting } from './setting.js';
import type { TokenPlan } from './token-plan.js';

/** Loss above the least that is taken for as good: about what two seeds of a run differ by. */
const defaultTolerance = 0.01;
const defaultTop = 5;

/** The candidates that a law ranks, and the lines that they give. */
export interface Ranked {
  readonly ranking: Ranking;
  readonly tells: 'shapes' | 'sizes';
  readonly set: RecommendationSet | null;
  readonly rows: readonly PlannedShape[];
  /** Of the candidates that were compared, where the law tells shapes apart. */
  readonly objectives: readonly Objectives[];
}

/** Whether a law has a term for a shape beyond its size. */
export function tellsShapes(law: Law): boolean {
  return law.variables.some((name) => shapeColumns.includes(name));
}

/** Whether a law weighs shapes, or sizes against tokens: Kaplan's equation 1.5 is of data sets, not of tokens seen once. */
function weighs(law: Law): boolean {
  if (law.law === 'kaplan' || law.law === 'broken') return false;
  return (
    statesTokens(law) || tellsShapes(law) || (law.variables.includes('params') && law.variables.includes('tokens'))
  );
}

/**
 * Ranks the lattice of candidates by a law, and gives a line for its optimum and for the first members of the set.
 *
 * @returns null without a law that weighs shapes or sizes, and where no candidate keeps the limits.
 */
export function rankedRows(input: {
  readonly law: Law | null;
  readonly limits: Limits;
  readonly setting: Setting;
  readonly tokens: TokenPlan;
  readonly standard: StandardSize;
  readonly planner: ReturnType<typeof createPlanner>;
  readonly options: RecommendOptions;
  readonly level: number;
}): Ranked | null {
  const { law, limits, setting, tokens, standard, planner, options, level } = input;
  const tolerance = options.tolerance ?? defaultTolerance;
  const preference = options.preference ?? 'parameters';
  const top = options.top ?? defaultTop;
  if (!(tolerance >= 0 && Number.isFinite(tolerance)))
    throw new ShapelawError('bad-usage', `the tolerance must be a loss of 0 or more, not ${tolerance}`);
  if (!preferences.includes(preference))
    throw new ShapelawError('bad-usage', `no preference "${preference}": ${preferences.join(', ')}`);
  if (!(Number.isInteger(top) && top >= 0))
    throw new ShapelawError('bad-usage', `so many members to show must be a whole number, not ${top}`);
  const known = law === null ? { feedForward: false, attention: false, stacks: false } : knownRatios(law);
  // Options are checked whether they are used or not.
  const lattice = createLattice(withinEvidence(law, options.candidates ?? {}), known);
  if (law === null || !weighs(law)) return null;

  const paramsOf = (counts: { readonly total: number; readonly nonEmbedding: number }) => parametersFor(law, counts);
  const ranking = rankLattice(
    law,
    {
      lattice,
      counts: tokens.counts,
      tokens: tokens.tokens,
      params: paramsOf,
      flops: (counts, trained) =>
        law.conventions.flops === '6ND' ? 6 * paramsOf(counts) * trained : counts.training * trained,
      uniqueTokens: limits.uniqueTokens ?? Number.NaN,
      limits: limits.shape,
    },
    tolerance,
    level,
  );
  if (ranking === null) return null;

  const tells = tellsShapes(law) ? 'shapes' : 'sizes';
  const lossAt = (shape: Shape) => {
    const counts = tokens.counts(shape);
    const trained = tokens.tokens(counts);
    if (!(trained > 0 && keepsLimits(limits.shape, shape))) return Number.POSITIVE_INFINITY;
    const point = pointFor(law, shape, countParameters(shape), trained, trained * counts.training, limits.uniqueTokens);
    return lossOf(law, law.parameters, point);
  };
  const between = leastBetween(lattice, ranking.best.shape, known, lossAt);
  const members = ranking.candidates.filter(({ member }) => member);
  const set: RecommendationSet | null =
    ranking.set === null
      ? null
      : {
          tolerance,
          level,
          size: Math.round(ranking.set.size * ranking.thinned),
          candidates: ranking.searched,
          thinned: ranking.thinned,
          tells,
          ranges: rangesOf(members.map(({ shape }) => shape)),
          roundingLoss: Math.max(0, ranking.best.loss - between),
        };
  if (tells === 'sizes') return { ranking, tells, set, rows: [], objectives: [] };

  const objectives = ranking.candidates.map((candidate) => objectivesOf(candidate, tokens, setting));
  const shown = firstMembers(members, objectives, preference, top, setting, tokens);
  const line = (shape: Shape, role: 'law' | 'set', says: string) =>
    planner.row(shape, role, standard, [lawEvidence(law, says)]);
  const rows = [
    line(ranking.best.shape, 'law', 'shape of least loss of all candidates'),
    ...shown
      .filter(({ shape }) => shape.name !== ranking.best.shape.name)
      .map(({ shape }) => line(shape, 'set', 'not told from the best candidate')),
  ];
  return { ranking, tells, set, rows, objectives };
}

function objectivesOf(
  { shape, loss }: Pick<Candidate, 'shape' | 'loss'>,
  tokens: TokenPlan,
  setting: Setting,
): Objectives {
  const { total, training } = tokens.counts(shape);
  return {
    name: shape.name,
    parameters: total,
    flopsPerToken: training,
    stepSeconds: stepSeconds(shape, tokens.lengthsOf(shape), setting).value,
    loss,
  };
}

/** The first members by a preference that no other candidate dominates, one of each width: their neighbours are much alike. */
function firstMembers(
  members: readonly Candidate[],
  objectives: readonly Objectives[],
  preference: Preference,
  top: number,
  setting: Setting,
  tokens: TokenPlan,
): readonly Candidate[] {
  const byName = new Map(objectives.map((one) => [one.name, one]));
  const keyOf = (candidate: Candidate) => {
    const own = byName.get(candidate.shape.name)!;
    if (preference === 'parameters') return own.parameters;
    if (preference === 'flops') return own.flopsPerToken;
    if (preference === 'speed') return own.stepSeconds;
    if (preference === 'loss') return candidate.loss;
    return trainingMemory(candidate.shape, { ...tokens.lengthsOf(candidate.shape), ...setting.memory }).total;
  };
  const ordered = members
    .map((candidate) => ({ candidate, key: keyOf(candidate) }))
    .sort((a, b) => a.key - b.key || a.candidate.loss - b.candidate.loss);
  const shown: Candidate[] = [];
  for (const { candidate } of ordered) {
    if (shown.length === top) break;
    if (shown.some(({ shape }) => shape.dModel === candidate.shape.dModel)) continue;
    const own = byName.get(candidate.shape.name)!;
    if (!objectives.some((other) => dominates(other, own))) shown.push(candidate);
  }
  return shown;
}

const rangeNames = ['encoderLayers', 'decoderLayers', 'dModel', 'dFf', 'heads', 'dKv'] as const;

function rangesOf(shapes: readonly Shape[]): RecommendationSet['ranges'] {
  const span = (values: readonly number[]): readonly [number, number] => [
    values.reduce((a, b) => Math.min(a, b)),
    values.reduce((a, b) => Math.max(a, b)),
  ];
  return {
    parameters: span(shapes.map((shape) => countParameters(shape).total)),
    ...(Object.fromEntries(rangeNames.map((name) => [name, span(shapes.map((shape) => shape[name]))])) as Record<
      (typeof rangeNames)[number],
      readonly [number, number]
    >),
  };
}

/** A law of regions by operators falls without end in each, so that its candidates stay within its evidence. */
function withinEvidence(law: Law | null, options: LatticeOptions): LatticeOptions {
  if (law?.law !== 'region' || law.domain === null || !tellsShapes(law)) return options;
  const { ranges } = law.domain;
  const within = (name: LawColumn, asked: readonly [number, number]): readonly [number, number] => {
    const range = ranges[name];
    if (range === undefined) return asked;
    const [least, most] = [Math.max(asked[0], Math.ceil(range[0])), Math.min(asked[1], Math.floor(range[1]))];
    if (least <= most) return [least, most];
    throw new ShapelawError(
      'bad-usage',
      `${law.name} has evidence of ${name} from ${range[0]} to ${range[1]}, and no candidate is asked for there`,
      { column: name, evidence: range, asked },
    );
  };
  const layers = (['layers', 'encoderLayers', 'decoderLayers'] as const).reduce<readonly [number, number]>(
    (range, name) => within(name, range),
    options.layers ?? [1, 128],
  );
  return { ...options, dModel: within('dModel', options.dModel ?? [128, 8192]), layers };
}
