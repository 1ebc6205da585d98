import { solveSymmetric } from '../linear-algebra.js';
import { type RegionFit, residualsOf } from './estimate.js';
import { type ActiveRows, positionOf } from './rows.js';

/** Standard errors of a region's intercept and exponents. */
export interface RegionErrors {
  /** Null where the rest of the runs does not fix the coefficients. */
  readonly standardErrors: readonly number[] | null;
  /** Runs that they rest on. */
  readonly runs: number;
}

/**
 * Standard errors by leaving out one run after the other (the cluster jackknife, CV3 of MacKinnon, Nielsen and Webb 2023), since
 * checkpoints of one run share its luck. Of a law that jumps each region by itself, at its breakpoints; of a continuous one all
 * together, the breakpoints free to move a little. The luck in where breakpoints are found is not in them: where that is unsure,
 * intervals of a law's refits are wider, and right.
 *
 * @param runOfRow - In the order of the sorted rows.
 */
export function exponentErrors(
  rows: ActiveRows,
  fit: RegionFit,
  continuous: boolean,
  runOfRow: Int32Array,
): readonly RegionErrors[] {
  const residuals = residualsOf(rows, fit);
  const starts = [0, ...fit.breaks.map((value) => positionOf(rows.x, value)), rows.size];
  const regions = fit.coefficients.map((_, region) => region);
  if (!continuous || fit.breaks.length === 0) {
    return regions.map((region) => {
      const [from, to] = [starts[region]!, starts[region + 1]!];
      const slope = (row: number) => [...rows.design.subarray(row * rows.width, (row + 1) * rows.width)];
      return jackknife(rows, residuals, runOfRow, from, to, rows.width, slope);
    });
  }
  const breaks = fit.breaks.length;
  const exponents = fit.coefficients.map((region) => region[1]!);
  // Of the first intercept, the exponents, and the breakpoints.
  const slope = (row: number) => {
    const x = rows.x[row]!;
    const stretches = regions.map((region) => {
      const [low, high] = [fit.breaks[region - 1], fit.breaks[region]];
      const end = Math.min(x, high ?? x);
      return low === undefined ? -end : -Math.max(0, end - low);
    });
    const moves = fit.breaks.map((at, k) => (x >= at ? exponents[k + 1]! - exponents[k]! : 0));
    return [1, ...stretches, ...moves];
  };
  const all = jackknife(rows, residuals, runOfRow, 0, rows.size, 2 + 2 * breaks, slope);
  return regions.map((region) => ({
    runs: all.runs,
    standardErrors: all.standardErrors && [all.standardErrors[0]!, all.standardErrors[1 + region]!],
  }));
}

function jackknife(
  rows: ActiveRows,
  residuals: Float64Array,
  runOfRow: Int32Array,
  from: number,
  to: number,
  width: number,
  slope: (row: number) => readonly number[],
): RegionErrors {
  const whole = new Float64Array(width * width);
  const byRun = new Map<number, { readonly gram: Float64Array; readonly score: Float64Array }>();
  for (let row = from; row < to; row++) {
    const run = runOfRow[row]!;
    const sums = byRun.get(run) ?? { gram: new Float64Array(width * width), score: new Float64Array(width) };
    byRun.set(run, sums);
    const slopes = slope(row);
    const weight = rows.weights[row]!;
    for (let j = 0; j < width; j++) {
      sums.score[j]! += weight * residuals[row]! * slopes[j]!;
      for (let k = 0; k <= j; k++) {
        sums.gram[j * width + k]! += weight * slopes[j]! * slopes[k]!;
        whole[j * width + k]! += weight * slopes[j]! * slopes[k]!;
      }
    }
  }
  const runs = byRun.size;
  const squares = new Float64Array(width);
  for (const { gram, score } of byRun.values()) {
    // By how much the coefficients change without this run.
    const change = solveSymmetric(
      whole.map((value, at) => value - gram[at]!),
      score,
    );
    if (change === null) return { standardErrors: null, runs };
    change.forEach((value, j) => {
      squares[j]! += value * value;
    });
  }
  return { standardErrors: Array.from(squares, (sum) => Math.sqrt(((runs - 1) / runs) * sum)), runs };
}
