import fc from 'fast-check';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { describe, expect, test } from 'vitest';
import { normalQuantile } from './distributions.js';
import { bcaInterval, centralInterval, refitInterval } from './intervals.js';

// Efron and Tibshirani 1993, An Introduction to the Bootstrap: table 3.1, LSAT and GPA of 15 law schools, and table 14.1, 26
// measurements of the spatial test.
const schools = [
  [576, 3.39],
  [635, 3.3],
  [558, 2.81],
  [578, 3.03],
  [666, 3.44],
  [580, 3.07],
  [555, 3.0],
  [661, 3.43],
  [651, 3.36],
  [605, 3.13],
  [653, 3.12],
  [575, 2.74],
  [545, 2.76],
  [572, 2.88],
  [594, 2.96],
] as const;
const spatial = [48, 36, 20, 29, 42, 42, 20, 42, 22, 41, 45, 14, 6, 0, 33, 28, 34, 4, 32, 24, 47, 41, 24, 26, 30, 41];

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const covariance = (x: readonly number[], y: readonly number[]) =>
  mean(x.map((value, k) => value * y[k]!)) - mean(x) * mean(y);

function correlation(pairs: readonly (readonly [number, number])[]): number {
  const [x, y] = [pairs.map(([lsat]) => lsat), pairs.map(([, gpa]) => gpa)];
  return covariance(x, y) / Math.sqrt(covariance(x, x) * covariance(y, y));
}

/** The BCa interval of a statistic of a sample by its definition: resamples, and the sample less one each. */
function bcaOf<T>(sample: readonly T[], statistic: (sample: readonly T[]) => number, level: number) {
  const random = xoroshiro128plus(1);
  const draws = Array.from({ length: 20_000 }, () =>
    statistic(sample.map(() => sample[uniformInt(random, 0, sample.length - 1)]!)),
  );
  return bcaInterval(
    draws,
    statistic(sample),
    sample.map((_, left) => statistic(sample.filter((_value, k) => k !== left))),
    level,
  );
}

// scipy 1.17.1: stats.bootstrap(..., method='BCa', n_resamples=200000 or 400000), two seeds of which agree to .003 and .5.
describe('the BCa interval is that of scipy', () => {
  // 20,000 draws put an end of 95%, where some 3 in 100 a hundredth lie, within .01.
  test.each([
    [0.9, 0.431, 0.927],
    [0.95, 0.334, 0.942],
  ])('of a correlation, at %d', (level, low, high) => {
    expect(correlation(schools)).toBeCloseTo(0.7764, 4);
    const interval = bcaOf(schools, correlation, level);
    expect(Math.abs(interval[0] - low)).toBeLessThan(0.015);
    expect(Math.abs(interval[1] - high)).toBeLessThan(0.004);
  });

  test('of a variance, at 0.9', () => {
    const [low, high] = bcaOf(spatial, (values) => covariance(values, values), 0.9);
    expect(Math.abs(low - 115.6)).toBeLessThan(1.5);
    expect(Math.abs(high - 261.3)).toBeLessThan(3);
  });
});

describe('bcaInterval', () => {
  // Draws that are the normal quantiles themselves, a thousandth apart where it matters, and estimates without skewness.
  const even = Array.from({ length: 9999 }, (_, k) => normalQuantile((k + 1) / 10_000));
  const symmetric = [-1, 1, -2, 2];

  test('is the percentile interval where there is neither bias nor skewness', () => {
    const [low, high] = bcaInterval(even, 0, symmetric, 0.9);
    const [from, to] = centralInterval(even, 0.9);
    expect(low).toBeCloseTo(from, 2);
    expect(high).toBeCloseTo(to, 2);
  });

  // By hand: of draws about -.5 the bias is z = .5, and both ends move up by twice that.
  test('moves up by twice the bias', () => {
    const [low, high] = bcaInterval(
      even.map((value) => value - 0.5),
      0,
      symmetric,
      0.8,
    );
    expect(low).toBeCloseTo(-0.5 + normalQuantile(0.1) + 1, 2);
    expect(high).toBeCloseTo(-0.5 + normalQuantile(0.9) + 1, 2);
  });

  // By hand: cubes of (3 - 0) and six of (-.5 - 0) are 27 - .75 with squares of 9 + 1.5: a = -26.25 / (6 * 10.5^1.5).
  test('moves by the skewness of the estimates that leave one out', () => {
    const a = -26.25 / (6 * 10.5 ** 1.5);
    const [low, high] = bcaInterval(even, 0, [3, -0.5, -0.5, -0.5, -0.5, -0.5, -0.5], 0.8);
    expect(low).toBeCloseTo(normalQuantile(0.1) / (1 - a * normalQuantile(0.1)), 2);
    expect(high).toBeCloseTo(normalQuantile(0.9) / (1 - a * normalQuantile(0.9)), 2);
  });

  test('stays within the draws, in order, whatever they are', () => {
    const some = fc.array(fc.double({ min: -1e3, max: 1e3, noNaN: true }), { minLength: 2, maxLength: 30 });
    fc.assert(
      fc.property(some, some, fc.double({ min: -1e3, max: 1e3, noNaN: true }), (draws, leftOut, estimate) => {
        const [low, high] = bcaInterval(draws, estimate, leftOut, 0.9);
        expect(low).toBeGreaterThanOrEqual(Math.min(...draws));
        expect(high).toBeLessThanOrEqual(Math.max(...draws));
        expect(low).toBeLessThanOrEqual(high);
      }),
    );
  });
});

describe('refitInterval', () => {
  const draws = Array.from({ length: 101 }, (_, k) => k / 100);

  test('is the central one without leave-out estimates, and none without draws', () => {
    expect(refitInterval(draws, 0.9)).toEqual(centralInterval(draws, 0.9));
    expect(refitInterval([], 0.9)).toBeNull();
  });

  test('is that of BCa with them', () => {
    const [estimate, leftOut] = [0.45, [0.1, 0.5, 0.6]];
    const interval = refitInterval(draws, 0.9, { estimate, leftOut });
    expect(interval).toEqual(bcaInterval(draws, estimate, leftOut, 0.9));
    expect(interval).not.toEqual(centralInterval(draws, 0.9));
  });

  test('is none where an end lies beyond the numbers', () => {
    const logs = draws.map((value) => Math.log(value - 0.2));
    expect(refitInterval(logs, 0.9)).toBeNull();
    const poles = draws.map((value) => 1 / (value - 0.03));
    expect(refitInterval(poles, 0.9)).not.toBeNull();
  });
});
