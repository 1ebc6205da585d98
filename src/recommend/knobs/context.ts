import { ShapelawError } from '../../errors.js';
import { columnValue } from '../../fit/columns.js';
import { type Extrapolation, extrapolation } from '../../fit/domain.js';
import { requireDraws, requireLevel } from '../../fit/intervals.js';
import type { Law } from '../../fit/law.js';
import type { LawPoint } from '../../fit/law-form.js';
import { lawDraws } from '../../fit/predict.js';
import { countFlops, defaultLengths, lengthsOfSides, type SequenceLengths, sequenceTokens } from '../../flops/flops.js';
import { countParameters } from '../../flops/parameters.js';
import type { Shape } from '../../flops/shape.js';
import { type Estimate, optimalTokens, parametersFor, pointFor, tokensLawOf } from '../law-use.js';
import { requirePositive } from '../require-positive.js';
import { type Growth, type GrowthOptions, resolveGrowth } from './dimensions.js';
import { type LawView, lawView } from './law-view.js';

/** What to assume of a run, and how dimensions grow. */
export interface KnobsOptions extends GrowthOptions {
  readonly law: Law;
  /** Training tokens, the same for every shape. Defaults to the compute-optimal ones of the shape, by the law where it states them, else by Besiroglu et al. 2024. */
  readonly tokens?: number;
  /** Unique tokens at hand, for a law of repeated data. Defaults to none. */
  readonly uniqueTokens?: number;
  /** Tokens of a sequence. Defaults to 512 of an encoder, with the targets that span corruption makes of them, 2,048 of a decoder alone. */
  readonly lengths?: Partial<SequenceLengths>;
  /** Level of intervals, in (0, 1). Defaults to 0.95. */
  readonly level?: number;
  /** Says how long a training step of a shape takes, whose sizes may be no whole numbers. Defaults to time in proportion to FLOPs. */
  readonly secondsOf?: (shape: Shape) => Estimate;
}

/** Tokens that a shape, and whatever grows from it, is trained on. */
export interface HeldTokens extends Estimate {
  /** Where they come from. */
  readonly source: string;
  readonly given: boolean;
}

/** A shape counted, and where the law is asked for it. */
export interface Counted {
  readonly shape: Shape;
  /** All parameters, tied embeddings once. */
  readonly parameters: number;
  /** Exact training FLOPs for each token of a sequence. */
  readonly flopsPerToken: number;
  /** Of all tokens. */
  readonly flops: number;
  readonly point: LawPoint;
}

/** What does not change while a shape grows. */
export interface Context {
  readonly law: Law;
  readonly view: LawView;
  readonly level: number;
  readonly lengths: SequenceLengths;
  readonly tokens: HeldTokens;
  readonly growth: Growth;
  readonly secondsOf: ((shape: Shape) => Estimate) | null;
  readonly count: (shape: Shape) => Counted;
  readonly distance: (counted: Counted) => Extrapolation;
}

/**
 * @throws ShapelawError `bad-usage` for values out of range, a law that needs what no shape has, or too few draws for the level.
 */
export function resolveContext(shape: Shape, options: KnobsOptions): Context {
  const { law, level = 0.95, uniqueTokens } = options;
  requireLevel(level);
  const draws = lawDraws(law);
  if (draws !== null) requireDraws(draws.length, level);
  if (options.tokens !== undefined) requirePositive({ tokens: options.tokens });
  if (uniqueTokens !== undefined) requirePositive({ 'unique tokens': uniqueTokens });
  if (law.variables.includes('uniqueTokens') && uniqueTokens === undefined) {
    throw new ShapelawError(
      'bad-usage',
      `${law.name} is a law of repeated data; say how many unique tokens there are`,
      {
        missing: 'uniqueTokens',
      },
    );
  }
  const lengths = lengthsOfSides(shape, {
    ...defaultLengths(shape, options.lengths?.encoderTokens),
    ...options.lengths,
  });
  const tokensOfSequence = sequenceTokens(shape, lengths);
  const tokens = tokensOf(shape, options, level);
  return {
    law,
    view: lawView(law, level),
    level,
    lengths,
    tokens,
    growth: resolveGrowth(options),
    secondsOf: options.secondsOf ?? null,
    count: (grown) => {
      const count = countParameters(grown);
      const flopsPerToken = countFlops(grown, lengths).training / tokensOfSequence;
      const flops = tokens.value * flopsPerToken;
      const point = pointFor(law, grown, count, tokens.value, flops, uniqueTokens);
      return { shape: grown, parameters: count.total, flopsPerToken, flops, point };
    },
    distance: ({ point }) => extrapolation(law, point),
  };
}

function tokensOf(shape: Shape, { law, tokens }: KnobsOptions, level: number): HeldTokens {
  if (tokens !== undefined) return { value: tokens, interval: null, source: 'given', given: true };
  const weighing = tokensLawOf(law);
  const { value, interval } = optimalTokens(weighing, parametersFor(weighing, countParameters(shape)), level);
  return { value, interval, source: `compute-optimal for ${shape.name} by ${weighing.name}`, given: false };
}

/** A budget of a training run. */
export interface RunBudget {
  /** Training FLOPs of the whole run, by the exact count. */
  readonly flops?: number;
  /** All parameters. */
  readonly params?: number;
}

/**
 * The value of the law's region variable: the budget's where the budget states it, in the law's own convention of FLOPs at the
 * ratio that the shape has, else the shape's; null of a law without regions.
 */
export function regionPlace(
  { law, view }: Context,
  { point, flops, parameters }: Counted,
  budget: RunBudget = {},
): { readonly value: number; readonly of: 'budget' | 'shape' } | null {
  const { variable } = view;
  if (variable === null) return null;
  const own = columnValue(point, variable);
  if (own === undefined) {
    throw new ShapelawError('bad-usage', `the regions of ${law.name} are of ${variable}, which the shape lacks`, {
      missing: variable,
    });
  }
  if (variable === 'flops' && budget.flops !== undefined) return { value: (budget.flops * own) / flops, of: 'budget' };
  if (variable === 'params' && budget.params !== undefined)
    return { value: (budget.params * own) / parameters, of: 'budget' };
  return { value: own, of: 'shape' };
}
