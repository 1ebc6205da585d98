import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { ShapelawError } from '../errors.js';

/** Resamples in a row that may fail to support the law before the bootstrap gives up. */
const patience = 1000;

/** Row weights of a bootstrap over runs: each resample draws as many runs as there are, with replacement. */
export interface Resamples {
  readonly weights: readonly Float64Array[];
  /** Resamples thrown away because `supports` refused them. */
  readonly redrawn: number;
}

/**
 * Draws resamples of whole runs, never of single checkpoints of a run.
 *
 * @param runOfRow - Index of each row's run, from 0 on.
 * @param supports - Whether a law can be fitted to the rows of positive weight.
 * @throws ShapelawError `too-few-configurations` where hardly any resample can support the law.
 */
export function resampleRuns(
  runOfRow: Int32Array,
  runs: number,
  count: number,
  seed: number,
  supports: (weights: Float64Array) => boolean,
): Resamples {
  const random = xoroshiro128plus(seed);
  const weights: Float64Array[] = [];
  const drawn = new Float64Array(runs);
  let redrawn = 0;
  let refusedInARow = 0;
  while (weights.length < count) {
    drawn.fill(0);
    for (let k = 0; k < runs; k++) drawn[uniformInt(random, 0, runs - 1)]! += 1;
    const resample = Float64Array.from(runOfRow, (run) => drawn[run]!);
    if (supports(resample)) {
      weights.push(resample);
      refusedInARow = 0;
      continue;
    }
    redrawn += 1;
    refusedInARow += 1;
    if (refusedInARow > patience) {
      throw new ShapelawError(
        'too-few-configurations',
        `${runs} runs are too few to bootstrap over: ${patience} resamples in a row could not support the law. Add runs, or fit without intervals (--draws 0).`,
        { runs },
      );
    }
  }
  return { weights, redrawn };
}
