import { meanLoss } from './moments.js';
import type { ActiveRows } from './rows.js';

/**
 * Sums over the rows from each position to the end, from which least squares with hinges `(x - t)+` at any t follows: of weight,
 * weight x, weight x^2. One entry more than rows.
 */
export interface HingeSums {
  readonly w: Float64Array;
  readonly wx: Float64Array;
  readonly wxx: Float64Array;
}

/** Those of weight y, weight x y and weight y^2, y the log loss less its mean. */
export interface LossSums {
  readonly wy: Float64Array;
  readonly wxy: Float64Array;
  readonly squares: number;
}

export function hingeSums({ x, size }: ActiveRows, weights: Float64Array): HingeSums {
  const [w, wx, wxx] = [0, 1, 2].map(() => new Float64Array(size + 1)) as [Float64Array, Float64Array, Float64Array];
  for (let row = size - 1; row >= 0; row--) {
    const weighted = weights[row]! * x[row]!;
    w[row] = w[row + 1]! + weights[row]!;
    wx[row] = wx[row + 1]! + weighted;
    wxx[row] = wxx[row + 1]! + weighted * x[row]!;
  }
  return { w, wx, wxx };
}

export function lossSums(rows: ActiveRows, weights: Float64Array): LossSums {
  const { x, logLoss, size } = rows;
  const mean = meanLoss(rows, weights);
  const wy = new Float64Array(size + 1);
  const wxy = new Float64Array(size + 1);
  let squares = 0;
  for (let row = size - 1; row >= 0; row--) {
    const y = logLoss[row]! - mean;
    const weighted = weights[row]! * y;
    wy[row] = wy[row + 1]! + weighted;
    wxy[row] = wxy[row + 1]! + weighted * x[row]!;
    squares += weighted * y;
  }
  return { wy, wxy, squares };
}
