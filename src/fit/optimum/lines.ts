import type { Line } from './estimate.js';

/**
 * The line through points by weighted least squares: about the weighted means, so that the units of x cost no digits.
 *
 * @param weights - Defaults to equal ones.
 */
export function fitLine(x: ArrayLike<number>, y: ArrayLike<number>, weights?: ArrayLike<number>): Line {
  let [sum, meanX, meanY] = [0, 0, 0];
  for (let k = 0; k < x.length; k++) {
    const weight = weights?.[k] ?? 1;
    sum += weight;
    meanX += weight * x[k]!;
    meanY += weight * y[k]!;
  }
  meanX /= sum;
  meanY /= sum;
  let [product, square] = [0, 0];
  for (let k = 0; k < x.length; k++) {
    const weight = weights?.[k] ?? 1;
    product += weight * (x[k]! - meanX) * (y[k]! - meanY);
    square += weight * (x[k]! - meanX) ** 2;
  }
  const slope = product / square;
  return { slope, intercept: meanY - slope * meanX };
}
