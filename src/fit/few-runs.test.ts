import { describe, expect, test } from 'vitest';
import { crossedRows, logSpaced, normals, tableOf, withNoise } from '../../tests/simulated-runs.js';
import { fitLaw, refitTask } from './fit.js';
import { completeOptions } from './options.js';
import { fitToTable } from './posed.js';
import { degreesOf, wideningOf } from './refit.js';
import { drawResample } from './resample.js';

const truth = { E: 1.8172, A: 482.01, B: 2085.43, alpha: 0.3478, beta: 0.3658 };
const rows = (sizes: number, lengths: number) =>
  withNoise(crossedRows(truth, logSpaced(5e7, 1e10, sizes), logSpaced(1e9, 3e11, lengths)), 0.005, normals(0x5eed));
const options = completeOptions({ law: 'chinchilla', draws: 40 });

describe('few runs', () => {
  test('fewer than three a parameter have their noise drawn, and the law says so', () => {
    const few = fitLaw(tableOf(rows(4, 4).slice(0, 14)), { law: 'chinchilla', draws: 40 });
    expect(few.draws!.kind).toBe('parametric bootstrap over 14 runs');
    expect(few.provenance.notes.join()).toMatch(/14 runs are few for 5 parameters: intervals come from a parametric/);
    const enough = fitLaw(tableOf(rows(4, 4).slice(0, 15)), { law: 'chinchilla', draws: 40 });
    expect(enough.draws!.kind).toBe('bootstrap over 15 runs');
  });

  test('leave at least two degrees of freedom', () => {
    expect([degreesOf(12, 5), degreesOf(6, 5), degreesOf(6, 9)]).toEqual([7, 2, 2]);
    expect(wideningOf(36, 5)).toBeCloseTo(Math.sqrt(36 / 31), 14);
    expect(wideningOf(6, 9)).toBeCloseTo(Math.sqrt(3), 14);
    expect(wideningOf(1, 0)).toBe(1);
  });

  test('have noise as large as the chi-squared variance of their degrees says', () => {
    const degrees = 4;
    const count = 400;
    const one = new Float64Array(count).fill(1);
    const zero = new Float64Array(count);
    const room = { weights: new Float64Array(count), logLoss: new Float64Array(count) };
    const source = {
      ...({ resampling: 'parametric', seed: 5, runs: count, weights: one, logLoss: zero, fitted: zero } as const),
      ...{
        runOfRow: Int32Array.from(one, (_, row) => row),
        residuals: zero,
        noise: { run: { sd: 0, degrees }, row: { sd: 0.01, degrees } },
      },
    };
    const inverse = Array.from({ length: 1000 }, (_, index) => {
      drawResample(source, index, () => true, room);
      return 1e-4 / (room.logLoss.reduce((sum, value) => sum + value * value, 0) / count);
    });
    const mean = inverse.reduce((sum, value) => sum + value, 0) / 1000;
    const variance = inverse.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 1000;
    // chi-squared / degrees: mean 1, variance 2 / degrees; four standard errors of 1000 draws, the rows adding 1/2%.
    expect(Math.abs(mean - 1)).toBeLessThan(4 * Math.sqrt(0.5 / 1000) + 0.005);
    expect(Math.abs(variance - 0.5)).toBeLessThan(0.15);
  });

  test('mirrored, are mirrored about the law without them', () => {
    const table = tableOf(rows(4, 3));
    const fit = fitToTable(table, options);
    const { residuals } = refitTask(fit, 'wild').source;
    const without = fitToTable({ ...table, rows: table.rows.filter(({ row }) => row !== 6) }, options);
    const parameters = without.form.toParameters(without.solution.theta, without.centres);
    const { params, tokens, loss } = table.rows[5]!;
    const expected = Math.log(loss) - Math.log(without.form.loss(parameters, { params, tokens } as never));
    expect(residuals[5]).toBeCloseTo(expected, 6);
    // A robust fit passes through about as many rows as it has parameters, whose mirror images would tie every refit to them.
    const within = (values: Float64Array) => values.filter((value) => Math.abs(value) < 1e-3).length;
    expect(within(fit.residuals)).toBeGreaterThanOrEqual(5);
    expect(within(residuals)).toBeLessThan(5);
  });
});
