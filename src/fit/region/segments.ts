import { addRow, designVariances, factorise, meanLoss, momentCount, residualSquares } from './moments.js';
import { type ActiveRows, enough, middleOfGap } from './rows.js';

/** A way to divide rows into regions: sum of squared residuals, and where it breaks. */
export interface Division {
  readonly squares: number;
  /** Logs of the variable, ascending. */
  readonly breaks: readonly number[];
}

/** What least squares of every stretch between two boundaries needs but for the log losses. */
export interface SegmentTable {
  readonly rows: ActiveRows;
  readonly weights: Float64Array;
  readonly boundaries: Int32Array;
  /** By first and last boundary: the packed factor of the stretch's Gram matrix. */
  readonly factors: Float64Array;
  /** By first and last boundary: whether the stretch can be a region. */
  readonly feasible: Uint8Array;
}

/** Least squares of each stretch of rows, in sums over rows that are differences of sums from the first row on. */
export function segmentTable(rows: ActiveRows, weights: Float64Array, boundaries: Int32Array): SegmentTable {
  const { width } = rows;
  const count = boundaries.length;
  const packed = (width * (width + 1)) / 2;
  const sums = sumsBefore(rows, weights, boundaries);
  const variances = designVariances(rows, weights);
  const factors = new Float64Array(count * count * packed);
  const feasible = new Uint8Array(count * count);
  const gram = new Float64Array(packed);
  const slots = momentCount(width);
  for (let a = 0; a < count - 1; a++) {
    for (let b = a + 1; b < count; b++) {
      if (!enough(rows, boundaries[a]!, boundaries[b]!)) continue;
      for (let slot = 0; slot < packed; slot++) gram[slot] = sums[b * slots + slot]! - sums[a * slots + slot]!;
      if (!factorise(gram, width, variances)) continue;
      feasible[a * count + b] = 1;
      factors.set(gram, (a * count + b) * packed);
    }
  }
  return { rows, weights, boundaries, factors, feasible };
}

/** Sums of {@link addRow} over the rows before each boundary. */
function sumsBefore(rows: ActiveRows, weights: Float64Array, boundaries: Int32Array): Float64Array {
  const slots = momentCount(rows.width);
  const sums = new Float64Array(boundaries.length * slots);
  const running = new Float64Array(slots);
  const origin = meanLoss(rows, weights);
  for (let k = 1; k < boundaries.length; k++) {
    for (let row = boundaries[k - 1]!; row < boundaries[k]!; row++) addRow(running, rows, row, weights[row]!, origin);
    sums.set(running, k * slots);
  }
  return sums;
}

/** The least sum of squares of each stretch, by first and last boundary; infinite where it can't be a region. */
export function segmentCosts(table: SegmentTable, rows: ActiveRows = table.rows): Float64Array {
  const { boundaries, factors, feasible, weights } = table;
  const { width } = rows;
  const count = boundaries.length;
  const packed = (width * (width + 1)) / 2;
  const slots = momentCount(width);
  const sums = sumsBefore(rows, weights, boundaries);
  const costs = new Float64Array(count * count).fill(Number.POSITIVE_INFINITY);
  const products = new Float64Array(width);
  for (let a = 0; a < count - 1; a++) {
    for (let b = a + 1; b < count; b++) {
      const at = a * count + b;
      if (feasible[at] === 0) continue;
      for (let j = 0; j < width; j++) {
        products[j] = sums[b * slots + packed + j]! - sums[a * slots + packed + j]!;
      }
      const squares = sums[(b + 1) * slots - 1]! - sums[(a + 1) * slots - 1]!;
      costs[at] = residualSquares(factors, at * packed, width, products, squares);
    }
  }
  return costs;
}

/** Least costs of the first rows, for a growing number of regions. */
export interface ForwardCosts {
  /** `least[k][b]`: of the rows before boundary `b` in k + 1 regions. */
  readonly least: readonly Float64Array[];
  /** `from[k][b]`: the boundary at which the last of those regions begins. */
  readonly from: readonly Int32Array[];
}

/** Bellman's dynamic programme over boundaries (Bai and Perron 2003): the best division of the first rows extends that of fewer. */
export function forwardCosts(costs: Float64Array, count: number, mostBreaks: number): ForwardCosts {
  const least = [costs.slice(0, count)];
  const from = [new Int32Array(count)];
  for (let k = 1; k <= mostBreaks; k++) {
    const before = least[k - 1]!;
    const now = new Float64Array(count).fill(Number.POSITIVE_INFINITY);
    const start = new Int32Array(count);
    for (let b = 1; b < count; b++) {
      for (let a = 1; a < b; a++) {
        const cost = before[a]! + costs[a * count + b]!;
        if (cost < now[b]!) {
          now[b] = cost;
          start[b] = a;
        }
      }
    }
    least.push(now);
    from.push(start);
  }
  return { least, from };
}

/** The best division with `breaks` breakpoints; null where the rows can't be divided so. */
export function bestDivision(table: SegmentTable, forward: ForwardCosts, breaks: number): Division | null {
  const { boundaries, rows } = table;
  const last = boundaries.length - 1;
  const squares = forward.least[breaks]![last]!;
  if (!Number.isFinite(squares)) return null;
  const found: number[] = [];
  let b = last;
  for (let k = breaks; k > 0; k--) {
    b = forward.from[k]![b]!;
    found.unshift(middleOfGap(rows.x, boundaries[b]!));
  }
  return { squares, breaks: found };
}

/**
 * For every boundary, the least sum of squares with the k-th of `breaks` breakpoints there and the others wherever they are best.
 */
export function segmentProfile(costs: Float64Array, count: number, breaks: number, k: number): Float64Array {
  const { least } = forwardCosts(costs, count, k);
  // The rows after a boundary, as the forward programme sees them from the other end.
  const mirrored = new Float64Array(count * count).fill(Number.POSITIVE_INFINITY);
  for (let a = 0; a < count; a++) {
    for (let b = a + 1; b < count; b++) mirrored[(count - 1 - b) * count + (count - 1 - a)] = costs[a * count + b]!;
  }
  const after = forwardCosts(mirrored, count, breaks - 1 - k).least[breaks - 1 - k]!;
  return least[k]!.map((cost, at) => cost + after[count - 1 - at]!);
}
