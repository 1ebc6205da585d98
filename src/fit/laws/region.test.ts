import { describe, expect, test } from 'vitest';
import { logSpaced, normals, relativeError, type SimulatedRow, tableOf } from '../../../tests/simulated-runs.js';
import type { LawForm, LawOptions } from '../law-form.js';
import { makeObjective, type Objective, objectiveKinds, penalty } from '../objective.js';
import type { FitData } from '../solve.js';
import { region } from './region.js';

const normal = normals(12);
const rows: SimulatedRow[] = Array.from({ length: 90 }, (_, k) => {
  const flops = 1e18 * 10 ** ((4 * k) / 89);
  const dModel = [256, 512, 768, 1024][k % 4]!;
  const x = Math.log(flops / 1e20);
  return { params: 1e8, flops, dModel, loss: Math.exp(1 - 0.15 * x + 0.08 * Math.max(0, x) + 0.01 * normal()) };
});

function problemOf(
  form: LawForm,
  of: readonly SimulatedRow[],
): { data: FitData; centres: number[]; weights: Float64Array } {
  const logs = form.columns.map((name) => Float64Array.from(of, (row) => Math.log(row[name as 'flops']!)));
  const centres = logs.map((column) => column.reduce((sum, value) => sum + value, 0) / column.length);
  return {
    data: {
      columns: logs.map((column, k) => column.map((value) => value - centres[k]!)),
      logLoss: Float64Array.from(of, ({ loss }) => Math.log(loss)),
    },
    centres,
    weights: new Float64Array(of.length).fill(1),
  };
}

const forms: LawOptions[] = [
  { variable: 'flops', breaks: 0, continuous: true },
  { variable: 'flops', breaks: 1, continuous: true },
  { variable: 'flops', breaks: 2, continuous: true },
  { variable: 'flops', breaks: 0, continuous: false },
  { variable: 'flops', breaks: 2, continuous: false },
  { variable: 'flops', breaks: 1, operators: ['dModel'] },
  { variable: 'flops', breaks: 1, operators: ['dModel', 'flops'] },
];

describe.each(forms)('the form %j', (options) => {
  const form = region.form(options);
  const { data, centres, weights } = problemOf(form, rows);
  const { theta } = form.estimate!(data, weights, makeObjective('squared'));
  const parameters = form.toParameters(theta, centres);
  const size = form.parameters.length;
  const evaluate = (at: Float64Array) => {
    const logLoss = new Float64Array(rows.length);
    const jacobian = new Float64Array(rows.length * size);
    form.evaluate(at, data.columns, rows.length, logLoss, jacobian);
    return { logLoss, jacobian };
  };

  test('has a name and a coordinate for each parameter', () => {
    expect(form.coordinates).toHaveLength(size);
    expect(parameters).toHaveLength(size);
    expect(theta).toHaveLength(size);
    expect(new Set(form.parameters).size).toBe(size);
  });

  test('comes back from its options', () => {
    expect(region.form(form.options)).toMatchObject({ parameters: form.parameters, formula: form.formula });
  });

  test('turns coordinates into parameters and back', () => {
    const back = form.toCoordinates(parameters, centres);
    theta.forEach((value, j) => {
      expect(back[j]).toBeCloseTo(value, 10);
    });
  });

  test('has the same loss by its formula as by its coordinates', () => {
    const { logLoss } = evaluate(theta);
    rows.forEach((row, k) => {
      const loss = form.loss(parameters, row as never);
      expect(relativeError(loss, Math.exp(logLoss[k]!))).toBeLessThan(1e-11);
    });
  });

  test('has the derivatives of its loss', () => {
    // Off the rows, where a breakpoint's derivative is not one.
    const at = theta.map((value, j) => (j < options.breaks! ? value + 0.0123 : value));
    const { jacobian } = evaluate(at);
    const step = 1e-6;
    for (let j = 0; j < size; j++) {
      const [below, above] = [-step, step].map((move) => evaluate(at.with(j, at[j]! + move)).logLoss);
      for (let row = 0; row < rows.length; row++) {
        const slope = (above![row]! - below![row]!) / (2 * step);
        expect(Math.abs(jacobian[row * size + j]! - slope)).toBeLessThan(1e-8);
      }
    }
  });

  test('derives finite numbers', () => {
    for (const value of Object.values(form.derive(parameters))) expect(Number.isFinite(value)).toBe(true);
  });
});

