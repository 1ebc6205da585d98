import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { budgets, lawOf, surfaces, twoDraws } from '../../../tests/surface-laws.js';
import { publishedLaw } from '../../fit/published.js';
import { computeOptimal } from './compute-optimal.js';
import { type OverTrainingOptions, overTraining } from './over-training.js';

const besiroglu = publishedLaw('besiroglu-2024');

describe('the overhead of another size', () => {
  // Computed apart from this project from the published parameters, as extra training compute at equal loss.
  test.each([
    ['hoffmann-2022-rounded', 0.25, '188.61'],
    ['hoffmann-2022-rounded', 0.5, '20.80'],
    ['hoffmann-2022-rounded', 0.75, '2.85'],
    ['hoffmann-2022-rounded', 2, '13.15'],
    ['besiroglu-2024', 0.25, '346.53'],
    ['besiroglu-2024', 0.5, '25.93'],
    ['besiroglu-2024', 0.75, '3.35'],
    ['besiroglu-2024', 2, '14.76'],
  ])('%s at %d times the parameters: %s%%', (name, paramsRatio, percent) => {
    for (const flops of [1e18, 1e25]) {
      const { overhead } = overTraining(publishedLaw(name), { flops, paramsRatio });
      expect((overhead.value * 100).toFixed(2)).toBe(percent);
    }
  });

  test('by parameters is that of their ratio, with FLOPs and tokens to match', () => {
    const optimum = computeOptimal(besiroglu, { flops: 1e21 });
    const half = overTraining(besiroglu, { flops: 1e21, params: optimum.params.value / 2 });
    expect(half.paramsRatio.value).toBeCloseTo(0.5, 12);
    expect((half.overhead.value * 100).toFixed(2)).toBe('25.93');
    expect(half.trainingFlops.value / 1.2593e21).toBeCloseTo(1, 4);
    expect((6 * half.params.value * half.tokens.value) / half.trainingFlops.value).toBeCloseTo(1, 12);
    // 21.59 tokens a parameter at the optimum, half the parameters, 1.2593 times the FLOPs: 4 x 1.2593 x 21.59.
    expect(half.tokensPerParam.value).toBeCloseTo(108.75, 1);
    expect(half.optimum.tokens.value).toBe(optimum.tokens.value);
    expect(half.loss.value).toBe(optimum.loss.value);
  });
});

describe('intervals', () => {
  test('of a ratio and of fixed parameters', () => {
    const ratio = overTraining(besiroglu, { flops: 1e21, paramsRatio: 0.5 });
    expect(ratio.paramsRatio.interval).toEqual([0.5, 0.5]);
    expect(ratio.overhead.interval![0]).toBeLessThan(0.2593);
    expect(ratio.overhead.interval![1]).toBeGreaterThan(0.2593);
    const fixed = overTraining(besiroglu, { flops: 1e21, params: 1.4e9 });
    expect(fixed.params.interval).toEqual([1.4e9, 1.4e9]);
    expect(fixed.paramsRatio.interval![0]).toBeLessThan(fixed.paramsRatio.interval![1]);
    expect(overTraining(publishedLaw('hoffmann-2022'), { flops: 1e21, params: 2e9 }).overhead.interval).toBeNull();
  });

  test('are absent where too many draws never reach the loss', () => {
    const own = { E: 1, A: 100, B: 100, alpha: 0.5, beta: 0.5 };
    const steep = { ...own, A: 1e5 };
    // The optimum is (A/B) 10^9 parameters, and a quarter of it the least that does: 3e8 will do by the law, not by the other draw.
    const asked = { flops: 6e18, params: 3e8, level: 0.9 };
    const found = overTraining(lawOf(own, twoDraws(own, steep)), asked);
    expect(found.overhead.value).toBeGreaterThan(0);
    expect([found.overhead.interval, found.tokens.interval]).toEqual([null, null]);
    expect(found.loss.interval).not.toBeNull();
    // One draw in 41 lies beyond the interval of 90%.
    const few = [...twoDraws(own, own), steep];
    expect(overTraining(lawOf(own, few), asked).overhead.interval).toEqual([
      found.overhead.value,
      found.overhead.value,
    ]);
  });
});

