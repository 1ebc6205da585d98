import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { publishedLaw } from '../../fit/published.js';
import { intervalWidth, runsForWidth } from './widths.js';

describe('how many runs an interval of .454 to .455 for the exponent a would take', () => {
  // Besiroglu et al. 2024: a has a standard error of .02 by 240 points; Hoffmann et al. 2022 print intervals from the 10th
  // to the 90th percentile. Over 600,000 (abstract); 634,773 by the digits of their notebook.
  test('by the published standard error, which reproduces their number', () => {
    const runs = runsForWidth({ runs: 240, sd: 0.02 }, 0.455 - 0.454, 0.8);
    // 240 (2 * 1.2815516 * .02 / .001)^2, by hand.
    expect(runs).toBeCloseTo(630_669, -2);
    expect(runs / 634_773).toBeGreaterThan(0.99);
    expect(runs / 634_773).toBeLessThan(1.01);
  });

  test('by the draws of our own refit of the same points', () => {
    const draws = publishedLaw('besiroglu-2024').draws!.values.map(([, , , alpha, beta]) => beta! / (alpha! + beta!));
    const mean = draws.reduce((sum, a) => sum + a, 0) / draws.length;
    const sd = Math.sqrt(draws.reduce((sum, a) => sum + (a - mean) ** 2, 0) / (draws.length - 1));
    const runs = runsForWidth({ runs: 240, sd }, 0.001, 0.8);
    expect(runs).toBeGreaterThan(600_000);
    expect(runs).toBeLessThan(900_000);
  });
});

test('half the width takes four times the runs, and the width so far takes the runs so far', () => {
  const positive = fc.double({ min: 1e-3, max: 10, noNaN: true });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1000 }), positive, positive, (runs, sd, width) => {
      const told = { runs, sd };
      const needed = runsForWidth(told, width);
      expect(Math.abs(runsForWidth(told, width / 2) - 4 * needed)).toBeLessThanOrEqual(4);
      expect(runsForWidth(told, intervalWidth(sd, 0.95) * (1 + 1e-12))).toBe(runs);
    }),
  );
  // 2 * 1.959964 standard errors.
  expect(intervalWidth(1, 0.95)).toBeCloseTo(3.919928, 6);
});

test.each([
  [{ runs: 0, sd: 1 }, 1, 0.95, /runs must be positive, not 0/],
  [{ runs: 1, sd: -1 }, 1, 0.95, /sd must be positive, not -1/],
  [{ runs: 1, sd: 1 }, 0, 0.95, /width must be positive, not 0/],
  [{ runs: 1, sd: 1 }, Number.NaN, 0.95, /width must be positive, not NaN/],
  [{ runs: 1, sd: 1 }, 1, 1, /level must lie between 0 and 1, not 1/],
])('runsForWidth(%j, %d, %d) is refused', (told, width, level, message) => {
  expect(() => runsForWidth(told, width, level)).toThrow(message);
});
