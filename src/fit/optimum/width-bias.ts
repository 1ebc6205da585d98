import { ShapelawError } from '../../errors.js';
import { akimaGrid } from './akima.js';
import { type Minimum, parabolaGrid } from './parabola.js';

/** Exponents of a loss `E + A N^-alpha + B D^-beta`. */
export interface SurfaceExponents {
  readonly alpha: number;
  readonly beta: number;
}

/** Hoffmann et al. 2022, equation 10, as printed: what is assumed of a surface that nobody fitted. */
export const assumedExponents: SurfaceExponents = { alpha: 0.34, beta: 0.28 };

/** @throws ShapelawError `bad-usage` where either is not positive. */
export function requireExponents({ alpha, beta }: SurfaceExponents): void {
  if (alpha > 0 && beta > 0 && Number.isFinite(alpha + beta)) return;
  throw new ShapelawError(
    'bad-usage',
    `the exponents of a surface must be positive, not alpha ${alpha} and beta ${beta}`,
    { alpha, beta },
  );
}

/**
 * Losses of a budget without noise, by ln params x, of which the least lies at `optimum`.
 *
 * With C = 6 N D the loss is E + P e^(-alpha t) + Q e^(beta t), t = x - optimum, and that it is least at t = 0 means
 * alpha P = beta Q: but for the unit of loss it is beta e^(-alpha t) + alpha e^(beta t). E, A and B have no say.
 */
function noiseFree(x: ArrayLike<number>, optimum: number, { alpha, beta }: SurfaceExponents): Float64Array {
  return Float64Array.from(x, (value) => {
    const t = value - optimum;
    return beta * Math.exp(-alpha * t) + alpha * Math.exp(beta * t);
  });
}

/**
 * The optimum of which a method, on noise-free losses of this very grid, makes the minimum that it found: by iteration, as the
 * error changes slowly with the place of the optimum.
 *
 * @param minimise - The method on this grid.
 * @param found - ln params of the minimum by the method.
 * @returns ln params.
 */
export function optimumBehind(
  minimise: (losses: ArrayLike<number>) => Minimum | null,
  x: ArrayLike<number>,
  found: number,
  exponents: SurfaceExponents,
): number {
  let optimum = found;
  for (let round = 0; round < 100; round++) {
    const error = minimise(noiseFree(x, optimum, exponents))!.x - found;
    optimum -= error;
    if (Math.abs(error) < 1e-12) break;
  }
  return optimum;
}

/**
 * Relative error of N* and D* by the IsoFLOP method on a grid centred on the optimum, without noise (for the planning of a
 * sweep). It is 0 for alpha = beta and grows with the square of ln halfWidth, the same at every budget: the exponents of N* and D* are
 * right and their coefficients wrong.
 *
 * @param halfWidth - The factor by which the grid reaches to either side, greater than 1.
 * @param points - Evenly spaced in ln params. Defaults to 15.
 * @param method - Defaults to `quadratic`.
 * @throws ShapelawError `bad-usage` for a value out of range.
 */
export function gridBias(
  exponents: SurfaceExponents,
  halfWidth: number,
  points = 15,
  method: 'quadratic' | 'akima' = 'quadratic',
): { readonly params: number; readonly tokens: number } {
  requireExponents(exponents);
  if (!(halfWidth > 1 && Number.isFinite(halfWidth)))
    throw new ShapelawError('bad-usage', `the half-width of a grid is a factor greater than 1, not ${halfWidth}`);
  if (!(Number.isInteger(points) && points >= 5 && points <= 1e6))
    throw new ShapelawError('bad-usage', `a grid has a whole number of points from 5, not ${points}`);
  const half = Math.log(halfWidth);
  const x = Float64Array.from({ length: points }, (_, k) => half * ((2 * k) / (points - 1) - 1));
  const weights = new Float64Array(points).fill(1);
  const losses = noiseFree(x, 0, exponents);
  const found = method === 'akima' ? akimaGrid(x, weights)(losses) : parabolaGrid(x, weights).minimise(losses)!;
  return { params: Math.expm1(found.x), tokens: Math.expm1(-found.x) };
}
