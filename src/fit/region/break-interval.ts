import { chiSquaredQuantile } from '../distributions.js';
import type { ChosenRegions } from './choose.js';
import { breakGrid } from './grid.js';
import { logLikelihood, parameterCount } from './likelihood.js';
import { denserNear, positionOf } from './rows.js';

/** Places near a breakpoint at which its likelihood is looked at besides those of the whole table. */
const addedPlaces = 100;

/** Where a breakpoint may be. */
export interface BreakInterval {
  /** In the unit of the variable. */
  readonly interval: readonly [low: number, high: number];
  /** Whether it goes on below, and above, to where a region would be too small. */
  readonly open: readonly [low: boolean, high: boolean];
}

/**
 * The twice log likelihood ratio that the true breakpoint exceeds with probability 1 - `level`. Of a continuous law chi-squared
 * with one degree of freedom; of one that jumps, where the likelihood is no parabola at its top, Hansen's (2000, and thr_est of his programs):
 * the probability of at most c is (1 - exp(-c/2))^2.
 */
export function criticalRatio(level: number, continuous: boolean): number {
  return continuous ? chiSquaredQuantile(level, 1) : -2 * Math.log(1 - Math.sqrt(level));
}

/**
 * Interval of a breakpoint by profile likelihood: all places at which the law, with the other breakpoints wherever they are best,
 * is not much less likely than at the best place; from the lowest to the highest of them.
 *
 * The limit on the ratio is widened by n/(n - p) for p coefficients and breakpoints found from n rows.
 *
 * @param breaks - Breakpoints of the law.
 * @param k - Index of the breakpoint.
 */
export function breakInterval(
  { sample, rows, grid, fits, effectiveRows }: ChosenRegions,
  continuous: boolean,
  breaks: number,
  k: number,
  level: number,
): BreakInterval {
  const fit = fits[breaks]!;
  const weight = rows.weightBefore[rows.size]!;
  const ofLaw = logLikelihood(fit.squares, weight, effectiveRows);
  const near = denserNear(rows, grid.boundaries, positionOf(rows.x, fit.breaks[k]!), addedPlaces);
  const fine = breakGrid(rows, rows.weights, continuous, near);
  const ratios = fine.profile(fit, k).map((squares) => 2 * (ofLaw - logLikelihood(squares, weight, effectiveRows)));
  const fitted = parameterCount(breaks, continuous, rows.width - 1) - 1;
  const critical = criticalRatio(level, continuous) * (effectiveRows / Math.max(1, effectiveRows - fitted));
  const inside = (at: number) => ratios[at]! <= critical;
  const possible = [...ratios.keys()].filter((at) => Number.isFinite(ratios[at]!));
  const within = possible.filter(inside);
  const best = fit.breaks[k]!;
  /** Where the ratio crosses its limit between the place `at` and the next one outside. */
  const end = (at: number, next: number): number => {
    const place = fine.places[at]!;
    const position = positionOf(rows.x, place);
    // A law that jumps is the same wherever in a gap it does.
    const edge = rows.x[next < at ? position - 1 : position]!;
    if (!possible.includes(next)) return continuous ? place : edge;
    const between = continuous ? (critical - ratios[at]!) / (ratios[next]! - ratios[at]!) : 1 / 2;
    const crossing = place + between * (fine.places[next]! - place);
    return continuous || (crossing - edge) * (next - at) > 0 ? crossing : edge;
  };
  const [first, last] = [within[0], within.at(-1)];
  const low = first === undefined ? best : Math.min(best, end(first, first - 1));
  const high = last === undefined ? best : Math.max(best, end(last, last + 1));
  return {
    interval: [Math.exp(low + sample.centre), Math.exp(high + sample.centre)],
    open: [first !== undefined && first === possible[0], last !== undefined && last === possible.at(-1)],
  };
}
