import { addRow, designVariances, factorise, meanLoss, momentCount, residualSquares } from './moments.js';
import { type ActiveRows, enough, middleOfGap, positionOf } from './rows.js';

/** Rounds over all breakpoints; two or three are usual. */
const mostRounds = 5;

/**
 * Moves each breakpoint to the best gap between the neighbouring boundaries, the others staying, until none moves: boundaries
 * were a part of the gaps.
 */
export function refineBreaks(
  rows: ActiveRows,
  weights: Float64Array,
  boundaries: Int32Array,
  breaks: readonly number[],
): readonly number[] {
  if (rows.gaps.length <= boundaries.length - 2) return breaks;
  const positions = breaks.map((value) => positionOf(rows.x, value));
  const variances = designVariances(rows, weights);
  const origin = meanLoss(rows, weights);
  for (let round = 0; round < mostRounds; round++) {
    let moved = false;
    for (let k = 0; k < positions.length; k++) {
      const low = positions[k - 1] ?? 0;
      const high = positions[k + 1] ?? rows.size;
      const window: [number, number] = [
        Math.max(low + 1, lastBelow(boundaries, positions[k]!)),
        Math.min(high - 1, firstAbove(boundaries, positions[k]!)),
      ];
      const best = bestPosition(rows, weights, variances, origin, [low, high], window);
      if (best === undefined || best === positions[k]) continue;
      positions[k] = best;
      moved = true;
    }
    if (!moved) break;
  }
  return positions.map((position) => middleOfGap(rows.x, position));
}

function lastBelow(boundaries: Int32Array, position: number): number {
  return boundaries.findLast((boundary) => boundary < position) ?? 0;
}

function firstAbove(boundaries: Int32Array, position: number): number {
  return boundaries.find((boundary) => boundary > position) ?? boundaries.at(-1)!;
}

/** The gap of a window at which two regions over a range of rows have the least sum of squares. */
function bestPosition(
  rows: ActiveRows,
  weights: Float64Array,
  variances: Float64Array,
  origin: number,
  [low, high]: readonly [number, number],
  [first, last]: readonly [number, number],
): number | undefined {
  const slots = momentCount(rows.width);
  const left = new Float64Array(slots);
  const right = new Float64Array(slots);
  for (let row = low; row < first; row++) addRow(left, rows, row, weights[row]!, origin);
  for (let row = first; row < high; row++) addRow(right, rows, row, weights[row]!, origin);
  let best: number | undefined;
  let least = Number.POSITIVE_INFINITY;
  let done = first;
  for (let at = positionOf(rows.gaps, first); at < rows.gaps.length && rows.gaps[at]! <= last; at++) {
    const gap = rows.gaps[at]!;
    for (; done < gap; done++) {
      addRow(left, rows, done, weights[done]!, origin);
      addRow(right, rows, done, -weights[done]!, origin);
    }
    if (!enough(rows, low, gap) || !enough(rows, gap, high)) continue;
    const squares = squaresOf(left, rows.width, variances) + squaresOf(right, rows.width, variances);
    if (squares < least) {
      least = squares;
      best = gap;
    }
  }
  return best;
}

function squaresOf(sums: Float64Array, width: number, variances: Float64Array): number {
  const packed = (width * (width + 1)) / 2;
  const gram = sums.slice(0, packed);
  if (!factorise(gram, width, variances)) return Number.POSITIVE_INFINITY;
  return residualSquares(gram, 0, width, sums.slice(packed, packed + width), sums.at(-1)!);
}
