import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { budgets, lawOf, powersOfTen, surfaces, twoDraws } from '../../../tests/surface-laws.js';
import { publishedLaw } from '../../fit/published.js';
import { computeOptimal } from './compute-optimal.js';
import { type InferenceAwareOptions, inferenceAware, inferenceAwareForBudget } from './inference-aware.js';

const besiroglu = publishedLaw('besiroglu-2024');
/** Coefficients that the code of Sardana et al. 2024 takes. */
const sardana = lawOf({ E: 1.69, A: 406.4, B: 410.7, alpha: 0.336, beta: 0.283 });

describe('Sardana et al. 2024', () => {
  // Printed in the README of the paper's code for a loss of 1.947 and 2e12 tokens of inference.
  test('its code: 2.418e10 parameters on 2.657e12 tokens, at 95.22% of the compute-optimal FLOPs', () => {
    const found = inferenceAware(sardana, { loss: 1.947, inferenceTokens: 2e12 });
    expect(found.params.value.toExponential(3)).toBe('2.418e+10');
    expect(found.tokens.value.toExponential(3)).toBe('2.657e+12');
    expect((found.paramsRatio.value * 100).toFixed(2)).toBe('70.96');
    expect((found.tokensRatio.value * 100).toFixed(2)).toBe('146.77');
    expect(((1 - found.saving.value) * 100).toFixed(2)).toBe('95.22');
    expect((found.totalFlops.value / found.optimum.totalFlops.value).toFixed(4)).toBe('0.9522');
  });

  // Figure 1: a model of the quality of 13B parameters that will see 2T tokens saves 1.7e22 FLOPs (17%) as one of 7B.
  test('its figure 1: 7B in place of 13B for 2T tokens of inference saves 1.7e22 FLOPs, 17%', () => {
    const { A, B, alpha, beta } = sardana.parameters;
    // The compute optimum has alpha A N^-alpha = beta B D^-beta.
    const tokens = ((beta! * B!) / (alpha! * A! * 13e9 ** -alpha!)) ** (1 / beta!);
    const found = inferenceAware(sardana, { flops: 6 * 13e9 * tokens, inferenceTokens: 2e12 });
    expect(found.optimum.params.value / 13e9).toBeCloseTo(1, 9);
    expect((found.params.value / 1e9).toFixed(0)).toBe('7');
    expect(found.savedFlops.value.toPrecision(2)).toBe('1.7e+22');
    expect(found.saving.value.toFixed(2)).toBe('0.17');
  });
});

test('loss and flops of its compute optimum ask for the same', () => {
  const { loss } = computeOptimal(besiroglu, { flops: 1e22 });
  const byFlops = inferenceAware(besiroglu, { flops: 1e22, inferenceTokens: 1e12 });
  const byLoss = inferenceAware(besiroglu, { loss: loss.value, inferenceTokens: 1e12 });
  expect(byLoss.params.value / byFlops.params.value).toBeCloseTo(1, 9);
  expect(byLoss.tokens.value / byFlops.tokens.value).toBeCloseTo(1, 9);
  expect(byFlops.loss.value).toBeCloseTo(loss.value, 12);
  expect(byFlops.totalFlops.value).toBe(byFlops.trainingFlops.value + byFlops.inferenceFlops.value);
  expect(byFlops.inferenceFlops.value / (2e12 * byFlops.params.value)).toBeCloseTo(1, 12);
});

describe('intervals', () => {
  test('come from the draws, each with the loss of its own compute optimum', () => {
    const found = inferenceAware(besiroglu, { flops: 1e22, inferenceTokens: 1e12 });
    for (const name of ['params', 'tokens', 'totalFlops', 'saving', 'paramsRatio'] as const) {
      const [low, high] = found[name].interval!;
      expect(low).toBeLessThan(found[name].value);
      expect(high).toBeGreaterThan(found[name].value);
    }
    expect(inferenceAware(sardana, { flops: 1e22, inferenceTokens: 1e12 }).params.interval).toBeNull();
    const budget = inferenceAwareForBudget(besiroglu, { totalFlops: 1e22, inferenceTokens: 1e12 });
    expect(budget.loss.interval![0]).toBeLessThan(budget.loss.value);
  });

  test('of sizes are absent where too many draws never reach the loss, and those of shares are not', () => {
    const own = { E: 1, A: 100, B: 100, alpha: 0.5, beta: 0.5 };
    const law = lawOf(own, twoDraws(own, { ...own, E: 2 }));
    const found = inferenceAware(law, { loss: 1.5, inferenceTokens: 1e6, level: 0.9 });
    expect([found.params.interval, found.totalFlops.interval]).toEqual([null, null]);
    expect(found.saving.interval).toEqual([0, found.saving.value]);
    expect(found.paramsRatio.interval).toEqual([found.paramsRatio.value, 1]);
  });
});

