import { ShapelawError } from '../errors.js';
import type { RunTable } from '../runs/index.js';
import { requireSameConventions } from './conventions.js';
import { lawLoss } from './formulas.js';
import type { Law } from './law.js';
import type { LawForm } from './law-form.js';
import { solveSymmetric } from './linear-algebra.js';
import { curvature, type Objective, rowWeight } from './objective.js';
import type { QuadraticPrior } from './solve.js';

/** What a law says of the coordinates of another fit of the same form. */
export interface PriorKnowledge {
  readonly law: Law;
  /** Indices of the parameters that it has a say on. */
  readonly on: readonly number[];
  readonly quadratic: QuadraticPrior;
  /** Mean curvature of the objective over rows that scatter as the prior's. */
  readonly curvature: number;
  /** Standard deviation of each coordinate; 0 of those without a prior. */
  readonly sd: Float64Array;
  /** Coordinates of its draws, draw by draw. */
  readonly draws: Float64Array;
}

/** Share of the variance added to each coordinate, so that draws that move together can be inverted. */
const ridge = 1e-9;

/**
 * A law's draws as a normal prior on the coordinates of a fit: their mean and covariance, the precision in units of the
 * objective. With rows that scatter as the prior's do, an estimate that minimises the objective has the inverse of the objective's
 * curvature for covariance, times the mean square of the objective's slope over its mean curvature (Huber 1964): of
 * least squares the variance of a residual.
 *
 * @param on - Names of the parameters that it has a say on; all where undefined.
 * @throws ShapelawError `bad-usage` for a law of another form or without draws, `mixed-conventions`.
 */
export function priorKnowledge(
  law: Law,
  form: LawForm,
  centres: readonly number[],
  on: readonly string[] | undefined,
  table: RunTable,
  objective: Objective,
): PriorKnowledge {
  if (law.law !== form.law || JSON.stringify(law.form) !== JSON.stringify(form.options)) {
    throw new ShapelawError(
      'bad-usage',
      `the prior ${law.name} is of another law: ${law.formula}, where the fit is of ${form.formula}`,
      { prior: law.law, law: form.law },
    );
  }
  const { draws } = lawLoss(law);
  if (draws === null || law.residuals === null) {
    throw new ShapelawError(
      'bad-usage',
      `the prior ${law.name} has no draws, so that it can't say how sure it is; fit it with --draws`,
      { prior: law.name },
    );
  }
  requireSameConventions(law, table.conventions, table.source, ['params', 'tokens', 'flops', 'loss', 'tokenizer']);
  const names = on ?? form.parameters;
  const indices = names.map((name) => {
    const index = form.parameters.indexOf(name);
    if (index >= 0) return index;
    throw new ShapelawError(
      'bad-usage',
      `the ${form.law} law has no parameter ${name} for a prior: ${form.parameters.join(', ')}`,
      { parameter: name },
    );
  });
  const size = form.parameters.length;
  const coordinates = draws.map((draw) => form.toCoordinates(draw, centres));
  const centre = new Float64Array(size);
  for (const draw of coordinates) for (let j = 0; j < size; j++) centre[j]! += draw[j]! / coordinates.length;
  const covariance = indices.map((j) =>
    indices.map(
      (k) =>
        coordinates.reduce((sum, draw) => sum + (draw[j]! - centre[j]!) * (draw[k]! - centre[k]!), 0) /
        (coordinates.length - 1),
    ),
  );
  const { quantiles } = law.residuals;
  const mean = (of: (residual: number) => number) =>
    quantiles.reduce((sum, residual) => sum + of(residual), 0) / quantiles.length;
  const squaredSlope = mean((residual) => (rowWeight(objective, residual) * residual) ** 2);
  // Where delta is so small that no quantile lies within it, half of one counts.
  const meanCurvature = Math.max(
    mean((residual) => curvature(objective, residual)),
    0.5 / quantiles.length,
  );
  const unit = squaredSlope / meanCurvature;
  const precision = new Float64Array(size * size);
  indices.forEach((k, column) => {
    const lower = Float64Array.from(
      covariance.flatMap((row, i) => row.map((value, j) => (i === j ? value * (1 + ridge) : value))),
    );
    const basis = Float64Array.from(indices, (_, i) => Number(i === column));
    const solved = solveSymmetric(lower, basis);
    if (solved === null) {
      throw new ShapelawError(
        'bad-usage',
        `the draws of the prior ${law.name} do not spread in ${names.join(', ')}; name fewer parameters for it`,
        { prior: law.name },
      );
    }
    indices.forEach((j, i) => {
      precision[j * size + k] = solved[i]! * unit;
    });
  });
  const sd = new Float64Array(size);
  indices.forEach((j, i) => {
    sd[j] = Math.sqrt(covariance[i]![i]!);
  });
  const flat = new Float64Array(coordinates.length * size);
  coordinates.forEach((draw, k) => {
    flat.set(draw, k * size);
  });
  return { law, on: indices, quadratic: { mean: centre, precision }, curvature: meanCurvature, sd, draws: flat };
}
