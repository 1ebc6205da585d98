import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { crossedRows, logSpaced, normals, relativeError, tableOf, withNoise } from '../../tests/simulated-runs.js';
import { fitLaw } from './fit.js';
import { curvature, makeObjective, type Objective, penalty, rowWeight } from './objective.js';

const objectives: readonly Objective[] = [
  makeObjective('huber', 0.3),
  makeObjective('squared'),
  makeObjective('cauchy', 0.3),
  makeObjective('quantile', 0.3, 0.2),
];
const residuals = fc.double({ min: -3, max: 3, noNaN: true });

describe.each(objectives)('$kind', (objective) => {
  /** Where derivatives jump. */
  const kinks = objective.kind === 'cauchy' || objective.kind === 'squared' ? [] : [-0.3, 0, 0.3];
  const smooth = residuals.filter((residual) => kinks.every((kink) => Math.abs(residual - kink) > 1e-3));

  test('the weight of a row is the slope over the residual, and its curvature the second derivative or 0', () => {
    const step = 1e-4;
    fc.assert(
      fc.property(smooth, (residual) => {
        const [above, at, below] = [residual + step, residual, residual - step].map((r) => penalty(objective, r));
        // Third and fourth derivatives are up to 1/delta^2, times step^2.
        expect(Math.abs(rowWeight(objective, residual) * residual - (above! - below!) / (2 * step))).toBeLessThan(1e-6);
        const second = (above! - 2 * at! + below!) / step ** 2;
        expect(Math.abs(curvature(objective, residual) - Math.max(0, second))).toBeLessThan(1e-5);
      }),
    );
  });

  test('is 0 at 0 alone, and rises on either side', () => {
    expect(penalty(objective, 0)).toBe(0);
    fc.assert(
      fc.property(residuals, (residual) => {
        fc.pre(Math.abs(residual) > 1e-150);
        expect(penalty(objective, residual)).toBeGreaterThan(0);
        expect(penalty(objective, 1.1 * residual)).toBeGreaterThan(penalty(objective, residual));
        expect(rowWeight(objective, residual)).toBeGreaterThan(0);
        expect(curvature(objective, residual)).toBeLessThanOrEqual(rowWeight(objective, residual));
      }),
    );
  });
});

// By hand: within delta half of the square, beyond it delta (|r| - delta/2); Cauchy's half of delta^2 times the log of 1 + (r/delta)^2.
test('by hand', () => {
  const [huber, squared, cauchy, quantile] = objectives as [Objective, Objective, Objective, Objective];
  expect(penalty(huber, 0.2)).toBeCloseTo(0.02, 15);
  expect(penalty(huber, -1)).toBeCloseTo(0.255, 15);
  expect(penalty(squared, -1)).toBe(0.5);
  expect(penalty(cauchy, 0.3)).toBeCloseTo(0.045 * Math.LN2, 15);
  expect(penalty(quantile, 1)).toBeCloseTo(0.2 * 0.255, 15);
  expect(penalty(quantile, -1)).toBeCloseTo(0.8 * 0.255, 15);
});

describe('makeObjective', () => {
  test('completes what is not given, and what has no meaning', () => {
    expect(makeObjective()).toEqual({ kind: 'huber', delta: 1e-3, tau: 0.5 });
    expect(makeObjective('quantile')).toEqual({ kind: 'quantile', delta: 1e-3, tau: 0.1 });
    expect(makeObjective('squared', 1e-3, 0.3)).toEqual({ kind: 'squared', delta: Number.POSITIVE_INFINITY, tau: 0.5 });
  });

  test.each<[Parameters<typeof makeObjective>, RegExp]>([
    [['absolute' as 'huber'], /no objective "absolute": huber, squared, cauchy, quantile/],
    [['cauchy', 0], /delta must be positive, not 0/],
    [['huber', Number.NaN], /delta must be positive, not NaN/],
    [['quantile', 1e-3, 0], /tau must lie between 0 and 1, not 0/],
    [['quantile', 1e-3, 1], /tau must lie between 0 and 1, not 1/],
    [['quantile', 1e-3, Number.NaN], /tau must lie between 0 and 1/],
  ])('refuses %j', (given, message) => {
    expect(() => makeObjective(...given)).toThrow(
      expect.objectContaining({ code: 'bad-usage', message: expect.stringMatching(message) }),
    );
  });
});

