import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkSchedule, cooldownStart, learningRateAt, type Schedule } from './schedule.js';

const schedule = (kind: Schedule['kind'], more: Partial<Schedule> = {}): Schedule => ({
  kind,
  peak: 0.01,
  warmupSteps: 0,
  ramp: false,
  cooldown: 0,
  ...more,
});

const rates = (given: Schedule, total: number) =>
  Array.from({ length: total }, (_, index) => learningRateAt(given, index + 1, total));

const anySchedule: fc.Arbitrary<Schedule> = fc.record({
  kind: fc.constantFrom('inverse-sqrt', 'cosine', 'constant'),
  peak: fc.double({ min: 1e-6, max: 1, noNaN: true }),
  warmupSteps: fc.nat(50),
  ramp: fc.boolean(),
  cooldown: fc.double({ min: 0, max: 1, noNaN: true }),
});

describe('inverse-sqrt', () => {
  // Raffel et al. 2020, section 3.1.2: 1 / sqrt(max(n, k)) with k = 10,000, which starts at 0.01.
  test.each([
    [1, 0.01],
    [9_999, 0.01],
    [10_000, 0.01],
    [40_000, 0.005],
    [1_000_000, 0.001],
  ])('at step %i is %f, as T5 has it', (step, rate) => {
    expect(learningRateAt(schedule('inverse-sqrt', { warmupSteps: 10_000 }), step, 1_000_000)).toBeCloseTo(rate, 12);
  });

  test('rises from 0 with a ramp, and falls from the first step without warm-up', () => {
    const ramp = schedule('inverse-sqrt', { warmupSteps: 100, ramp: true });
    expect([1, 50, 100, 400].map((step) => learningRateAt(ramp, step, 1000))).toEqual([0.0001, 0.005, 0.01, 0.005]);
    for (const [index, rate] of rates(schedule('inverse-sqrt'), 4).entries())
      expect(rate).toBeCloseTo(0.01 / Math.sqrt(index + 1), 12);
  });
});

describe('cosine', () => {
  test('goes from the peak to a tenth of it, through their mean half-way', () => {
    const given = schedule('cosine', { warmupSteps: 20, ramp: true });
    const at = (step: number) => learningRateAt(given, step, 120);
    expect(at(1)).toBeCloseTo(0.01 / 20, 12);
    expect(at(20)).toBeCloseTo(0.01, 12);
    expect(at(70)).toBeCloseTo(0.0055, 12);
    expect(at(120)).toBeCloseTo(0.001, 12);
  });

  test('falls all the way', () => {
    const all = rates(schedule('cosine'), 50);
    for (const [index, rate] of all.slice(1).entries()) expect(rate).toBeLessThan(all[index]!);
  });
});

describe('constant', () => {
  test('falls linearly over its cool-down, and stays above 0', () => {
    const all = rates(schedule('constant', { peak: 1, cooldown: 0.2 }), 20);
    expect(all.slice(0, 16)).toEqual(Array(16).fill(1));
    for (const [index, rate] of all.slice(16).entries()) expect(rate).toBeCloseTo((4 - index) / 5, 12);
  });

  test('without a cool-down is constant to the end, and with one over all steps falls from the first', () => {
    expect(rates(schedule('constant'), 5)).toEqual(Array(5).fill(0.01));
    expect(rates(schedule('constant', { peak: 1, cooldown: 1 }), 3)).toEqual([0.75, 0.5, 0.25]);
  });

  test('is the same for any two lengths until the first cool-down begins', () => {
    fc.assert(
      fc.property(anySchedule, fc.integer({ min: 1, max: 300 }), fc.nat(300), (any, short, more) => {
        const given = { ...any, kind: 'constant' as const };
        const shared = cooldownStart(given, short);
        // A longer run's cool-down never begins earlier: its branches lie on the trunk.
        expect(cooldownStart(given, short + more)).toBeGreaterThanOrEqual(shared);
        expect(rates(given, short + more).slice(0, shared)).toEqual(rates(given, short).slice(0, shared));
      }),
    );
  });
});

test('every rate is positive and at most the peak', () => {
  fc.assert(
    fc.property(anySchedule, fc.integer({ min: 1, max: 200 }), (given, total) => {
      for (const rate of rates(given, total)) {
        expect(rate).toBeGreaterThan(0);
        expect(rate).toBeLessThanOrEqual(given.peak);
      }
    }),
  );
});

describe('checkSchedule', () => {
  const refusal = (message: RegExp) =>
    expect.objectContaining({ code: 'bad-usage', message: expect.stringMatching(message) });
  const thrown = (more: Partial<Schedule>): unknown => {
    try {
      checkSchedule(schedule('constant', more));
    } catch (error) {
      return error;
    }
    return undefined;
  };

  test.each([
    [{ peak: 0 }, /learning rate must be positive, not 0/],
    [{ peak: -1 }, /not -1/],
    [{ peak: Number.NaN }, /not NaN/],
    [{ peak: Number.POSITIVE_INFINITY }, /not Infinity/],
    [{ warmupSteps: -1 }, /whole number of steps, not -1/],
    [{ warmupSteps: 1.5 }, /not 1\.5/],
    [{ warmupSteps: Number.NaN }, /not NaN/],
    [{ cooldown: -0.1 }, /0 to 1, not -0\.1/],
    [{ cooldown: 1.1 }, /not 1\.1/],
    [{ cooldown: Number.NaN }, /not NaN/],
  ])('refuses %o', (more, message) => {
    expect(thrown(more)).toEqual(refusal(message));
  });

  test('takes the ends of each range', () => {
    expect(thrown({ warmupSteps: 0, cooldown: 0 })).toBeUndefined();
    expect(thrown({ cooldown: 1 })).toBeUndefined();
  });
});
