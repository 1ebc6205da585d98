import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isoflopRows, trueOptimum } from '../../../tests/isoflop-sweeps.js';
import {
  logSpaced,
  normals,
  relativeError,
  type SimulatedRow,
  tableOf,
  withNoise,
} from '../../../tests/simulated-runs.js';
import type { ShapelawError } from '../../errors.js';
import { computeOptimum } from '../compute-optimum.js';
import { type IsoflopOptions, isoflop, optimumAt } from './index.js';

// Hoffmann et al. 2022, equation 10.
const hoffmann = { E: 1.69, A: 406.4, B: 410.7, alpha: 0.34, beta: 0.28 };
const uneven = { ...hoffmann, alpha: 0.465, beta: 0.155 };
const even = { E: 1.69, A: 400, B: 400, alpha: 0.31, beta: 0.31 };
const budgets = logSpaced(1e17, 1e21, 5);

const estimateOf = (rows: readonly SimulatedRow[], options: IsoflopOptions = {}) => isoflop(tableOf(rows), options);

function refusal(run: () => unknown): ShapelawError {
  try {
    run();
  } catch (error) {
    return error as ShapelawError;
  }
  throw new Error('not refused');
}

// Open-Athena, "scaling-law-analysis", print the intercepts of the two rows at 16; the others were computed apart from this project.
describe('without noise the parabola has the exponent, and its intercept is off by the width of the grid', () => {
  test.each([
    ['.34/.28', 2, hoffmann, 0.548387, -0.556779, -0.33, 0.33],
    ['.34/.28', 4, hoffmann, 0.548387, -0.561045, -1.3, 1.32],
    ['.34/.28', 8, hoffmann, 0.548387, -0.568151, -2.9, 2.99],
    ['.34/.28', 16, hoffmann, 0.548387, -0.578092, -5.1, 5.37],
    ['.465/.155', 16, uneven, 0.75, -1.459957, -23.1, 30.1],
    ['.31/.31', 16, even, 0.5, -0.389076, 0, 0],
  ] as const)('%s, x%i', (_, halfWidth, surface, exponent, intercept, tokensPercent, paramsPercent) => {
    const {
      tokens,
      params,
      widthBias,
      budgets: each,
    } = estimateOf(isoflopRows(surface, budgets, { halfWidth }), {
      surface,
      at: [1e19],
    });
    expect(Math.abs(tokens.exponent.value - exponent)).toBeLessThan(1e-6);
    expect(Math.abs(tokens.log10Coefficient.value - intercept)).toBeLessThan(1e-6);
    expect(params.exponent.value + tokens.exponent.value).toBeCloseTo(1, 12);

    // The error is known from the fit and the exponents alone, to the digits that are printed.
    const digits = Math.abs(tokensPercent) > 10 ? 1 : 2;
    expect(100 * widthBias!.tokens).toBeCloseTo(tokensPercent, digits);
    expect(100 * widthBias!.params).toBeCloseTo(paramsPercent, digits);
    expect(Math.abs(widthBias!.exponents.params)).toBeLessThan(1e-9);
    for (const { bias } of each) expect(bias!.params).toBeCloseTo(widthBias!.params, 8);

    // Taken off, it leaves the truth.
    const { a, b, G } = computeOptimum(surface);
    expect(widthBias!.corrected.params.exponent).toBeCloseTo(a, 9);
    expect(widthBias!.corrected.params.log10Coefficient).toBeCloseTo(Math.log10(G) - a * Math.log10(6), 8);
    expect(widthBias!.corrected.tokens.exponent).toBeCloseTo(b, 9);
    expect(widthBias!.corrected.tokens.log10Coefficient).toBeCloseTo(-Math.log10(G) - b * Math.log10(6), 8);
  });

  test('on grids that drift off the optimum the exponent is off too, and the error is known all the same', () => {
    const rows = isoflopRows(hoffmann, budgets, { halfWidth: 8, off: (k) => 3 ** (k / 2 - 1) });
    const { params, widthBias, warnings } = estimateOf(rows, { surface: hoffmann });
    const { a } = computeOptimum(hoffmann);
    expect(Math.abs(params.exponent.value - a)).toBeGreaterThan(1e-3);
    expect(widthBias!.exponents.params).toBeCloseTo(params.exponent.value - a, 9);
    expect(warnings.map(({ code }) => code)).toContain('off-centre-grid');
    expect(warnings.find(({ message }) => message.includes('drifts'))!.message).toMatch(/-1\.0\d of their half-width/);
  });

  test("Akima's spline is closer by far", () => {
    const rows = isoflopRows(hoffmann, budgets, { halfWidth: 16 });
    const { params, method, widthBias } = estimateOf(rows, { method: 'akima', at: [1e19], surface: hoffmann });
    expect(method).toBe('isoflop-akima');
    expect(Math.abs(widthBias!.params)).toBeLessThan(0.01);
    expect(params.exponent.value).toBeCloseTo(computeOptimum(hoffmann).a, 9);
    expect(widthBias!.corrected.params.exponent).toBeCloseTo(computeOptimum(hoffmann).a, 9);
  });
});