const inference = powersOfTen(0, 16);

test('no other size of the same loss takes fewer FLOPs, and the compute optimum never does', () => {
  const shifts = fc.double({ min: -2, max: 2, noNaN: true });
  fc.assert(
    fc.property(surfaces, budgets, inference, shifts, (surface, flops, inferenceTokens, shift) => {
      const found = inferenceAware(lawOf(surface), { flops, inferenceTokens });
      const { A, B, alpha, beta } = surface;
      const excess = found.loss.value - surface.E;
      const reached = A * found.params.value ** -alpha + B * found.tokens.value ** -beta;
      expect(Math.abs(reached / excess - 1)).toBeLessThan(1e-9 + 1e-14 / excess);
      const params = found.params.value * Math.exp(shift);
      const left = reached - A * params ** -alpha;
      if (left > 0) {
        const total = 6 * params * (B / left) ** (1 / beta) + 2 * params * inferenceTokens;
        expect(found.totalFlops.value).toBeLessThanOrEqual(total * (1 + 1e-9));
      }
      expect(found.totalFlops.value).toBeLessThanOrEqual(found.optimum.totalFlops.value * (1 + 1e-12));
      expect(found.saving.value).toBeGreaterThanOrEqual(0);
      // The condition at the optimum: terms weighed by exponents differ by 1 + inference / training.
      const weighed = (alpha * A * found.params.value ** -alpha) / (beta * B * found.tokens.value ** -beta);
      expect(weighed / (1 + found.inferenceFlops.value / found.trainingFlops.value)).toBeCloseTo(1, 8);
    }),
  );
});

test('with next to no inference it is the compute optimum, and parameters fall as inference grows', () => {
  fc.assert(
    fc.property(surfaces, budgets, inference, (surface, flops, inferenceTokens) => {
      const law = lawOf(surface);
      const optimum = computeOptimal(law, { flops });
      for (const none of [0, 1e-9 * optimum.tokens.value]) {
        const found = inferenceAware(law, { flops, inferenceTokens: none });
        expect(found.params.value / optimum.params.value).toBeCloseTo(1, 5);
        expect(found.trainingFlops.value / flops).toBeCloseTo(1, 9);
      }
      const [some, more] = [1, 10].map((times) =>
        inferenceAware(law, { flops, inferenceTokens: times * inferenceTokens }),
      );
      // Where inference is a 1e-14th of training nothing moves.
      expect(more!.params.value).toBeLessThanOrEqual(some!.params.value);
      expect(more!.tokens.value).toBeGreaterThanOrEqual(some!.tokens.value);
      expect(some!.params.value).toBeLessThanOrEqual(optimum.params.value * (1 + 1e-12));
    }),
  );
  const [some, more] = [1e12, 2e12].map((tokens) =>
    inferenceAware(besiroglu, { flops: 1e22, inferenceTokens: tokens }),
  );
  expect(more!.params.value).toBeLessThan(some!.params.value * 0.95);
});

test('what a loss costs buys that loss', () => {
  fc.assert(
    fc.property(surfaces, budgets, inference, (surface, flops, inferenceTokens) => {
      const law = lawOf(surface);
      const found = inferenceAware(law, { flops, inferenceTokens });
      fc.pre(found.params.value >= 1 && found.tokens.value >= 1);
      const budget = inferenceAwareForBudget(law, { totalFlops: found.totalFlops.value, inferenceTokens });
      expect(budget.params.value / found.params.value).toBeCloseTo(1, 7);
      expect(budget.tokens.value / found.tokens.value).toBeCloseTo(1, 7);
      expect(budget.loss.value / found.loss.value).toBeCloseTo(1, 9);
      expect(budget.totalFlops.value / found.totalFlops.value).toBeCloseTo(1, 9);
    }),
  );
});

test('a larger budget never has a higher loss, more inference never a lower one', () => {
  fc.assert(
    fc.property(surfaces, budgets, powersOfTen(-6, 2), (surface, totalFlops, share) => {
      const none = computeOptimal(lawOf(surface), { flops: totalFlops });
      // Wild surfaces pay for less than a token, which is refused.
      fc.pre(none.params.value > 1e5 && none.tokens.value > 1e5);
      const loss = (flops: number, inferenceTokens: number) =>
        inferenceAwareForBudget(lawOf(surface), { totalFlops: flops, inferenceTokens }).loss.value;
      const inferenceTokens = share * none.tokens.value;
      const own = loss(totalFlops, inferenceTokens);
      expect(loss(totalFlops * 2, inferenceTokens)).toBeLessThanOrEqual(own);
      expect(loss(totalFlops, inferenceTokens * 2)).toBeGreaterThanOrEqual(own * (1 - 1e-13));
      expect(loss(totalFlops, 0)).toBe(none.loss.value);
    }),
  );
});

