import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { logSpaced, relativeError, surfaceLoss } from '../../tests/simulated-runs.js';
import type { LawForm } from './law-form.js';
import { lawForms } from './power-terms.js';

const forms = { chinchilla: lawForms.chinchilla, power: lawForms.power('flops') };

/** Coordinates of a law about centred columns of some rows: losses from e^-1 to some hundreds, exponents as in any published law. */
function pointOf(form: LawForm) {
  const terms = form.columns.length;
  return fc.record({
    theta: fc
      .tuple(
        fc.double({ min: -1, max: 1.5, noNaN: true }),
        fc.array(fc.double({ min: -3, max: 1, noNaN: true }), { minLength: terms, maxLength: terms }),
        fc.array(fc.double({ min: 0.01, max: 1.5, noNaN: true }), { minLength: terms, maxLength: terms }),
      )
      .map(([irreducible, amplitudes, exponents]) => Float64Array.from([irreducible, ...amplitudes, ...exponents])),
    columns: fc.array(
      fc
        .array(fc.double({ min: -4, max: 4, noNaN: true }), { minLength: 4, maxLength: 4 })
        .map((column) => Float64Array.from(column)),
      { minLength: terms, maxLength: terms },
    ),
  });
}

function evaluate(form: LawForm, theta: Float64Array, columns: readonly Float64Array[]) {
  const rows = columns[0]!.length;
  const logLoss = new Float64Array(rows);
  const jacobian = new Float64Array(rows * theta.length);
  form.evaluate(theta, columns, rows, logLoss, jacobian);
  return { logLoss, jacobian };
}

describe.each(Object.entries(forms))('%s', (_, form) => {
  test('the Jacobian is that of central differences', () => {
    const step = 1e-5;
    fc.assert(
      fc.property(pointOf(form), ({ theta, columns }) => {
        const { jacobian } = evaluate(form, theta, columns);
        for (let j = 0; j < theta.length; j++) {
          const moved = (by: number) => theta.map((value, k) => (k === j ? value + by : value));
          const above = evaluate(form, moved(step), columns).logLoss;
          const below = evaluate(form, moved(-step), columns).logLoss;
          for (let row = 0; row < above.length; row++) {
            const difference = (above[row]! - below[row]!) / (2 * step);
            // Rounding of log losses up to 7 over the step is 1e-10; the third derivative, at most 4^3, adds step^2/6 of it.
            expect(Math.abs(jacobian[row * theta.length + j]! - difference)).toBeLessThan(2e-9);
          }
        }
      }),
    );
  });

  test('in the units of the table, the parameters give the same loss by the formula', () => {
    const centres = [19.3, 24.1].slice(0, form.columns.length);
    fc.assert(
      fc.property(pointOf(form), ({ theta, columns }) => {
        const { logLoss } = evaluate(form, theta, columns);
        const parameters = form.toParameters(theta, centres);
        const terms = form.columns.length;
        for (let row = 0; row < logLoss.length; row++) {
          let loss = parameters[0]!;
          for (let k = 0; k < terms; k++) {
            const value = Math.exp(columns[k]![row]! + centres[k]!);
            loss += parameters[1 + k]! * value ** -parameters[1 + terms + k]!;
          }
          // Exponents of up to 40 cost their size in units of the last place.
          expect(relativeError(loss, Math.exp(logLoss[row]!))).toBeLessThan(1e-13);
        }
      }),
    );
  });

  test('bounds: amplitudes from a millionth of the smallest loss, exponents from 1e-3 to 5', () => {
    const { lower, upper } = form.bounds(Math.log(2.5));
    const terms = form.columns.length;
    expect(lower).toHaveLength(form.parameters.length);
    for (let j = 0; j <= terms; j++) {
      expect(relativeError(Math.exp(lower[j]!), 2.5e-6)).toBeLessThan(1e-14);
      expect(upper[j]).toBe(Number.POSITIVE_INFINITY);
    }
    for (let j = terms + 1; j <= 2 * terms; j++) expect([lower[j], upper[j]]).toEqual([1e-3, 5]);
  });
});

test('forms name their columns and parameters in the order of the coordinates', () => {
  expect(forms.chinchilla).toMatchObject({
    formula: 'L = E + A params^-alpha + B tokens^-beta',
    columns: ['params', 'tokens'],
    parameters: ['E', 'A', 'B', 'alpha', 'beta'],
  });
  expect(forms.power).toMatchObject({
    formula: 'L = E + A flops^-a',
    columns: ['flops'],
    parameters: ['E', 'A', 'a'],
  });
});

describe('starts', () => {
  // Sorted by error, so that the exact one comes first.
  test('find a surface whose exponents are on the grid', () => {
    const surface = { E: 1.7, A: 2.1, B: 0.4, alpha: 0.3, beta: 0.4 };
    const raw = logSpaced(0.02, 50, 5).flatMap((x) => logSpaced(0.1, 10, 5).map((y) => [x, y] as const));
    const columns = [0, 1].map((k) => Float64Array.from(raw, (point) => Math.log(point[k]!)));
    const loss = Float64Array.from(raw, ([x, y]) => surfaceLoss(surface, x, y));
    const starts = lawForms.chinchilla.starts(columns, loss);
    expect(starts).toHaveLength(4);
    const [first] = starts;
    [Math.log(1.7), Math.log(2.1), Math.log(0.4), 0.3, 0.4].forEach((expected, j) => {
      // The normal equations square a condition number of some tens.
      expect(Math.abs(first![j]! - expected)).toBeLessThan(1e-11);
    });
  });

  test('are finite where a term or the irreducible loss vanishes', () => {
    const x = Float64Array.from(logSpaced(0.02, 50, 9), Math.log);
    for (const loss of [x.map((value) => Math.exp(-0.17 * value)), x.map((value) => 2 + 0.1 * value)]) {
      for (const start of forms.power.starts([x], loss)) expect([...start].every(Number.isFinite)).toBe(true);
    }
  });
});
