import { ShapelawError } from '../../errors.js';
import { computeOptimum, type SurfaceParameters } from '../compute-optimum.js';

export type { SurfaceParameters };

import { requireDraws, requireLevel } from '../intervals.js';
import { estimateOf, type OptimumEstimate, type OptimumLines, type OptimumOptions } from './estimate.js';

/** What is known of a surface beside its parameters. */
export interface SurfaceOptions extends OptimumOptions {
  /** Draws of the parameters. Defaults to none, and then nothing has an interval. */
  readonly draws?: readonly SurfaceParameters[];
  /** How they were drawn, such as `cluster`. Defaults to `draws of the surface`. */
  readonly kind?: string;
  /** Seed that they were drawn with. Defaults to unknown. */
  readonly seed?: number;
  /** Conventions of the law. Defaults to unknown. */
  readonly conventions?: OptimumEstimate['conventions'];
  /** Least and greatest FLOPs (6 N D) of the rows that the surface was fitted to, and how many. Defaults to unknown. */
  readonly evidence?: OptimumEstimate['evidence'];
}

/**
 * The compute optimum of a fitted surface (approach 3 of Hoffmann et al. 2022), under C = 6 N D, by its equation 4. Intervals are percentiles of
 * the draws.
 *
 * @throws ShapelawError `bad-usage` for parameters that are not positive, too few draws for the level, and options out of range.
 */
export function surfaceOptimum(surface: SurfaceParameters, options: SurfaceOptions = {}): OptimumEstimate {
  const { draws = [], level = 0.95, kind = 'draws of the surface', at = [] } = options;
  for (const [name, value] of Object.entries(surface)) {
    if (!(value > 0 && Number.isFinite(value)))
      throw new ShapelawError('bad-usage', `${name} of a surface with an optimum must be positive, not ${value}`, {
        [name]: value,
      });
  }
  requireLevel(level);
  if (draws.length > 0) requireDraws(draws.length, level);
  return estimateOf(linesOf(surface), draws.map(linesOf), 0, at, {
    method: 'surface',
    compute: { from: '6ND', convention: '6ND' },
    conventions: options.conventions ?? null,
    evidence: options.evidence ?? null,
    budgets: [],
    widthBias: null,
    frontier: [],
    droppedRows: [],
    level,
    intervalKind: draws.length > 0 ? `percentile, ${kind}` : null,
    seed: options.seed ?? null,
    notes: draws.length > 0 ? [] : ['no draws: nothing has an interval'],
    warnings: [],
  });
}

/** N* = G (C/6)^a, D* = (C/6)^b / G. */
function linesOf(surface: SurfaceParameters): OptimumLines {
  const { a, b, G } = computeOptimum(surface);
  const [logG, log6] = [Math.log(G), Math.log(6)];
  return { params: { slope: a, intercept: logG - a * log6 }, tokens: { slope: b, intercept: -logG - b * log6 } };
}