test('tokens counted in another unit change nothing, and FLOPs of inference count as their rate says', () => {
  fc.assert(
    fc.property(surfaces, budgets, inference, powersOfTen(-6, 6), (surface, flops, inferenceTokens, unit) => {
      const found = inferenceAware(lawOf(surface), { flops, inferenceTokens });
      const law = lawOf({ ...surface, B: surface.B * unit ** surface.beta });
      const other = inferenceAware(law, {
        flops,
        inferenceTokens: inferenceTokens * unit,
        trainingFlopsPerParamToken: 6 / unit,
        inferenceFlopsPerParamToken: 2 / unit,
      });
      expect(other.params.value / found.params.value).toBeCloseTo(1, 8);
      expect(other.tokens.value / (unit * found.tokens.value)).toBeCloseTo(1, 8);
      expect(other.totalFlops.value / found.totalFlops.value).toBeCloseTo(1, 8);
    }),
  );
  const dear = inferenceAware(besiroglu, { flops: 1e22, inferenceTokens: 1e12, inferenceFlopsPerParamToken: 4 });
  const long = inferenceAware(besiroglu, { flops: 1e22, inferenceTokens: 2e12 });
  expect(dear.params.value).toBe(long.params.value);
});

describe('refuses', () => {
  test('a loss that the law never reaches', () => {
    for (const loss of [1.8172, 1.5]) {
      expect(() => inferenceAware(besiroglu, { loss, inferenceTokens: 1e12 })).toThrow(
        expect.objectContaining({
          code: 'infeasible-budget',
          message: expect.stringMatching(/it never falls to 1\.81720; ask for more/),
          details: { loss, leastLoss: 1.8172 },
        }),
      );
    }
  });

  test('a budget that trains nothing beside its inference', () => {
    expect(() => inferenceAwareForBudget(besiroglu, { totalFlops: 1e12, inferenceTokens: 1e13 })).toThrow(
      expect.objectContaining({
        code: 'infeasible-budget',
        message: expect.stringMatching(/1\.00e\+12 FLOPs train nothing beside 1\.00e\+13 tokens of inference/),
      }),
    );
  });

  const refusals: readonly [InferenceAwareOptions, RegExp][] = [
    [{ inferenceTokens: 1 }, /either flops or loss/],
    [{ flops: 1e21, loss: 2, inferenceTokens: 1 }, /either flops or loss/],
    [{ flops: 0, inferenceTokens: 1 }, /flops must be a positive number, not 0/],
    [{ loss: Number.NaN, inferenceTokens: 1 }, /loss must be a positive number, not NaN/],
    [{ flops: 1e21, inferenceTokens: -1 }, /inferenceTokens must be 0 or a positive number, not -1/],
    [{ flops: 1e21, inferenceTokens: Number.POSITIVE_INFINITY }, /inferenceTokens must be 0 or .* not Infinity/],
    [{ flops: 1e21, inferenceTokens: 1, inferenceFlopsPerParamToken: 0 }, /inferenceFlopsPerParamToken must be/],
    [{ flops: 1e21, inferenceTokens: 1, trainingFlopsPerParamToken: 0 }, /trainingFlopsPerParamToken must be/],
    [{ flops: 1e21, inferenceTokens: 1, level: 0 }, /level must lie between 0 and 1/],
  ];
  test.each(refusals)('%j', (options, message) => {
    expect(() => inferenceAware(besiroglu, options)).toThrow(
      expect.objectContaining({ code: 'bad-usage', message: expect.stringMatching(message) }),
    );
  });

  test('a law that is no surface, and a budget that is no number', () => {
    const kaplan = publishedLaw('kaplan-2020');
    expect(() => inferenceAware(kaplan, { flops: 1e21, inferenceTokens: 1 })).toThrow(/kaplan law/);
    expect(() => inferenceAwareForBudget(kaplan, { totalFlops: 1e21, inferenceTokens: 1 })).toThrow(/kaplan law/);
    expect(() => inferenceAwareForBudget(besiroglu, { totalFlops: 0, inferenceTokens: 1 })).toThrow(
      /totalFlops must be a positive number, not 0/,
    );
  });
});
