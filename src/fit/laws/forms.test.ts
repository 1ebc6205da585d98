import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { columnsOf, lawCases } from '../../../tests/law-cases.js';
import { relativeError } from '../../../tests/simulated-runs.js';
import { ShapelawError } from '../../errors.js';
import type { LawForm } from '../law-form.js';
import { lawDefinition, lawDefinitions, lawForm } from './registry.js';

const rows = 4;
/** Of each column the mean of its logs, as large as those of real ones. */
const centres = (form: LawForm) =>
  form.columns.map((_, k) => [19.3, 24.1, 6.2, 5.1, 7.7, 4.4][(form.centredWith?.[k] ?? k) % 6]!);

const number = (min: number, max: number) => fc.double({ min, max, noNaN: true });

/** Coordinates in the boxes where starts are looked for, and columns of a decade or so about their centres. */
function anywhere(form: LawForm) {
  const coordinates = form.coordinates.map(({ start }) =>
    start === undefined ? number(-2, 1) : 'rangeOf' in start ? number(-1.5, 1.5) : number(start[0], start[1]),
  );
  const column = fc
    .array(number(-1.5, 1.5), { minLength: rows, maxLength: rows })
    .map((values) => Float64Array.from(values));
  return fc.record({
    theta: fc.tuple(...coordinates).map((values) => inOrder(form, Float64Array.from(values))),
    columns: fc
      .tuple(...form.columns.map(() => column))
      .map((columns) =>
        form.law === 'data-constrained'
          ? [columns[0]!, columns[1]!, columns[2]!.map((unique, row) => Math.min(unique, columns[1]![row]!))]
          : columns,
      ),
  });
}

/** Breaks by their places, as their parameters are named. */
function inOrder(form: LawForm, theta: Float64Array): Float64Array {
  if (form.law !== 'broken' || theta.length < 9 || theta[4]! <= theta[7]!) return theta;
  return Float64Array.of(...theta.subarray(0, 3), ...theta.subarray(6, 9), ...theta.subarray(3, 6));
}

function evaluate(form: LawForm, theta: Float64Array, columns: readonly Float64Array[]) {
  const logLoss = new Float64Array(columns[0]!.length);
  const jacobian = new Float64Array(columns[0]!.length * theta.length);
  form.evaluate(theta, columns, logLoss.length, logLoss, jacobian);
  return { logLoss, jacobian };
}

describe.each(lawCases)('$name', ({ form, points, truths }) => {
  test('the Jacobian is that of central differences', () => {
    const step = 1e-5;
    fc.assert(
      fc.property(anywhere(form), ({ theta, columns }) => {
        const { jacobian } = evaluate(form, theta, columns);
        theta.forEach((_, j) => {
          const moved = (by: number) => theta.map((value, k) => (k === j ? value + by : value));
          const [above, below] = [evaluate(form, moved(step), columns), evaluate(form, moved(-step), columns)];
          const at = evaluate(form, theta, columns).logLoss;
          for (let row = 0; row < rows; row++) {
            const [ahead, behind] = [above.logLoss[row]! - at[row]!, at[row]! - below.logLoss[row]!];
            const slope = jacobian[row * theta.length + j]!;
            // Rounding over the step is 1e-10, and the third derivative adds step^2/6 of it. Where parameters begin to be in
            // excess the second derivative jumps, which takes the central difference off by half of what the slope changes.
            const jump = form.law === 'data-constrained' ? Math.abs(ahead - behind) / step : 0;
            const tolerance = 1e-7 * Math.max(1, Math.abs(slope)) + jump;
            expect(Math.abs(slope - (ahead + behind) / (2 * step))).toBeLessThan(tolerance);
          }
        });
      }),
    );
  });

  test('coordinates to parameters and back', () => {
    fc.assert(
      fc.property(anywhere(form), ({ theta }) => {
        const back = form.toCoordinates(form.toParameters(theta, centres(form)), centres(form));
        // Amplitudes pass through exp of up to 2 times 24 and back.
        theta.forEach((value, j) => {
          expect(Math.abs(back[j]! - value), form.parameters[j]).toBeLessThan(1e-11);
        });
      }),
    );
  });

  test('the formula gives the loss of the coordinates', () => {
    fc.assert(
      fc.property(anywhere(form), ({ theta, columns }) => {
        const { logLoss } = evaluate(form, theta, columns);
        const parameters = form.toParameters(theta, centres(form));
        logLoss.forEach((value, row) => {
          const point = Object.fromEntries(
            form.columns.map((name, k) => [name, Math.exp(columns[k]![row]! + centres(form)[k]!)]),
          );
          // Exponents of some tens, and powers of these by 1/alpha, cost their size in units of the last place.
          expect(relativeError(form.loss(parameters, point as never), Math.exp(value))).toBeLessThan(1e-10);
        });
      }),
    );
  });

  test('the true parameters of its case lie within its bounds, and the form is that of its own options', () => {
    for (const truth of truths) {
      const theta = form.toCoordinates(
        truth,
        form.columns.map(() => 0),
      );
      form.coordinates.forEach(({ kind, lower, upper }, j) => {
        if (kind === 'amplitude') return;
        expect(theta[j]!).toBeGreaterThanOrEqual(lower);
        expect(theta[j]!).toBeLessThanOrEqual(upper);
      });
    }
    const again = lawForm(form.law, form.options);
    expect(again.formula).toBe(form.formula);
    expect(again.parameters).toEqual(form.parameters);
    expect(again.loss(truths[0]!, columnsOf(form, points[0]!))).toBe(
      form.loss(truths[0]!, columnsOf(form, points[0]!)),
    );
    expect(form.coordinates).toHaveLength(form.parameters.length);
  });
});

