import { describe, expect, test } from 'vitest';
import { crossedRows, logSpaced, normals, tableOf, withNoise } from '../../tests/simulated-runs.js';
import { fitLaw } from './fit.js';
import { deltaSensitivity, influence } from './sensitivity.js';

const truth = { E: 1.8172, A: 482.01, B: 2085.43, alpha: 0.3478, beta: 0.3658 };
const clean = crossedRows(truth, logSpaced(5e7, 1e10, 6), logSpaced(1e9, 3e11, 6));
const noisy = withNoise(clean, 0.003, normals(0x5eed));
const chinchilla = { law: 'chinchilla' } as const;

describe('deltaSensitivity', () => {
  test('is the law of each delta', () => {
    const fits = deltaSensitivity(tableOf(noisy), chinchilla, [1e-3, 1]);
    for (const fit of fits) {
      const law = fitLaw(tableOf(noisy), { ...chinchilla, delta: fit.delta, draws: 0 });
      expect(fit.parameters).toEqual(law.parameters);
      expect(fit.objective).toBe(law.objective!.value);
      expect(fit.derived.a).toBe(law.derived.a!.value);
      expect(fit.status).toBe('converged');
    }
    expect(fits[0]!.parameters.alpha).not.toBe(fits[1]!.parameters.alpha);
  });

  test('shows what an outlier does to squares and not to a robust objective', () => {
    const rows = noisy.map((row, k) => (k === 20 ? { ...row, loss: row.loss * 1.2 } : row));
    const shift = (delta: number) => {
      const [off, on] = [rows, noisy].map((table) => deltaSensitivity(tableOf(table), chinchilla, [delta])[0]!);
      return Math.abs(off!.parameters.E! - on!.parameters.E!);
    };
    expect(shift(1e-3)).toBeLessThan(shift(1) / 5);
  });

  test('refuses squares, which have none', () => {
    expect(() => deltaSensitivity(tableOf(noisy), { ...chinchilla, objective: 'squared' })).toThrow(/no delta to vary/);
  });
});

describe('influence', () => {
  const squared = { ...chinchilla, objective: 'squared' } as const;

  test('finds the run that is off at the top, by its id and rows', () => {
    const rows = noisy.map((row, k) => (k === 20 ? { ...row, loss: row.loss * 1.2 } : row));
    const { runs } = influence(tableOf(rows), squared, { top: 3 });
    expect(runs).toHaveLength(3);
    expect(runs[0]).toMatchObject({ runId: 'run-21', rows: [21] });
    expect(runs[0]!.residual).toBeGreaterThan(0.1);
    expect(runs[0]!.shifts[runs[0]!.moves]).toBe(runs[0]!.shift);
  });

  test('takes all checkpoints of a run out together', () => {
    const rows = noisy.map((row, k) => ({
      ...row,
      runId: `run-${Math.floor(k / 6)}`,
      loss: row.loss * (Math.floor(k / 6) === 3 ? 1.03 : 1),
    }));
    const { runs } = influence(tableOf(rows), squared);
    expect(runs).toHaveLength(6);
    expect(runs[0]).toMatchObject({ runId: 'run-3', rows: [19, 20, 21, 22, 23, 24] });
  });

  test('tells where the law goes without a run, in standard errors of the jackknife', () => {
    const { estimate, standardErrors, runs } = influence(tableOf(noisy), squared, { top: 36 });
    const lawWithout = (row: number) =>
      fitLaw(
        tableOf(
          noisy.map((own, k) => ({ ...own, row: k + 1, runId: `run-${k + 1}` })).filter((own) => own.row !== row),
        ),
        {
          ...squared,
          draws: 0,
        },
      );
    const { rows, shifts } = runs[0]!;
    const moved = lawWithout(rows[0]!).parameters.alpha! - estimate.alpha!;
    expect(moved / standardErrors.alpha!).toBeCloseTo(shifts.alpha!, 5);
    // sum (theta_i - mean)^2 (n - 1) / n is the square of the standard error, and the shifts are in its units.
    const alphas = runs.map((run) => run.shifts.alpha!);
    const mean = alphas.reduce((sum, value) => sum + value, 0) / alphas.length;
    const squares = alphas.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    expect((squares * 35) / 36).toBeCloseTo(1, 9);
  });

  test('tells what the rows of highest loss hold up', () => {
    const { withoutHighest } = influence(tableOf(noisy), chinchilla, { highest: 2 });
    const byLoss = noisy.map(({ loss }, k) => ({ loss, row: k + 1 })).sort((a, b) => b.loss - a.loss);
    expect(withoutHighest!.rows).toEqual(byLoss.slice(0, 2).map(({ row }) => row));
    const law = fitLaw(tableOf(noisy.filter((_, k) => !withoutHighest!.rows.includes(k + 1))), {
      ...chinchilla,
      draws: 0,
    });
    expect(withoutHighest!.estimate).toMatchObject(law.parameters);
    expect(influence(tableOf(noisy), chinchilla, { highest: 0 }).withoutHighest).toBeNull();
    expect(influence(tableOf(noisy), chinchilla, { highest: 30 }).withoutHighest).toBeNull();
  });
});