test('an even surface is recovered, whatever its exponents, the width of the grid and the method', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0.1, max: 0.6, noNaN: true }),
      fc.double({ min: 10, max: 1000, noNaN: true }),
      fc.double({ min: 10, max: 1000, noNaN: true }),
      fc.double({ min: 2, max: 16, noNaN: true }),
      fc.constantFrom('quadratic' as const, 'akima' as const),
      (exponent, A, B, halfWidth, method) => {
        const surface = { E: 1.5, A, B, alpha: exponent, beta: exponent };
        const estimate = estimateOf(isoflopRows(surface, budgets, { halfWidth, points: 9 }), { method, draws: 0 });
        expect(estimate.params.exponent.value).toBeCloseTo(0.5, 7);
        const { params, tokens } = optimumAt(estimate, 1e22);
        const optimum = trueOptimum(surface, 1e22);
        expect(relativeError(params.value, optimum.params)).toBeLessThan(1e-5);
        expect(relativeError(tokens.value, optimum.tokens)).toBeLessThan(1e-5);
      },
    ),
    { numRuns: 50 },
  );
});

test('FLOPs that are not 6 N D: tokens are those that the table buys for them', () => {
  // Twelve percent more than 6 N D for the smallest models, less for larger ones.
  const ratio = (params: number) => 1.12 * (params / 1e7) ** -0.02;
  const rows = isoflopRows(even, budgets).map((row) => {
    const tokens = row.tokens! / ratio(row.params);
    return { ...row, tokens, loss: even.E + even.A / row.params ** 0.31 + even.B / tokens ** 0.31 };
  });
  const { budgets: each, compute } = isoflop(
    tableOf(rows, { conventions: { ...tableOf(rows).conventions, flops: 'exact' } }),
    { draws: 0 },
  );
  expect(compute).toEqual({ from: 'column', convention: 'exact' });
  for (const { flops, params, tokens } of each) {
    expect(relativeError(tokens!, flops / (6 * params! * ratio(params!)))).toBeLessThan(1e-9);
  }
});

test('without a column of FLOPs C is 6 N D, and that is said', () => {
  const rows = isoflopRows(hoffmann, budgets);
  const bare = rows.map(({ flops: _, ...row }) => row);
  const [with_, without] = [estimateOf(rows), estimateOf(bare)];
  expect(without.compute).toEqual({ from: '6ND', convention: '6ND' });
  expect(without.notes.join()).toMatch(/C is 6 params tokens: not every row/);
  expect(without.params.exponent.value).toBeCloseTo(with_.params.exponent.value, 9);
  const asked = estimateOf(
    rows.map((row) => ({ ...row, flops: 1.3 * row.flops! })),
    { flops: '6ND' },
  );
  expect(asked.params.log10Coefficient.value).toBeCloseTo(with_.params.log10Coefficient.value, 9);
});