describe('the registry', () => {
  test('lists its laws, each with what it is for and a form by default', () => {
    const names = lawDefinitions().map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const definition of lawDefinitions()) {
      expect(definition.summary).toMatch(/^\S.{20,}$/);
      expect(lawDefinition(definition.name)).toBe(definition);
      // A formula has no default.
      if (definition.name !== 'expression') expect(definition.form({}).law).toBe(definition.name);
    }
  });

  test.each(['', 'Chinchilla', 'constructor', '__proto__'])('refuses %j, listing the names', (name) => {
    expect(() => lawDefinition(name)).toThrow(
      expect.objectContaining({ code: 'unknown-law', message: expect.stringContaining('power, chinchilla, kaplan') }),
    );
  });
});

test('forms name their columns and parameters in the order of the coordinates', () => {
  expect(lawForm('chinchilla', {})).toMatchObject({
    formula: 'L = E + A params^-alpha + B tokens^-beta',
    columns: ['params', 'tokens'],
    parameters: ['E', 'A', 'B', 'alpha', 'beta'],
  });
  expect(lawForm('power', {})).toMatchObject({
    formula: 'L = E + A flops^-a',
    columns: ['flops'],
    parameters: ['E', 'A', 'a'],
  });
  expect(lawForm('shape', { ratios: ['decoderLayers/encoderLayers', 'dFf/dModel'] })).toMatchObject({
    formula:
      'L = E + A Neff^-alpha + B tokens^-beta, ln Neff = ln params - c1 (ln decoderLayers/encoderLayers - a1 - rho1 ln params)^2 - c2 (ln dFf/dModel - a2 - rho2 ln params)^2',
    columns: ['params', 'tokens', 'decoderLayers', 'encoderLayers', 'dFf', 'dModel'],
    parameters: ['E', 'A', 'B', 'alpha', 'beta', 'c1', 'a1', 'rho1', 'c2', 'a2', 'rho2'],
  });
});

// By hand: (1 + (x/t)^(1/f))^(-a f) is 1/2 at x = t where a f is 1.
test('a broken law halves its term at a break whose a f is 1', () => {
  const form = lawForm('broken', { variable: 'params', breaks: 1 });
  expect(form.loss([2, 10_000, 1, 2, 1000, 0.5], { params: 1000 } as never)).toBeCloseTo(2 + 5, 12);
  expect(form.derive([2, 10_000, 1, 2, 1000, 0.5])).toEqual({ 'exponent after t1': 3 });
});

// By hand: ln(r) off by 1 at c = .5 takes half a nat of ln N.
test('a shape one off the best ratio has exp(-c) of its parameters', () => {
  const form = lawForm('shape', { ratios: ['dModel/layers'] });
  const point = { params: 1e9, tokens: 1e10, dModel: 100 * Math.E, layers: 1 };
  const plain = lawForm('chinchilla', {});
  const expected = plain.loss([2, 400, 2000, 0.3, 0.4], { params: 1e9 * Math.exp(-0.5), tokens: 1e10 } as never);
  const rho = 0.1;
  const parameters = [2, 400, 2000, 0.3, 0.4, 0.5, Math.log(100) - rho * Math.log(1e9), rho];
  expect(form.loss(parameters, point as never)).toBeCloseTo(expected, 12);
});

// With 1/alpha of 1000 the log of what exceeds passes that of the largest number.
test('parameters in vast excess leave every derivative a number', () => {
  const form = lawForm('data-constrained', {});
  const theta = Float64Array.of(0.5, -4, 0, 1e-3, 2, 1, 1);
  const columns = [Float64Array.of(0), Float64Array.of(0), Float64Array.of(-2)];
  const { logLoss, jacobian } = evaluate(form, theta, columns);
  expect([...logLoss, ...jacobian].every(Number.isFinite)).toBe(true);
});

describe('what a law is asked for', () => {
  const bad = (run: () => unknown, message: RegExp) => {
    expect(run).toThrow(ShapelawError);
    expect(run).toThrow(expect.objectContaining({ code: 'bad-usage', message: expect.stringMatching(message) }));
  };
  const table = { rows: [] } as never;

  test('a column that no law is of', () => {
    for (const law of ['power', 'broken']) {
      bad(() => lawDefinition(law).choose({ variable: 'loss' as never }, table), /params, tokens, flops.*not loss/);
      expect(lawDefinition(law).choose({}, table).options).toMatchObject({ variable: 'flops' });
    }
  });

  test.each([0, 3, 1.5])('%d breaks', (breaks) => {
    bad(() => lawDefinition('broken').choose({ breaks }, table), new RegExp(`1 or 2 breaks, not ${breaks}`));
  });

  test('a ratio that does not exist', () => {
    bad(
      () => lawDefinition('shape').choose({ ratios: ['dModel/heads'] }, table),
      /no shape ratio "dModel\/heads": dModel\/layers/,
    );
  });
});
