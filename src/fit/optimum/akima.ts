import { computeAkimaPolyCoefficients } from 'commons-math-interpolation';
import type { Minimum } from './parabola.js';

/** Points below which Akima's spline is not defined. */
export const akimaPoints = 5;

/**
 * The least value of Akima's spline (1970) through points: of each cubic its ends, and where its derivative rises through 0.
 *
 * @param x - Increasing, at least five.
 */
export function akimaMinimum(x: ArrayLike<number>, y: ArrayLike<number>): Minimum {
  let least: Minimum = { x: x[0]!, loss: y[0]! };
  const consider = (at: number, loss: number) => {
    if (loss < least.loss) least = { x: at, loss };
  };
  computeAkimaPolyCoefficients(x, y).forEach((coefficients, segment) => {
    // Coefficients of 0 are trimmed off the end.
    const [c0 = 0, c1 = 0, c2 = 0, c3 = 0] = coefficients;
    const width = x[segment + 1]! - x[segment]!;
    consider(x[segment + 1]!, y[segment + 1]!);
    // The larger root of c1 + 2 c2 t + 3 c3 t^2 for c3 > 0, the smaller for c3 < 0: where the second derivative is positive.
    const root = Math.sqrt(c2 * c2 - 3 * c3 * c1);
    const t = c2 > 0 ? -c1 / (c2 + root) : (root - c2) / (3 * c3);
    if (t > 0 && t < width) consider(x[segment]! + t, c0 + t * (c1 + t * (c2 + t * c3)));
  });
  return least;
}

/** {@link akimaMinimum} on a grid whose sizes may repeat: losses of one size are averaged, by weight. */
export function akimaGrid(x: Float64Array, weights: Float64Array): (losses: ArrayLike<number>) => Minimum {
  const sizes = [...new Set(x)].sort((a, b) => a - b);
  const place = new Map(sizes.map((size, k) => [size, k]));
  const at = Int32Array.from(x, (size) => place.get(size)!);
  const total = new Float64Array(sizes.length);
  for (let i = 0; i < x.length; i++) total[at[i]!]! += weights[i]!;
  return (losses) => {
    const mean = new Float64Array(sizes.length);
    for (let i = 0; i < x.length; i++) mean[at[i]!]! += (weights[i]! * losses[i]!) / total[at[i]!]!;
    return akimaMinimum(sizes, mean);
  };
}
