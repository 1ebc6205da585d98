import { describe, expect, test } from 'vitest';
import { crossedRows, logSpaced, normals, relativeError, tableOf, withNoise } from '../../tests/simulated-runs.js';
import { fitLaw } from './fit.js';
import { profileLikelihood } from './profile.js';

const truth = { E: 1.8172, A: 482.01, B: 2085.43, alpha: 0.3478, beta: 0.3658 };
const clean = crossedRows(truth, logSpaced(5e7, 1e10, 6), logSpaced(1e9, 3e11, 6));
const table = tableOf(withNoise(clean, 0.005, normals(0x5eed)));

describe('profileLikelihood', () => {
  test('of squares takes the variance of the residuals for its scale, and chi-squared for its cutoff', () => {
    const options = { law: 'chinchilla', objective: 'squared' } as const;
    const profile = profileLikelihood(table, options, 'alpha', { level: 0.9 });
    const law = fitLaw(table, { ...options, draws: 0 });
    expect(relativeError(profile.estimate, law.parameters.alpha!)).toBeLessThan(1e-12);
    // Twice the objective is the sum of squares; 36 rows less 5 parameters.
    expect(relativeError(profile.scale, (2 * law.objective!.value) / 31)).toBeLessThan(1e-9);
    expect(profile.level).toBe(0.9);
    // The square of the normal quantile 1.644854.
    expect(profile.cutoff).toBeCloseTo(2.705543, 6);
  });

  test('meets the cutoff at its ends and 0 at the estimate, and its points are minima', () => {
    for (const parameter of ['E', 'A', 'B', 'alpha', 'beta']) {
      const profile = profileLikelihood(table, { law: 'chinchilla' }, parameter, { points: 21 });
      const [low, high] = profile.interval;
      expect(profile.of).toBe('parameter');
      expect(profile.notes).toEqual([]);
      expect(low).toBeLessThan(profile.estimate);
      expect(high).toBeGreaterThan(profile.estimate);
      const outside = profile.points.filter(({ value }) => value < low! || value > high!);
      const inside = profile.points.filter(({ value }) => value > low! && value < high!);
      expect(outside.length).toBeGreaterThan(2);
      for (const { deviance } of outside) expect(deviance).toBeGreaterThan(profile.cutoff * 0.98);
      for (const { deviance } of inside) expect(deviance).toBeLessThan(profile.cutoff * 1.02);
      expect(Math.min(...inside.map(({ deviance }) => deviance))).toBeGreaterThan(-1e-9);
    }
  });

  test('agrees with the bootstrap where parameters are identified', () => {
    const law = fitLaw(table, { law: 'chinchilla', draws: 400 });
    for (const parameter of ['E', 'A', 'alpha', 'beta']) {
      const { interval } = profileLikelihood(table, { law: 'chinchilla' }, parameter);
      const [low, high] = law.intervals!.parameters[parameter]!;
      // Two estimates of one width from 36 rows, of which few lie within delta.
      const ratio = (interval[1]! - interval[0]!) / (high - low);
      expect(ratio, parameter).toBeGreaterThan(0.6);
      expect(ratio, parameter).toBeLessThan(1.6);
    }
  });

  test('says on which side a parameter is not identified', () => {
    // Rows that fall by no more than their noise leave the exponent free.
    const normal = normals(0x777);
    const rows = logSpaced(1e18, 1e19, 12).map((flops) => ({
      params: 1,
      flops,
      loss: 2 * (1 + 0.002 * (flops / 1e18) ** -0.3) * Math.exp(0.01 * normal()),
    }));
    const profile = profileLikelihood(tableOf(rows), { law: 'power' }, 'a');
    expect(profile.interval).toContain(null);
    expect(profile.notes.join()).toMatch(/a is not identified on this side: (up|down) to .* under 3\.84/);
  });

  test('of a parameter that follows from several coordinates says so', () => {
    const kaplan = crossedRows(truth, logSpaced(5e7, 1e10, 5), logSpaced(1e9, 3e11, 5));
    expect(profileLikelihood(tableOf(kaplan), { law: 'kaplan' }, 'alphaN', { points: 5 }).of).toBe('coordinate');
    expect(profileLikelihood(tableOf(kaplan), { law: 'kaplan' }, 'alphaD', { points: 5 }).of).toBe('parameter');
  });

  test('takes the checkpoints of a run together', () => {
    // Each run twice over, the very same: nothing more is known, where twice the runs would narrow it by sqrt 2.
    const twice = table.rows.flatMap((row) => [
      { ...row, tokens: row.tokens!, flops: row.flops! },
      { ...row, tokens: row.tokens! * (1 + 1e-9), flops: row.flops! },
    ]);
    const once = profileLikelihood(table, { law: 'chinchilla' }, 'alpha').interval;
    const doubled = profileLikelihood(tableOf(twice), { law: 'chinchilla' }, 'alpha').interval;
    expect((doubled[1]! - doubled[0]!) / (once[1]! - once[0]!)).toBeCloseTo(1, 1);
  });

  test('refuses what has no profile', () => {
    const refusal = expect.objectContaining({ code: 'bad-usage' });
    expect(() => profileLikelihood(table, { law: 'chinchilla' }, 'a')).toThrow(refusal);
    expect(() => profileLikelihood(table, { law: 'chinchilla' }, 'alpha', { points: 2 })).toThrow(refusal);
    expect(() => profileLikelihood(table, { law: 'chinchilla' }, 'alpha', { level: 1 })).toThrow(refusal);
  });
});
