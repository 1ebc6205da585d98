import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { trueOptimum } from '../../../tests/isoflop-sweeps.js';
import {
  crossedRows,
  logSpaced,
  normals,
  relativeError,
  type SimulatedRow,
  tableOf,
  withNoise,
} from '../../../tests/simulated-runs.js';
import { readRunTable } from '../../runs/index.js';
import { computeOptimum } from '../compute-optimum.js';
import { type FrontierOptions, frontier, optimumAt } from './index.js';

// Hoffmann et al. 2022, equation 10.
const hoffmann = { E: 1.69, A: 406.4, B: 410.7, alpha: 0.34, beta: 0.28 };

/** Runs of sizes about the optima of 1e18 to 1e22 FLOPs, each with checkpoints from far too early to far too late. */
function sweep(sizes: number, checkpoints: number): SimulatedRow[] {
  const { a, G } = computeOptimum(hoffmann);
  return logSpaced(1e17, 1e23, sizes).flatMap((flops, run) => {
    const params = G * (flops / 6) ** a;
    return crossedRows(hoffmann, [params], logSpaced(flops / 600 / params, flops / params / 0.06, checkpoints)).map(
      (row) => ({
        ...row,
        runId: `run-${run}`,
      }),
    );
  });
}
const estimateOf = (rows: readonly SimulatedRow[], options: FrontierOptions = {}) => frontier(tableOf(rows), options);

describe.each(['hull', 'running-minimum'] as const)('%s', (envelope) => {
  test('many sizes without noise: exponents of the surface, and its optimum', () => {
    const estimate = estimateOf(sweep(31, 40), { envelope, draws: 0, at: [1e20] });
    const { a, b } = computeOptimum(hoffmann);
    expect(Math.abs(estimate.params.exponent.value - a)).toBeLessThan(0.01);
    expect(Math.abs(estimate.tokens.exponent.value - b)).toBeLessThan(0.01);
    const [{ params, tokens }] = estimate.optima as [(typeof estimate.optima)[0]];
    expect(relativeError(params.value, trueOptimum(hoffmann, 1e20).params)).toBeLessThan(0.05);
    expect(relativeError(tokens.value, trueOptimum(hoffmann, 1e20).tokens)).toBeLessThan(0.05);
  });

  test('points run from less to more compute at ever less loss, and no row lies below them', () => {
    const rows = withNoise(sweep(15, 12), 0.01, normals(1));
    const { frontier: points } = estimateOf(rows, { envelope, draws: 0, edges: 'keep' });
    for (const [k, point] of points.entries()) {
      if (k === 0) continue;
      expect(point.flops).toBeGreaterThan(points[k - 1]!.flops);
      if (envelope === 'hull') expect(point.loss).toBeLessThan(points[k - 1]!.loss);
    }
    if (envelope === 'running-minimum') return;
    for (const { flops, loss } of rows) {
      const next = points.findIndex((point) => point.flops >= flops!);
      if (next <= 0) continue;
      const [from, to] = [points[next - 1]!, points[next]!];
      const share = Math.log(flops! / from.flops) / Math.log(to.flops / from.flops);
      expect(Math.log(loss)).toBeGreaterThanOrEqual(
        Math.log(from.loss) + share * Math.log(to.loss / from.loss) - 1e-12,
      );
    }
  });

  test('intervals by runs: the same bits by seed, about the estimate', () => {
    const rows = withNoise(sweep(15, 12), 0.002, normals(2));
    const options = { envelope, draws: 100, seed: 5 };
    const [first, again] = [estimateOf(rows, options), estimateOf(rows, options)];
    expect(again).toEqual(first);
    expect(estimateOf(rows, { ...options, seed: 6 }).params.exponent.interval).not.toEqual(
      first.params.exponent.interval,
    );
    const [low, high] = first.params.exponent.interval!;
    expect(low).toBeLessThan(first.params.exponent.value);
    expect(high).toBeGreaterThan(first.params.exponent.value);
    expect(first).toMatchObject({
      method: 'frontier',
      intervalKind: 'percentile, bootstrap over runs',
      seed: 5,
      budgets: [],
    });
    expect(JSON.parse(JSON.stringify(first))).toEqual(first);
  });
});

test('a hull by hand', () => {
  // On log axes: 1,2,3,4 decades of compute; the third lies above the line from the second to the fourth, the fifth is no better.
  const at = (params: number, flops: number, loss: number) => ({ params, flops, tokens: flops / (6 * params), loss });
  const rows = [at(1e6, 10, 8), at(2e6, 100, 4), at(3e6, 1000, 3.9), at(4e6, 1e4, 3), at(5e6, 1e5, 3), at(6e6, 100, 5)];
  const { frontier: points, notes } = estimateOf(rows, { draws: 0, edges: 'keep' });
  expect(points.map(({ row }) => row)).toEqual([1, 2, 4]);
  expect(notes.join()).toContain('has 3 of 6 rows, of 3 of 6 runs');
});

