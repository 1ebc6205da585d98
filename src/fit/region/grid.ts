import { bestHinges, hingeProfile, hingeTable, hingeTargets } from './hinges.js';
import { type ActiveRows, middleOfGap, pickBoundaries } from './rows.js';
import { bestDivision, type Division, forwardCosts, segmentCosts, segmentProfile, segmentTable } from './segments.js';

/** Least squares over candidate breakpoints. The log losses can change; rows and weights can't. */
export interface BreakGrid {
  readonly boundaries: Int32Array;
  /** Logs of the variable at which breakpoints are looked for. */
  readonly places: readonly number[];
  /** The best divisions with 0 up to `most` breakpoints; null where the rows can't be divided so. */
  divisions(most: number, rows?: ActiveRows): readonly (Division | null)[];
  /** For each place of the k-th breakpoint, the least sum of squares with the others wherever they are best. */
  profile(best: Pick<Division, 'breaks'>, k: number): Float64Array;
}

/** @param candidates - The most places at which breakpoints are looked for, or positions that bound regions. */
export function breakGrid(
  rows: ActiveRows,
  weights: Float64Array,
  continuous: boolean,
  candidates: number | Int32Array,
): BreakGrid {
  const boundaries = typeof candidates === 'number' ? pickBoundaries(rows, candidates) : candidates;
  if (continuous) {
    const table = hingeTable(rows, weights, boundaries);
    return {
      boundaries,
      places: [...table.candidates],
      divisions(most, given) {
        const targets = hingeTargets(table, given);
        return upTo(most, (breaks) => bestHinges(table, targets, breaks));
      },
      profile: (best, k) => hingeProfile(table, hingeTargets(table), best, k),
    };
  }
  const table = segmentTable(rows, weights, boundaries);
  const count = boundaries.length;
  return {
    boundaries,
    places: Array.from(boundaries.subarray(1, -1), (position) => middleOfGap(rows.x, position)),
    divisions(most, given) {
      const forward = forwardCosts(segmentCosts(table, given), count, most);
      return upTo(most, (breaks) => bestDivision(table, forward, breaks));
    },
    profile: (best, k) => segmentProfile(segmentCosts(table), count, best.breaks.length, k).slice(1, -1),
  };
}

function upTo<Value>(most: number, make: (breaks: number) => Value): Value[] {
  return Array.from({ length: most + 1 }, (_, breaks) => make(breaks));
}
