import { describe, expect, test } from 'vitest';
import { isoflopRows } from '../../../tests/isoflop-sweeps.js';
import { logSpaced, normals, relativeError, tableOf, withNoise } from '../../../tests/simulated-runs.js';
import { compareApproaches, frontier, isoflop, surfaceOptimum } from './index.js';

const hoffmann = { E: 1.69, A: 406.4, B: 410.7, alpha: 0.34, beta: 0.28 };
const { E: _, ...surface } = hoffmann;
const draws = Array.from({ length: 50 }, (_, k) => ({ ...surface, alpha: 0.33 + 0.0004 * k }));

// In closed form from the published parameters, apart from this project (see compute-optimum.test.ts).
test('the optimum of Hoffmann et al. 2022 at 5.76e23 FLOPs', () => {
  const { optima, params, tokens, method, intervalKind } = surfaceOptimum(surface, { at: [5.76e23] });
  expect(method).toBe('surface');
  expect(intervalKind).toBeNull();
  expect(relativeError(optima[0]!.params.value, 3.21899e10)).toBeLessThan(5e-6 / 2);
  expect(relativeError(optima[0]!.tokens.value, 2.98231e12)).toBeLessThan(5e-6 / 2);
  expect(optima[0]!.tokensPerParam.value).toBeCloseTo(92.65, 2);
  expect(optima[0]!.decadesBeyond).toBeNull();
  expect(params.exponent).toEqual({ value: expect.closeTo(0.28 / 0.62, 14), interval: null });
  // REFERENCE: b0 of log10 D*, noise-free.
  expect(tokens.log10Coefficient.value).toBeCloseTo(-0.555357, 6);
});

test('intervals are those of the draws', () => {
  const { params, tokens, intervalKind, draws: kept } = surfaceOptimum(surface, { draws, level: 0.9, kind: 'cluster' });
  const exponents = draws.map(({ alpha, beta }) => beta / (alpha + beta));
  expect(params.exponent.interval![0]).toBeGreaterThan(Math.min(...exponents));
  expect(params.exponent.interval![1]).toBeLessThan(Math.max(...exponents));
  expect(params.exponent.interval![0] + tokens.exponent.interval![1]).toBeCloseTo(1, 12);
  expect(intervalKind).toBe('percentile, cluster');
  expect(kept.values).toHaveLength(50);
});

test('refuses a surface without an optimum, and too few draws', () => {
  const bad = expect.objectContaining({ code: 'bad-usage' });
  expect(() => surfaceOptimum({ ...surface, B: 0 })).toThrow(bad);
  expect(() => surfaceOptimum({ ...surface, alpha: Number.NaN })).toThrow(bad);
  expect(() => surfaceOptimum(surface, { draws: draws.slice(0, 10) })).toThrow(bad);
  expect(() => surfaceOptimum(surface, { at: [-1] })).toThrow(bad);
});

describe('approaches side by side', () => {
  const rows = withNoise(isoflopRows(hoffmann, logSpaced(1e18, 1e21, 4)), 0.001, normals(1));
  const profiles = isoflop(tableOf(rows), { at: [1e20], surface: hoffmann });
  const lower = frontier(tableOf(rows), { at: [1e20, 1e22] });
  const fitted = surfaceOptimum(surface, { draws });

  test('exponents, optima at every budget asked of any, overlap and bias', () => {
    const comparison = compareApproaches([lower, profiles, fitted]);
    expect(comparison.methods.map(({ method }) => method)).toEqual(['frontier', 'isoflop-quadratic', 'surface']);
    for (const { optima } of comparison.methods) expect(optima.map(({ flops }) => flops)).toEqual([1e20, 1e22]);
    expect(comparison.pairs.map(({ methods }) => methods.join(' '))).toEqual([
      'frontier isoflop-quadratic',
      'frontier surface',
      'isoflop-quadratic surface',
    ]);
    const pair = comparison.pairs[2]!;
    expect(pair.exponents.params).toBeCloseTo(fitted.params.exponent.value - profiles.params.exponent.value, 14);
    expect(pair.exponentsOverlap).toEqual({ params: true, tokens: true });
    // The parabola on x8 puts N* 3% too high.
    expect(pair.at[0]!.ratio.params).toBeCloseTo(1 / 1.03, 1);
    expect(comparison.methods[1]!.bias).toMatch(/given exponents 0\.34 and 0\.28: N\* \+[23]\.\d\d%, D\* -[23]\.\d\d%/);
    expect(comparison.methods[0]!.bias).toMatch(/not those of finished runs/);
    expect(JSON.parse(JSON.stringify(comparison))).toEqual(comparison);
  });

  test('intervals apart do not overlap; without intervals nobody knows', () => {
    const far = surfaceOptimum(
      { ...surface, alpha: 0.6 },
      { draws: draws.map((draw) => ({ ...draw, alpha: draw.alpha + 0.3 })) },
    );
    const { pairs } = compareApproaches([profiles, far, surfaceOptimum(surface)], [1e20]);
    expect(pairs[0]).toMatchObject({ exponentsOverlap: { params: false, tokens: false } });
    expect(pairs[1]!.exponentsOverlap).toEqual({ params: null, tokens: null });
    expect(pairs[1]!.at[0]!.overlap).toEqual({ params: null, tokens: null });
  });

  test('other levels are noted, other conventions refused', () => {
    expect(compareApproaches([profiles, surfaceOptimum(surface, { draws, level: 0.9 })]).notes.join()).toMatch(
      /different levels: 0\.95, 0\.9/,
    );
    const table = tableOf(rows);
    const exact = isoflop(tableOf(rows, { conventions: { ...table.conventions, flops: 'exact' } }));
    expect(() => compareApproaches([exact, fitted])).toThrow(expect.objectContaining({ code: 'mixed-conventions' }));
    expect(() => compareApproaches([fitted])).toThrow(expect.objectContaining({ code: 'bad-usage' }));
  });
});
