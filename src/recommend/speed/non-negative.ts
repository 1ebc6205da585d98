/** Passes over the coefficients, at most. */
const mostPasses = 100_000;
const converged = 1e-13;

/**
 * Least squares with coefficients of at least a bound each, by coordinate descent: each coefficient in turn goes to its own
 * minimum, or to its bound. The sum of squares is convex, so that they end where there is no lower one.
 */
export function boundedLeastSquares(
  rows: readonly (readonly number[])[],
  targets: readonly number[],
  lower: readonly number[],
): readonly number[] {
  const size = lower.length;
  const gram = lower.map((_, j) => lower.map((__, k) => rows.reduce((sum, row) => sum + row[j]! * row[k]!, 0)));
  const moments = lower.map((_, j) => rows.reduce((sum, row, i) => sum + row[j]! * targets[i]!, 0));
  const at = [...lower];
  for (let pass = 0; pass < mostPasses; pass++) {
    let moved = 0;
    for (let j = 0; j < size; j++) {
      if (gram[j]![j] === 0) continue;
      let gradient = moments[j]!;
      for (let k = 0; k < size; k++) if (k !== j) gradient -= gram[j]![k]! * at[k]!;
      const next = Math.max(lower[j]!, gradient / gram[j]![j]!);
      moved = Math.max(moved, Math.abs(next - at[j]!) * Math.sqrt(gram[j]![j]!));
      at[j] = next;
    }
    if (moved < converged) break;
  }
  return at;
}
