import { normalQuantile } from '../../fit/distributions.js';
import type { Law } from '../../fit/law.js';
import { makeObjective, rowWeight } from '../../fit/objective.js';
import { publishedLaw } from '../../fit/published.js';

/** Scatter of the log loss of single runs, and what it does to a fit. */
export interface DesignNoise {
  /** Standard deviation of log loss about the law. */
  readonly sd: number;
  /**
   * Standard deviation that a run counts with in the covariance of the fit: of least squares `sd` itself; of Huber's
   * objective the root of the mean square of its slope, over its mean curvature (Huber 1964).
   */
  readonly effective: number;
  readonly source: string;
}

/** Points at which a distribution is asked. */
const points = 4000;

/**
 * The scatter that runs are expected to have: as given, by the prior's residuals, by its noise, or by default as the points of
 * besiroglu-2024 scatter about their law.
 *
 * @param sd - Standard deviation of log loss, normal. Defaults to what the law says.
 * @param delta - Of the fit's Huber objective. Defaults to 1e-3, as of `fitLaw`.
 */
export function designNoise(law: Law, sd?: number, delta = 1e-3): DesignNoise {
  if (sd !== undefined) return noiseOf(normalSample(sd), delta, 'as given, normal');
  if (law.residuals !== null) {
    return noiseOf(interpolated(law.residuals.quantiles), delta, `residuals of ${law.name}`);
  }
  if (law.noise !== null) {
    const { runSd, rowSd } = law.noise;
    return noiseOf(normalSample(Math.hypot(runSd, rowSd)), delta, `noise of ${law.name}, normal`);
  }
  const other = publishedLaw('besiroglu-2024');
  return noiseOf(
    interpolated(other.residuals!.quantiles),
    delta,
    `${law.name} states none; residuals of ${other.name} in its place`,
  );
}

function noiseOf(sample: readonly number[], delta: number, source: string): DesignNoise {
  const objective = makeObjective('huber', delta);
  let [square, slope, within] = [0, 0, 0];
  for (const residual of sample) {
    square += residual * residual;
    slope += (rowWeight(objective, residual) * residual) ** 2;
    if (Math.abs(residual) <= delta) within += 1;
  }
  const count = sample.length;
  // Where no point lies within delta, half of one counts.
  const curvature = Math.max(within, 0.5) / count;
  return { sd: Math.sqrt(square / count), effective: Math.sqrt(slope / count) / curvature, source };
}

function normalSample(sd: number): readonly number[] {
  return Array.from({ length: points }, (_, k) => sd * normalQuantile((k + 0.5) / points));
}

/** A distribution by its quantiles at evenly spaced probabilities, those between them on lines. */
function interpolated(quantiles: readonly number[]): readonly number[] {
  return Array.from({ length: points }, (_, k) => {
    const at = Math.min(Math.max(((k + 0.5) / points) * quantiles.length - 0.5, 0), quantiles.length - 1);
    const below = Math.floor(at);
    const [low, high] = [quantiles[below]!, quantiles[below + 1] ?? quantiles[below]!];
    return low + (at - below) * (high - low);
  });
}