describe('with noise', () => {
  const noisy = (seed: number, sigma = 0.003) =>
    withNoise(isoflopRows(hoffmann, budgets, { halfWidth: 6, points: 8 }), sigma, normals(seed));

  test.each(['quadratic', 'akima'] as const)('%s: intervals at .95 hold the exponent', (method) => {
    const { a } = computeOptimum(hoffmann);
    const sweeps = 150;
    let covered = 0;
    for (let seed = 0; seed < sweeps; seed++) {
      const rows = noisy(seed, method === 'akima' ? 0.001 : 0.003);
      const [low, high] = estimateOf(rows, { method, draws: 120, seed, force: true }).params.exponent.interval!;
      if (low <= a && a <= high) covered += 1;
    }
    // Of 150 at 95% more than .891 in 999 of 1000 tries: 3.29 standard deviations of sqrt(.95 .05 / 150).
    expect(covered / sweeps).toBeGreaterThan(0.891);

    // An interval that holds everything is none.
    expect(covered).toBeLessThan(sweeps);
  });

  test('the same seed gives the same bits, another one others; the result is plain data', () => {
    const rows = noisy(1);
    const [first, again, other] = [
      estimateOf(rows, { seed: 3 }),
      estimateOf(rows, { seed: 3 }),
      estimateOf(rows, { seed: 4 }),
    ];
    expect(again).toEqual(first);
    expect(other.params.exponent.interval).not.toEqual(first.params.exponent.interval);
    expect(JSON.parse(JSON.stringify(first))).toEqual(first);
  });

  test('optima at budgets, with intervals that widen beyond the evidence', () => {
    const estimate = estimateOf(noisy(2), { at: [1e19, 1e24] });
    const [inside, beyond] = estimate.optima;
    expect([inside!.decadesBeyond, beyond!.decadesBeyond]).toEqual([0, expect.closeTo(3, 6)]);
    const width = ({ params }: typeof inside & {}) => Math.log(params.interval![1] / params.interval![0]);
    expect(width(beyond!)).toBeGreaterThan(2 * width(inside!));
    for (const { params, tokens, tokensPerParam, flops } of estimate.optima) {
      expect(relativeError(6 * params.value * tokens.value, flops)).toBeLessThan(1e-9);
      expect(relativeError(tokensPerParam.value, tokens.value / params.value)).toBeLessThan(1e-9);
    }
    // A lower level has a narrower interval.
    expect(width(optimumAt(estimate, 1e24, 0.5))).toBeLessThan(width(beyond!));
    expect(estimate).toMatchObject({
      level: 0.95,
      seed: 0,
      intervalKind: 'percentile, bootstrap of the residuals of each budget, pooled',
    });
  });

  test('a budget known worse weighs less', () => {
    const rows = isoflopRows(hoffmann, budgets, { halfWidth: 6, points: 8 });
    // The curvature is that of a grid a third as wide.
    const narrow = isoflopRows(hoffmann, budgets, { halfWidth: 2.2, points: 8 });
    const mixed = [...rows.slice(0, 32), ...narrow.slice(32)];
    const { budgets: each } = estimateOf(withNoise(mixed, 0.001, normals(5)));
    expect(each.map(({ weight }) => weight).reduce((a, b) => a + b)).toBeCloseTo(1, 12);
    expect(each[4]!.weight).toBeLessThan(each[3]!.weight / 5);
    expect(each[4]!.halfWidth).toBeCloseTo(2.2, 9);
  });

  test('rows of more weight draw the parabola to themselves', () => {
    const rows = noisy(6);
    const doubled = [...rows, { ...rows[3]!, runId: 'again' }];
    const weighted = rows.map((row, k) => (k === 3 ? { ...row, weight: 2 } : row));
    const [twice, heavy, plain] = [doubled, weighted, rows].map((each) => estimateOf(each).budgets[0]!.params!);
    expect(heavy).toBeCloseTo(twice!, 3);
    expect(Math.abs(heavy! - plain!)).toBeGreaterThan(1e3);
  });

  test('an error of width that the intervals do not hold is warned of', () => {
    const codes = (halfWidth: number, sigma: number) =>
      estimateOf(withNoise(isoflopRows(hoffmann, budgets, { halfWidth, points: 8 }), sigma, normals(1))).warnings.map(
        ({ code }) => code,
      );
    expect(codes(12, 0.001)).toEqual(['width-bias']);
    expect(codes(4, 0.003)).toEqual([]);
  });

  test('minima that scatter further than noise moves them are warned of', () => {
    const shifted = withNoise(
      isoflopRows(hoffmann, budgets, { halfWidth: 6, points: 8 }).map((row, k) =>
        // The second budget's sizes are miscounted.
        Math.floor(k / 8) === 1 ? { ...row, params: 1.5 * row.params, tokens: row.tokens! / 1.5 } : row,
      ),
      0.0005,
      normals(1),
    );
    expect(estimateOf(shifted).warnings.map(({ code }) => code)).toContain('line-misfit');
    expect(estimateOf(noisy(1)).warnings.map(({ code }) => code)).not.toContain('line-misfit');
  });
});

