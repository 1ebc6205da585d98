/** What the regions are found in. Logarithms, in any row order. */
export interface RegionData {
  /** Log of the variable that decides the region. */
  readonly x: Float64Array;
  /** Log columns that have an exponent in each region: `x` itself, or scaling operators. */
  readonly regressors: readonly Float64Array[];
  readonly logLoss: Float64Array;
  readonly weights: Float64Array;
}

/** Rows of a table by ascending `x`; nothing of losses or weights. */
export interface SortedRows {
  readonly size: number;
  /** Coefficients of a region: its intercept and an exponent for each regressor. */
  readonly width: number;
  /** Index in the table of each sorted row. */
  readonly order: Int32Array;
  readonly x: Float64Array;
  /** Row-major: 1, then each regressor negated, so that coefficients are an intercept and exponents. */
  readonly design: Float64Array;
}

/** Sorted rows of positive weight, and how they may be divided. */
export interface ActiveRows extends SortedRows {
  readonly logLoss: Float64Array;
  readonly weights: Float64Array;
  /** Positions before which a breakpoint may stand: rows whose `x` is above that of the row before. */
  readonly gaps: Int32Array;
  /** Distinct points (x and regressors) among the first rows; one entry more than rows. */
  readonly pointsBefore: Int32Array;
  /** Total weight of the first rows; one entry more than rows. */
  readonly weightBefore: Float64Array;
  /** Distinct points that a region needs: two more than exponents. */
  readonly fewestPoints: number;
  /** Total weight that a region needs. */
  readonly leastWeight: number;
}

/** Logs that differ by less are the same value counted twice, as FLOPs are. */
const sameLog = 1e-9;
/**
 * Share of the rows that a region needs. Without it a few rows at an end of the table make a region of their own, and the
 * largest likelihood ratio over breakpoints grows without bound as rows are added (Andrews 1993).
 */
const leastShare = 0.05;

/** Sorts by `x`, then by the regressors, so that equal points stand together. */
export function sortRows({ x, regressors }: Pick<RegionData, 'x' | 'regressors'>): SortedRows {
  const size = x.length;
  const width = regressors.length + 1;
  const order = Int32Array.from({ length: size }, (_, row) => row).sort((a, b) => {
    if (x[a] !== x[b]) return x[a]! - x[b]!;
    for (const column of regressors) if (column[a] !== column[b]) return column[a]! - column[b]!;
    return a - b;
  });
  const design = new Float64Array(size * width);
  for (let row = 0; row < size; row++) {
    design[row * width] = 1;
    for (let j = 1; j < width; j++) design[row * width + j] = -regressors[j - 1]![order[row]!]!;
  }
  return { size, width, order, x: Float64Array.from(order, (row) => x[row]!), design };
}

/** The sorted rows of positive weight. `logLoss` and `weights` are in the order of the table. */
export function activeRows(sorted: SortedRows, logLoss: Float64Array, weights: Float64Array): ActiveRows {
  const { width } = sorted;
  const kept = sorted.order.every((row) => weights[row]! > 0)
    ? undefined
    : Int32Array.from({ length: sorted.size }, (_, row) => row).filter((row) => weights[sorted.order[row]!]! > 0);
  const size = kept?.length ?? sorted.size;
  let { order, x, design } = sorted;
  if (kept !== undefined) {
    order = kept.map((row) => sorted.order[row]!);
    x = new Float64Array(size);
    design = new Float64Array(size * width);
    for (let row = 0; row < size; row++) {
      const from = kept[row]!;
      x[row] = sorted.x[from]!;
      for (let j = 0; j < width; j++) design[row * width + j] = sorted.design[from * width + j]!;
    }
  }
  const activeLoss = new Float64Array(size);
  const activeWeights = new Float64Array(size);
  const pointsBefore = new Int32Array(size + 1);
  const weightBefore = new Float64Array(size + 1);
  const gaps = new Int32Array(size);
  let gapCount = 0;
  for (let row = 0; row < size; row++) {
    activeLoss[row] = logLoss[order[row]!]!;
    activeWeights[row] = weights[order[row]!]!;
    const rises = row > 0 && x[row]! - x[row - 1]! > sameLog;
    if (rises) gaps[gapCount++] = row;
    pointsBefore[row + 1] = pointsBefore[row]! + Number(row === 0 || rises || differs(design, width, row));
    weightBefore[row + 1] = weightBefore[row]! + activeWeights[row]!;
  }
  return {
    ...{ size, width, order, x, design, logLoss: activeLoss, weights: activeWeights },
    gaps: gaps.slice(0, gapCount),
    ...{ pointsBefore, weightBefore },
    fewestPoints: width + 1,
    leastWeight: leastShare * weightBefore[size]!,
  };
}

function differs(design: Float64Array, width: number, row: number): boolean {
  const at = row * width;
  for (let j = 1; j < width; j++) if (Math.abs(design[at + j]! - design[at - width + j]!) > sameLog) return true;
  return false;
}

/** Whether the rows from one position up to another can be a region, by their number alone. */
export function enough(rows: ActiveRows, from: number, to: number): boolean {
  return (
    rows.pointsBefore[to]! - rows.pointsBefore[from]! >= rows.fewestPoints &&
    // Sums of weights carry rounding errors.
    rows.weightBefore[to]! - rows.weightBefore[from]! >= rows.leastWeight * (1 - 1e-9)
  );
}

/**
 * Positions between which regions are looked for: 0, up to `most` gaps, and the end. Where there are more gaps, those next to
 * even shares of the rows.
 */
export function pickBoundaries({ gaps, size }: ActiveRows, most: number): Int32Array {
  if (gaps.length <= most) return Int32Array.from([0, ...gaps, size]);
  const picked = [0];
  let gap = 0;
  for (let k = 1; k <= most; k++) {
    const wanted = (k * size) / (most + 1);
    while (gap < gaps.length && gaps[gap]! < wanted) gap += 1;
    if (gap < gaps.length && gaps[gap]! > picked.at(-1)!) picked.push(gaps[gap]!);
  }
  return Int32Array.from([...picked, size]);
}

/** Boundaries with up to `more` gaps between those near a position, spread evenly, and the position itself. */
export function denserNear({ gaps }: ActiveRows, boundaries: Int32Array, position: number, more: number): Int32Array {
  const at = positionOf(boundaries, position);
  const [low, high] = [boundaries[Math.max(0, at - 2)]!, boundaries[Math.min(boundaries.length - 1, at + 2)]!];
  const [first, last] = [positionOf(gaps, low), positionOf(gaps, high)];
  const step = Math.max(1, (last - first) / more);
  const added = new Set<number>([...boundaries, position]);
  for (let gap = first; gap < last; gap += step) added.add(gaps[Math.floor(gap)]!);
  return Int32Array.from(added).sort();
}

/** The middle of the gap before a row. */
export function middleOfGap(x: Float64Array, position: number): number {
  return (x[position - 1]! + x[position]!) / 2;
}

/** The first index whose entry is at least `value`. */
export function positionOf(ascending: Float64Array | Int32Array, value: number): number {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ascending[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
