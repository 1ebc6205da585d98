import { ShapelawError } from '../../errors.js';
import { mean } from '../../fit/statistics.js';
import type { Range } from '../../flops/cost.js';
import { boundedLeastSquares } from './non-negative.js';
import { type Workload, workloadNames } from './workload.js';

/** A measured step: what it asked of one device, and how long it took. */
export interface MeasuredStep {
  readonly workload: Workload;
  readonly stepSeconds: number;
}

/** `seconds = sum of coefficients times workload`, as fitted to measured steps. */
export interface StepTimeFit {
  /** Seconds for a FLOP, an activation byte, an output byte and a parameter. */
  readonly coefficients: Readonly<Record<keyof Workload, number>>;
  /** Root mean square of predicted over measured less 1, each step predicted by a fit to the others. */
  readonly leftOutError: number;
  readonly steps: number;
  /** FLOPs of a step on one device, the fewest and the most that were measured. */
  readonly flops: Range;
}

/** Measured shapes that four coefficients need. */
const fewest = 6;

/**
 * Fits step times by least squares of the relative error, no coefficient negative.
 *
 * @param peakFlops - FLOP/s of one device that no computation exceeds; its reciprocal bounds the first coefficient. Defaults to none.
 * @throws ShapelawError `too-few-configurations` below 6 steps of different work, `no-variation` where all do the same work a FLOP,
 * `bad-usage` for a time that is not positive.
 */
export function fitStepTime(measured: readonly MeasuredStep[], peakFlops = Number.POSITIVE_INFINITY): StepTimeFit {
  for (const { stepSeconds } of measured) {
    if (!(stepSeconds > 0 && Number.isFinite(stepSeconds)))
      throw new ShapelawError('bad-usage', `a step must take a positive time, not ${stepSeconds} s`, { stepSeconds });
  }
  const distinct = new Set(measured.map(({ workload }) => workloadNames.map((name) => workload[name]).join()));
  if (distinct.size < fewest) {
    throw new ShapelawError(
      'too-few-configurations',
      `step times need at least ${fewest} runs of different shapes, and there are ${distinct.size}; add measured runs, or leave the model of speed as it is`,
      { runs: distinct.size, needed: fewest },
    );
  }
  const perFlop = measured.map(({ workload }) => workload.activationBytes / workload.flops);
  if (Math.max(...perFlop) <= 1.05 * Math.min(...perFlop)) {
    throw new ShapelawError(
      'no-variation',
      'all measured shapes move as many bytes a FLOP, so that nothing says what a narrower one costs; add runs of other widths',
      {},
    );
  }
  const rows = measured.map(({ workload, stepSeconds }) => workloadNames.map((name) => workload[name] / stepSeconds));
  // Columns of one size, so that the descent is not slowed by their units.
  const scale = workloadNames.map((_, k) => Math.max(...rows.map((row) => row[k]!)));
  const scaled = rows.map((row) => row.map((value, k) => value / scale[k]!));
  const lower = [scale[0]! / peakFlops, 0, 0, 0];
  const solve = (kept: readonly (readonly number[])[]) =>
    boundedLeastSquares(
      kept,
      kept.map(() => 1),
      lower,
    );
  const predicted = (at: readonly number[], row: readonly number[]) =>
    row.reduce((sum, value, k) => sum + value * at[k]!, 0);
  const found = solve(scaled);
  const leftOut = scaled.map((row, k) => predicted(solve(scaled.filter((_, other) => other !== k)), row) - 1);
  return {
    coefficients: Object.fromEntries(workloadNames.map((name, k) => [name, found[k]! / scale[k]!])) as Record<
      keyof Workload,
      number
    >,
    leftOutError: Math.sqrt(mean(leftOut.map((error) => error ** 2))),
    steps: measured.length,
    flops: [
      Math.min(...measured.map(({ workload }) => workload.flops)),
      Math.max(...measured.map(({ workload }) => workload.flops)),
    ],
  };
}
