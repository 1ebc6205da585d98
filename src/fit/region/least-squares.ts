import { solveSymmetric } from '../linear-algebra.js';

/** A linear model of some rows. */
export interface LinearProblem {
  /** Row-major. */
  readonly design: Float64Array;
  readonly width: number;
  readonly target: Float64Array;
  readonly weights: Float64Array;
  /** First row, and the one after the last. */
  readonly from: number;
  readonly to: number;
}

/**
 * Weighted least squares by the normal equations, solved a second time for the residuals of the first, which takes away their
 * rounding errors. Null where the columns are linearly dependent.
 */
export function leastSquares({ design, width, target, weights, from, to }: LinearProblem): Float64Array | null {
  const gram = new Float64Array(width * width);
  const products = new Float64Array(width);
  const coefficients = new Float64Array(width);
  for (let pass = 0; pass < 2; pass++) {
    products.fill(0);
    gram.fill(0);
    for (let row = from; row < to; row++) {
      const at = row * width;
      const weight = weights[row]!;
      const pull = weight * (target[row]! - product(design, at, coefficients));
      for (let j = 0; j < width; j++) {
        products[j]! += pull * design[at + j]!;
        const scaled = weight * design[at + j]!;
        for (let k = 0; k <= j; k++) gram[j * width + k]! += scaled * design[at + k]!;
      }
    }
    const step = solveSymmetric(gram, products);
    if (step === null) return null;
    for (let j = 0; j < width; j++) coefficients[j]! += step[j]!;
  }
  return coefficients;
}

/** A row of the design times the coefficients. */
export function product(design: Float64Array, at: number, coefficients: Float64Array): number {
  let sum = 0;
  for (let j = 0; j < coefficients.length; j++) sum += design[at + j]! * coefficients[j]!;
  return sum;
}

/** Weighted sum of squared residuals. */
export function squaresOf(
  { design, width, target, weights, from, to }: LinearProblem,
  coefficients: Float64Array,
): number {
  let sum = 0;
  for (let row = from; row < to; row++) {
    sum += weights[row]! * (target[row]! - product(design, row * width, coefficients)) ** 2;
  }
  return sum;
}
