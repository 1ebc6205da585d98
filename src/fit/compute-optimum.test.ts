import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { relativeError, surfaceLoss } from '../../tests/simulated-runs.js';
import { computeOptimum } from './compute-optimum.js';
import { publishedLaw } from './published.js';

type Surface = Parameters<typeof computeOptimum>[0];

/** Parameters and tokens at the optimum of a budget. */
function optimumAt(surface: Surface, flops: number): { params: number; tokens: number } {
  const { a, b, G } = computeOptimum(surface);
  return { params: G * (flops / 6) ** a, tokens: (flops / 6) ** b / G };
}

const surfaceOf = (name: string) => publishedLaw(name).parameters as unknown as Surface;

// Computed apart from this project, in closed form from the published parameters; printed to the digits given.
describe('the optimum of a published law', () => {
  test.each([
    ['hoffmann-2022-rounded', 5.76e23, 3.21899e10, 92.65],
    ['hoffmann-2022', 5.76e23, 4.03609e10, 58.93],
    ['besiroglu-2024', 1e18, 8.05319e7, 25.7],
    ['besiroglu-2024', 1e21, 2.77846e9, 21.59],
    ['besiroglu-2024', 5.76e23, 7.22487e10, 18.39],
    ['besiroglu-2024', 1e24, 9.58607e10, 18.14],
  ])('%s at %d FLOPs: %d parameters, %d tokens each', (name, flops, params, ratio) => {
    const optimum = optimumAt(surfaceOf(name), flops);
    expect(relativeError(optimum.params, params)).toBeLessThan(5e-6 / 2);
    expect((optimum.tokens / optimum.params).toFixed(2)).toBe(ratio.toFixed(2));
  });

  test.each([
    ['hoffmann-2022-rounded', 2.98231e12],
    ['hoffmann-2022', 2.37854e12],
  ])('%s at 5.76e23 FLOPs: %d tokens', (name, tokens) => {
    expect(relativeError(optimumAt(surfaceOf(name), 5.76e23).tokens, tokens)).toBeLessThan(5e-6 / 2);
  });
});

test('exponents sum to 1, and no other split of the budget has a lower loss', () => {
  const surface = fc.record({
    E: fc.constant(0),
    A: fc.double({ min: 1, max: 1e4, noNaN: true }),
    B: fc.double({ min: 1, max: 1e4, noNaN: true }),
    alpha: fc.double({ min: 0.05, max: 1, noNaN: true }),
    beta: fc.double({ min: 0.05, max: 1, noNaN: true }),
  });
  const budget = fc.double({ min: 15, max: 27, noNaN: true }).map((power) => 10 ** power);
  fc.assert(
    fc.property(surface, budget, fc.double({ min: -3, max: 3, noNaN: true }), (law, flops, shift) => {
      const { a, b } = computeOptimum(law);
      expect(a + b).toBeCloseTo(1, 14);
      const { params, tokens } = optimumAt(law, flops);
      // Powers of 1e27 cost some tens of units in the last place.
      expect(relativeError(6 * params * tokens, flops)).toBeLessThan(1e-13);
      const moved = surfaceLoss(law, params * Math.exp(shift), tokens * Math.exp(-shift));
      expect(surfaceLoss(law, params, tokens)).toBeLessThanOrEqual(moved * (1 + 1e-13));
    }),
  );
});
