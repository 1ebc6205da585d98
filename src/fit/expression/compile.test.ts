import fc from 'fast-check';
import { derivative, evaluate as evaluateByMathjs } from 'mathjs/number';
import { beforeAll, describe, expect, test } from 'vitest';
import { build, partsOf } from './build.js';
import { compile } from './compile.js';
import { differentiate } from './differentiate.js';
import { createGraph } from './graph.js';
import { loadExpressions } from './load.js';
import { evaluateExpression, parseExpression } from './parse.js';

beforeAll(loadExpressions);

const columnNames = ['x', 'y'];
type Point = Readonly<Record<string, number>>;

/** A formula with its parameters as coordinates. */
function programOf(text: string) {
  const { root, columns, parameters } = parseExpression(text, columnNames);
  const graph = createGraph();
  const value = build(
    graph,
    root,
    columns.map((_, k) => graph.column(k)),
    parameters.map((_, j) => graph.coordinate(j)),
  );
  const derivatives = differentiate(graph, value, parameters.length);
  const program = compile(graph, value, derivatives, columns.length);
  return { root, columns, parameters, graph, value, derivatives, program };
}

/** Its value and derivatives, not those of its log, at the rows given. */
function run({ columns, parameters, program }: ReturnType<typeof programOf>, rows: readonly Point[], at: Point) {
  const size = parameters.length;
  const logValue = new Float64Array(rows.length);
  const jacobian = new Float64Array(rows.length * size);
  program.evaluate(
    Float64Array.from(parameters, (name) => at[name]!),
    columns.map((name) => Float64Array.from(rows, (row) => row[name]!)),
    rows.length,
    logValue,
    jacobian,
  );
  const values = Array.from(logValue, Math.exp);
  const slopes = Array.from(jacobian, (slope, k) => slope * values[Math.floor(k / size)]!);
  return { values, slopes };
}

/** A parameter's derivative by central differences of the formula's tree, extrapolated to a step of 0. */
function differences({ root, columns, parameters }: ReturnType<typeof programOf>, row: Point, at: Point, name: string) {
  const value = (moved: number) =>
    evaluateExpression(
      root,
      columns.map((column) => row[column]!),
      parameters.map((other) => (other === name ? moved : at[other]!)),
    );
  const central = (step: number) => (value(at[name]! + step) - value(at[name]! - step)) / (2 * step);
  return (4 * central(5e-4) - central(1e-3)) / 3;
}

describe('derivatives are those of central differences', () => {
  const row = { x: 1.7, y: 0.6 };
  const at = { a: 0.8, b: 1.3, c: 0.45 };

  test.each([
    'a + x',
    'a - x + 5',
    '5*x - a*b',
    '-a*x + 9',
    'a*b*x',
    'a/x + x/b + a/b',
    'x/(a*y) + (a*y)/x',
    'exp(a*x)',
    'exp(x)*exp(-a)/exp(b*y)',
    'log(3 + a*x)',
    'log(x*a) + 5',
    'log(x/a) + 5',
    'log(a/x) + log(x) + 5',
    'log(exp(a)*x)',
    'log2(a + x) + log10(a*b + y)',
    'log1p(a*x)',
    'sqrt(a*x + b)',
    'tanh(a*x)',
    'pow(x, a) + pow(a, x)',
    'x^a',
    'x^-a',
    'a/x^b',
    'a^b*x',
    '(a + x)^(b*y)',
    '(a + x)^2',
    '(a + x)^-1 + (a*x)^-3',
    '(a + x)^5 + (a*x)^16 + (a*x)^17',
    '(a + x)^0*a*x',
    '(a + x)^0.5 + (a + y)^-0.5',
    '(a + x)^1.7',
    '2^a*x',
    'a^2^b*x',
    '(a/x^b + c/y^b)^(1/b)',
    'a*x^-b*y^-c + b',
    'a*x - a*x + a + x',
    'a*x*pi + pi*x*a',
    '(x/a)^b/(1 + (x/a)^b) + log1p((x/a)^b)',
    'a*exp(-(x/b)^c)*tanh(y - c)^2',
    'exp(-(log(x) - a)^2/b)',
  ])('%s', (text) => {
    const formula = programOf(text);
    const { values, slopes } = run(formula, [row], at);
    const value = evaluateExpression(
      formula.root,
      formula.columns.map((name) => row[name as 'x']),
      formula.parameters.map((name) => at[name as 'a']),
    );
    expect(values[0]! / value).toBeCloseTo(1, 13);
    formula.parameters.forEach((name, j) => {
      const expected = differences(formula, row, at, name);
      // The fifth derivative times the step's fourth power, and rounding over the step, are some 1e-11 of the value.
      expect(Math.abs(slopes[j]! - expected)).toBeLessThan(1e-9 * (Math.abs(value) + Math.abs(expected)));
    });
  });
});

