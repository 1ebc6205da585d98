import { fitUpTo, type RegionModel, residualsOf } from './estimate.js';
import { breakGrid } from './grid.js';
import { type ActiveRows, activeRows, type SortedRows } from './rows.js';
import type { RegionSample } from './sample.js';

/** Runs below which none is held out. */
const fewestRuns = 5;
const mostFolds = 10;

/** How well laws with 0 and more breakpoints predict runs that they were not fitted to. */
export interface HoldOut {
  readonly folds: number;
  /** By breakpoints: the weighted sum of squared errors of log loss, run by run; null where a fold can't be divided so. */
  readonly squaresByRun: readonly (Float64Array | null)[];
}

/**
 * Cross-validation by whole runs: runs in the order of their mean `x` are dealt to the folds in turn, so that each fold spans the
 * regions, and no run stands on both sides.
 *
 * @returns null for fewer than 5 runs.
 */
export function holdOutErrors(
  sample: RegionSample,
  sorted: SortedRows,
  model: RegionModel,
  most: number,
): HoldOut | null {
  const runs = sample.runIds.length;
  if (runs < fewestRuns) return null;
  const folds = Math.min(mostFolds, runs);
  const foldOfRun = dealRuns(sample, folds);
  const squaresByRun: (Float64Array | null)[] = Array.from({ length: most + 1 }, () => new Float64Array(runs));
  for (let fold = 0; fold < folds; fold++) {
    const isOut = (row: number) => foldOfRun[sample.runOfRow[row]!] === fold;
    const kept = activeRows(
      sorted,
      sample.logLoss,
      sample.weights.map((weight, row) => (isOut(row) ? 0 : weight)),
    );
    const out = activeRows(
      sorted,
      sample.logLoss,
      sample.weights.map((weight, row) => (isOut(row) ? weight : 0)),
    );
    const fits = fitUpTo(
      kept,
      breakGrid(kept, kept.weights, model.continuous, model.candidates),
      model.continuous,
      most,
    );
    fits.forEach((fit, breaks) => {
      const sums = squaresByRun[breaks]!;
      if (fit === null) squaresByRun[breaks] = null;
      else if (sums !== null) addSquares(sums, out, residualsOf(out, fit), sample.runOfRow);
    });
  }
  return { folds, squaresByRun };
}

function addSquares(sums: Float64Array, out: ActiveRows, residuals: Float64Array, runOfRow: Int32Array): void {
  residuals.forEach((residual, row) => {
    sums[runOfRow[out.order[row]!]!]! += out.weights[row]! * residual * residual;
  });
}

function dealRuns({ x, logLoss, runOfRow, runIds }: RegionSample, folds: number): Int32Array {
  const means = runIds.map(() => ({ x: 0, logLoss: 0, rows: 0 }));
  runOfRow.forEach((run, row) => {
    const mean = means[run]!;
    mean.x += x[row]!;
    mean.logLoss += logLoss[row]!;
    mean.rows += 1;
  });
  const order = runIds
    .map((_, run) => run)
    .sort((a, b) => {
      const [one, other] = [means[a]!, means[b]!];
      return one.x / one.rows - other.x / other.rows || one.logLoss / one.rows - other.logLoss / other.rows;
    });
  const foldOfRun = new Int32Array(runIds.length);
  order.forEach((run, place) => {
    foldOfRun[run] = place % folds;
  });
  return foldOfRun;
}

/** Root mean square of the held-out errors of log loss. */
export function holdOutRmse(squaresByRun: Float64Array, weight: number): number {
  return Math.sqrt(squaresByRun.reduce((sum, value) => sum + value, 0) / weight);
}

/**
 * By how much one law's mean squared held-out error exceeds another's, with its standard error over runs: positive where the
 * other predicts better.
 */
export function holdOutGain(
  one: Float64Array,
  other: Float64Array,
  weight: number,
): { readonly gain: number; readonly standardError: number } {
  const runs = one.length;
  const differences = one.map((value, run) => value - other[run]!);
  const mean = differences.reduce((sum, value) => sum + value, 0) / runs;
  const variance = differences.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (runs - 1);
  return { gain: (mean * runs) / weight, standardError: (Math.sqrt(variance / runs) * runs) / weight };
}
