import fc from 'fast-check';
import { expect, test } from 'vitest';
import { akimaGrid, akimaMinimum } from './akima.js';

test('the minimum of a parabola between its points', () => {
  // Akima's spline is exact for a parabola on an even grid.
  const x = [-2, -1, 0, 1, 2, 3];
  const minimum = akimaMinimum(
    x,
    x.map((value) => (value - 0.3) ** 2 + 5),
  );
  expect(minimum.x).toBeCloseTo(0.3, 12);
  expect(minimum.loss).toBeCloseTo(5, 12);
});

test('no higher than any of the points, within the grid, and no higher than a fine scan of the spline', async () => {
  const { createAkimaSplineInterpolator } = await import('commons-math-interpolation');
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: -1000, max: 1000 })), {
        minLength: 5,
        maxLength: 12,
      }),
      (points) => {
        let at = 0;
        const x = points.map(([step]) => (at += step));
        const y = points.map(([, value]) => value);
        const minimum = akimaMinimum(x, y);
        expect(minimum.x).toBeGreaterThanOrEqual(x[0]!);
        expect(minimum.x).toBeLessThanOrEqual(x.at(-1)!);
        const spline = createAkimaSplineInterpolator(x, y);
        expect(minimum.loss).toBeCloseTo(spline(minimum.x), 6);
        for (let k = 0; k <= 500; k++) {
          expect(minimum.loss).toBeLessThanOrEqual(spline(x[0]! + ((x.at(-1)! - x[0]!) * k) / 500) + 1e-6);
        }
      },
    ),
    { numRuns: 40 },
  );
});

test('losses of one size are averaged by weight', () => {
  const x = Float64Array.from([0, 1, 2, 2, 3, 4]);
  const minimise = akimaGrid(x, Float64Array.from([1, 1, 1, 3, 1, 1]));
  expect(minimise([4, 1, 8, 0, 3, 6])).toEqual(akimaMinimum([0, 1, 2, 3, 4], [4, 1, 2, 3, 6]));
});