describe('parameters', () => {
  const exact = logSpaced(1e18, 1e22, 101).map((flops) => ({
    params: 1e8,
    flops,
    loss: flops < 1.1e20 ? 2000 * flops ** -0.15 : 1900 * 1.1e20 ** -0.07 * flops ** -0.08,
  }));

  test('of a law that jumps stand in the units of the table', () => {
    const form = region.form({ variable: 'flops', breaks: 1, continuous: false });
    const { data, centres, weights } = problemOf(form, exact);
    const { theta, converged, value } = form.estimate!(data, weights, makeObjective('huber'));
    expect(form.parameters).toEqual(['break1', 'A1', 'exponent1', 'A2', 'exponent2']);
    const [place, A1, exponent1, A2, exponent2] = form.toParameters(theta, centres);
    expect(converged).toBe(true);
    expect(value).toBeLessThan(1e-20);
    expect(Math.abs(Math.log(place! / 1.1e20))).toBeLessThan(Math.log(10 ** 0.04));
    expect(relativeError(A1!, 2000)).toBeLessThan(1e-8);
    expect(relativeError(exponent1!, 0.15)).toBeLessThan(1e-8);
    expect(relativeError(A2!, 1900 * 1.1e20 ** -0.07)).toBeLessThan(1e-8);
    expect(relativeError(exponent2!, 0.08)).toBeLessThan(1e-8);
    const derived = form.derive([1.1e20, A1!, exponent1!, A2!, exponent2!]);
    expect(derived['loss ratio at break1']).toBeCloseTo(1900 / 2000, 8);
    expect(derived['exponent2 - exponent1']).toBeCloseTo(-0.07, 8);
  });

  test('of a continuous law leave the further amplitudes to follow', () => {
    const form = region.form({ variable: 'flops', breaks: 2, continuous: true });
    expect(form.parameters).toEqual(['break1', 'break2', 'A1', 'exponent1', 'exponent2', 'exponent3']);
    const derived = form.derive([1e19, 1e21, 2000, 0.15, 0.1, 0.05]);
    expect(relativeError(derived.A2!, 2000 * 1e19 ** -0.05)).toBeLessThan(1e-12);
    expect(relativeError(derived.A3!, 2000 * 1e19 ** -0.05 * 1e21 ** -0.05)).toBeLessThan(1e-12);
    const at = (flops: number) => form.loss([1e19, 1e21, 2000, 0.15, 0.1, 0.05], { flops } as never);
    expect(relativeError(at(1e21 * (1 - 1e-12)), at(1e21))).toBeLessThan(1e-11);
  });

  test('of operators name region and column', () => {
    const form = region.form({ variable: 'flops', breaks: 1, operators: ['layers', 'dModel'] });
    expect(form.parameters.slice(1, 4)).toEqual(['A1', 'exponent1_layers', 'exponent1_dModel']);
    expect(form.columns).toEqual(['flops', 'layers', 'dModel']);
  });
});

describe.each(objectiveKinds)('the objective %s', (kind) => {
  const objective: Objective = makeObjective(kind, 3e-3);
  const outliers = rows.map((row, k) => (k % 11 === 5 ? { ...row, loss: row.loss * 1.3 } : row));

  test.each([true, false])('is at its least, continuous %s', (continuous) => {
    const form = region.form({ variable: 'flops', breaks: 1, continuous });
    const { data, weights } = problemOf(form, outliers);
    const { theta, value } = form.estimate!(data, weights, objective);
    const valueAt = (at: Float64Array) => {
      const logLoss = new Float64Array(rows.length);
      form.evaluate(at, data.columns, rows.length, logLoss, new Float64Array(rows.length * at.length));
      return logLoss.reduce((sum, fitted, row) => sum + penalty(objective, data.logLoss[row]! - fitted), 0);
    };
    expect(valueAt(theta)).toBeCloseTo(value, 14);
    for (let j = 0; j < theta.length; j++) {
      for (const step of [-1e-3, -1e-5, 1e-5, 1e-3]) {
        expect(valueAt(theta.with(j, theta[j]! + step))).toBeGreaterThanOrEqual(value * (1 - 1e-9));
      }
    }
    // A breakpoint elsewhere, the rest by the solver: none of these is lower.
    const truth = form.estimate!({ ...data, logLoss: problemOf(form, rows).data.logLoss }, weights, objective);
    expect(value).toBeLessThanOrEqual(valueAt(truth.theta));
  });
});

test('a resample that can not be divided has fewer breakpoints, and says so', () => {
  const form = region.form({ variable: 'flops', breaks: 1, continuous: false });
  const { data, weights } = problemOf(form, rows);
  const few = weights.map((_, row) => Number(row < 5));
  const { theta, converged, value } = form.estimate!(data, few, makeObjective('huber'));
  expect(converged).toBe(false);
  expect([...theta].every(Number.isFinite)).toBe(true);
  expect(theta[2]).toBe(theta[4]);
  expect(Number.isFinite(value)).toBe(true);
});

describe('what is chosen', () => {
  test('is the number of regions, with the reasons, where none is asked for', () => {
    const { options, notes } = region.choose({}, tableOf(rows));
    expect(options).toEqual({ variable: 'flops', continuous: true, operators: [], breaks: 1 });
    expect(notes).toHaveLength(1);
    expect(notes[0]).toMatch(/^2 regions: .*BIC is .*held-out runs/);
  });

  test('is what was asked for where it was', () => {
    const asked: LawOptions = { variable: 'flops', breaks: 2, continuous: false };
    expect(region.choose(asked, tableOf(rows))).toEqual({ options: { ...asked, operators: [] }, notes: [] });
  });

  test.each<[string, object, SimulatedRow[]?]>([
    ['bad-usage', { breaks: 1.5 }],
    ['bad-usage', { breaks: 9 }],
    ['bad-usage', { variable: 'loss' }],
    ['bad-usage', { operators: ['dModel'], continuous: true }],
    ['missing-column', { operators: ['layers'] }],
    ['missing-column', { variable: 'tokens' }],
    ['too-few-configurations', { breaks: 4 }, rows.slice(0, 14)],
  ])('%s: %j', (code, asked, table = rows) => {
    expect(() => region.choose(asked, tableOf(table))).toThrow(expect.objectContaining({ code }));
  });
});
