import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { budgets, lawOf, powersOfTen, surfaces, twoDraws } from '../../../tests/surface-laws.js';
import { lossOf } from '../../fit/formulas.js';
import { lawOptimum } from '../../fit/optimum/index.js';
import { publishedLaw } from '../../fit/published.js';
import { countParameters } from '../../flops/parameters.js';
import { presetShape } from '../../flops/presets/index.js';
import { dimensionsOf } from '../../flops/shape.js';
import { increasingRoot } from '../increasing-root.js';
import { computeOptimal } from './compute-optimal.js';
import { surfaceAt } from './surface.js';

const besiroglu = publishedLaw('besiroglu-2024');
const gemstones = publishedLaw('gemstones-shape');
const pythia = presetShape('pythia-1b')!;

describe('the compute optimum of published laws', () => {
  // Computed apart from this project, in closed form from the published parameters; printed to the digits given.
  test.each([
    ['besiroglu-2024', 1e21, 2.77846e9, '21.59'],
    ['besiroglu-2024', 1e24, 9.58607e10, '18.14'],
    ['hoffmann-2022', 5.76e23, 4.03609e10, '58.93'],
    ['hoffmann-2022-rounded', 5.76e23, 3.21899e10, '92.65'],
  ])('%s at %d FLOPs: %d parameters, %s tokens each', (name, flops, params, tokensPerParam) => {
    const optimum = computeOptimal(publishedLaw(name), { flops });
    expect(optimum.params.value / params).toBeCloseTo(1, 5);
    expect(optimum.tokensPerParam.value.toFixed(2)).toBe(tokensPerParam);
    expect((6 * optimum.params.value * optimum.tokens.value) / flops).toBeCloseTo(1, 12);
  });

  // Printed in the README of the code of Sardana et al. 2024, for the coefficients that it prints beside them.
  test('30B parameters by the coefficients of Sardana et al. 2024: 1.556e12 tokens, loss 1.958253360475841', () => {
    const law = lawOf({ E: 1.69, A: 406.4, B: 410.7, alpha: 0.336, beta: 0.283 });
    const optimum = computeOptimal(law, { flops: 6 * 30e9 * 1.5559011093576362e12 });
    expect(optimum.params.value / 30e9).toBeCloseTo(1, 9);
    expect(optimum.tokens.value.toPrecision(4)).toBe('1.556e+12');
    expect(optimum.loss.value).toBeCloseTo(1.958253360475841, 13);
  });
});

describe('intervals', () => {
  test('are those of the fitted optimum', () => {
    const [at] = lawOptimum(besiroglu, { at: [1e21] }).optima;
    const optimum = computeOptimal(besiroglu, { flops: 1e21 });
    for (const name of ['params', 'tokens', 'tokensPerParam'] as const) {
      for (const end of [0, 1] as const) {
        expect(optimum[name].interval![end] / at![name].interval![end]).toBeCloseTo(1, 9);
      }
    }
    expect(optimum.loss.interval![0]).toBeLessThan(optimum.loss.value);
    expect(optimum.loss.interval![1]).toBeGreaterThan(optimum.loss.value);
  });

  test('span the draws at their level, and are absent without draws', () => {
    const [low, high] = [
      { E: 1, A: 100, B: 400, alpha: 0.5, beta: 0.5 },
      { E: 2, A: 400, B: 100, alpha: 0.5, beta: 0.5 },
    ];
    const law = lawOf(low!, twoDraws(low!, high!));
    // G is A / B where both exponents are a half: N = (A/B) (C/6)^(1/2).
    const optimum = computeOptimal(law, { flops: 6e18, level: 0.9 });
    expect(optimum.params.value).toBeCloseTo(2.5e8, 0);
    expect(optimum.params.interval!.map((end) => end / 1e9)).toEqual([expect.closeTo(0.25, 9), expect.closeTo(4, 9)]);
    expect(optimum.tokensPerParam.interval).toEqual([expect.closeTo(1 / 16, 9), expect.closeTo(16, 9)]);
    expect(computeOptimal(lawOf(low!), { flops: 6e18 }).params.interval).toBeNull();
  });

  test('need draws enough for their level', () => {
    const surface = { E: 1, A: 100, B: 400, alpha: 0.5, beta: 0.5 };
    const law = lawOf(surface, twoDraws(surface, surface).slice(0, 19));
    expect(() => computeOptimal(law, { flops: 1e18, level: 0.9 })).toThrow(/at least 20 draws, and there are 19/);
  });
});

