import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { boundedLeastSquares } from './non-negative.js';

const atMinimum = (
  rows: readonly (readonly number[])[],
  targets: readonly number[],
  lower: readonly number[],
  expected: readonly number[],
) => {
  for (const [k, value] of boundedLeastSquares(rows, targets, lower).entries())
    expect(value).toBeCloseTo(expected[k]!, 9);
};

describe('bounded least squares', () => {
  test('are those without bounds where none holds', () => {
    // A line through (0, 1), (1, 2), (2, 4): slope 3/2, intercept 5/6.
    const line = [0, 1, 2].map((x) => [1, x]);
    atMinimum(line, [1, 2, 4], [0, 0], [5 / 6, 3 / 2]);
  });

  test('stand at a bound that holds, the others at their minimum given it', () => {
    // Through (0, -1), (1, 1), (2, 3) the intercept is -1; held at 0 the slope is (1 + 2 * 3) / (1 + 4).
    const line = [0, 1, 2].map((x) => [1, x]);
    atMinimum(line, [-1, 1, 3], [0, 0], [0, 7 / 5]);
    // A falling line: the slope at 0, the intercept at the mean.
    atMinimum(line, [4, 2, 0], [0, 0], [2, 0]);
    atMinimum(line, [-1, -2, -3], [0, 0], [0, 0]);
  });

  test('keep a bound above 0', () => {
    // The intercept at 1: of (y - 1) on x, the slope is (0 * -1 + 1 * 1 + 2 * 3) / 5.
    atMinimum(
      [0, 1, 2].map((x) => [1, x]),
      [0, 2, 4],
      [1, 0],
      [1, 7 / 5],
    );
  });

  test('leave at its bound a coefficient of nothing', () => {
    atMinimum(
      [
        [0, 1],
        [0, 1],
      ],
      [1, 3],
      [0.5, 0],
      [0.5, 2],
    );
  });

  test('meets the conditions of a minimum', () => {
    const matrix = fc.array(fc.array(fc.double({ min: 0.1, max: 1, noNaN: true }), { minLength: 3, maxLength: 3 }), {
      minLength: 4,
      maxLength: 8,
    });
    fc.assert(
      fc.property(matrix, (rows) => {
        const lower = [0.05, 0, 0];
        const at = boundedLeastSquares(
          rows,
          rows.map(() => 1),
          lower,
        );
        // Karush, Kuhn and Tucker: no slope where a coefficient is free, none downhill where it stands at its bound.
        for (const [k, value] of at.entries()) {
          const slope = rows.reduce(
            (sum, row) => sum + row[k]! * (row.reduce((dot, x, j) => dot + x * at[j]!, 0) - 1),
            0,
          );
          expect(value).toBeGreaterThanOrEqual(lower[k]!);
          if (value > lower[k]! + 1e-9) expect(Math.abs(slope)).toBeLessThan(1e-6);
          else expect(slope).toBeGreaterThan(-1e-6);
        }
      }),
    );
  });
});
