import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import type { ShapelawError } from '../../errors.js';
import { loadExpressions } from './load.js';
import { evaluateExpression, parseExpression } from './parse.js';

const columns = ['params', 'tokens', 'uniqueTokens', 'layers'];
const parse = (text: string) => parseExpression(text, columns);

/** The error that a text is refused with. */
function refusal(text: string): ShapelawError {
  try {
    parse(text);
  } catch (error) {
    return error as ShapelawError;
  }
  throw new Error(`${text} was let through`);
}

test('without its parser, an expression is refused with what to do', async () => {
  // Another test of this process may have loaded it.
  vi.resetModules();
  const fresh = await import('./parse.js');
  expect(() => fresh.parseExpression('E + A/params', ['params'])).toThrow(
    expect.objectContaining({ code: 'bad-usage', message: expect.stringContaining('loadExpressions()') }),
  );
  await loadExpressions();
  expect(parse('E + A/params').parameters).toEqual(['E', 'A']);
});

describe('formulas', () => {
  test('columns and parameters stand in the order of their appearance', () => {
    expect(parse('E + B/tokens^beta + A/params^alpha + B')).toMatchObject({
      formula: 'E + B/tokens^beta + A/params^alpha + B',
      columns: ['tokens', 'params'],
      parameters: ['E', 'B', 'beta', 'A', 'alpha'],
    });
  });

  test.each(['L = E + A/params', 'loss=E + A/params', '\n L =\tE +\n A/params ', 'E + A/params'])(
    'the left-hand side may be there: %j',
    (text) => {
      expect(parse(text)).toMatchObject({ columns: ['params'], parameters: ['E', 'A'] });
      expect(parse(text).root).toEqual(parse('E + A/params').root);
    },
  );

  test('e, E and tau are parameters like others, pi is the number', () => {
    expect(parse('e + E + tau/params + pi').parameters).toEqual(['e', 'E', 'tau']);
  });

  // Values by hand, at params = 4, tokens = 8, a = 2, b = 3.
  test.each([
    ['a + b * params', 14],
    ['-params^2 + 20*a', 24],
    ['a^b^2 / params', 128],
    ['2^-a * params', 1],
    ['+params - -a', 6],
    ['b / a / params', 0.375],
    ['pow(params, a) + 1e1 + .5', 26.5],
    ['log2(tokens) + log10(1e3) * a + sqrt(params)', 11],
    ['exp(log(params)) * tanh(0*a) + log1p(0) + b', 3],
    ['a * (params + pi - pi)', 8],
  ])('%s is %d', (text, expected) => {
    const { root, columns: used, parameters } = parse(text);
    const point: Record<string, number> = { params: 4, tokens: 8, a: 2, b: 3 };
    const values = (names: readonly string[]) => names.map((name) => point[name]!);
    expect(evaluateExpression(root, values(used), values(parameters))).toBeCloseTo(expected, 12);
  });
});

