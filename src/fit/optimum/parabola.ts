import { solveSymmetric } from '../linear-algebra.js';

/** Where a curve is least: ln params, and the loss there. */
export interface Minimum {
  readonly x: number;
  readonly loss: number;
}

/** A parabola of the losses on a grid. */
export interface Parabola {
  /** Second derivative by x. */
  readonly curvature: number;
  /** The parabola's loss at each point. */
  readonly fitted: Float64Array;
}

/** Parabolas on one grid. What depends on the grid alone is done once, so that a refit is three sums. */
export interface ParabolaGrid {
  readonly fit: (losses: ArrayLike<number>) => Parabola;
  /** The minimum alone; null where the parabola does not open upwards. */
  readonly minimise: (losses: ArrayLike<number>) => Minimum | null;
  /** Of each point: the share of its own loss in the loss fitted there. */
  readonly leverage: Float64Array;
  /** Standard error of the curvature for losses of standard deviation 1 (at weight 1). */
  readonly curvatureError: number;
}

/**
 * Least squares of `c0 + c1 t + c2 t^2` by the normal equations, t running from -1 to 1 over the grid: there they have a
 * condition number of some tens.
 *
 * @param x - ln params, at least three values distinct.
 */
export function parabolaGrid(x: Float64Array, weights: Float64Array): ParabolaGrid {
  const [low, high] = [Math.min(...x), Math.max(...x)];
  const [middle, half] = [(low + high) / 2, (high - low) / 2];
  const n = x.length;
  const basis = Array.from(x, (value) => {
    const t = (value - middle) / half;
    return [1, t, t * t] as const;
  });
  const gram = new Float64Array(9);
  basis.forEach((row, i) => {
    for (let j = 0; j < 3; j++) for (let k = 0; k < 3; k++) gram[3 * j + k]! += weights[i]! * row[j]! * row[k]!;
  });
  const inverse = [0, 1, 2].map(
    (k) =>
      solveSymmetric(
        gram.slice(),
        Float64Array.from([0, 1, 2], (j) => +(j === k)),
      )!,
  );
  const apply = (k: number, row: readonly [number, number, number]) =>
    inverse[k]![0]! * row[0] + inverse[k]![1]! * row[1] + inverse[k]![2]! * row[2];
  const projection = [0, 1, 2].map((k) => Float64Array.from(basis, (row, i) => weights[i]! * apply(k, row)));

  const coefficients = (losses: ArrayLike<number>): [number, number, number] => {
    let [c0, c1, c2] = [0, 0, 0];
    for (let i = 0; i < n; i++) {
      c0 += projection[0]![i]! * losses[i]!;
      c1 += projection[1]![i]! * losses[i]!;
      c2 += projection[2]![i]! * losses[i]!;
    }
    return [c0, c1, c2];
  };
  const minimise = (losses: ArrayLike<number>): Minimum | null => {
    const [c0, c1, c2] = coefficients(losses);
    return c2 > 0 ? { x: middle - (half * c1) / (2 * c2), loss: c0 - c1 ** 2 / (4 * c2) } : null;
  };
  return {
    fit(losses) {
      const [c0, c1, c2] = coefficients(losses);
      return {
        curvature: (2 * c2) / half ** 2,
        fitted: Float64Array.from(basis, (row) => c0 + c1 * row[1] + c2 * row[2]),
      };
    },
    minimise,
    leverage: Float64Array.from(
      basis,
      (row, i) => weights[i]! * (apply(0, row) + apply(1, row) * row[1] + apply(2, row) * row[2]),
    ),
    curvatureError: (2 * Math.sqrt(inverse[2]![2]!)) / half ** 2,
  };
}
