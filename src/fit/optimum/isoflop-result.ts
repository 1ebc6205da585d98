import type { Interval } from '../intervals.js';

/** Why a budget is not used. */
export type BudgetRefusal =
  | 'too-few-configurations'
  | 'no-variation'
  | 'negative-curvature'
  | 'weak-curvature'
  | 'edge-minimum'
  | 'off-centre-grid';

/** One budget of an IsoFLOP sweep, and where its loss is least. */
export interface BudgetMinimum {
  /** Geometric mean of its rows. */
  readonly flops: number;
  /** Greatest over least of its rows. */
  readonly flopsSpread: number;
  readonly rows: readonly number[];
  readonly runs: number;
  /** Least and greatest parameters. */
  readonly grid: readonly [number, number];
  /** The factor by which the grid reaches to either side of its centre: the root of greatest over least. */
  readonly halfWidth: number;
  readonly status: 'used' | BudgetRefusal;
  /** Why it is not used; null where it is. */
  readonly reason: string | null;
  /** Parameters at the minimum; null where there is none. */
  readonly params: number | null;
  readonly paramsInterval: Interval | null;
  /** Tokens at the minimum; null where there is none. */
  readonly tokens: number | null;
  /** In the unit of the table's losses; null where there is no minimum. */
  readonly loss: number | null;
  /** Second derivative of the parabola's loss by ln params; null where none could be fitted. */
  readonly curvature: number | null;
  /** Of the curvature against 0, by the pooled noise: the probability of one so far from 0. */
  readonly curvatureP: number | null;
  /** Where the minimum lies: -1 at the lower edge of the grid in ln params, 0 at its centre, 1 at its upper edge. */
  readonly offCentre: number | null;
  /** Weight in the lines, of a sum of 1; 0 where not used. */
  readonly weight: number;
  /** Relative error of N* and D* that a noise-free loss of the assumed exponents has on this grid; null where not used. */
  readonly bias: { readonly params: number; readonly tokens: number } | null;
}

/**
 * What the method makes of noise-free losses `E + A N^-alpha + B D^-beta` on the very grids that were used: the error that is of
 * the method and the width of the grids, not of the noise. A and B only place the optimum, which is taken where the fit says.
 */
export interface WidthBias {
  readonly alpha: number;
  readonly beta: number;
  /** Whether the exponents were given or are those of Hoffmann et al. 2022 as printed, for want of others. */
  readonly source: 'given' | 'assumed';
  /** Error of the exponents of N* and D*. */
  readonly exponents: { readonly params: number; readonly tokens: number };
  /** Relative error of N* at the middle of the budgets, 0.05 for 5% too many. */
  readonly params: number;
  /** Relative error of D* at the middle of the budgets. */
  readonly tokens: number;
  /** The lines with that error taken off. */
  readonly corrected: {
    readonly params: { readonly exponent: number; readonly log10Coefficient: number };
    readonly tokens: { readonly exponent: number; readonly log10Coefficient: number };
  };
}
