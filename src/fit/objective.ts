import { ShapelawError } from '../errors.js';

/**
 * What a fit minimises: a sum over rows of a function of r, the log of the measured loss less the log of the law's.
 *
 * - `huber`: r^2/2 within delta, delta (|r| - delta/2) beyond (Hoffmann et al. 2022 have delta 1e-3).
 * - `squared`: r^2/2.
 * - `cauchy`: delta^2/2 log(1 + (r/delta)^2).
 * - `quantile`: Huber's, times `tau` above the law and 1 - tau below it: near 0 the lower envelope of the runs.
 */
export interface Objective {
  readonly kind: 'huber' | 'squared' | 'cauchy' | 'quantile';
  /** Residual of log loss beyond which rows lose weight; for `squared` without meaning, and infinite. */
  readonly delta: number;
  /** Of `quantile`: the share of runs below the law, in (0, 1). Else 1/2. */
  readonly tau: number;
}

/** Names of the objectives. */
export const objectiveKinds = ['huber', 'squared', 'cauchy', 'quantile'] as const;

/**
 * Completes an objective.
 *
 * @param delta - Defaults to 1e-3.
 * @param tau - Defaults to 0.1; of `quantile` only.
 * @throws ShapelawError `bad-usage`.
 */
export function makeObjective(kind: Objective['kind'] = 'huber', delta = 1e-3, tau = 0.1): Objective {
  if (!objectiveKinds.includes(kind)) {
    throw new ShapelawError('bad-usage', `no objective "${String(kind)}": ${objectiveKinds.join(', ')}`);
  }
  if (!(delta > 0 && Number.isFinite(delta)))
    throw new ShapelawError('bad-usage', `delta must be positive, not ${delta}`);
  if (!(tau > 0 && tau < 1)) throw new ShapelawError('bad-usage', `tau must lie between 0 and 1, not ${tau}`);
  return {
    kind,
    delta: kind === 'squared' ? Number.POSITIVE_INFINITY : delta,
    tau: kind === 'quantile' ? tau : 0.5,
  };
}

/** The objective's value at a residual. */
export function penalty({ kind, delta, tau }: Objective, residual: number): number {
  if (kind === 'cauchy') return 0.5 * delta * delta * Math.log1p((residual / delta) ** 2);
  const size = Math.abs(residual);
  const huber = size <= delta ? 0.5 * size * size : delta * (size - 0.5 * delta);
  return kind === 'quantile' ? (residual > 0 ? tau : 1 - tau) * huber : huber;
}

/** Its derivative, divided by the residual: the weight that a row keeps. */
export function rowWeight({ kind, delta, tau }: Objective, residual: number): number {
  if (kind === 'cauchy') return 1 / (1 + (residual / delta) ** 2);
  const size = Math.abs(residual);
  const huber = size <= delta ? 1 : delta / size;
  return kind === 'quantile' ? (residual > 0 ? tau : 1 - tau) * huber : huber;
}

/** Its second derivative, where that is positive, else 0. */
export function curvature({ kind, delta, tau }: Objective, residual: number): number {
  if (kind === 'cauchy') {
    const square = (residual / delta) ** 2;
    return square < 1 ? (1 - square) / (1 + square) ** 2 : 0;
  }
  if (Math.abs(residual) > delta) return 0;
  return kind === 'quantile' ? (residual > 0 ? tau : 1 - tau) : 1;
}
