import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { crossedRows, logSpaced, normals, tableOf, withNoise } from '../../tests/simulated-runs.js';
import { fitLaw } from './fit.js';
import type { Interval } from './intervals.js';
import type { Law } from './law.js';
import { lawDraws, predict, predictor } from './predict.js';
import { publishedLaw } from './published.js';

const surface = { E: 1.8172, A: 482.01, B: 2085.43, alpha: 0.3478, beta: 0.3658 };
const rows = withNoise(crossedRows(surface, logSpaced(5e7, 1e10, 7), logSpaced(1e9, 3e11, 7)), 0.005, normals(1));
const law = fitLaw(tableOf(rows), { law: 'chinchilla', draws: 200 });

const anywhere = fc.record({
  params: fc.double({ min: 7, max: 13, noNaN: true }).map((power) => 10 ** power),
  tokens: fc.double({ min: 8, max: 15, noNaN: true }).map((power) => 10 ** power),
});
const inside = fc.record({
  params: fc.double({ min: Math.log(5e7), max: Math.log(1e10), noNaN: true }).map(Math.exp),
  tokens: fc.double({ min: Math.log(1e9), max: Math.log(3e11), noNaN: true }).map(Math.exp),
});
const levels = fc.double({ min: 0.01, max: 0.99, noNaN: true });
const width = ([low, high]: Interval) => high - low;

describe('a law with draws', () => {
  test('predicts the value of its formula, between the ends of both intervals', () => {
    fc.assert(
      fc.property(anywhere, (point) => {
        const { loss } = predict(law, point);
        const { E, A, B, alpha, beta } = law.parameters;
        const expected = E! + A! / point.params ** alpha! + B! / point.tokens ** beta!;
        expect(Math.abs(loss.value / expected - 1)).toBeLessThan(1e-14);
        expect(loss.level).toBe(0.95);
        for (const [low, high] of [loss.mean!, loss.newRun!]) {
          expect(low).toBeLessThan(loss.value);
          expect(high).toBeGreaterThan(loss.value);
        }
      }),
    );
  });

  // Where there is evidence the scatter of runs is several times the uncertainty of the mean.
  test('a new run is less certain than the mean', () => {
    fc.assert(
      fc.property(inside, fc.constantFrom(0.5, 0.8, 0.95, 0.99), (point, level) => {
        const { mean, newRun } = predict(law, point, level).loss;
        expect(newRun![0]).toBeLessThan(mean![0]);
        expect(newRun![1]).toBeGreaterThan(mean![1]);
      }),
    );
  });

  test('intervals widen with the level, one within the next', () => {
    fc.assert(
      fc.property(anywhere, levels, levels, (point, one, other) => {
        const narrow = predict(law, point, Math.min(one, other)).loss;
        const wide = predict(law, point, Math.max(one, other)).loss;
        for (const kind of ['mean', 'newRun'] as const) {
          expect(wide[kind]![0]).toBeLessThanOrEqual(narrow[kind]![0]);
          expect(wide[kind]![1]).toBeGreaterThanOrEqual(narrow[kind]![1]);
        }
      }),
    );
    const point = { params: 1e9, tokens: 1e10 };
    expect(width(predict(law, point, 0.95).loss.mean!)).toBeGreaterThan(width(predict(law, point, 0.5).loss.mean!));
  });

  // The mean's interval is the quantiles of the draws' losses: of 1 to 5 at level .5 these are 2 and 4.
  test('intervals are quantiles of the draws', () => {
    const values = [3, 1, 5, 2, 4].map((E) => [E, 0, 0, 0.3, 0.3]);
    const drawn: Law = {
      ...law,
      parameters: { E: 3, A: 0, B: 0, alpha: 0.3, beta: 0.3 },
      draws: { ...law.draws!, values },
      residuals: { quantiles: [0] },
    };
    const { loss } = predict(drawn, { params: 1e9, tokens: 1e9 }, 0.5);
    expect(loss).toMatchObject({ value: 3, mean: [2, 4], newRun: [2, 4] });
  });

  // One draw and residuals spread evenly over -1 .. 1: the interval of half of them ends at exp(-+ .5).
  test('a new run meets every residual alike', () => {
    const drawn: Law = {
      ...law,
      draws: { ...law.draws!, values: Array.from({ length: 256 }, () => [2, 0, 0, 0.3, 0.3]) },
      residuals: { quantiles: Array.from({ length: 201 }, (_, k) => (k - 100) / 100) },
    };
    const { newRun } = predict(drawn, { params: 1e9, tokens: 1e9 }, 0.5).loss;
    // Quantiles stand a hundredth apart.
    expect(Math.abs(Math.log(newRun![0] / 2) + 0.5)).toBeLessThan(0.011);
    expect(Math.abs(Math.log(newRun![1] / 2) - 0.5)).toBeLessThan(0.011);
  });

  test('grows unsure far from its evidence, and says how far', () => {
    const predictAt = predictor(law);
    const near = predictAt({ params: 7e8, tokens: 2e10 });
    const far = predictAt({ params: 1e13, tokens: 3e14 });
    expect(near.extrapolation).toMatchObject({ inside: true, decades: 0 });
    expect(far.extrapolation.inside).toBe(false);
    // Three decades past 1e10 parameters and three past 3e11 tokens.
    expect(far.extrapolation.decades).toBeCloseTo(Math.sqrt(18), 9);
    expect(width(far.loss.mean!) / far.loss.value).toBeGreaterThan((3 * width(near.loss.mean!)) / near.loss.value);
  });

  test('draws come by name', () => {
    const draws = lawDraws(law)!;
    expect(draws).toHaveLength(200);
    expect(Object.values(draws[17]!)).toEqual(law.draws!.values[17]);
    expect(Object.keys(draws[17]!)).toEqual(['E', 'A', 'B', 'alpha', 'beta']);
  });
});

