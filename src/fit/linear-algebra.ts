import { Matrix, SVD } from 'ml-matrix';

/**
 * Solves `A x = b` for a symmetric positive definite A (row-major, its lower triangle read) by Cholesky's factorisation,
 * overwriting A with the factor. Returns null where A is not positive definite.
 */
export function solveSymmetric(a: Float64Array, b: Float64Array): Float64Array | null {
  const n = b.length;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = a[i * n + j]!;
      for (let k = 0; k < j; k++) sum -= a[i * n + k]! * a[j * n + k]!;
      if (i !== j) a[i * n + j] = sum / a[j * n + j]!;
      else if (sum > 0) a[i * n + i] = Math.sqrt(sum);
      else return null;
    }
  }
  const x = Float64Array.from(b);
  for (let i = 0; i < n; i++) {
    let sum = x[i]!;
    for (let k = 0; k < i; k++) sum -= a[i * n + k]! * x[k]!;
    x[i] = sum / a[i * n + i]!;
  }
  for (let i = n - 1; i >= 0; i--) {
    let sum = x[i]!;
    for (let k = i + 1; k < n; k++) sum -= a[k * n + i]! * x[k]!;
    x[i] = sum / a[i * n + i]!;
  }
  return x;
}

/**
 * Condition number of a matrix given by `columns` columns row by row, each column scaled to length 1 (so that units do
 * not matter). Infinite where a column is zero.
 */
export function scaledConditionNumber(jacobian: Float64Array, columns: number): number {
  const rows = jacobian.length / columns;
  const norms = new Float64Array(columns);
  for (let i = 0; i < jacobian.length; i++) norms[i % columns]! += jacobian[i]! ** 2;
  // The Gram matrix is small; its eigenvalues are the squares of the singular values.
  const gram = Matrix.zeros(columns, columns);
  for (let row = 0; row < rows; row++) {
    for (let j = 0; j < columns; j++) {
      for (let k = 0; k < columns; k++) {
        gram.set(j, k, gram.get(j, k) + jacobian[row * columns + j]! * jacobian[row * columns + k]!);
      }
    }
  }
  if (norms.some((norm) => !(norm > 0))) return Number.POSITIVE_INFINITY;
  for (let j = 0; j < columns; j++) {
    for (let k = 0; k < columns; k++) gram.set(j, k, gram.get(j, k) / Math.sqrt(norms[j]! * norms[k]!));
  }
  const singular = new SVD(gram).diagonal;
  return Math.sqrt(singular[0]! / Math.max(singular[columns - 1]!, Number.MIN_VALUE));
}

/**
 * The strongest correlation between two estimates whose precision is the Gram matrix of a Jacobian; null where there are
 * none to compare or the matrix can't be inverted.
 */
export function strongestCorrelation(
  jacobian: Float64Array,
  columns: number,
): { readonly columns: readonly [number, number]; readonly value: number } | null {
  const gram = new Float64Array(columns * columns);
  for (let at = 0; at < jacobian.length; at += columns) {
    for (let j = 0; j < columns; j++) {
      for (let k = 0; k < columns; k++) gram[j * columns + k]! += jacobian[at + j]! * jacobian[at + k]!;
    }
  }
  const covariance: Float64Array[] = [];
  for (let k = 0; k < columns; k++) {
    const unit = Float64Array.from({ length: columns }, (_, j) => Number(j === k));
    const solved = solveSymmetric(Float64Array.from(gram), unit);
    if (solved === null) return null;
    covariance.push(solved);
  }
  let strongest: { readonly columns: readonly [number, number]; readonly value: number } | null = null;
  for (let j = 0; j < columns; j++) {
    for (let k = 0; k < j; k++) {
      const value = covariance[j]![k]! / Math.sqrt(covariance[j]![j]! * covariance[k]![k]!);
      if (strongest === null || Math.abs(value) > Math.abs(strongest.value)) strongest = { columns: [k, j], value };
    }
  }
  return strongest;
}
