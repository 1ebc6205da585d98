import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { crossedRows, logSpaced, normals, tableOf, withNoise } from '../../tests/simulated-runs.js';
import { fitLaw } from './fit.js';
import { type Law, lawSchema, parseLaw, serializeLaw } from './law.js';
import { packNumbers } from './packed-draws.js';
import { predict } from './predict.js';

const surface = { E: 1.8172, A: 482.01, B: 2085.43, alpha: 0.3478, beta: 0.3658 };
const rows = withNoise(crossedRows(surface, logSpaced(5e7, 1e10, 5), logSpaced(1e9, 3e11, 5)), 0.005, normals(1));
const law = fitLaw(tableOf(rows, { source: 'runs [ 1,  2 ].csv', warnings: ['rows [ 3 ] and [\n 4\n]'] }), {
  law: 'chinchilla',
  draws: 40,
});
const power = fitLaw(tableOf(rows), { law: 'power', draws: 40 });
const read = (text: string) => parseLaw(text, 'law.json');
const packed = (...values: number[]) => packNumbers(Float64Array.from(values));

describe('a law as text', () => {
  test.each([
    ['chinchilla', law],
    ['power', power],
  ])('%s: reads back as itself, and writes again as the same text', (_, written) => {
    const text = serializeLaw(written);
    expect(read(text)).toEqual(written);
    expect(serializeLaw(read(text))).toBe(text);
    expect(text.endsWith('}\n')).toBe(true);
  });

  test('predicts the same bits', () => {
    const back = read(serializeLaw(law));
    fc.assert(
      fc.property(fc.double({ min: 6, max: 13, noNaN: true }), fc.double({ min: 8, max: 14, noNaN: true }), (x, y) => {
        const point = { params: 10 ** x, tokens: 10 ** y };
        expect(predict(back, point)).toStrictEqual(predict(law, point));
      }),
    );
  });

  test('puts a list of numbers on one line, and packs the draws', () => {
    const lines = serializeLaw(law).split('\n');
    expect(lines.filter((line) => /^ {3}\[\d.*\],?$/.test(line))).toHaveLength(law.domain!.hull!.length);
    const { count, values } = JSON.parse(serializeLaw(law)).draws;
    expect(count).toBe(40);
    // 40 draws of 5 parameters in 8 bytes each, of which 3 are 4 letters.
    expect(values).toMatch(/^[\w+/]{2134}==$/);
    expect(serializeLaw(law).match(/"quantiles": \[[^\n]*\]/)).not.toBeNull();
  });

  test('keeps every number to the bit, but for the sign of zero', () => {
    const numbers = fc.double({ noNaN: true, noDefaultInfinity: true });
    const special = [1e-300, 5e-324, 1.7976931348623157e308, -1e21, 1e21, 0.1 + 0.2, -0, 0];
    const list = fc.array(numbers, { minLength: 5, maxLength: 5 });
    fc.assert(
      fc.property(list, fc.array(list, { maxLength: 3 }), (quantiles, values) => {
        const extreme: Law = {
          ...law,
          // No parameter of a law is negative.
          parameters: Object.fromEntries(Object.keys(law.parameters).map((name, k) => [name, Math.abs(quantiles[k]!)])),
          residuals: { quantiles: [...quantiles, ...special] },
          draws: { ...law.draws!, values },
        };
        const back = read(serializeLaw(extreme));
        // JSON has no negative zero; adding a zero takes the sign off.
        expect(back.residuals!.quantiles).toStrictEqual(extreme.residuals!.quantiles.map((value) => value + 0));
        expect(back.draws!.values).toStrictEqual(values);
        expect(Object.values(back.parameters)).toStrictEqual(quantiles.map(Math.abs));
      }),
    );
  });

  test('refuses what JSON cannot hold, a negative parameter, and a domain that is not of its variables', () => {
    const refused = (changed: Law) => () => read(serializeLaw(changed));
    expect(refused({ ...law, parameters: { ...law.parameters, A: Number.POSITIVE_INFINITY } })).toThrow(
      /A of the law is Infinity/,
    );
    const code = expect.objectContaining({ code: 'bad-law-file' });
    expect(refused({ ...law, parameters: { ...law.parameters, E: -1 } })).toThrow(code);
    expect(refused({ ...law, domain: { ranges: {}, hull: null } })).toThrow(code);
    expect(refused({ ...law, domain: { ...law.domain!, hull: [] } })).toThrow(code);
    expect(refused({ ...law, domain: { ...law.domain!, ranges: { ...law.domain!.ranges, flops: [1, 2] } } })).toThrow(
      code,
    );
  });

  test('keeps every string, whatever brackets and numbers stand in it', () => {
    const bracket = fc.stringMatching(/^[[\]\d.e+, \n\t"\\-]*$/);
    const text = fc.oneof(
      fc.string(),
      bracket,
      fc.constantFrom('[1, 2]', '[ 1,  2 ]', '[\n 1,\n 2\n]', '[\u2028 1 \u2028]'),
    );
    fc.assert(
      fc.property(text, fc.array(text), text, (name, notes, option) => {
        const noted: Law = {
          ...law,
          name,
          provenance: { ...law.provenance, source: name, notes, options: { option, nested: [[1, 2], [option], []] } },
        };
        expect(read(serializeLaw(noted))).toEqual(noted);
      }),
    );
  });
});

describe('refuses', () => {
  const refusal = (message: RegExp) =>
    expect.objectContaining({ code: 'bad-law-file', message: expect.stringMatching(message) });
  /** The law's text after a change that its type would not allow. */
  const changed = (change: (copy: Record<string, never>) => void, original: Law = law) => {
    const copy = JSON.parse(serializeLaw(original));
    change(copy);
    return JSON.stringify(copy);
  };

  test.each(['', '{', '{"format": }', 'shapelaw-law/2'])('what is not JSON: %j', (text) => {
    expect(() => read(text)).toThrow(refusal(/^law\.json is not JSON: /));
  });

  test.each(['null', '[]', '3', '"law"'])('what is not an object: %s', (text) => {
    expect(() => read(text)).toThrow(refusal(/^law\.json is not a law file: file: .*shapelaw fit RUNS/));
  });

  test.each(Object.keys(lawSchema.shape))('a law without %s', (field) => {
    expect(() =>
      read(
        changed((copy) => {
          delete copy[field];
        }),
      ),
    ).toThrow(refusal(new RegExp(`law\\.json is not a law file: ${field}: `)));
  });

  // biome-ignore lint/suspicious/noExplicitAny: what no type would let be written
  test.each<[string, (copy: any) => void, RegExp]>([
    ['another format', (copy) => (copy.format = 'shapelaw-law/1'), /format: /],
    ['an unknown law', (copy) => (copy.law = 'hoffmann'), /no law named hoffmann.*chinchilla/],
    ['an unknown form', (copy) => (copy.form = { variable: 'size' }), /form\.variable: /],
    [
      'an unknown ratio',
      (copy) => Object.assign(copy, { law: 'shape', form: { ratios: ['width'] } }),
      /no shape ratio "width"/,
    ],
    ['an unknown status', (copy) => (copy.status = 'fine'), /status: /],
    ['an unknown field', (copy) => (copy.parameter = {}), /file: .*"parameter"/],
    ['a parameter that is text', (copy) => (copy.parameters.A = '482'), /parameters\.A: /],
    // JSON.stringify writes null for what is not finite.
    ['a parameter that is null', (copy) => (copy.parameters.A = Number.NaN), /parameters\.A: /],
    [
      'an infinite draw',
      (copy) => (copy.draws.values = packed(1, Number.POSITIVE_INFINITY)),
      /draws hold values that are not finite/,
    ],
    ['draws that are a list', (copy) => (copy.draws.values = [[1, 2, 3, 4, 5]]), /draws\.values: /],
    ['draws that are no base64', (copy) => (copy.draws.values = '?'), /draws are not base64/],
    ['an interval of one end', (copy) => (copy.intervals.parameters.E = [1.8]), /intervals\.parameters\.E/],
    ['a convention that does not exist', (copy) => (copy.conventions.params = 'all'), /conventions\.params: /],
    ['a delta of 0', (copy) => (copy.objective.delta = 0), /objective\.delta: /],
    ['a missing parameter', (copy) => delete copy.parameters.beta, /chinchilla law needs the parameters beta/],
    [
      'the parameters of another law',
      (copy) => (copy.law = 'kaplan'),
      /kaplan law needs the parameters Nc, Dc, alphaN, alphaD/,
    ],
    [
      'a draw too short',
      (copy) => (copy.draws.values = packed(...new Array(199).fill(1))),
      /draws hold 199 numbers, not 40 draws of 5/,
    ],
    [
      'draws cut off',
      (copy) => (copy.draws.values = copy.draws.values.slice(0, 400)),
      /draws have 300 bytes, no multiple of 8/,
    ],
    ['another number of draws', (copy) => (copy.draws.count = 41), /draws hold 200 numbers, not 41 draws of 5/],
    [
      'draws of other parameters',
      (copy) => (copy.draws.parameters[4] = 'gamma'),
      /draws must give E, A, B, alpha, beta each/,
    ],
    [
      'other variables',
      (copy) => (copy.variables = ['tokens', 'params']),
      /variables of this chinchilla law are params, tokens, not tokens, params/,
    ],
    ['no variables', (copy) => (copy.variables = []), /variables of this chinchilla law are params, tokens, not none/],
    ['no quantiles', (copy) => (copy.residuals.quantiles = []), /residuals\.quantiles is empty/],
  ])('%s', (_, change, message) => {
    expect(() => read(changed(change))).toThrow(refusal(message));
  });

  test.each([[[]], [['params', 'tokens']], [['uniqueTokens']]])('a power law of %j', (variables) => {
    const text = changed((copy: Record<string, unknown>) => {
      copy.variables = variables;
    }, power);
    expect(() => read(text)).toThrow(refusal(/variables of this power law are flops, not/));
  });

  test('many faults, naming the first five', () => {
    expect(() => read('{}')).toThrow(
      expect.objectContaining({
        message: expect.stringMatching(/format: .*; name: .*; law: .*; form: .*; formula: [^;]*\. Write one with/),
      }),
    );
  });
});

test('a law without draws, residuals and domain is one', () => {
  const bare: Law = { ...law, draws: null, residuals: null, domain: null, intervals: null, rows: null };
  expect(read(serializeLaw(bare))).toEqual(bare);
});
