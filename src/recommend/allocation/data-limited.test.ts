import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { budgets, lawOf, powersOfTen, surfaces } from '../../../tests/surface-laws.js';
import { lossOf } from '../../fit/formulas.js';
import type { Law } from '../../fit/law.js';
import { publishedLaw } from '../../fit/published.js';
import { computeOptimal } from './compute-optimal.js';
import { type DataLimitedOptions, dataLimited } from './data-limited.js';
import { epochsAtWorth, repetitionWorth } from './repetition.js';
import type { Surface } from './surface.js';

const muennighoff = publishedLaw('muennighoff-2023');
/** The law with all tokens unique. */
const surfaceOf = ({ parameters }: Law) => lawOf(parameters as unknown as Surface);
/** Twenty draws each of the law with other repetition. */
const drawn: Law = {
  ...muennighoff,
  draws: {
    ...publishedLaw('besiroglu-2024').draws!,
    parameters: ['E', 'A', 'B', 'alpha', 'beta', 'RD', 'RN'],
    values: Array.from({ length: 40 }, (_, k) => {
      const { E, A, B, alpha, beta, RN } = muennighoff.parameters;
      return [E!, A!, B!, alpha!, beta!, k % 2 === 0 ? 8 : 30, RN!];
    }),
  },
};

describe('Muennighoff et al. 2023', () => {
  // Printed by the paper's code for the two models of its figure 1, of 25B unique tokens.
  test.each([
    [6.34e9, 242e9, 2.2256440889984477],
    [8.67e9, 178e9, 2.2269634075087867],
  ])('%d parameters on %d tokens: loss %d', (params, tokens, loss) => {
    const asked = { uniqueTokens: 25e9, params };
    const byFlops = dataLimited(muennighoff, { ...asked, flops: 6 * params * tokens });
    expect(Math.abs(byFlops.loss.value - loss)).toBeLessThan(1e-12);
    const byEpochs = dataLimited(muennighoff, { ...asked, mostEpochs: tokens / 25e9 });
    expect(Math.abs(byEpochs.loss.value - loss)).toBeLessThan(1e-12);
    expect(byEpochs.trainingFlops.value / (6 * params * tokens)).toBeCloseTo(1, 12);
    expect([byFlops.limit, byEpochs.limit]).toEqual(['unique-tokens', 'most-epochs']);
  });

  // Printed by the paper's code, whose grid search looks at the budget of 8.67B parameters on 178B tokens.
  test('its optimum of that budget: 6.8B parameters on 227B tokens, 9.1 epochs', () => {
    const found = dataLimited(muennighoff, { uniqueTokens: 25e9, flops: 6 * 8.67e9 * 178e9 });
    expect((found.params.value / 1e9).toFixed(1)).toBe('6.8');
    expect((found.tokens.value / 1e9).toFixed(0)).toBe('227');
    expect(found.epochs.value.toFixed(1)).toBe('9.1');
    expect(found.limit).toBe('unique-tokens');
    // Better than both models, and not as good as unique tokens would be.
    expect(found.loss.value).toBeLessThan(2.2256440889984477);
    expect(found.unlimited.loss.value).toBeLessThan(found.loss.value);
  });

  // By hand with 40 digits: D'/U = 1 + 15.387756 (1 - exp(-3 / 15.387756)) = 3.725673123061.
  test('4 epochs are worth 3.73 of unique tokens, 16 no more than 10.6', () => {
    const four = repetitionWorth(muennighoff, { epochs: 4 });
    expect(four.effectiveEpochs.value).toBeCloseTo(3.725673123061327, 13);
    expect(four.tokenWorth.value).toBeCloseTo(0.9314182807653317, 13);
    expect(four.repeatedWorth.value).toBeCloseTo(0.9085577076871089, 13);
    expect(four.nextTokenWorth.value).toBeCloseTo(0.8228674068485797, 13);
    expect(four.mostEffectiveEpochs.value).toBeCloseTo(16.387756, 12);
    expect(repetitionWorth(muennighoff, { epochs: 16 }).effectiveEpochs.value).toBeCloseTo(10.58245698267, 11);
    expect(repetitionWorth(muennighoff, { epochs: 1 })).toMatchObject({
      effectiveEpochs: { value: 1 },
      repeatedWorth: { value: 1 },
      nextTokenWorth: { value: 1 },
    });
  });

  // With 40 digits: 2.2071681173533480 against 2.1923626185249019.
  test('4 epochs of 44.5B tokens cost 8.67B parameters 0.68% of the loss', () => {
    const found = dataLimited(muennighoff, { uniqueTokens: 44.5e9, params: 8.67e9, mostEpochs: 4 });
    expect(found.loss.value).toBeCloseTo(2.207168117353348, 12);
    expect(found.lossIfUnique.value).toBeCloseTo(2.192362618524902, 12);
    expect(found.effectiveTokens.value / 44.5e9).toBeCloseTo(3.725673123061327, 12);
    expect(found.tokenWorth.value).toBeCloseTo(0.9314182807653317, 12);
  });

  test('after 11.7 epochs a token is worth half of a unique one', () => {
    expect(epochsAtWorth(muennighoff, { worth: 0.5 })).toEqual({
      value: expect.closeTo(1 + 15.387756 * Math.LN2, 12),
      interval: null,
    });
    expect(epochsAtWorth(muennighoff, { worth: 1 }).value).toBe(1);
  });
});