/** Formulas that are positive for positive names, so that no digits are lost in differences. */
const positive: fc.Arbitrary<string> = fc.letrec<{ term: string }>((tie) => ({
  term: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom('x', 'y', 'a', 'b', 'c', '2', '0.7', 'pi'),
    fc.tuple(fc.constantFrom('+', '*', '/'), tie('term'), tie('term')).map(([sign, a, b]) => `(${a} ${sign} ${b})`),
    fc
      .tuple(tie('term'), fc.constantFrom('2', '-1', '0.5', '3', '-1.5', 'a', '-b', 'tanh(c)'))
      .map(([a, p]) => `${a}^(${p})`),
    fc
      .tuple(fc.constantFrom('sqrt', 'log1p', 'tanh', 'exp'), tie('term'))
      .map(([f, a]) => (f === 'exp' ? `exp(tanh(${a}))` : `${f}(${a})`)),
    fc.tuple(tie('term'), fc.constantFrom('log', 'log2', 'log10')).map(([a, f]) => `(${f}(2 + ${a}))`),
    tie('term').map((a) => `(1.5 - tanh(${a}))`),
  ),
})).term;

const coordinate = fc.double({ min: 0.3, max: 2, noNaN: true });
const points = fc.record({ x: coordinate, y: coordinate, a: coordinate, b: coordinate, c: coordinate });

test('random formulas have the value and the derivatives that mathjs finds', () => {
  let compared = 0;
  fc.assert(
    fc.property(positive, points, (term, at) => {
      const text = `a*x + ${term}`;
      fc.pre(text.length < 120);
      const formula = programOf(text);
      const expected = evaluateByMathjs(text, { ...at }) as number;
      fc.pre(expected < 1e100);
      const { values, slopes } = run(formula, [at], at);
      expect(Math.abs(values[0]! / expected - 1)).toBeLessThan(1e-11);
      // It has no derivatives of these.
      const differentiable = text
        .replaceAll('log1p(', 'log(1 + ')
        .replaceAll('log2(', '1/log(2)*log(')
        .replaceAll('log10(', '1/log(10)*log(');
      formula.parameters.forEach((name, j) => {
        const slope = derivative(differentiable, name, { simplify: false }).evaluate({ ...at }) as number;
        expect(Math.abs(slopes[j]! - slope)).toBeLessThan(1e-9 * (Math.abs(slope) + expected));
      });
      compared += 1;
    }),
    { numRuns: 150 },
  );
  expect(compared).toBeGreaterThan(50);
});

/** Formulas of any sign, most of them senseless. */
const any: fc.Arbitrary<string> = fc.letrec<{ term: string }>((tie) => ({
  term: fc.oneof(
    { depthSize: 'medium' },
    fc.constantFrom('x', 'y', 'a', 'b', '0', '1', '-1', '2', '0.5'),
    fc.tuple(fc.constantFrom(...'+-*/^'), tie('term'), tie('term')).map(([sign, a, b]) => `(${a}${sign}${b})`),
    fc.tuple(fc.constantFrom('-', 'sqrt', 'log', 'exp', 'tanh'), tie('term')).map(([f, a]) => `(${f}(${a}))`),
  ),
})).term;

test('whatever is put together can be compiled and run', () => {
  fc.assert(
    fc.property(any, points, (term, at) => {
      const text = `a*x + ${term}`;
      fc.pre(text.length < 300);
      expect(run(programOf(text), [at, at], at).values).toHaveLength(2);
    }),
    { numRuns: 500 },
  );
});