describe('budgets', () => {
  test('are found where FLOPs differ a little, and stated ones leave the rest out', () => {
    const rows = isoflopRows(hoffmann, budgets, { points: 7 }).map((row, k) => ({
      ...row,
      flops: row.flops! * (1 + 0.02 * ((k % 3) - 1)),
    }));
    const found = estimateOf(rows, { draws: 0 });
    expect(found.budgets.map(({ rows: own }) => own.length)).toEqual([7, 7, 7, 7, 7]);
    expect(found.budgets[0]!.flopsSpread).toBeCloseTo(1.02 / 0.98, 9);
    expect(found.warnings).toEqual([]);
    const stated = estimateOf(rows, { draws: 0, budgets: [1e19, 1e20, 1e21] });
    expect(stated.budgets.map(({ flops }) => Math.round(Math.log10(flops)))).toEqual([19, 20, 21]);
    expect(stated.droppedRows).toHaveLength(14);
    expect(stated.droppedRows[0]).toMatchObject({ row: 1, reason: expect.stringContaining('off every budget') });
  });

  test('of a wide spread are warned of', () => {
    const rows = isoflopRows(hoffmann, budgets, { points: 7 }).map((row, k) => ({
      ...row,
      flops: row.flops! * (1 + 0.04 * ((k % 3) - 1)),
    }));
    expect(estimateOf(rows, { draws: 0 }).warnings).toEqual([
      { code: 'wide-budget', message: expect.stringContaining('8.3%') },
    ]);
  });

  test('runs that stand in several of them are warned of', () => {
    const rows = isoflopRows(hoffmann, budgets, { points: 7 }).map((row, k) => ({ ...row, runId: `size-${k % 7}` }));
    expect(estimateOf(rows, { draws: 0 }).warnings).toEqual([
      { code: 'unclustered-checkpoints', message: expect.stringContaining('7 of 7 runs') },
    ]);
  });
});

