import { describe, expect, test } from 'vitest';
import { lossOf } from './formulas.js';
import type { Law } from './law.js';
import { publishedLaw } from './published.js';

const lossAt = (name: string, point: Parameters<typeof lossOf>[2]) => {
  const law = publishedLaw(name);
  return lossOf(law, law.parameters, point);
};
const power: Law = {
  ...publishedLaw('hoffmann-2022'),
  law: 'power',
  form: { variable: 'flops' },
  variables: ['flops'],
  parameters: { E: 1.5, A: 40, a: 0.5 },
};

describe('lossOf', () => {
  // Formulas evaluated with 40 decimal digits, printed to 15.
  test.each([
    ['besiroglu-2024', { params: 1e9, tokens: 2e10 }, 2.5300503236787],
    ['kaplan-2020', { params: 1e9, tokens: 1e10 }, 2.41965181916918],
  ])('%s at %j', (name, point, expected) => {
    expect(Math.abs(lossAt(name, point) - expected)).toBeLessThan(2e-14);
  });

  // Printed by the code of Muennighoff et al. 2023.
  test.each([
    [6.34e9, 242e9, 25e9, 2.2256440889984477],
    [8.67e9, 178e9, 25e9, 2.2269634075087867],
  ])(
    'muennighoff-2023 at %d parameters, %d tokens of which %d are unique',
    (params, tokens, uniqueTokens, expected) => {
      expect(Math.abs(lossAt('muennighoff-2023', { params, tokens, uniqueTokens }) - expected)).toBeLessThan(1e-12);
    },
  );

  test('muennighoff-2023 is its Chinchilla law while nothing repeats and parameters are not in excess', () => {
    const { E, A, B, alpha, beta } = publishedLaw('muennighoff-2023').parameters;
    const expected = E! + A! * 1e8 ** -alpha! + B! * 1e11 ** -beta!;
    for (const uniqueTokens of [1e11, 5e12]) {
      expect(lossAt('muennighoff-2023', { params: 1e8, tokens: 1e11, uniqueTokens })).toBeCloseTo(expected, 13);
    }
    expect(lossAt('muennighoff-2023', { params: 1e8, tokens: 1e11, uniqueTokens: 1e10 })).toBeGreaterThan(expected);
  });

  test('a power law uses its own variable', () => {
    expect(lossOf(power, power.parameters, { flops: 1e4 })).toBeCloseTo(1.9, 15);
    const ofTokens: Law = { ...power, form: { variable: 'tokens' }, variables: ['tokens'] };
    expect(lossOf(ofTokens, power.parameters, { tokens: 1600, flops: 1 })).toBeCloseTo(2.5, 15);
    expect(lossOf(power, { E: 0, A: 10, a: 1 }, { flops: 10 })).toBe(1);
  });

  test.each([
    ['besiroglu-2024', { params: 1e9 }, /chinchilla law needs tokens/],
    ['kaplan-2020', { tokens: 1e9 }, /kaplan law needs params/],
    ['muennighoff-2023', { params: 1e9, tokens: 1e9 }, /data-constrained law needs uniqueTokens/],
    ['besiroglu-2024', { params: 1e9, tokens: 0 }, /tokens must be positive, not 0/],
    ['besiroglu-2024', { params: -1, tokens: 1 }, /params must be positive, not -1/],
    ['besiroglu-2024', { params: Number.NaN, tokens: 1 }, /params must be positive, not NaN/],
    ['kaplan-2020', { params: 1, tokens: Number.POSITIVE_INFINITY }, /tokens must be positive, not Infinity/],
  ])('%s refuses %j', (name, point, message) => {
    expect(() => lossAt(name, point)).toThrow(
      expect.objectContaining({ code: 'bad-usage', message: expect.stringMatching(message) }),
    );
  });
});