describe('the program', () => {
  const point = (k: number): Point => ({ x: 1 + k / 100, y: 2 + Math.sin(k) });
  const at = { E: 1.5, A: 2, alpha: 0.4, B: 3, beta: 0.3 };
  const chinchilla = 'E + A/x^alpha + B/y^beta';

  test.each([0, 1, 255, 256, 257, 700])('runs over %d rows', (rows) => {
    const points = Array.from({ length: rows }, (_, k) => point(k));
    const { values, slopes } = run(programOf(chinchilla), points, at);
    expect(values).toHaveLength(rows);
    points.forEach(({ x, y }, k) => {
      const [a, b] = [at.A * x! ** -at.alpha, at.B * y! ** -at.beta];
      expect(values[k]).toBeCloseTo(at.E + a + b, 13);
      const expected = [1, a / at.A, -a * Math.log(x!), b / at.B, -b * Math.log(y!)];
      expected.forEach((slope, j) => {
        expect(slopes[5 * k + j]).toBeCloseTo(slope, 13);
      });
    });
  });

  test('sees that its columns were changed in place, or are fewer', () => {
    const { program } = programOf('a*log(x)/x^b');
    const column = Float64Array.of(2, 3, 4);
    const [logValue, jacobian] = [new Float64Array(3), new Float64Array(6)];
    const at = Float64Array.of(1.5, 0.5);
    const first = (rows = 3) => {
      program.evaluate(at, [column], rows, logValue, jacobian);
      return Array.from(logValue);
    };
    const expected = (x: number) => Math.log((1.5 * Math.log(x)) / x ** 0.5);
    expect(first()[2]).toBeCloseTo(expected(4), 14);
    column[2] = 9;
    expect(first()[2]).toBeCloseTo(expected(9), 14);
    logValue.fill(7);
    column[0] = 5;
    expect(first(1)).toEqual([expect.closeTo(expected(5), 14), 7, 7]);
  });

  test('does once by the row what the formula and its derivatives have in common', () => {
    const { graph, value, derivatives } = programOf(chinchilla);
    const byRow = partsOf(graph, [value, ...derivatives])
      .map((index) => graph.nodes[index]!)
      .filter(({ ofColumns, ofCoordinates }) => ofColumns && ofCoordinates)
      .map(({ operation }) => operation);
    // Two powers, each the exponential of a product; two terms and their slopes to the exponent; two sums. No logarithm.
    expect(byRow.filter((operation) => operation === 'exp')).toHaveLength(2);
    expect(byRow.filter((operation) => operation === 'multiply')).toHaveLength(6);
    expect(byRow.filter((operation) => operation === 'add')).toHaveLength(2);
    expect(byRow).toHaveLength(10);
  });

  test('a formula as nested as may be stays small', () => {
    const { graph } = programOf(`a*${'('.repeat(30)}x${'^16)'.repeat(30)}`);
    const other = programOf(`log(${'('.repeat(30)}x*a${'^16)'.repeat(30)} + y)`);
    expect(graph.nodes.length + other.graph.nodes.length).toBeLessThan(3000);
  });

  test('a value that is not positive and finite has no log', () => {
    const formula = programOf('a - x');
    const { values } = run(formula, [{ x: 1 }, { x: 3 }, { x: 4 }], { a: 3 });
    expect(values).toEqual([2, Number.NaN, Number.NaN]);
    expect(run(programOf('a*exp(x)'), [{ x: 1000 }], { a: 1 }).values).toEqual([Number.NaN]);
  });

  test('a power of 0 is 0, and so is its slope to the exponent', () => {
    const { values, slopes } = run(programOf('a + (x/y - 1)^b'), [{ x: 2, y: 2 }], { a: 3, b: 0.7 });
    expect(values[0]).toBeCloseTo(3, 14);
    expect(slopes[0]).toBeCloseTo(1, 14);
    expect(slopes[1]).toBe(0);
  });

  test('what is the same in all rows may be the value or a slope', () => {
    const { values, slopes } = run(programOf('a*(x - x) + b + 0*y'), [point(1), point(2)], { a: 3, b: 0.7 });
    expect(values.map((value) => value.toFixed(12))).toEqual(['0.700000000000', '0.700000000000']);
    expect(slopes.map((slope) => slope.toFixed(12))).toEqual([0, 1, 0, 1].map((slope) => slope.toFixed(12)));
  });
});
