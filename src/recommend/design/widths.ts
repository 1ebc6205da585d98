import { normalQuantile } from '../../fit/distributions.js';
import { requireLevel } from '../../fit/intervals.js';
import { requirePositive } from '../require-positive.js';

/** A quantity as a number of runs has told it. */
export interface Told {
  readonly runs: number;
  /** Its standard error. */
  readonly sd: number;
}

/** Width of the central interval of a normal estimate. */
export function intervalWidth(sd: number, level: number): number {
  return 2 * normalQuantile((1 + level) / 2) * sd;
}

/**
 * Runs that would narrow the interval of a quantity to a width, of the same mix as those that told it so far: a standard error falls with the root
 * of the number of runs, so n = runs (width so far / width)^2.
 *
 * Besiroglu et al. 2024 argue so that an interval of 80% as narrow as .454 to .455 for the exponent a would take over 600,000 runs.
 *
 * @param width - From end to end.
 * @param level - Of the interval, in (0, 1). Defaults to 0.95.
 * @throws ShapelawError `bad-usage`.
 */
export function runsForWidth(told: Told, width: number, level = 0.95): number {
  requireLevel(level);
  requirePositive({ ...told, width });
  return Math.ceil(told.runs * (intervalWidth(told.sd, level) / width) ** 2);
}
