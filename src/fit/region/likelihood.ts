import { noiseComponents } from '../noise.js';

/** Standard deviation of log loss below which a fit counts as exact, and no further region as better. */
const exactDeviation = 1e-10;

/**
 * Rows that say as much as the table's if each were independent. Rows of one run share its luck: where `runSd` of a residual is
 * the run's and `rowSd` the row's own, m rows of a run have a mean as uncertain as that of m / (1 + (m - 1) rho) independent
 * rows, rho the run's share of the variance (Kish 1965's design effect, which counts differences within runs for no more).
 */
export function effectiveRows(residuals: Float64Array, runOfRow: Int32Array, runs: number, weight: number): number {
  const { runSd, rowSd } = noiseComponents(residuals, runOfRow, runs);
  const variance = runSd ** 2 + rowSd ** 2;
  if (!(variance > exactDeviation ** 2)) return weight;
  const counts = new Float64Array(runs);
  for (const run of runOfRow) counts[run]! += 1;
  const typical = counts.reduce((sum, count) => sum + count * count, 0) / runOfRow.length;
  return weight / (1 + ((typical - 1) * runSd ** 2) / variance);
}

/** Normal log likelihood at its largest over the variance of log loss, of so many effective rows. */
export function logLikelihood(squares: number, weight: number, effective: number): number {
  const variance = Math.max(squares / weight, exactDeviation ** 2);
  return (-effective / 2) * (Math.log(2 * Math.PI * variance) + 1);
}

/**
 * Parameters of a law of regions, for BIC: coefficients, breakpoints, and the variance. A breakpoint counts as one (Yao 1988),
 * though it has a whole range to look for noise in; what that is worth is for the test by simulation to say.
 *
 * @param exponents - Of each region.
 */
export function parameterCount(breaks: number, continuous: boolean, exponents: number): number {
  const coefficients = continuous ? breaks + 2 : (breaks + 1) * (exponents + 1);
  return coefficients + breaks + 1;
}
