import { describe, expect, test } from 'vitest';
import { logSpaced, normals, type SimulatedRow, tableOf } from '../../../tests/simulated-runs.js';
import { studentQuantile } from '../distributions.js';
import { scalingOperators } from './operators.js';
import { regionReport } from './report.js';

/** One run for each budget; the exponent falls from .15 to .08 at 1e20 FLOPs. */
function sweep(count: number, sigma: number, seed = 1): SimulatedRow[] {
  const normal = normals(seed);
  return logSpaced(1e18, 1e22, count).map((flops) => {
    const x = Math.log(flops / 1e20);
    return { params: 1e8, flops, loss: Math.exp(1 - 0.15 * x + 0.07 * Math.max(0, x) + sigma * normal()) };
  });
}

/** Shapes and tokens drawn apart; depth pays below 5e18 FLOPs, width above. */
function shapes(
  count: number,
  sigma: number,
  extra: (row: number) => Partial<SimulatedRow> = () => ({}),
): SimulatedRow[] {
  const normal = normals(7);
  const pick = <Value>(values: readonly Value[]) =>
    values[Math.min(values.length - 1, Math.floor(values.length * (0.5 + Math.atan(normal()) / Math.PI)))]!;
  return Array.from({ length: count }, (_, row) => {
    const [layers, dModel] = [pick([4, 6, 8, 12, 16, 24]), pick([256, 384, 512, 768, 1024])];
    const tokens = pick(logSpaced(1e9, 1e12, 12));
    const params = 12 * layers * dModel ** 2;
    const flops = 6 * params * tokens;
    const [depth, width, length] = flops < 5e18 ? [0.12, 0.06, 0.05] : [0.04, 0.09, 0.03];
    const jump = flops < 5e18 ? 0 : -0.6;
    const logLoss = 3 + jump - depth * Math.log(layers) - width * Math.log(dModel) - length * Math.log(tokens);
    return {
      ...{ params, tokens, flops, decoderLayers: layers, dModel },
      loss: Math.exp(logLoss + sigma * normal()),
      ...extra(row),
    };
  });
}

describe('a report', () => {
  const report = regionReport(tableOf(sweep(80, 0.01)));

  test('says how many regions there are, where, and with what exponents', () => {
    expect(report).toMatchObject({ variable: 'flops', continuous: true, rows: 80, runs: 80, chosen: { breaks: 1 } });
    const [low, high] = report.regions;
    expect([low!.from, high!.to]).toEqual([null, null]);
    expect(low!.to).toBe(high!.from);
    expect(low!.rows + high!.rows).toBe(80);
    const [breakpoint] = report.breakpoints;
    expect(breakpoint!.interval[0]).toBeLessThan(1e20);
    expect(breakpoint!.interval[1]).toBeGreaterThan(1e20);
    for (const [region, exponent] of [
      [low, 0.15],
      [high, 0.08],
    ] as const) {
      const { value, standardError, interval } = region!.exponents[0]!;
      expect(Math.abs(value - exponent)).toBeLessThan(4 * standardError!);
      expect(interval![1] - interval![0]).toBeCloseTo(2 * 1.99 * standardError!, 4);
      // The region's own line at a point of its own.
      const flops = Math.sqrt(region!.evidence[0] * region!.evidence[1]);
      const x = Math.log(flops / 1e20);
      const truth = 1 - 0.15 * x + 0.07 * Math.max(0, x);
      expect(Math.log(region!.amplitude) - value * Math.log(flops)).toBeCloseTo(truth, 2);
    }
    expect(report.tests).toHaveLength(1);
    expect(report.tests[0]).toMatchObject({ hypothesis: 0, alternative: 1, p: 1 / 200 });
    const { gain, standardError } = report.tests[0]!.holdOut!;
    expect(gain).toBeGreaterThan(2 * standardError);
  });

  test('is plain data, the same whatever the order of the rows', () => {
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
    const turned = regionReport(
      tableOf(
        sweep(80, 0.01)
          .map((row, k) => ({ ...row, row: k + 1, runId: `run-${k + 1}` }))
          .reverse(),
      ),
    );
    expect(turned).toEqual(report);
  });

  test('of one region tests it against two', () => {
    const normal = normals(3);
    const rows = logSpaced(1e18, 1e22, 60).map((flops) => ({
      params: 1e8,
      flops,
      loss: 50 * flops ** -0.05 * Math.exp(0.01 * normal()),
    }));
    const one = regionReport(tableOf(rows), { replicates: 99 });
    expect(one.regions).toHaveLength(1);
    expect(one.breakpoints).toEqual([]);
    expect(one.tests[0]).toMatchObject({ hypothesis: 0, alternative: 1 });
    expect(one.tests[0]!.p).toBeGreaterThan(0.05);
  });

  test('says when more regions are asked for than it would take', () => {
    const asked = regionReport(tableOf(sweep(80, 0.01)), { breaks: 2, replicates: 0 });
    expect(asked.regions).toHaveLength(3);
    expect(asked.notes).toContainEqual(expect.stringContaining('the table has 2 regions'));
  });
});

