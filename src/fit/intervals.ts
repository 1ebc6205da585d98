import { quantileSorted } from 'simple-statistics';
import { ShapelawError } from '../errors.js';
import { normalProbability, normalQuantile } from './distributions.js';
import { mean } from './statistics.js';

export type Interval = readonly [low: number, high: number];

export function requireLevel(level: number): void {
  if (!(level > 0 && level < 1))
    throw new ShapelawError('bad-usage', `the level must lie between 0 and 1, not ${level}`);
}

/** Draws must be so many that one lies beyond either end of the interval. */
export function requireDraws(draws: number, level: number): void {
  const needed = Math.ceil(2 / (1 - level) - 1e-9);
  if (draws >= needed) return;
  throw new ShapelawError(
    'bad-usage',
    `an interval of level ${level} needs at least ${needed} draws, and there are ${draws}; fit with --draws ${needed}, or take a lower level`,
    { draws, needed, level },
  );
}

/** The central interval of a sample: its quantiles at (1 - level) / 2 on either side. */
export function centralInterval(values: readonly number[], level: number): Interval {
  const sorted = [...values].sort((a, b) => a - b);
  return [quantileSorted(sorted, (1 - level) / 2), quantileSorted(sorted, (1 + level) / 2)];
}

/**
 * The bias-corrected and accelerated interval (Efron 1987): quantiles of the draws at levels moved by the share of draws below
 * the estimate, and by the skewness of the estimates that leave one run out each.
 *
 * @param estimate - Of all runs.
 * @param leftOut - One for each run that is left out.
 */
export function bcaInterval(
  draws: readonly number[],
  estimate: number,
  leftOut: readonly number[],
  level: number,
): Interval {
  const sorted = [...draws].sort((a, b) => a - b);
  const below =
    sorted.filter((value) => value < estimate).length + sorted.filter((value) => value === estimate).length / 2;
  // Half a draw from the ends, where the normal quantile is not finite.
  const share = Math.min(Math.max(below / sorted.length, 0.5 / sorted.length), 1 - 0.5 / sorted.length);
  const bias = normalQuantile(share);
  const centre = mean(leftOut);
  const moments = (power: number) => leftOut.reduce((sum, value) => sum + (centre - value) ** power, 0);
  const spread = moments(2);
  const acceleration = spread > 0 ? moments(3) / (6 * spread ** 1.5) : 0;
  const quantile = (tail: number) => {
    const z = bias + normalQuantile(tail);
    const scale = 1 - acceleration * z;
    const moved = scale > 0 ? normalProbability(bias + z / scale) : tail < 0.5 ? 0 : 1;
    return quantileSorted(sorted, Math.min(Math.max(moved, 0), 1));
  };
  return [quantile((1 - level) / 2), quantile((1 + level) / 2)];
}

/**
 * The interval of a quantity by its values in refits; null without any, or where it has no end.
 *
 * @param bca - The quantity's estimate and its values with one run left out each, for a BCa interval. Defaults to percentiles.
 */
export function refitInterval(
  values: readonly number[],
  level: number,
  bca?: { readonly estimate: number; readonly leftOut: readonly number[] },
): Interval | null {
  if (values.length === 0) return null;
  // A draw at a bound may take a quantity beyond the numbers.
  const known = (value: number) => (Number.isNaN(value) ? Number.POSITIVE_INFINITY : value);
  const drawn = values.map(known);
  const ends =
    bca === undefined ? centralInterval(drawn, level) : bcaInterval(drawn, bca.estimate, bca.leftOut.map(known), level);
  return ends.every(Number.isFinite) ? ends : null;
}
