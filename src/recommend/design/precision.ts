import { ShapelawError } from '../../errors.js';
import { normalQuantile } from '../../fit/distributions.js';
import { extrapolation } from '../../fit/domain.js';
import { lawLoss } from '../../fit/formulas.js';
import { type Interval, refitInterval, requireDraws, requireLevel } from '../../fit/intervals.js';
import type { Law } from '../../fit/law.js';
import type { LawPoint } from '../../fit/law-form.js';
import { lawForm } from '../../fit/laws/registry.js';
import { countParameters } from '../../flops/parameters.js';
import { pointFor } from '../law-use.js';
import { requirePositive } from '../require-positive.js';
import type { SweepRun } from './expand-sweep.js';
import { localLaw, standardErrors } from './information.js';
import { type DesignNoise, designNoise } from './noise.js';
import { exponentQuantities, namedQuantity, type Quantity, recommendationQuantities } from './quantities.js';

/** How well a sweep will tell a quantity. */
export interface ExpectedQuantity {
  readonly name: string;
  /** By the prior. */
  readonly value: number;
  /** `log`: `sd` is of the natural logarithm. */
  readonly scale: 'plain' | 'log';
  /** Standard error that a fit to the sweep alone is expected to have, were the prior true. */
  readonly sd: number;
  /** Interval about the prior's value. */
  readonly interval: Interval;
  /** Least and greatest `sd` where the truth is the prior or one of the draws averaged over. */
  readonly sdOverDraws: readonly [least: number, greatest: number];
  /** Interval of the prior by itself, from its draws; null where it has none. */
  readonly prior: Interval | null;
}

/** How far what is asked lies beyond a sweep, in decades (factors of ten). */
export interface SweepReach {
  /** From the FLOPs of the longest run to the target. */
  readonly flops: number;
  /** From the largest model to the loss-optimal one at the target; null where the law has no optimum. */
  readonly params: number | null;
  /** Of the run that lies farthest beyond the evidence of the prior; null where it states none. */
  readonly prior: number | null;
}

/** What a sweep will tell. */
export interface SweepPrecision {
  readonly expected: readonly ExpectedQuantity[];
  readonly level: number;
  readonly noise: DesignNoise;
  readonly reach: SweepReach;
}

export interface PrecisionOptions {
  /** Training FLOPs of the recommendation that the sweep is for. Defaults to 1,000 times those of the sweep. */
  readonly target?: number;
  /** Names of exponents or parameters to be told of beside those of the recommendation. Defaults to none. */
  readonly names?: readonly string[];
  /** Standard deviation of log loss between runs. Defaults to what the law says of its own runs. */
  readonly noise?: number;
  /** Level of intervals, in (0, 1). Defaults to 0.95. */
  readonly level?: number;
}

/** Draws of the prior that a design is averaged over, beside its own parameters. */
export const drawsAveraged = 6;

/** The point at which a law is asked for a run. */
export function runPoint(law: Law, { shape, tokens, flops }: Pick<SweepRun, 'shape' | 'tokens' | 'flops'>): LawPoint {
  return pointFor(law, shape, countParameters(shape), tokens, flops);
}

/**
 * How narrow the intervals will be of a law fitted to the runs of a sweep alone, by the delta method about a prior law: the
 * inverse of the information of the runs (J'J of log loss in the law's coordinates, over the square of the noise).
 *
 * @throws ShapelawError `too-few-configurations` where the runs leave a parameter open; `bad-usage`.
 */
export function sweepPrecision(law: Law, runs: readonly SweepRun[], options: PrecisionOptions = {}): SweepPrecision {
  const { level = 0.95, names = [] } = options;
  requireLevel(level);
  const target = options.target ?? 1000 * runs.reduce((sum, { flops }) => sum + flops, 0);
  requirePositive({ 'the target': target });
  if (options.noise !== undefined) requirePositive({ 'the noise': options.noise });
  const form = lawForm(law.law, law.form);
  const quantities = distinct([
    ...exponentQuantities(form),
    ...recommendationQuantities(form, target),
    ...names.map((name) => namedQuantity(form, name)),
  ]);
  const points = runs.map((run) => runPoint(law, run));
  const { size, locals } = localLaw(law, points, quantities, drawsAveraged);
  const rows = points.map((_, row) => row);
  const errors = locals.flatMap((local) => {
    const found = standardErrors(local, size, rows);
    return found === null ? [] : [found];
  });
  const own = standardErrors(locals[0]!, size, rows);
  if (own === null) {
    throw new ShapelawError(
      'too-few-configurations',
      `${runs.length} runs at too few distinct points leave a parameter of the ${law.law} law open; it has ${size}`,
      { runs: runs.length, parameters: size },
    );
  }
  const noise = designNoise(law, options.noise);
  const { parameters, draws } = lawLoss(law);
  if (draws !== null) requireDraws(draws.length, level);
  const z = normalQuantile((1 + level) / 2);
  const expected = quantities.map((quantity, k): ExpectedQuantity => {
    const sd = noise.effective * own[k]!;
    const at = quantity.of(parameters);
    const all = errors.map((error) => noise.effective * error[k]!);
    const prior = draws === null ? null : refitInterval(draws.map(quantity.of), level);
    return {
      name: quantity.name,
      scale: quantity.scale,
      value: shown(quantity, at),
      sd,
      interval: [shown(quantity, at - z * sd), shown(quantity, at + z * sd)],
      sdOverDraws: [Math.min(...all), Math.max(...all)],
      prior: prior === null ? null : [shown(quantity, prior[0]), shown(quantity, prior[1])],
    };
  });
  const optimum = form.optimum?.(parameters, target).params;
  const beyond = points.map((point) => extrapolation(law, point).decades);
  return {
    expected,
    level,
    noise,
    reach: {
      flops: Math.log10(target / Math.max(...runs.map(({ flops }) => flops))),
      params: optimum === undefined ? null : Math.log10(optimum / Math.max(...points.map(({ params }) => params!))),
      prior: beyond.some((decades) => decades === null) ? null : Math.max(...beyond.map((decades) => decades!)),
    },
  };
}

function shown({ scale }: Quantity, value: number): number {
  return scale === 'log' ? Math.exp(value) : value;
}

function distinct(quantities: readonly Quantity[]): readonly Quantity[] {
  return [...new Map(quantities.map((quantity) => [quantity.name, quantity])).values()];
}
