import { describe, expect, test } from 'vitest';
import { type Budget, budgetFlops } from './budget.js';

/** An H100 at its dense bf16 peak and list price, at round MFUs. */
const setting = { peakFlops: 989.4e12, mfu: [0.25, 0.5], dollarsPerHour: 4 } as const;

test.each<[Budget, readonly [number, number] | null]>([
  [{ kind: 'params', params: 220e6 }, null],
  [{ kind: 'flops', flops: 1e21 }, [1e21, 1e21]],
  [{ kind: 'gpu-hours', gpuHours: 10 }, [10 * 3600 * 989.4e12 * 0.25, 10 * 3600 * 989.4e12 * 0.5]],
  [{ kind: 'gpus-days', gpus: 8, days: 3 }, [8 * 72 * 3600 * 989.4e12 * 0.25, 8 * 72 * 3600 * 989.4e12 * 0.5]],
  // 100 dollars at 4 an hour are 25 hours.
  [{ kind: 'money', dollars: 100 }, [25 * 3600 * 989.4e12 * 0.25, 25 * 3600 * 989.4e12 * 0.5]],
])('%o', (budget, expected) => {
  const flops = budgetFlops(budget, setting);
  if (expected === null) expect(flops).toBeNull();
  // Relative to 1e-14: the factors may be multiplied in another order.
  else flops!.forEach((end, k) => void expect(end / expected[k]!).toBeCloseTo(1, 14));
});

describe('refusals', () => {
  test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('%d of anything is a bad quantity', (value) => {
    const budgets: Budget[] = [
      { kind: 'params', params: value },
      { kind: 'flops', flops: value },
      { kind: 'gpu-hours', gpuHours: value },
      { kind: 'gpus-days', gpus: value, days: 3 },
      { kind: 'gpus-days', gpus: 8, days: value },
      { kind: 'money', dollars: value },
    ];
    for (const budget of budgets) {
      expect(() => budgetFlops(budget, setting)).toThrow(
        expect.objectContaining({ code: 'bad-quantity', message: expect.stringContaining(`not ${value}`) }),
      );
    }
  });

  test('hours whose FLOPs overflow', () => {
    expect(() => budgetFlops({ kind: 'gpu-hours', gpuHours: 1e300 }, setting)).toThrow(
      expect.objectContaining({ code: 'bad-quantity' }),
    );
  });

  test.each([null, 0, -1, Number.NaN])('money at a price of %s', (dollarsPerHour) => {
    expect(() => budgetFlops({ kind: 'money', dollars: 100 }, { ...setting, dollarsPerHour })).toThrow(
      expect.objectContaining({ code: 'bad-usage', message: expect.stringContaining('--price') }),
    );
  });
});
