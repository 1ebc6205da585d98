import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { countLabel, ticksOf } from './ticks.js';

describe('ticks', () => {
  test.each([
    [[3e17, 3e21], 'log', 10, '1e18 1e19 1e20 1e21'],
    [[40e6, 12e9], 'log', 10, '50M 100M 200M 500M 1B 2B 5B 10B'],
    [[1e18, 1e30], 'log', 5, '1e18 1e21 1e24 1e27 1e30'],
    [[2, 4], 'log', 5, '2.0 2.5 3.0 3.5 4.0'],
    [[1.5, 3.7], 'log', 5, '1.5 2.0 2.5 3.0 3.5'],
    [[3.1e9, 7e9], 'log', 5, '4B 5B 6B 7B'],
    [[5e11, 3e15], 'log', 5, '1e12 1e13 1e14 1e15'],
    [[1e-5, 1e-2], 'log', 5, '1e-5 1e-4 1e-3 1e-2'],
    [[-0.021, 0.02], 'linear', 6, '-0.02 -0.01 0.00 0.01 0.02'],
    [[-3e-4, 3e-4], 'linear', 4, '-2e-4 0 2e-4'],
    [[0, 14], 'linear', 8, '0 2 4 6 8 10 12 14'],
    [[0, 50_000], 'linear', 6, '0 10k 20k 30k 40k 50k'],
    [[5e-324, 2.0000000000000004], 'linear', 2, '2'],
  ] as const)('of %j on a %s axis, %i at most', (domain, scale, most, labels) => {
    expect(ticksOf(domain, scale, most).labels.join(' ')).toBe(labels);
  });

  test('lie in the domain, rise, and are few, with a label each of their own', () => {
    const domain = fc.tuple(
      fc.double({ min: -30, max: 30, noNaN: true }),
      fc.double({ min: 0.01, max: 12, noNaN: true }),
    );
    fc.assert(
      fc.property(
        domain,
        fc.integer({ min: 2, max: 12 }),
        fc.constantFrom('log', 'linear'),
        ([low, width], most, scale) => {
          const [from, to] = scale === 'log' ? [10 ** low, 10 ** (low + width)] : [low, low + width];
          const { values, labels } = ticksOf([from, to], scale, most);
          expect(values.length).toBeLessThanOrEqual(most + 1);
          expect(values.every((value, k) => value >= from && value <= to && (k === 0 || value > values[k - 1]!))).toBe(
            true,
          );
          expect(new Set(labels).size).toBe(values.length);
        },
      ),
    );
  });
});

test.each([
  [222_903_552, '222.904M'],
  [20e6, '20M'],
  [1.5e9, '1.5B'],
  [2e12, '2T'],
  [5.76e23, '5.76e23'],
  [1000, '1k'],
  [0.25, '0.25'],
  [0, '0'],
  [1e-6, '1e-6'],
])('%d is written %s', (value, label) => {
  expect(countLabel(value)).toBe(label);
});