describe('refuses', () => {
  const rows = (options?: Parameters<typeof isoflopRows>[2]) =>
    isoflopRows(hoffmann, budgets, { points: 7, ...options });
  const inBudget = (k: number, change: (row: SimulatedRow, place: number) => SimulatedRow) =>
    rows().map((row, index) => (Math.floor(index / 7) === k ? change(row, index % 7) : row));

  test('fewer than three budgets', () => {
    const error = refusal(() => estimateOf(isoflopRows(hoffmann, [1e18, 1e19])));
    expect(error).toMatchObject({ code: 'too-few-configurations', details: { budgets: 2, needed: 3 } });
    expect(error.message).toMatch(/needs 3 of them, and there are 2\. Add runs at 1 more/);
  });

  test('a budget of three sizes; of four for Akima', () => {
    const few = rows().filter((_, k) => k >= 7 || k % 3 === 0);
    expect(refusal(() => estimateOf(few))).toMatchObject({ code: 'too-few-configurations', details: { usable: 4 } });
    expect(refusal(() => estimateOf(few)).message).toMatch(
      /the budget of 1\.00e\+17 FLOPs has 3 sizes.*needs 4; add 1/,
    );
    const four = rows().filter((_, k) => k >= 7 || k % 2 === 0);
    expect(estimateOf(four).budgets[0]!.status).toBe('used');
    expect(refusal(() => estimateOf(four, { method: 'akima' })).code).toBe('too-few-configurations');
  });

  test('FLOPs that run on without a gap', () => {
    const spread = rows().map((row, k) => ({ ...row, flops: 1e18 * 1.05 ** k }));
    const error = refusal(() => estimateOf(spread));
    expect(error.code).toBe('too-few-configurations');
    expect(error.message).toMatch(/has no budgets: the FLOPs of 35 rows run from/);
  });

  test('one size, or one loss, in a budget', () => {
    const same = inBudget(1, (row, k) => (k === 0 ? row : { ...row, params: rows()[7]!.params }));
    expect(refusal(() => estimateOf(same))).toMatchObject({
      code: 'no-variation',
      details: { flops: expect.closeTo(1e18, -9) },
    });
    expect(refusal(() => estimateOf(inBudget(1, (row) => ({ ...row, loss: 3 })))).message).toMatch(
      /loss is 3 at each of its 7/,
    );
  });

  test('several rows of a run in a budget, forced or not', () => {
    const twice = [...rows(), { ...rows()[9]!, runId: 'run-10' }];
    for (const force of [false, true]) {
      expect(refusal(() => estimateOf(twice, { force }))).toMatchObject({
        code: 'unclustered-checkpoints',
        details: { rows: [10, 36], runId: 'run-10' },
      });
    }
  });

  test.each([
    ['loss', Number.NaN, 'non-finite'],
    ['params', Number.POSITIVE_INFINITY, 'non-finite'],
    ['flops', -1, 'bad-rows'],
  ] as const)('a %s of %d', (column, value, code) => {
    const bad = inBudget(0, (row, k) => (k === 2 ? { ...row, [column]: value } : row));
    expect(refusal(() => estimateOf(bad))).toMatchObject({ code, details: { row: 3, column } });
  });

  test('rows without tokens and FLOPs', () => {
    const { tokens: _, flops: __, ...bare } = rows()[0]!;
    expect(refusal(() => estimateOf([bare])).code).toBe('missing-column');
  });

  test('losses that bend downwards', () => {
    const error = refusal(() => estimateOf(inBudget(2, (row) => ({ ...row, loss: 6 - row.loss }))));
    expect(error).toMatchObject({
      code: 'negative-curvature',
      details: { usable: 4, refused: [{ code: 'negative-curvature' }] },
    });
    expect(error.message).toMatch(/1\.00e\+19 FLOPs.*bends downwards.*--force leaves it out and goes on with 4/);
  });

  test('curvature that noise may make', () => {
    // 2% of noise on a grid of x1.5, where the loss bends by a thousandth.
    const noise = normals(3);
    const flat = isoflopRows(hoffmann, budgets, { halfWidth: 1.5, points: 7 }).map((row, k) =>
      Math.floor(k / 7) === 2
        ? { ...row, loss: row.loss * Math.exp(0.02 * noise()) }
        : { ...row, loss: row.loss * Math.exp(0.0001 * noise()) },
    );
    const refused = refusal(() => estimateOf(flat)).details.refused as { code: string }[];
    expect(refused.map(({ code }) => code)).toContain('weak-curvature');
  });

  test('a minimum at the edge, and one near to it', () => {
    const beyond = refusal(() => estimateOf(rows({ halfWidth: 4, off: (k) => (k === 3 ? 6 : 1) })));
    expect(beyond.code).toBe('edge-minimum');
    expect(beyond.message).toMatch(
      /1\.00e\+20 FLOPs: its loss is least at .* at or beyond the edge.*add runs of smaller models/,
    );
    const near = refusal(() => estimateOf(rows({ halfWidth: 4, off: (k) => (k === 3 ? 1 / 3.2 : 1) })));
    expect(near.code).toBe('off-centre-grid');
    expect(near.message).toMatch(/add runs of larger models/);
    // Akima's minimum is at a point of the grid itself.
    const spline = refusal(() =>
      estimateOf(rows({ halfWidth: 4, off: (k) => (k === 3 ? 6 : 1) }), { method: 'akima' }),
    );
    expect(spline.code).toBe('edge-minimum');
  });

  test('options out of range', () => {
    for (const options of [
      { method: 'cubic' },
      { flops: 'exact' },
      { tolerance: 0 },
      { draws: 10 },
      { draws: 1.5 },
      { level: 1 },
      { seed: 0.5 },
      { budgets: [1e18, 1.1e18, 1e19] },
      { budgets: [-1] },
      { at: [0] },
      { surface: { alpha: 0, beta: 0.3 } },
    ]) {
      expect(refusal(() => estimateOf(rows(), options as IsoflopOptions)).code).toBe('bad-usage');
    }
  });

  test('and, forced, goes on without a budget while three remain', () => {
    const bad = inBudget(2, (row) => ({ ...row, loss: 6 - row.loss }));
    const forced = estimateOf(bad, { force: true });
    expect(forced.budgets.map(({ status }) => status)).toEqual(['used', 'used', 'negative-curvature', 'used', 'used']);
    expect(forced.budgets[2]).toMatchObject({
      params: null,
      weight: 0,
      bias: null,
      reason: expect.stringContaining('bends'),
    });
    expect(forced.warnings[0]).toMatchObject({
      code: 'negative-curvature',
      message: expect.stringMatching(/^left out/),
    });
    expect(forced.evidence!.points).toBe(4);
    expect(forced.params.exponent.value).toBeCloseTo(computeOptimum(hoffmann).a, 3);

    const worse = bad.map((row, k) => (k < 14 ? { ...row, loss: 7 - row.loss } : row));
    const error = refusal(() => estimateOf(worse, { force: true }));
    expect(error).toMatchObject({ code: 'negative-curvature', details: { usable: 2, needed: 3 } });
    expect(error.message).toMatch(/2 more budgets are refused\. Without them 2 of 5 budgets are left/);
  });
});