test('intervals come from the draws', () => {
  const half = epochsAtWorth(drawn, { worth: 0.5, level: 0.9 });
  expect(half.interval).toEqual([expect.closeTo(1 + 8 * Math.LN2, 12), expect.closeTo(1 + 30 * Math.LN2, 12)]);
  const asked = { uniqueTokens: 25e9, flops: 1e22, level: 0.9 };
  const found = dataLimited(drawn, asked);
  expect(found.epochs.interval![0]).toBeLessThan(found.epochs.value);
  expect(found.epochs.interval![1]).toBeGreaterThan(found.epochs.value);
  // The plain surface is the same in every draw.
  expect(found.unlimited.params.interval).toEqual([found.unlimited.params.value, found.unlimited.params.value]);
  expect(dataLimited(muennighoff, asked).params.interval).toBeNull();
});

describe('a bound on epochs', () => {
  const asked = { uniqueTokens: 25e9, flops: 9.26e21 };

  test('that the optimum exceeds is met, with more parameters', () => {
    const free = dataLimited(muennighoff, asked);
    const bound = dataLimited(muennighoff, { ...asked, mostEpochs: 4 });
    expect(bound).toMatchObject({ limit: 'most-epochs', epochs: { value: 4 }, tokens: { value: 100e9 } });
    expect((6 * bound.params.value * 100e9) / 9.26e21).toBeCloseTo(1, 12);
    expect(bound.params.value).toBeGreaterThan(free.params.value);
    expect(bound.loss.value).toBeGreaterThan(free.loss.value);
    expect(dataLimited(muennighoff, { ...asked, mostEpochs: 1 }).limit).toBe('most-epochs');
  });

  test('that it does not exceed changes nothing', () => {
    expect(dataLimited(muennighoff, { ...asked, mostEpochs: 10 })).toEqual(dataLimited(muennighoff, asked));
  });

  test('leaves FLOPs of a given size unspent', () => {
    const found = dataLimited(muennighoff, { ...asked, params: 1e9, mostEpochs: 4 });
    expect(found).toMatchObject({ limit: 'most-epochs', tokens: { value: 100e9 }, trainingFlops: { value: 6e20 } });
  });
});

const repetition = fc.record({ RD: powersOfTen(-1, 3), RN: powersOfTen(-1, 3) });
const laws = fc
  .tuple(surfaces, repetition)
  .map(([surface, rates]): Law => ({ ...muennighoff, parameters: { ...surface, ...rates } }));

test('where unique tokens suffice it is the compute optimum of the plain surface', () => {
  fc.assert(
    fc.property(laws, budgets, powersOfTen(0, 6), (law, flops, plenty) => {
      const plain = computeOptimal(surfaceOf(law), { flops });
      const found = dataLimited(law, { flops, uniqueTokens: plain.tokens.value * plenty });
      expect(found).toMatchObject({ limit: 'none', epochs: { value: 1 }, params: { value: plain.params.value } });
      expect(found.tokens.value).toBe(plain.tokens.value);
      expect(found.loss.value / plain.loss.value).toBeCloseTo(1, 9);
      expect(found.lossIfUnique.value / plain.loss.value).toBeCloseTo(1, 9);
      expect(found.unlimited.params.value / plain.params.value).toBeCloseTo(1, 9);
    }),
  );
});

