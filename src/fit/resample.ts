import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { ShapelawError } from '../errors.js';
import { mixedSeed, normalNumbers } from './random.js';

/**
 * How a table is drawn again, always by whole runs, never by single checkpoints of a run.
 *
 * - `cluster`: as many runs as there are, with replacement.
 * - `wild`: every row stays at its point, and its residual from the law is kept or mirrored, for all rows of a run together
 *   (Cameron, Gelbach and Miller 2008).
 * - `parametric`: losses are drawn about the law, with normal noise for each run and each row, its size as unsure as few runs
 *   leave it; for runs so few that resamples of them repeat each other or leave points out.
 * - `leave-out`: not drawn; the k-th table lacks the k-th run.
 */
export type Resampling = 'cluster' | 'wild' | 'parametric' | 'leave-out';

/** What resamples are drawn from. */
export interface ResamplingSource {
  readonly resampling: Resampling;
  readonly seed: number;
  /** Index of each row's run, from 0 on. */
  readonly runOfRow: Int32Array;
  readonly runs: number;
  readonly weights: Float64Array;
  readonly logLoss: Float64Array;
  /** Log loss by the law. */
  readonly fitted: Float64Array;
  /** What `wild` keeps or mirrors: log loss less the law's. */
  readonly residuals: Float64Array;
  /** Parametric noise that the rows of a run share, and that each has by itself. */
  readonly noise: { readonly run: NoiseSize; readonly row: NoiseSize };
}

/** A standard deviation, and the degrees of freedom that it is known by. */
export interface NoiseSize {
  readonly sd: number;
  readonly degrees: number;
}

/** A table drawn again: weights of rows, and their log losses. */
export interface Resample {
  readonly weights: Float64Array;
  readonly logLoss: Float64Array;
}

/** Resamples in a row that may fail to support the law before the bootstrap gives up. */
const patience = 1000;
/** Runs below which signs alone give too few different tables, and Webb's six weights are drawn. */
const signsSuffice = 12;
/** Webb 2013: the six-point distribution of mean 0 and variance 1. */
const sixPoints = [-Math.sqrt(1.5), -1, -Math.sqrt(0.5), Math.sqrt(0.5), 1, Math.sqrt(1.5)];

/**
 * The k-th resample, each from a random stream of its own, so that any part of the draws has the same bits by itself.
 *
 * @param supports - Whether a law can be fitted to the rows of positive weight; where not, it is drawn again.
 * @param room - Written over.
 * @returns how many were thrown away before it.
 * @throws ShapelawError `too-few-configurations` where hardly any resample can support the law.
 */
export function drawResample(
  source: ResamplingSource,
  index: number,
  supports: (weights: Float64Array) => boolean,
  room: Resample,
): number {
  const { resampling, runOfRow, runs, weights, logLoss, fitted, residuals, noise } = source;
  room.weights.set(weights);
  room.logLoss.set(logLoss);
  if (resampling === 'leave-out') {
    for (let row = 0; row < runOfRow.length; row++) if (runOfRow[row] === index) room.weights[row] = 0;
    return 0;
  }
  const random = xoroshiro128plus(mixedSeed(source.seed, index));
  if (resampling === 'wild') {
    const factors = Float64Array.from({ length: runs }, () =>
      runs >= signsSuffice ? 2 * uniformInt(random, 0, 1) - 1 : sixPoints[uniformInt(random, 0, 5)]!,
    );
    for (let row = 0; row < logLoss.length; row++) {
      room.logLoss[row] = fitted[row]! + factors[runOfRow[row]!]! * residuals[row]!;
    }
    return 0;
  }
  if (resampling === 'parametric') {
    const normal = normalNumbers(random);
    // Noise as large as a chi-squared variance of its degrees may be: percentiles of the refits are then those of Student's t.
    const sizeOf = ({ sd, degrees }: NoiseSize) => {
      let chiSquared = 0;
      for (let k = 0; k < degrees; k++) chiSquared += normal() ** 2;
      return sd * Math.sqrt(degrees / chiSquared);
    };
    const [ofRun, ofRow] = [sizeOf(noise.run), sizeOf(noise.row)];
    const offsets = Float64Array.from({ length: runs }, () => ofRun * normal());
    for (let row = 0; row < logLoss.length; row++) {
      room.logLoss[row] = fitted[row]! + offsets[runOfRow[row]!]! + ofRow * normal();
    }
    return 0;
  }
  const drawn = new Float64Array(runs);
  for (let redrawn = 0; redrawn <= patience; redrawn++) {
    drawn.fill(0);
    for (let k = 0; k < runs; k++) drawn[uniformInt(random, 0, runs - 1)]! += 1;
    for (let row = 0; row < weights.length; row++) room.weights[row] = weights[row]! * drawn[runOfRow[row]!]!;
    if (supports(room.weights)) return redrawn;
  }
  throw new ShapelawError(
    'too-few-configurations',
    `${runs} runs are too few to bootstrap over: ${patience} resamples in a row could not support the law. Add runs, take --resampling parametric, or fit without intervals (--draws 0).`,
    { runs },
  );
}
