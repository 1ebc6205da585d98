import { startBox } from './bounds.js';
import type { LawForm } from './law-form.js';
import { solveSymmetric } from './linear-algebra.js';
import type { FitData } from './solve.js';

/** Rows beyond which starts are looked for on a part of them: they need no more to be in the right valley. */
const mostRows = 500;

/** Points of the free coordinates that are tried: enough for the valleys of every law here to be found from each table in the tests. */
function pointCount(free: number): number {
  return free === 0 ? 1 : Math.min(1024, 16 * 2 ** (2 * (free - 1)));
}

/**
 * Starting points of a law, best first.
 *
 * The free coordinates take the points of a low-discrepancy sequence in their boxes. For each, the amplitudes enter the loss
 * linearly: they are the non-negative least squares of the loss, in relative terms (variable projection, Golub and
 * Pereyra 1973).
 */
export function findStarts(form: LawForm, data: FitData, count: number): Float64Array[] {
  const picked = pickRows(data.logLoss.length);
  const thinned = { columns: data.columns.map(picked), logLoss: picked(data.logLoss) };
  if (form.starts !== undefined) return form.starts(thinned).slice(0, count);
  const { coordinates } = form;
  const size = coordinates.length;
  const free = coordinates.flatMap(({ kind }, j) => (kind === 'free' ? [j] : []));
  const linear = coordinates.flatMap(({ kind }, j) => (kind === 'amplitude' ? [j] : []));
  const boxes = free.map((j) => startBox(form, j, thinned)!);
  const strides = sequenceStrides(free.length);

  const rows = thinned.logLoss.length;
  const logLoss = new Float64Array(rows);
  const jacobian = new Float64Array(rows * size);
  const normal = createNormalEquations(linear.length);
  const found: { readonly theta: Float64Array; readonly error: number }[] = [];
  for (let index = 0; index < pointCount(free.length); index++) {
    const theta = new Float64Array(size);
    free.forEach((j, dimension) => {
      theta[j] = within(boxes[dimension]!, (0.5 + (index + 1) * strides[dimension]!) % 1);
    });
    form.evaluate(theta, thinned.columns, rows, logLoss, jacobian);
    const s = form.outerExponent?.(theta) ?? 1;
    // With amplitudes of 1, L^(1/s) is the sum of the basis, and the derivatives of log L are s times each one's share.
    // What is left of it has no amplitude, and is taken from the target.
    for (let row = 0; row < rows; row++) logLoss[row] = Math.exp((logLoss[row]! - thinned.logLoss[row]!) / s);
    assembleNormal(normal, linear, logLoss, jacobian, s);
    const { amplitudes, error } = projectAmplitudes(normal);
    linear.forEach((j, k) => {
      theta[j] = amplitudes[k]!;
    });
    if (!Number.isFinite(error)) continue;
    // Errors of L^(1/s) say little of those of log L where s is small.
    found.push({ theta, error: s === 1 ? error : squaredError(form, theta, thinned, logLoss, jacobian) });
  }
  return found
    .sort((a, b) => a.error - b.error)
    .slice(0, count)
    .map(({ theta }) => theta);
}

/** Starts by the squared error of log loss. */
export function bestFirst(form: LawForm, data: FitData, starts: readonly Float64Array[]): Float64Array[] {
  const fitted = new Float64Array(data.logLoss.length);
  const jacobian = new Float64Array(data.logLoss.length * form.coordinates.length);
  return starts
    .map((theta) => ({ theta, error: squaredError(form, theta, data, fitted, jacobian) }))
    .sort((a, b) => a.error - b.error)
    .map(({ theta }) => theta);
}

function squaredError(
  form: LawForm,
  theta: Float64Array,
  { columns, logLoss }: FitData,
  fitted: Float64Array,
  jacobian: Float64Array,
): number {
  form.evaluate(theta, columns, logLoss.length, fitted, jacobian);
  return logLoss.reduce((sum, value, row) => sum + (value - fitted[row]!) ** 2, 0);
}

/** Picks the rows that starts are looked for on: all, or of many some hundreds. */
export function pickRows(rows: number): (column: Float64Array) => Float64Array {
  if (rows <= mostRows) return (column) => column;
  // Multiples of the golden ratio are even over the table and in step with no order of its rows.
  const golden = (Math.sqrt(5) - 1) / 2;
  const rowOf = Int32Array.from({ length: mostRows }, (_, k) => Math.floor(((k * golden) % 1) * rows));
  return (column) => Float64Array.from(rowOf, (row) => column[row]!);
}

