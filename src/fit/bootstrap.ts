import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { ShapelawError } from '../errors.js';

/** Resamples in a row that may fail to support the law before the bootstrap gives up. */
const patience = 1000;

/**
 * Refits on resamples of whole runs, never of single checkpoints of a run: each draws as many runs as there are, with
 * replacement, and comes as a weight for each row.
 *
 * @param runOfRow - Index of each row's run, from 0 on.
 * @param supports - Whether a law can be fitted to the rows of positive weight; where not, the resample is drawn again.
 * @param refit - What to make of a resample; its weights are overwritten by the next.
 * @returns What `refit` made of each, and how many resamples were drawn again.
 * @throws ShapelawError `too-few-configurations` where hardly any resample can support the law.
 */
export function bootstrapRuns<Refit>(
  runOfRow: Int32Array,
  runs: number,
  count: number,
  seed: number,
  supports: (weights: Float64Array) => boolean,
  refit: (weights: Float64Array) => Refit,
): { readonly refits: readonly Refit[]; readonly redrawn: number } {
  const random = xoroshiro128plus(seed);
  const refits: Refit[] = [];
  const drawn = new Float64Array(runs);
  const weights = new Float64Array(runOfRow.length);
  let redrawn = 0;
  let refusedInARow = 0;
  while (refits.length < count) {
    drawn.fill(0);
    for (let k = 0; k < runs; k++) drawn[uniformInt(random, 0, runs - 1)]! += 1;
    for (let row = 0; row < weights.length; row++) weights[row] = drawn[runOfRow[row]!]!;
    if (supports(weights)) {
      refits.push(refit(weights));
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
  return { refits, redrawn };
}