// 2.2281 and 1.96 of tables of Student's t; 12.706 at one degree of freedom.
test.each([
  [0.95, 10, 2.228139],
  [0.95, 1, 12.7062],
  [0.95, 1e6, 1.959966],
  [0.8, 5, 1.475884],
])('at level %d and %d degrees of freedom t is %d', (level, degrees, size) => {
  expect(studentQuantile((1 + level) / 2, degrees) / size).toBeCloseTo(1, 5);
});

describe('scaling operators', () => {
  test('have an exponent each in each region, tokens too', () => {
    const report = regionReport(tableOf(shapes(200, 0)), { operators: 'varied', replicates: 0 });
    expect(report).toMatchObject({ continuous: false, operators: ['layers', 'dModel', 'tokens'] });
    expect(report.regions).toHaveLength(2);
    const values = report.regions.map(({ exponents }) => exponents.map(({ value }) => value));
    [
      [0.12, 0.06, 0.05],
      [0.04, 0.09, 0.03],
    ].forEach((exponents, region) => {
      exponents.forEach((exponent, k) => {
        expect(values[region]![k]).toBeCloseTo(exponent, 8);
      });
    });
    expect(report.breakpoints[0]!.interval[0]).toBeLessThan(5e18);
    expect(report.breakpoints[0]!.interval[1]).toBeGreaterThan(5e18);
  });

  test('that move with others are left out with a note, or refused where asked for', () => {
    const table = tableOf(shapes(200, 0.01, () => ({})).map((row) => ({ ...row, dFf: 4 * row.dModel! })));
    const report = regionReport(table, { operators: 'varied', replicates: 0 });
    expect(report.operators).toEqual(['layers', 'dModel', 'tokens']);
    expect(report.notes).toContainEqual(expect.stringContaining('dFf is no operator of the regions: it moves with'));
    expect(() => regionReport(table, { operators: ['layers', 'dModel', 'dFf'] })).toThrow(
      expect.objectContaining({ code: 'collinear', details: expect.objectContaining({ columns: ['dModel', 'dFf'] }) }),
    );
  });

  test('are of both stacks where they vary apart', () => {
    const table = tableOf(shapes(150, 0.01, (row) => ({ encoderLayers: [2, 4, 6, 8, 12][row % 5]! })));
    const { operators } = regionReport(table, { operators: 'varied', replicates: 0 });
    expect(operators.slice(0, 2)).toEqual(['encoderLayers', 'decoderLayers']);
  });

  test('name the dimensions of a shape', () => {
    expect(scalingOperators).toEqual(['encoderLayers', 'decoderLayers', 'layers', 'dModel', 'dFf', 'heads', 'dKv']);
  });
});

describe('refusals', () => {
  const table = tableOf(shapes(60, 0.01));
  test.each([
    ['no-variation', () => regionReport(tableOf(shapes(60, 0.01, () => ({ heads: 8 }))), { operators: ['heads'] })],
    ['no-variation', () => regionReport(tableOf(sweep(30, 0.01)), { operators: 'varied' })],
    ['no-variation', () => regionReport(tableOf(sweep(30, 0.01).map((row) => ({ ...row, flops: 1e19 }))))],
    ['missing-column', () => regionReport(table, { operators: ['dKv'] })],
    ['missing-column', () => regionReport(tableOf([{ params: 1e8, loss: 3 }]))],
    ['non-finite', () => regionReport(tableOf([...sweep(30, 0), { params: 1, flops: 1e19, loss: Number.NaN }]))],
    ['bad-rows', () => regionReport(tableOf([...sweep(30, 0), { params: 1, flops: 0, loss: 3 }]))],
    ['too-few-configurations', () => regionReport(tableOf(sweep(5, 0.01)), { breaks: 1 })],
    ['too-few-configurations', () => regionReport(tableOf(shapes(16, 0.01)), { operators: 'varied', breaks: 3 })],
    ['bad-usage', () => regionReport(table, { operators: ['layers'], continuous: true })],
    ['bad-usage', () => regionReport(table, { breaks: 5 })],
    ['bad-usage', () => regionReport(table, { mostBreaks: -1 })],
    ['bad-usage', () => regionReport(table, { level: 95 })],
    ['bad-usage', () => regionReport(table, { replicates: 0.5 })],
  ])('%s: %s', (code, run) => {
    expect(run).toThrow(expect.objectContaining({ code }));
  });
});
