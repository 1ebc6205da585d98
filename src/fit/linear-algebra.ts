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

/** The product of a matrix' transpose with the matrix, given by `columns` columns row by row; rows by their weights, else alike. */
export function gramOf(matrix: Float64Array, columns: number, weights?: Float64Array): Float64Array {
  const gram = new Float64Array(columns * columns);
  for (let row = 0, at = 0; at < matrix.length; row++, at += columns) {
    const weight = weights?.[row] ?? 1;
    for (let j = 0; j < columns; j++) {
      const scaled = weight * matrix[at + j]!;
      for (let k = 0; k < columns; k++) gram[j * columns + k]! += scaled * matrix[at + k]!;
    }
  }
  return gram;
}

/** One column of the inverse of a symmetric positive definite matrix; null where it is not. */
export function inverseColumn(matrix: Float64Array, column: number, size: number): Float64Array | null {
  const unit = new Float64Array(size);
  unit[column] = 1;
  return solveSymmetric(Float64Array.from(matrix), unit);
}

/**
 * Condition number of a matrix given by `columns` columns row by row, each column scaled to length 1 (so that units do
 * not matter). Infinite where a column is zero.
 */
export function scaledConditionNumber(jacobian: Float64Array, columns: number): number {
  // The Gram matrix is small; its eigenvalues are the squares of the singular values.
  const gram = gramOf(jacobian, columns);
  const norms = Float64Array.from({ length: columns }, (_, j) => gram[j * columns + j]!);
  if (norms.some((norm) => !(norm > 0))) return Number.POSITIVE_INFINITY;
  const scaled = Matrix.zeros(columns, columns);
  for (let j = 0; j < columns; j++) {
    for (let k = 0; k < columns; k++) scaled.set(j, k, gram[j * columns + k]! / Math.sqrt(norms[j]! * norms[k]!));
  }
  const singular = new SVD(scaled).diagonal;
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
  const gram = gramOf(jacobian, columns);
  const covariance: Float64Array[] = [];
  for (let k = 0; k < columns; k++) {
    const solved = inverseColumn(gram, k, columns);
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
