import type { ActiveRows } from './rows.js';

/**
 * Sums over rows from which least squares follows, in one array: the lower triangle of the design's Gram matrix, the products of
 * the design with the log loss, and the sum of squares of the log loss.
 */
export function momentCount(width: number): number {
  return (width * (width + 1)) / 2 + width + 1;
}

/** Adds a row to sums, `sign` 1, or takes it away, -1. Log loss counts from `origin`, which keeps differences of sums precise. */
export function addRow(
  sums: Float64Array,
  { design, width, logLoss }: ActiveRows,
  row: number,
  weight: number,
  origin: number,
): void {
  const at = row * width;
  const y = logLoss[row]! - origin;
  let slot = 0;
  for (let j = 0; j < width; j++) {
    const scaled = weight * design[at + j]!;
    for (let k = 0; k <= j; k++) sums[slot++]! += scaled * design[at + k]!;
  }
  for (let j = 0; j < width; j++) sums[slot++]! += weight * design[at + j]! * y;
  sums[slot]! += weight * y * y;
}

/** Least share of an operator's variance in a region that the operators before it leave unexplained. */
const leastOwnShare = 1e-3;
/** Least variance of an operator in a region, as a share of that in the table. */
const leastVariance = 1e-6;

/**
 * Cholesky's factor of the Gram matrix in `gram`, both lower triangles packed by rows; `gram` is overwritten. False where an
 * operator hardly varies, or moves with the others, so that the rows say nothing of its exponent.
 *
 * @param variances - Of each column of the design in the whole table.
 */
export function factorise(gram: Float64Array, width: number, variances: Float64Array): boolean {
  const weight = gram[0]!;
  if (!(weight > 0)) return false;
  for (let i = 0; i < width; i++) {
    const rowI = (i * (i + 1)) / 2;
    const whole = gram[rowI + i]!;
    for (let j = 0; j <= i; j++) {
      const rowJ = (j * (j + 1)) / 2;
      let sum = gram[rowI + j]!;
      for (let k = 0; k < j; k++) sum -= gram[rowI + k]! * gram[rowJ + k]!;
      if (i !== j) {
        gram[rowI + j] = sum / gram[rowJ + j]!;
        continue;
      }
      if (i > 0) {
        const spread = whole - gram[rowI]! ** 2;
        if (!(spread >= leastVariance * weight * variances[i]! && sum >= leastOwnShare * spread)) return false;
      }
      gram[rowI + i] = Math.sqrt(sum);
    }
  }
  return true;
}

/** Weighted variance of each column of the design. */
export function designVariances({ design, width, size }: ActiveRows, weights: Float64Array): Float64Array {
  const means = new Float64Array(width);
  const variances = new Float64Array(width);
  let total = 0;
  for (let row = 0; row < size; row++) total += weights[row]!;
  for (let row = 0; row < size; row++) {
    for (let j = 0; j < width; j++) means[j]! += (weights[row]! / total) * design[row * width + j]!;
  }
  for (let row = 0; row < size; row++) {
    for (let j = 0; j < width; j++) {
      variances[j]! += (weights[row]! / total) * (design[row * width + j]! - means[j]!) ** 2;
    }
  }
  return variances;
}

/** Residual sum of squares: `squares` less the squared length of `products` solved by the packed factor. `products` is overwritten. */
export function residualSquares(
  factor: Float64Array,
  factorAt: number,
  width: number,
  products: Float64Array,
  squares: number,
): number {
  let rest = squares;
  for (let i = 0; i < width; i++) {
    const row = factorAt + (i * (i + 1)) / 2;
    let sum = products[i]!;
    for (let k = 0; k < i; k++) sum -= factor[row + k]! * products[k]!;
    products[i] = sum / factor[row + i]!;
    rest -= products[i]! ** 2;
  }
  return Math.max(0, rest);
}

/** Weighted mean of the log loss. */
export function meanLoss({ logLoss, size }: ActiveRows, weights: Float64Array): number {
  let [sum, total] = [0, 0];
  for (let row = 0; row < size; row++) {
    sum += weights[row]! * logLoss[row]!;
    total += weights[row]!;
  }
  return sum / total;
}
