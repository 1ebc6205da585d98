import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CostInputs, trainingCost } from './cost.js';
import { defaultCarbonIntensity, defaultMfu, defaultPue } from './cost-defaults.js';

const inputs: CostInputs = {
  flops: 1.8e21,
  peakFlops: 1e15,
  devices: 8,
  mfu: [0.25, 0.5],
  dollarsPerHour: 2,
  watts: 700,
  pue: 1.2,
  carbonIntensity: 400,
};

describe('trainingCost', () => {
  // 1.8e21 / 1e15 = 1.8e6 device seconds at the peak, 500 hours: 1,000 at half of it, 2,000 at a quarter.
  it('follows a calculation by hand', () => {
    const cost = trainingCost(inputs);
    expect(cost.deviceHours).toEqual([1000, 2000]);
    expect(cost.wallSeconds).toEqual([450_000, 900_000]);
    expect(cost.dollars).toEqual([2000, 4000]);
    // Products of decimal fractions round in the last digits.
    expect(cost.kiloWattHours![0]).toBeCloseTo(840, 9);
    expect(cost.kiloWattHours![1]).toBeCloseTo(1680, 9);
    expect(cost.kilogramsCo2e![0]).toBeCloseTo(336, 9);
    expect(cost.kilogramsCo2e![1]).toBeCloseTo(672, 9);
  });

  // Patterson et al. 2021, table 4: 3.14e23 FLOPs on 10,000 V100 (peak 125 TFLOP/s) at 24.6 TFLOP/s and 330 W with a PUE of
  // 1.10 took 14.8 days and 1,287 MWh; at 0.429 kg a kWh, 552.1 t.
  it('agrees with what was published of GPT-3', () => {
    const cost = trainingCost({
      flops: 3.14e23,
      peakFlops: 125e12,
      devices: 10_000,
      mfu: [24.6 / 125, 24.6 / 125],
      dollarsPerHour: null,
      watts: 330,
      pue: 1.1,
      carbonIntensity: 429,
    });
    expect((cost.wallSeconds[0] / 86400).toFixed(1)).toBe('14.8');
    expect((cost.kiloWattHours![0] / 1e3).toFixed(0)).toBe('1287');
    // The published figure multiplies rounded ones: within a tonne.
    expect(Math.abs(cost.kilogramsCo2e![0] / 1e3 - 552.1)).toBeLessThan(1);
  });

  it('leaves out what price and power are missing for', () => {
    const { deviceHours, wallSeconds, kiloWattHours, kilogramsCo2e, dollars } = trainingCost(inputs);
    expect(trainingCost({ ...inputs, dollarsPerHour: null })).toEqual({
      ...{ deviceHours, wallSeconds, kiloWattHours, kilogramsCo2e, dollars: null },
    });
    expect(trainingCost({ ...inputs, watts: null })).toEqual({
      ...{ deviceHours, wallSeconds, dollars, kiloWattHours: null, kilogramsCo2e: null },
    });
    expect(trainingCost({ ...inputs, dollarsPerHour: 0 }).dollars).toEqual([0, 0]);
  });

  it('orders every range, in proportion to FLOPs, whatever the number of devices', () => {
    const share = fc.double({ min: 0.01, max: 1, noNaN: true });
    fc.assert(
      fc.property(
        fc.double({ min: 1e12, max: 1e27, noNaN: true }),
        fc.integer({ min: 1, max: 100_000 }),
        share,
        share,
        (flops, devices, one, other) => {
          const mfu = [Math.min(one, other), Math.max(one, other)] as const;
          const cost = trainingCost({ ...inputs, flops, devices, mfu });
          const single = trainingCost({ ...inputs, flops, devices: 1, mfu });
          // Doubling is exact in binary, so the proportion is too.
          const twice = trainingCost({ ...inputs, flops: 2 * flops, devices, mfu });
          for (const key of ['deviceHours', 'wallSeconds', 'dollars', 'kiloWattHours', 'kilogramsCo2e'] as const) {
            const range = cost[key]!;
            expect(range[0]).toBeGreaterThan(0);
            expect(range[0]).toBeLessThanOrEqual(range[1]);
            expect(twice[key]).toEqual([2 * range[0], 2 * range[1]]);
          }
          expect({ ...cost, wallSeconds: null }).toEqual({ ...single, wallSeconds: null });
          // A few roundings of 1e-16 each.
          expect((cost.wallSeconds[0] * devices) / single.wallSeconds[0]).toBeCloseTo(1, 12);
        },
      ),
    );
  });

  it('takes the defaults, which each name their source', () => {
    const defaults = {
      mfu: defaultMfu.value,
      pue: defaultPue.value,
      carbonIntensity: defaultCarbonIntensity.value,
    };
    expect(trainingCost({ ...inputs, ...defaults }).deviceHours[0]).toBeGreaterThan(500);
    // The source of each states the year or the table, and the figures of the MFU.
    expect(defaultMfu.source).toContain(`${defaultMfu.value[0] * 100}%`);
    expect(defaultMfu.source).toContain(`${defaultMfu.value[1] * 100}%`);
    expect(defaultPue.source).toMatch(/\b20\d\d\b/);
    expect(defaultCarbonIntensity.source).toMatch(/\b20\d\d\b/);
  });

  it.each([
    [{ flops: 0 }, 'FLOPs must be positive, not 0'],
    [{ flops: Number.NaN }, 'FLOPs must be positive, not NaN'],
    [{ flops: Number.POSITIVE_INFINITY }, 'FLOPs must be positive, not Infinity'],
    [{ peakFlops: -1 }, 'peak FLOP/s must be positive, not -1'],
    [{ peakFlops: Number.POSITIVE_INFINITY }, 'peak FLOP/s must be positive, not Infinity'],
    [{ devices: 0 }, 'devices must be a positive integer, not 0'],
    [{ devices: 1.5 }, 'devices must be a positive integer, not 1.5'],
    [{ mfu: [0, 0.5] }, 'MFU must be a range within 0 and 1, the lower end first, not 0 to 0.5'],
    [{ mfu: [0.5, 0.4] }, 'not 0.5 to 0.4'],
    [{ mfu: [0.5, 1.1] }, 'not 0.5 to 1.1'],
    [{ mfu: [0.5, Number.NaN] }, 'not 0.5 to NaN'],
    [{ dollarsPerHour: -1 }, 'the price must not be negative, not -1'],
    [{ dollarsPerHour: Number.NaN }, 'the price must not be negative, not NaN'],
    [{ watts: -1 }, 'watts must not be negative, not -1'],
    [{ pue: 0.9 }, 'PUE must be at least 1, not 0.9'],
    [{ pue: Number.NaN }, 'PUE must be at least 1, not NaN'],
    [{ carbonIntensity: -1 }, 'carbon intensity must not be negative, not -1'],
  ] as const)('refuses %j', (wrong, message) => {
    expect(() => trainingCost({ ...inputs, ...wrong })).toThrow(
      expect.objectContaining({ code: 'bad-usage', message: expect.stringContaining(message) }),
    );
  });
});