/**
 * What each coordinate, in (0, 1), of a point of the additive recurrence of Roberts (2018) grows by from point to point:
 * powers of the inverse of the generalised golden ratio. Modulo 1 they fill a cube of any dimension evenly.
 */
function sequenceStrides(dimensions: number): number[] {
  let ratio = 2;
  for (let k = 0; k < 30; k++) ratio = (1 + ratio) ** (1 / (dimensions + 1));
  return Array.from({ length: dimensions }, (_, dimension) => ratio ** -(dimension + 1));
}

function within([low, high]: readonly [number, number], share: number): number {
  return low > 0 ? low * (high / low) ** share : low + (high - low) * share;
}

/** Of least squares of a target over a basis: the basis' Gram matrix, the lower triangle row-major, its products with the target, and the target's square. */
interface NormalEquations {
  readonly gram: Float64Array;
  readonly right: Float64Array;
  readonly row: Float64Array;
  square: number;
}

function createNormalEquations(size: number): NormalEquations {
  return { gram: new Float64Array(size * size), right: new Float64Array(size), row: new Float64Array(size), square: 0 };
}

/** @param whole - L^(1/s) with amplitudes of 1, over that of the measured loss, row by row. */
function assembleNormal(
  normal: NormalEquations,
  linear: readonly number[],
  whole: Float64Array,
  jacobian: Float64Array,
  s: number,
): void {
  const { gram, right, row: basis } = normal;
  const count = linear.length;
  const size = jacobian.length / whole.length;
  gram.fill(0);
  right.fill(0);
  normal.square = 0;
  for (let row = 0; row < whole.length; row++) {
    const scale = whole[row]! / s;
    let rest = whole[row]!;
    for (let j = 0; j < count; j++) {
      const value = jacobian[row * size + linear[j]!]! * scale;
      basis[j] = value;
      rest -= value;
      for (let k = 0; k <= j; k++) gram[j * count + k]! += value * basis[k]!;
    }
    const target = Math.abs(rest) > 1e-12 * whole[row]! ? 1 - rest : 1;
    for (let j = 0; j < count; j++) right[j]! += basis[j]! * target;
    normal.square += target * target;
  }
}

/**
 * Non-negative least squares of the target over the basis, both divided by the measured loss, so that errors are
 * relative. A negative amplitude is taken out and the others solved again. Returns log amplitudes, a vanished one as a
 * thousandth of the largest, and the sum of squares.
 */
function projectAmplitudes(normal: NormalEquations): {
  readonly amplitudes: readonly number[];
  readonly error: number;
} {
  const { gram, right } = normal;
  const size = right.length;
  const free = new Array<boolean>(size).fill(true);
  let amplitudes: Float64Array = new Float64Array(size);
  for (let left = size; left > 0; left--) {
    const reduced = Float64Array.from(gram);
    const side = Float64Array.from(right);
    for (let j = 0; j < size; j++) {
      if (free[j]) continue;
      for (let k = 0; k < size; k++) reduced[Math.max(j, k) * size + Math.min(j, k)] = 0;
      reduced[j * size + j] = 1;
      side[j] = 0;
    }
    const solved = solveSymmetric(reduced, side);
    if (solved === null) return { amplitudes: new Array(size).fill(0), error: Number.POSITIVE_INFINITY };
    amplitudes = solved;
    const worst = amplitudes.reduce((index, value, k) => (value < amplitudes[index]! ? k : index), 0);
    if (amplitudes[worst]! >= 0) break;
    free[worst] = false;
    amplitudes[worst] = 0;
  }

  // By the normal equations the projection explains amplitudes * right of the target's sum of squares.
  const explained = amplitudes.reduce((sum, value, j) => sum + value * right[j]!, 0);
  const scale = amplitudes.reduce((largest, value) => Math.max(largest, value), 0);
  return {
    amplitudes: Array.from(amplitudes, (value) => Math.log(Math.max(value, scale * 1e-3, Number.MIN_VALUE))),
    error: normal.square - explained,
  };
}
