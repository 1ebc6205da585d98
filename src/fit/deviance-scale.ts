import { rowWeight } from './objective.js';
import type { FittedLaw } from './posed.js';
import { wideningOf } from './refit.js';
import { mean } from './statistics.js';

/** Residual of log loss under which a fit is as good as exact. */
const exact = 1e-12;

/**
 * E[psi^2] / E[psi'] of a residual: for squared residuals their variance, for residuals far beyond Huber's delta what a median
 * has in its place. The slope of psi is taken over a bandwidth, since hardly a row may lie within delta.
 */
export function devianceScale({ residuals, problem, runOfRow, runs, form }: FittedLaw): number {
  const { objective, weights } = problem;
  const pull = (residual: number) => rowWeight(objective, residual) * residual;
  const byRun = new Float64Array(runs);
  const bandwidth = bandwidthOf(residuals);
  let slope = 0;
  residuals.forEach((residual, row) => {
    byRun[runOfRow[row]!]! += weights[row]! * pull(residual);
    slope += (weights[row]! * (pull(residual + bandwidth) - pull(residual - bandwidth))) / (2 * bandwidth);
  });
  const squares = byRun.reduce((sum, value) => sum + value * value, 0);
  return Math.max((squares / slope) * wideningOf(runs, form.parameters.length) ** 2, exact ** 2);
}

/** Silverman's rule for the density of the residuals. */
function bandwidthOf(residuals: Float64Array): number {
  const sorted = Float64Array.from(residuals).sort();
  const centre = mean(sorted);
  const sd = Math.sqrt(sorted.reduce((sum, value) => sum + (value - centre) ** 2, 0) / sorted.length);
  const spread = sorted[Math.floor(0.75 * sorted.length)]! - sorted[Math.floor(0.25 * sorted.length)]!;
  return Math.max(0.9 * Math.min(sd, spread / 1.34) * sorted.length ** -0.2, exact);
}
