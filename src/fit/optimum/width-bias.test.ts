import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { gridBias } from './index.js';

// Computed apart from this project; at 16, .34/.28 as printed by Open-Athena's scaling-law-analysis.
test.each([
  [0.34, 0.28, 2, 0.33],
  [0.34, 0.28, 4, 1.32],
  [0.34, 0.28, 8, 2.99],
  [0.34, 0.28, 16, 5.37],
])('a parabola on 15 points, %d/%d, x%d: N* %d%%', (alpha, beta, halfWidth, percent) => {
  expect(100 * gridBias({ alpha, beta }, halfWidth).params).toBeCloseTo(percent, 2);
});

describe('for all exponents and widths', () => {
  const exponent = fc.double({ min: 0.05, max: 1, noNaN: true });
  const width = fc.double({ min: 1.5, max: 30, noNaN: true });
  const method = fc.constantFrom('quadratic' as const, 'akima' as const);

  test('N* and D* are off against each other, and the other way round with exponents exchanged', () => {
    fc.assert(
      fc.property(exponent, exponent, width, method, (alpha, beta, halfWidth, by) => {
        const there = gridBias({ alpha, beta }, halfWidth, 11, by);
        const back = gridBias({ alpha: beta, beta: alpha }, halfWidth, 11, by);
        expect((1 + there.params) * (1 + there.tokens)).toBeCloseTo(1, 9);
        expect(back.params).toBeCloseTo(there.tokens, 6);
      }),
    );
  });

  test('a parabola makes the models too large where the exponent of parameters is the greater, the more the wider', () => {
    fc.assert(
      fc.property(exponent, exponent, width, (alpha, beta, halfWidth) => {
        fc.pre(Math.abs(alpha - beta) > 0.01);
        const near = gridBias({ alpha, beta }, halfWidth);
        expect(Math.sign(near.params)).toBe(Math.sign(alpha - beta));
        expect(Math.abs(gridBias({ alpha, beta }, 1.5 * halfWidth).params)).toBeGreaterThan(Math.abs(near.params));
      }),
    );
  });
});

test('refuses what is no grid', () => {
  for (const [exponents, halfWidth, points] of [
    [{ alpha: 0.3, beta: 0.3 }, 1, 15],
    [{ alpha: 0.3, beta: 0.3 }, 4, 4],
    [{ alpha: 0.3, beta: Number.NaN }, 4, 15],
  ] as const) {
    expect(() => gridBias(exponents, halfWidth, points)).toThrow(expect.objectContaining({ code: 'bad-usage' }));
  }
});