test('where they do not, no other split of the budget has a lower loss', () => {
  const shifts = fc.double({ min: -4, max: 4, noNaN: true });
  fc.assert(
    fc.property(laws, budgets, powersOfTen(-4, 0), shifts, (law, flops, share, shift) => {
      const plain = computeOptimal(surfaceOf(law), { flops });
      const uniqueTokens = plain.tokens.value * share;
      const found = dataLimited(law, { flops, uniqueTokens });
      expect(found.epochs.value).toBeGreaterThanOrEqual(1);
      expect((6 * found.params.value * found.tokens.value) / flops).toBeCloseTo(1, 9);
      expect(found.effectiveTokens.value).toBeLessThanOrEqual(found.tokens.value * (1 + 1e-12));
      // Near the optimum, and all the way to where each token is read once.
      for (const tokens of [found.tokens.value * Math.exp(shift), uniqueTokens, plain.tokens.value]) {
        const moved = lossOf(law, law.parameters, { params: flops / (6 * tokens), tokens, uniqueTokens });
        expect(found.loss.value).toBeLessThanOrEqual(moved * (1 + 1e-12));
      }
      expect(found.loss.value).toBeGreaterThanOrEqual(plain.loss.value * (1 - 1e-12));
    }),
  );
});

test('more FLOPs, more unique tokens and more epochs never raise the loss, and units change nothing', () => {
  fc.assert(
    fc.property(
      laws,
      budgets,
      powersOfTen(6, 13),
      powersOfTen(0, 3),
      powersOfTen(-6, 6),
      (law, flops, uniqueTokens, mostEpochs, unit) => {
        const asked = { flops, uniqueTokens, mostEpochs };
        const found = dataLimited(law, asked);
        const better = (change: Partial<DataLimitedOptions>) => dataLimited(law, { ...asked, ...change }).loss.value;
        const most = found.loss.value * (1 + 1e-12);
        expect(better({ flops: flops * 2 })).toBeLessThanOrEqual(most);
        expect(better({ uniqueTokens: uniqueTokens * 2 })).toBeLessThanOrEqual(most);
        expect(better({ mostEpochs: mostEpochs * 2 })).toBeLessThanOrEqual(most);
        const { B, beta } = law.parameters;
        const other = dataLimited(
          { ...law, parameters: { ...law.parameters, B: B! * unit ** beta! } },
          { ...asked, uniqueTokens: uniqueTokens * unit, trainingFlopsPerParamToken: 6 / unit },
        );
        expect(other.params.value / found.params.value).toBeCloseTo(1, 6);
        expect(other.tokens.value / (found.tokens.value * unit)).toBeCloseTo(1, 6);
        expect(other.loss.value / found.loss.value).toBeCloseTo(1, 9);
      },
    ),
  );
});

describe('refuses', () => {
  const refusals: readonly [DataLimitedOptions, RegExp][] = [
    [{ uniqueTokens: 1e9 }, /state flops, or params with mostEpochs/],
    [{ uniqueTokens: 1e9, params: 1e9 }, /state flops, or params with mostEpochs/],
    [{ uniqueTokens: 1e9, mostEpochs: 4 }, /state flops, or params with mostEpochs/],
    [{ uniqueTokens: 0, flops: 1e20 }, /uniqueTokens must be a positive number, not 0/],
    [{ uniqueTokens: 1e9, flops: Number.NaN }, /flops must be a positive number, not NaN/],
    [{ uniqueTokens: 1e9, flops: 1e20, params: -1 }, /params must be a positive number, not -1/],
    [{ uniqueTokens: 1e9, flops: 1e20, mostEpochs: 0.5 }, /mostEpochs must be 1 or more, not 0.5/],
    [{ uniqueTokens: 1e9, flops: 1e20, trainingFlopsPerParamToken: 0 }, /trainingFlopsPerParamToken must be/],
    [{ uniqueTokens: 1e9, flops: 1e20, level: 2 }, /level must lie between 0 and 1/],
  ];
  test.each(refusals)('%j', (options, message) => {
    expect(() => dataLimited(muennighoff, options)).toThrow(
      expect.objectContaining({ code: 'bad-usage', message: expect.stringMatching(message) }),
    );
  });

  test('a law that does not tell repeated tokens, and values out of range', () => {
    const law = publishedLaw('besiroglu-2024');
    const refusal = /chinchilla law, which does not tell repeated tokens.*a data-constrained law does/;
    expect(() => dataLimited(law, { uniqueTokens: 1e9, flops: 1e20 })).toThrow(refusal);
    expect(() => repetitionWorth(law, { epochs: 4 })).toThrow(refusal);
    expect(() => epochsAtWorth(law, { worth: 0.5 })).toThrow(refusal);
    expect(() => repetitionWorth(muennighoff, { epochs: 0.9 })).toThrow(/epochs must be 1 or more, not 0.9/);
    for (const worth of [0, 1.1, Number.NaN]) {
      expect(() => epochsAtWorth(muennighoff, { worth })).toThrow(/must be above 0 and at most 1/);
    }
  });
});