describe('refusals', () => {
  // The place is that of the first character to blame, counted from 1.
  test.each([
    ['a.b/params', 2],
    ['cos.constructor', 4],
    ['cos(params) + a', 1],
    ['f(x)=x', 1],
    ['x=1;params', 2],
    ['a*params; b', 9],
    ['a == params', 3],
    ['L = L2 = a*params', 8],
    ['[1,2]*a*params', 1],
    ['a[1]*params', 2],
    ['{a: 1}', 1],
    ['"s" + params', 1],
    ["'s' + params", 1],
    ['`s` + params', 1],
    ["params'", 7],
    ['1 m + params', 3],
    ['2a/params', 2],
    ['2 (a + params)', 3],
    ['(a)(params)', 4],
    ['a params', 3],
    ['0x1F*a*params', 2],
    ['1:params', 2],
    ['a ? params : 1', 3],
    ['a < params', 3],
    ['a && params', 3],
    ['a!*params', 2],
    ['a % params', 3],
    ['a .* params', 3],
    ['a # params', 3],
    ['a | params', 3],
    ['a -> params', 4],
    ['a\\params', 2],
    ['a*рarams', 3],
    ['a*params💥', 9],
    ['a mod params', 3],
    ['a and params', 3],
    ['not params', 1],
    ['params to a', 8],
    ['i*params', 1],
    ['Infinity*params', 1],
    ['NaN + params', 1],
    ['true + params', 1],
    ['null + params', 1],
    ['a*end*params', 3],
    ['evaluate("1")', 1],
    ['import("fs")', 1],
    ['import(params)', 1],
    ['parse(params)', 1],
    ['params()', 1],
    ['a(params)', 1],
    ['exp', 1],
    ['exp*params', 1],
    ['a*log + params', 3],
    ['ln(params)*a', 1],
    ['max(params, a)', 1],
    ['abs(params)*a', 1],
    ['gamma(params)*a', 1],
    ['__proto__*params', 1],
    ['constructor*params', 1],
    ['a*toString/params', 3],
    ['hasOwnProperty + params', 1],
    ['_a*params', 1],
    ['constructor(params)', 1],
    ['loss + params', 1],
    ['a + L*params', 5],
    ['a*Params', 3],
    ['a*unique_tokens', 3],
    ['1e999*a*params', 1],
    ['a*params +', 11],
    ['a * / params', 5],
    ['(a*params', 10],
    ['a*params)', 9],
    ['a, params', 2],
    ['', 1],
    ['L =', 4],
  ])('%j, for its character %d', (text, position) => {
    expect(refusal(text)).toMatchObject({ name: 'ShapelawError', code: 'bad-expression', details: { position } });
  });

  test.each([
    ['import', /no column .*params, tokens.* is named/],
    ['a + 1', /no column/],
    ['params + 1', /no parameter/],
    ['log(params, 10)*a', /log takes one argument, not 2/],
    ['pow(params)*a', /pow takes 2 arguments, not 1/],
    ['exp()*params*a', /exp takes one argument, not 0/],
  ])('%j: %s', (text, message) => {
    expect(refusal(text)).toMatchObject({ code: 'bad-expression', message: expect.stringMatching(message) });
  });

  test('messages say what to write', () => {
    expect(refusal('cos(params)').message).toBe(
      'there is no function cos: the functions are exp, log, log2, log10, log1p, sqrt, tanh, pow (log is natural), the operators + - * / ^ (character 1) in the expression "cos(params)"',
    );
    expect(refusal('2a/params').message).toContain('a sign is missing before "a": write a product with *');
    expect(refusal('a*Params').message).toContain('Params is written params, the column');
  });
});

describe('limits', () => {
  const nested = (depth: number) => `${'('.repeat(depth)}a*params${')'.repeat(depth)}`;
  const parameters = (count: number) => Array.from({ length: count }, (_, k) => `a${k}`).join('+');

  test.each([
    ['characters', `a*params${' '.repeat(492)}`, `a*params${' '.repeat(493)}`],
    ['parentheses', nested(32), nested(33)],
    ['parameters', `params*(${parameters(20)})`, `params*(${parameters(21)})`],
    ['names, numbers and operators', `-a*params${'+1'.repeat(98)}`, `--a*params${'+1'.repeat(98)}`],
  ])('%s', (_, most, more) => {
    expect(parse(most).columns).toEqual(['params']);
    expect(refusal(more).code).toBe('bad-expression');
  });

  test.each([
    ['a million characters', 'a'.repeat(1e6)],
    ['half a million parentheses', nested(5e5)],
    ['unclosed ones', '('.repeat(1e6)],
    ['a column of signs', `${'-'.repeat(499)}a`],
    ['a tower of powers', `${'a^'.repeat(249)}a`],
    ['a chain of functions', `${'exp('.repeat(120)}a${')'.repeat(20)}`],
  ])('refuses %s at once, showing little of it', (_, text) => {
    const error = refusal(text);
    expect(error.code).toBe('bad-expression');
    expect(error.message.length).toBeLessThan(700);
  });

  test('whatever the text, it is read or refused as an expression', () => {
    const word = fc.constantFrom(...'a E params tokens exp log ( ) + - * / ^ , . = 1 2.5 e 1e3 pi i [ ; "'.split(' '));
    const texts = fc.oneof(
      fc.string(),
      fc.array(word, { maxLength: 12 }).map((words) => words.join('')),
    );
    fc.assert(
      fc.property(texts, (text) => {
        try {
          expect(parse(text).columns.length).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toMatchObject({ code: 'bad-expression' });
        }
      }),
      { numRuns: 500 },
    );
  });
});
