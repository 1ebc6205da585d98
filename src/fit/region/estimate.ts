import { type BreakGrid, breakGrid } from './grid.js';
import { addBreak, fitHinges } from './hinge-fit.js';
import { type LinearProblem, leastSquares, product, squaresOf } from './least-squares.js';
import { refineBreaks } from './refine-breaks.js';
import { type ActiveRows, positionOf } from './rows.js';

/** Power laws fitted to regions. */
export interface RegionFit {
  /** Logs of the variable, ascending. */
  readonly breaks: readonly number[];
  /** Of each region, lowest first: its intercept and exponents. */
  readonly coefficients: readonly Float64Array[];
  /** Weighted sum of squared residuals of log loss. */
  readonly squares: number;
}

/** How regions meet, and where they are looked for. */
export interface RegionModel {
  /** Whether the law is continuous at its breakpoints; with `x` as the one regressor only. */
  readonly continuous: boolean;
  /** The most places at which breakpoints are looked for before each is refined among all rows. */
  readonly candidates: number;
}

/**
 * Fits power laws with `breaks` breakpoints by least squares: the least over candidate breakpoints, by dynamic programming where
 * regions are independent of each other, by combinations of candidates where the law is continuous; then each breakpoint is
 * refined over the rows. Exact for a law that is not continuous, where there are no more gaps than candidates.
 *
 * @param weights - In the order of the sorted rows. Defaults to those of the rows.
 * @returns null where the rows can't be divided into so many regions.
 */
export function fitRegions(
  rows: ActiveRows,
  breaks: number,
  { continuous, candidates }: RegionModel,
  weights: Float64Array = rows.weights,
): RegionFit | null {
  if (breaks === 0) return fitSegments(rows, weights, []);
  return fitUpTo(rows, breakGrid(rows, weights, continuous, candidates), continuous, breaks, weights).at(-1)!;
}

/** The fits with 0 up to `most` breakpoints; null for as many as the rows can't be divided by. */
export function fitUpTo(
  rows: ActiveRows,
  grid: BreakGrid,
  continuous: boolean,
  most: number,
  weights: Float64Array = rows.weights,
): readonly (RegionFit | null)[] {
  const divisions = grid.divisions(most);
  if (!continuous) {
    return divisions.map(
      (division) =>
        division && fitSegments(rows, weights, refineBreaks(rows, weights, grid.boundaries, division.breaks)),
    );
  }
  const fits: (RegionFit | null)[] = [fitSegments(rows, weights, [])];
  for (let count = 1; count <= most; count++) {
    const fewer = fits[count - 1]!;
    const starts = [
      divisions[count]?.breaks,
      // With one breakpoint the grid has all candidates already.
      count > 1 && fewer !== null ? addBreak(rows, weights, fewer.breaks, grid.places) : null,
    ];
    let best: RegionFit | null = null;
    for (const start of starts) {
      const fit = start ? fitHinges(rows, weights, start) : null;
      if (fit !== null && (best === null || fit.squares < best.squares)) best = fit;
    }
    fits.push(best);
  }
  return fits;
}

/** Power laws between given breakpoints, each on its own. */
function fitSegments(rows: ActiveRows, weights: Float64Array, breaks: readonly number[]): RegionFit | null {
  const starts = [0, ...breaks.map((value) => positionOf(rows.x, value)), rows.size];
  const coefficients: Float64Array[] = [];
  let squares = 0;
  for (let region = 0; region <= breaks.length; region++) {
    const { design, width, logLoss: target } = rows;
    const problem: LinearProblem = { design, width, target, weights, from: starts[region]!, to: starts[region + 1]! };
    const solved = leastSquares(problem);
    if (solved === null) return null;
    coefficients.push(solved);
    squares += squaresOf(problem, solved);
  }
  return { breaks, coefficients, squares };
}

/** Log loss measured less that of the law, in the order of the sorted rows. */
export function residualsOf(rows: ActiveRows, { breaks, coefficients }: RegionFit): Float64Array {
  const residuals = new Float64Array(rows.size);
  let region = 0;
  for (let row = 0; row < rows.size; row++) {
    while (region < breaks.length && rows.x[row]! >= breaks[region]!) region += 1;
    residuals[row] = rows.logLoss[row]! - product(rows.design, row * rows.width, coefficients[region]!);
  }
  return residuals;
}