describe('a law of shape', () => {
  test('without a shape has the optimum of the best shapes', () => {
    const [at] = lawOptimum(gemstones, { at: [1e21] }).optima;
    const optimum = computeOptimal(gemstones, { flops: 1e21 });
    expect(optimum.params.value / at!.params.value).toBeCloseTo(1, 9);
    expect(optimum.tokens.value / at!.tokens.value).toBeCloseTo(1, 9);
  });

  test('with a shape is the surface of its efficiency', () => {
    const params = countParameters(pythia).total;
    const { E, A, B, alpha, beta } = surfaceAt(gemstones, gemstones.parameters, pythia);
    const loss = E + A * params ** -alpha + B * 1e11 ** -beta;
    const point = { ...dimensionsOf(pythia), params, tokens: 1e11 };
    expect(loss).toBeCloseTo(lossOf(gemstones, gemstones.parameters, point), 12);
    expect(A).toBeGreaterThan(gemstones.parameters.A!);
    // A shape that wastes parameters calls for more of them, and reaches less.
    const [best, given] = [null, pythia].map((shape) => computeOptimal(gemstones, { flops: 1e21, shape }));
    expect(given!.params.value).toBeGreaterThan(best!.params.value);
    expect(given!.loss.value).toBeGreaterThan(best!.loss.value);
  });

  test('refuses a shape that lacks its ratio', () => {
    const law = {
      ...gemstones,
      form: { ratios: ['decoderLayers/encoderLayers'] },
    };
    expect(() => computeOptimal(law, { flops: 1e21, shape: pythia })).toThrow(
      expect.objectContaining({
        code: 'bad-usage',
        message: expect.stringMatching(/pythia-1b has no efficiency.*decoderLayers\/encoderLayers/),
      }),
    );
  });
});

test('no other split of the budget has a lower loss, more FLOPs never a higher one, and units change nothing', () => {
  fc.assert(
    fc.property(
      surfaces,
      budgets,
      fc.double({ min: -3, max: 3, noNaN: true }),
      powersOfTen(-6, 6),
      (surface, flops, shift, unit) => {
        const law = lawOf(surface);
        const { params, tokens, loss } = computeOptimal(law, { flops });
        const { E, A, B, alpha, beta } = surface;
        const moved =
          E + A * (params.value * Math.exp(shift)) ** -alpha + B * (tokens.value * Math.exp(-shift)) ** -beta;
        expect(loss.value).toBeLessThanOrEqual(moved * (1 + 1e-12));
        expect(computeOptimal(law, { flops: 2 * flops }).loss.value).toBeLessThanOrEqual(loss.value);
        // Tokens counted in another unit.
        const other = computeOptimal(lawOf({ ...surface, B: B * unit ** beta }), {
          flops,
          trainingFlopsPerParamToken: 6 / unit,
        });
        expect(other.params.value / params.value).toBeCloseTo(1, 9);
        expect(other.tokens.value / (tokens.value * unit)).toBeCloseTo(1, 9);
        expect(other.loss.value / loss.value).toBeCloseTo(1, 9);
      },
    ),
  );
});

test.each([
  ['kaplan-2020', { flops: 1e21 }, /kaplan law, which is no surface.*a chinchilla or shape law is/],
  ['muennighoff-2023', { flops: 1e21 }, /data-constrained law.*state the unique tokens, or take a chinchilla law/],
  ['besiroglu-2024', { flops: 0 }, /flops must be a positive number, not 0/],
  ['besiroglu-2024', { flops: Number.NaN }, /flops must be a positive number, not NaN/],
  ['besiroglu-2024', { flops: 1e21, level: 1 }, /level must lie between 0 and 1, not 1/],
  ['besiroglu-2024', { flops: 1e21, trainingFlopsPerParamToken: -6 }, /trainingFlopsPerParamToken must be .* not -6/],
])('%s refuses %j', (name, options, message) => {
  expect(() => computeOptimal(publishedLaw(name), options)).toThrow(
    expect.objectContaining({ code: 'bad-usage', message: expect.stringMatching(message) }),
  );
});

test('refuses a surface without an optimum', () => {
  const law = lawOf({ E: 1, A: 100, B: 100, alpha: 0.3, beta: 0 });
  expect(() => computeOptimal(law, { flops: 1e21 })).toThrow(/beta of hoffmann-2022 must be a positive number, not 0/);
});

test('a root is found to the last digits at any scale', () => {
  fc.assert(
    fc.property(powersOfTen(-200, 200), (root) => {
      expect(increasingRoot((x) => x - root, 0, 1e201)).toBe(root);
    }),
  );
  expect(increasingRoot((x) => x + 3, -10, 10)).toBe(-3);
  expect(increasingRoot((x) => x, 5, 5)).toBe(5);
});