test('the loss is reached; the overhead is never below 0, 0 at the optimum, and the same for every budget', () => {
  const ratios = fc.double({ min: 0.02, max: 50, noNaN: true });
  fc.assert(
    fc.property(surfaces, budgets, budgets, ratios, (surface, flops, otherFlops, paramsRatio) => {
      const law = lawOf(surface);
      const { E, A, B, alpha, beta } = surface;
      const optimum = computeOptimal(law, { flops });
      const least = (1 + alpha / beta) ** (-1 / alpha);
      // Beside the least size all digits of the tokens are lost to rounding.
      fc.pre(Math.abs(paramsRatio / least - 1) > 1e-3);
      if (paramsRatio < least) {
        expect(E + A * (paramsRatio * optimum.params.value) ** -alpha).toBeGreaterThan(
          optimum.loss.value * (1 - 1e-12),
        );
        expect(() => overTraining(law, { flops, paramsRatio })).toThrow(
          expect.objectContaining({ code: 'infeasible-budget' }),
        );
        return;
      }
      const found = overTraining(law, { flops, paramsRatio });
      expect(found.leastParams.value / (least * optimum.params.value)).toBeCloseTo(1, 9);
      const excess = A * found.params.value ** -alpha + B * found.tokens.value ** -beta;
      expect(excess / (A * optimum.params.value ** -alpha + B * optimum.tokens.value ** -beta)).toBeCloseTo(1, 8);
      expect(found.overhead.value).toBeGreaterThan(-1e-12);
      const other = overTraining(law, { flops: otherFlops, paramsRatio });
      expect((1 + other.overhead.value) / (1 + found.overhead.value)).toBeCloseTo(1, 9);
      expect(overTraining(law, { flops, paramsRatio: 1 }).overhead.value).toBeCloseTo(0, 12);
    }),
  );
});

describe('refuses', () => {
  test('a size that no tokens bring to the loss, with the least that does', () => {
    // k^-0.3478 = 1 + 0.3478 / 0.3658 gives k = 0.14617, of 2.77846e9 parameters.
    const refused = (params: number) => () => overTraining(besiroglu, { flops: 1e21, params });
    expect(refused(4e8)).toThrow(
      expect.objectContaining({
        code: 'infeasible-budget',
        message: expect.stringMatching(/4.00e\+8 parameters cannot reach .* take more than 4\.\d\de\+8 parameters/),
        details: expect.objectContaining({ params: 4e8 }),
      }),
    );
    const { leastParams } = overTraining(besiroglu, { flops: 1e21, params: 1e9 });
    expect(leastParams.value / (2.77846e9 * (1 + 0.3478 / 0.3658) ** (-1 / 0.3478))).toBeCloseTo(1, 5);
    expect(refused(leastParams.value * 0.9999)).toThrow(/cannot reach/);
    expect(refused(leastParams.value * 1.0001)).not.toThrow();
  });

  const refusals: readonly [OverTrainingOptions, RegExp][] = [
    [{ flops: 1e21 }, /either params or paramsRatio/],
    [{ flops: 1e21, params: 1e9, paramsRatio: 1 }, /either params or paramsRatio/],
    [{ flops: 1e21, params: 0 }, /params must be a positive number, not 0/],
    [{ flops: 1e21, paramsRatio: Number.POSITIVE_INFINITY }, /paramsRatio must be a positive number, not Infinity/],
    [{ flops: -1, paramsRatio: 1 }, /flops must be a positive number, not -1/],
    [{ flops: 1e21, paramsRatio: 1, trainingFlopsPerParamToken: 0 }, /trainingFlopsPerParamToken must be/],
  ];
  test.each(refusals)('%j', (options, message) => {
    expect(() => overTraining(besiroglu, options)).toThrow(
      expect.objectContaining({ code: 'bad-usage', message: expect.stringMatching(message) }),
    );
  });

  test('a law that is no surface', () => {
    expect(() => overTraining(publishedLaw('kaplan-2020'), { flops: 1e21, paramsRatio: 1 })).toThrow(/kaplan law/);
  });
});