test('the running minimum interpolates between the checkpoints of a run', () => {
  const run = (runId: string, params: number, points: [number, number][]) =>
    points.map(([flops, loss]) => ({ runId, params, flops, tokens: flops / (6 * params), loss }));
  const rows = [
    ...run('a', 1e6, [
      [1, 8],
      [100, 4],
    ]),
    ...run('b', 2e6, [
      [10, 7],
      [1e4, 2],
    ]),
    ...run('c', 4e6, [
      [1e3, 5],
      [1e5, 1],
    ]),
  ];
  const { frontier: points, evidence } = estimateOf(rows, { envelope: 'running-minimum', draws: 0, edges: 'keep' });
  expect(evidence).toEqual({ flops: [1, expect.closeTo(1e5, 6)], points: 1500 });
  expect(points.map(({ runId }) => runId)).toEqual(['a', 'a', 'b', 'b', 'c', 'c']);
  expect(points[0]).toMatchObject({ row: 1, params: expect.closeTo(1e6, 3) });
  // a ends at 100; b, on the line of logarithms from (10, 7) to (1e4, 2), is then at 7 (2/7)^(1/3).
  expect(points[2]!.loss).toBeCloseTo(7 * (2 / 7) ** (1 / 3), 1);
});

describe('refuses', () => {
  const code = (name: string) => expect.objectContaining({ code: name });

  test('two sizes on the frontier', () => {
    const two = sweep(15, 12).filter(({ runId }) => runId === 'run-3' || runId === 'run-9');
    expect(() => estimateOf(two, { edges: 'keep' })).toThrow(code('too-few-configurations'));
    expect(() => estimateOf(two, { edges: 'keep' })).toThrow(
      /needs 3 points of 3 sizes on the frontier, and there are \d+ of 2 \(of 2 runs\)/,
    );
    const four = sweep(15, 12).filter(({ runId }) => ['run-3', 'run-5', 'run-7', 'run-9'].includes(runId!));
    expect(() => estimateOf(four)).toThrow(/on the frontier but for its smallest and largest, and there are \d+ of 2/);
  });

  test('one size', () => {
    expect(() => estimateOf(sweep(15, 12).filter(({ runId }) => runId === 'run-3'))).toThrow(code('no-variation'));
  });

  test('runs that resamples leave without a frontier', () => {
    // Of three sizes each resample of three runs must have all: 2 in 9 do, so that these are drawn again.
    const three = sweep(15, 12).filter(({ runId }) => ['run-3', 'run-6', 'run-9'].includes(runId!));
    expect(estimateOf(three, { draws: 40, edges: 'keep' }).draws.redrawn).toBeGreaterThan(40);
  });

  test('numbers that are none', () => {
    const rows = sweep(15, 12);
    expect(() => estimateOf(rows.map((row, k) => (k === 4 ? { ...row, loss: Number.NaN } : row)))).toThrow(
      code('non-finite'),
    );
    expect(() => estimateOf([])).toThrow(code('no-rows'));
  });

  test('options out of range', () => {
    for (const options of [{ envelope: 'lower' }, { edges: 'cut' }, { flops: 'exact' }, { draws: -1 }, { level: 2 }]) {
      expect(() => estimateOf(sweep(15, 12), options as FrontierOptions)).toThrow(code('bad-usage'));
    }
  });
});

describe('the ends of the sweep', () => {
  const { a } = computeOptimum(hoffmann);

  test('put an error of .09 into the exponent, and are left out unless the published recipe is asked for', () => {
    const rows = sweep(25, 30);
    const [keep, drop] = [estimateOf(rows, { draws: 0, edges: 'keep' }), estimateOf(rows, { draws: 0 })];
    expect(keep.params.exponent.value).toBeLessThan(a - 0.08);
    expect(Math.abs(drop.params.exponent.value - a)).toBeLessThan(0.002);
    expect(keep.warnings.map(({ code }) => code)).toEqual(['edge-minimum']);
    expect(keep.warnings[0]!.message).toMatch(/at the smallest or the largest size.*edges: drop/);
    expect(drop.warnings).toEqual([]);
    expect(drop.notes.join()).toContain(
      `${keep.frontier.length - drop.frontier.length} more, at the smallest and the largest size`,
    );
  });

  test('of runs, in tokens, are warned of', () => {
    // Of each run the two rows about the optimum: the better number of tokens lies before, between or beyond them.
    const rows = sweep(15, 12).filter((_, k) => k % 12 === 5 || k % 12 === 6);
    expect(estimateOf(rows, { draws: 0 }).warnings[0]).toMatchObject({
      code: 'edge-minimum',
      message: expect.stringContaining('first or the last row of their run'),
    });
  });
});

const data = process.env.SHAPELAW_DATA;
const gemstones = data === undefined ? '' : join(data, 'gemstones/wandb_df_for_fitting_hot.jsonl');

// McLeish et al. 2025 print .499380 and .480989 (parameters/approach_1_linear_regression_*.json), of checkpoints every 2e9 tokens and
// with FLOPs that count attention. This table has every fifth of these checkpoints and no FLOPs, and its hull 10 rows: expected
// here is the hull as computed apart from this project.
test.skipIf(!existsSync(gemstones))('Gemstones (SHAPELAW_DATA)', async () => {
  const estimate = frontier(await readRunTable(gemstones), { at: [1e21], edges: 'keep', draws: 100 });
  expect(estimate.params.exponent.value).toBeCloseTo(0.5957640735877537, 9);
  expect(estimate.tokens.exponent.value).toBeCloseTo(0.4042359264122461, 9);
  expect(estimate.params.log10Coefficient.value * Math.LN10).toBeCloseTo(-7.3559338636182865, 7);
  expect(estimate.frontier).toHaveLength(10);
  expect(optimumAt(estimate, 1e21)).toEqual(estimate.optima[0]);
});
