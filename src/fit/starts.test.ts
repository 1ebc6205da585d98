import { describe, expect, test } from 'vitest';
import { lawCases, lawRows } from '../../tests/law-cases.js';
import { logSpaced, surfaceLoss } from '../../tests/simulated-runs.js';
import { columnValue } from './columns.js';
import type { LawForm } from './law-form.js';
import { lawForm } from './laws/registry.js';
import { findStarts, pickRows } from './starts.js';

const power = lawForm('power', {});
/** Sum of squares of log residuals at given coordinates. */
function errorAt(form: LawForm, data: Parameters<typeof findStarts>[1], theta: Float64Array): number {
  const fitted = new Float64Array(data.logLoss.length);
  form.evaluate(theta, data.columns, fitted.length, fitted, new Float64Array(fitted.length * theta.length));
  return data.logLoss.reduce((sum, value, row) => sum + (value - fitted[row]!) ** 2, 0);
}

describe('findStarts', () => {
  test('finds the amplitudes of a surface whose exponents it knows', () => {
    const surface = { E: 1.7, A: 2.1, B: 0.4, alpha: 0.3, beta: 0.4 };
    const chinchilla = lawForm('chinchilla', {});
    const form: LawForm = {
      ...chinchilla,
      coordinates: chinchilla.coordinates.map((coordinate, j) =>
        j < 3 ? coordinate : { ...coordinate, start: j === 3 ? [0.3, 0.3] : [0.4, 0.4] },
      ),
    };
    const raw = logSpaced(0.02, 50, 5).flatMap((x) => logSpaced(0.1, 10, 5).map((y) => [x, y] as const));
    const columns = [0, 1].map((k) => Float64Array.from(raw, (point) => Math.log(point[k]!)));
    const logLoss = Float64Array.from(raw, ([x, y]) => Math.log(surfaceLoss(surface, x, y)));
    const starts = findStarts(form, { columns, logLoss }, 4);
    expect(starts).toHaveLength(4);
    for (const start of starts) {
      [Math.log(1.7), Math.log(2.1), Math.log(0.4), 0.3, 0.4].forEach((expected, j) => {
        // The normal equations square a condition number of some tens.
        expect(Math.abs(start[j]! - expected)).toBeLessThan(1e-11);
      });
    }
  });

  test.each(lawCases)('$name: the first start is near, and as near as any', (lawCase) => {
    const { form, points, truths } = lawCase;
    for (const truth of truths) {
      const rows = lawRows(form, truth, points);
      const logs = form.columns.map((name) => rows.map((row) => Math.log(columnValue(row, name)!)));
      const own = logs.map((column) => column.reduce((sum, value) => sum + value, 0) / rows.length);
      const columns = logs.map((column, k) =>
        Float64Array.from(column, (value) => value - own[form.centredWith?.[k] ?? k]!),
      );
      const data = { columns, logLoss: Float64Array.from(rows, (row) => Math.log(row.loss)) };
      const starts = findStarts(form, data, 8);
      const errors = starts.map((start) => errorAt(form, data, start));
      expect(starts).toHaveLength(8);
      // A root mean square of log residuals of 5%; of data-constrained, whose half-lives stand on a coarse grid, of 25%.
      expect(errors[0]!).toBeLessThan((form.law === 'data-constrained' ? 0.25 : 0.05) ** 2 * rows.length);
      // Starts are ranked by relative errors, which are those of logs but for their square.
      expect(errors[0]!).toBeLessThan(1.2 * Math.min(...errors));
      expect(findStarts(form, data, 8)).toEqual(starts);
    }
  });

  test('is finite where a term or the irreducible loss vanishes', () => {
    const x = Float64Array.from(logSpaced(0.02, 50, 9), Math.log);
    for (const logLoss of [x.map((value) => -0.17 * value), x.map((value) => Math.log(2 + 0.1 * value))]) {
      for (const start of findStarts(power, { columns: [x], logLoss }, 4)) {
        expect([...start].every(Number.isFinite)).toBe(true);
      }
    }
  });
});

describe('pickRows', () => {
  test('takes every row of a table of some hundreds', () => {
    const column = Float64Array.from({ length: 500 }, (_, row) => row);
    expect(pickRows(500)(column)).toBe(column);
  });

  // A table of runs of 10 checkpoints each, and one of 100 at each of 50 lengths: evenly spaced rows would be one kind alone.
  test.each([10, 100, 50])('takes rows of a larger table evenly, whatever its period: %d', (period) => {
    const rows = 5000;
    const picked = pickRows(rows)(Float64Array.from({ length: rows }, (_, row) => row));
    expect(picked).toHaveLength(500);
    expect(new Set(picked).size).toBe(500);
    const counts = new Map<number, number>();
    for (const row of picked) counts.set(row % period, (counts.get(row % period) ?? 0) + 1);
    expect(counts.size).toBe(period);
    for (const count of counts.values()) expect(count).toBeLessThan(2.5 * (500 / period));
    const halves = picked.reduce((count, row) => count + Number(row < rows / 2), 0);
    expect(Math.abs(halves - 250)).toBeLessThan(5);
  });
});
