import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { scaledConditionNumber, solveSymmetric } from './linear-algebra.js';

describe('solveSymmetric', () => {
  // By hand: (1, 2, 3) times [[4, 2, 0], [2, 5, 3], [0, 3, 6]] is (8, 21, 24). NaN above the diagonal, which is not read.
  test('solves a system, reading the lower triangle alone', () => {
    const a = Float64Array.of(4, Number.NaN, Number.NaN, 2, 5, Number.NaN, 0, 3, 6);
    const x = solveSymmetric(a, Float64Array.of(8, 21, 24));
    [1, 2, 3].forEach((expected, k) => {
      expect(x![k]).toBeCloseTo(expected, 14);
    });
  });

  test('gives back x from A x for any A = M M^T + 1', () => {
    const entry = fc.double({ min: -3, max: 3, noNaN: true });
    const system = fc.integer({ min: 1, max: 6 }).chain((n) =>
      fc.record({
        m: fc.array(entry, { minLength: n * n, maxLength: n * n }),
        x: fc.array(entry, { minLength: n, maxLength: n }),
      }),
    );
    fc.assert(
      fc.property(system, ({ m, x }) => {
        const n = x.length;
        const a = new Float64Array(n * n);
        const b = new Float64Array(n);
        for (let i = 0; i < n; i++) {
          for (let j = 0; j < n; j++) {
            for (let k = 0; k < n; k++) a[i * n + j]! += m[i * n + k]! * m[j * n + k]!;
            if (i === j) a[i * n + j]! += 1;
            b[i]! += a[i * n + j]! * x[j]!;
          }
        }
        const solved = solveSymmetric(a, b)!;
        // The least eigenvalue is 1 and the greatest at most 1 + 6 * 6 * 9, so that some 300 * 36 units of rounding are the worst.
        for (let i = 0; i < n; i++) expect(Math.abs(solved[i]! - x[i]!)).toBeLessThan(1e-11);
      }),
    );
  });

  test.each([
    ['indefinite', [1, 2, 2, 1]],
    ['singular', [1, 1, 1, 1]],
    ['negative', [-1, 0, 0, 1]],
    ['not a number', [Number.NaN, 0, 0, 1]],
  ])('gives null for a matrix that is %s', (_, a) => {
    expect(solveSymmetric(Float64Array.from(a), Float64Array.of(1, 1))).toBeNull();
  });
});

describe('scaledConditionNumber', () => {
  test('is 1 for orthogonal columns of any length', () => {
    expect(scaledConditionNumber(Float64Array.of(3, 40, 3, -40), 2)).toBeCloseTo(1, 14);
    expect(scaledConditionNumber(Float64Array.of(5, 0, 0, 0, 1e-4, 0, 0, 0, 7e6), 3)).toBeCloseTo(1, 14);
  });

  // Two columns of length 1 at an angle of cosine c have singular values sqrt(1 + c) and sqrt(1 - c).
  test.each([0.1, 0.5, 0.9, 0.999, -0.7])('of two columns at cosine %d', (cosine) => {
    const jacobian = Float64Array.of(1, cosine, 0, Math.sqrt(1 - cosine ** 2));
    const expected = Math.sqrt((1 + Math.abs(cosine)) / (1 - Math.abs(cosine)));
    expect(scaledConditionNumber(jacobian, 2) / expected).toBeCloseTo(1, 11);
  });

  test('does not change with the scale of a column', () => {
    const entry = fc.double({ min: -1, max: 1, noNaN: true });
    const scale = fc.double({ min: -6, max: 6, noNaN: true }).map((power) => 10 ** power);
    fc.assert(
      fc.property(
        fc.array(entry, { minLength: 8, maxLength: 8 }),
        fc.tuple(scale, scale),
        fc.boolean(),
        (free, scales, negative) => {
          // Ones and a slope beside the free entries keep both columns off zero and apart.
          const jacobian = Float64Array.from([...free, 2, 0, 0, 2]);
          const scaled = jacobian.map((value, k) => value * scales[k % 2]! * (negative ? -1 : 1));
          expect(scaledConditionNumber(scaled, 2) / scaledConditionNumber(jacobian, 2)).toBeCloseTo(1, 10);
        },
      ),
    );
  });

  test('is infinite for a column of zeros, and past 1e7 for columns that are one another', () => {
    expect(scaledConditionNumber(Float64Array.of(1, 0, 2, 0, 3, 0), 2)).toBe(Number.POSITIVE_INFINITY);
    // Equal but for rounding: the eigenvalues of the Gram matrix resolve 1e-16, the singular values 1e-8.
    expect(scaledConditionNumber(Float64Array.of(1, 2, 2, 4, 3, 6), 2)).toBeGreaterThan(1e7);
  });
});