describe('a law without draws', () => {
  test.each([
    ['no draws', null],
    ['an empty list of them', { ...law.draws!, values: [] }],
  ])('%s: a value and no interval', (_, draws) => {
    const { loss } = predict({ ...law, draws }, { params: 1e9, tokens: 1e10 });
    expect(loss).toMatchObject({
      value: predict(law, { params: 1e9, tokens: 1e10 }).loss.value,
      mean: null,
      newRun: null,
    });
    expect(lawDraws({ ...law, draws })).toBeNull();
  });

  test('draws without residuals: the mean alone', () => {
    const { loss } = predict({ ...law, residuals: null }, { params: 1e9, tokens: 1e10 });
    expect(loss.mean).not.toBeNull();
    expect(loss.newRun).toBeNull();
  });
});

// Printed by the code of Muennighoff et al. 2023.
test('repeated data: the worked losses of muennighoff-2023, whose evidence is not stated', () => {
  const muennighoff = publishedLaw('muennighoff-2023');
  const prediction = predict(muennighoff, { params: 6.34e9, tokens: 242e9, uniqueTokens: 25e9 });
  expect(Math.abs(prediction.loss.value - 2.2256440889984477)).toBeLessThan(1e-12);
  expect(prediction.extrapolation).toEqual({ inside: null, decades: null, byVariable: {} });
  const other = predict(muennighoff, { params: 8.67e9, tokens: 178e9, uniqueTokens: 25e9 });
  expect(Math.abs(other.loss.value - 2.2269634075087867)).toBeLessThan(1e-12);
});

describe('refuses', () => {
  test.each([0, 1, -0.5, 95, Number.NaN])('the level %d', (level) => {
    expect(() => predictor(law, level)).toThrow(
      expect.objectContaining({ code: 'bad-usage', message: `the level must lie between 0 and 1, not ${level}` }),
    );
  });

  test.each([{}, { params: 1e9 }, { tokens: 1e9 }, { params: 1e9, tokens: Number.NaN }, { params: 0, tokens: 1e9 }])(
    'the point %j',
    (point) => {
      expect(() => predict(law, point)).toThrow(expect.objectContaining({ code: 'bad-usage' }));
    },
  );
});