describe('what is fitted', () => {
  const surface = { E: 1.8, A: 480, B: 2000, alpha: 0.35, beta: 0.37 };
  const clean = crossedRows(surface, logSpaced(5e7, 1e10, 12), logSpaced(1e9, 3e11, 12));
  const rows = withNoise(clean, 0.01, normals(1));
  const flops = logSpaced(1e18, 1e22, 60);
  // One row in six is off by 30%, and the others by .3% at most.
  const outliers = flops.map((value, k) => ({
    params: 1,
    flops: value,
    loss: (1.7 + 300 * value ** -0.12) * Math.exp(0.003 * Math.sin(12.9898 * k) + (k % 6 === 0 ? 0.3 : 0)),
  }));

  test.each([0.05, 0.2, 0.5, 0.9])('the quantile objective leaves the share %d of the rows below the law', (tau) => {
    const law = fitLaw(tableOf(rows), { law: 'chinchilla', objective: 'quantile', delta: 1e-5, tau, draws: 0 });
    expect(law.objective).toMatchObject({ kind: 'quantile', delta: 1e-5, tau });
    const { E, A, B, alpha, beta } = law.parameters as typeof surface;
    const below = rows.filter((row) => row.loss < E + A * row.params ** -alpha + B * row.tokens! ** -beta).length;
    // A quantile fit puts about as many rows as it has parameters on the law, here 5 of 144, and rows within delta lean.
    expect(Math.abs(below / rows.length - tau)).toBeLessThan(5 / rows.length);
  });

  // scipy 1.17.1: minimize(method='Nelder-Mead', xatol=1e-12, fatol=1e-18), started again where it stopped, from nine starts.
  test.each<[Objective['kind'], number, number, number]>([
    ['squared', 0.3732640144456351, 1.796038344389052, 0.12784902362628722],
    ['huber', 0.0294902407116598, 1.705017719479279, 0.12088580925899511],
    ['cauchy', 0.0035031902732919834, 1.6998092110048242, 0.12040177513073236],
    ['quantile', 0.005948731243431842, 1.7091579695817258, 0.12154359154355668],
  ])('%s is as small as another method makes it', (kind, minimum, E, a) => {
    const law = fitLaw(tableOf(outliers), { law: 'power', objective: kind, delta: 0.01, tau: 0.2, draws: 0 });
    expect(law.status).toBe('converged');
    expect(law.objective!.kind).toBe(kind);
    expect([law.objective!.delta, law.objective!.tau]).toEqual([
      kind === 'squared' ? null : 0.01,
      kind === 'quantile' ? 0.2 : null,
    ]);
    // Sums of 60 terms; parameters are flat to the root of 1e-13.
    expect(relativeError(law.objective!.value, minimum)).toBeLessThan(1e-11);
    expect(relativeError(law.parameters.E!, E)).toBeLessThan(1e-5);
    expect(relativeError(law.parameters.a!, a)).toBeLessThan(1e-5);
  });

  test('a weight of a row is so many rows, of any objective', () => {
    const counts = rows.map((_, row) => [1, 2, 3][row % 3]!);
    const weighted = rows.map((row, k) => ({ ...row, weight: counts[k]! }));
    const repeated = rows.flatMap((row, k) =>
      Array.from({ length: counts[k]! }, (_, copy) => ({ ...row, runId: `${k} ${copy}` })),
    );
    for (const objective of ['huber', 'squared', 'cauchy', 'quantile'] as const) {
      const [one, other] = [weighted, repeated].map((table) =>
        fitLaw(tableOf(table), { law: 'chinchilla', objective, delta: 0.01, draws: 0 }),
      );
      expect(relativeError(one!.objective!.value, other!.objective!.value), objective).toBeLessThan(1e-11);
      // Flat to 1e-13 of the objective, hence to some 1e-6 of an exponent.
      expect(Math.abs(one!.parameters.alpha! - other!.parameters.alpha!), objective).toBeLessThan(1e-5);
    }
    const unweighted = fitLaw(tableOf(rows), { law: 'chinchilla', draws: 0 });
    expect(fitLaw(tableOf(weighted), { law: 'chinchilla', draws: 0 }).parameters).not.toEqual(unweighted.parameters);
  });
});
