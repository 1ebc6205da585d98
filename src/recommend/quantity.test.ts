import fc from 'fast-check';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { parseQuantity, type QuantityKind } from './quantity.js';
import { loadUnits } from './units.js';

beforeAll(loadUnits);

describe('quantities as people write them', () => {
  test.each<[string, QuantityKind, number]>([
    ['220M', 'params', 220e6],
    ['220 M', 'params', 220e6],
    ['220M params', 'params', 220e6],
    ['220Mparameters', 'params', 220e6],
    ['  737668096  ', 'params', 737668096],
    ['1,207,359,488', 'params', 1207359488],
    ['1,500.5k', 'params', 1500500],
    ['.5B', 'params', 5e8],
    ['5.B', 'params', 5e9],
    ['1k', 'params', 1e3],
    ['1K', 'params', 1e3],
    ['1.5B tokens', 'tokens', 1.5e9],
    ['1.5G', 'tokens', 1.5e9],
    ['1 Token', 'tokens', 1],
    ['2T', 'tokens', 2e12],
    ['1e21', 'flops', 1e21],
    ['1E21 FLOP', 'flops', 1e21],
    ['1e+21 flops', 'flops', 1e21],
    ['1Z', 'flops', 1e21],
    ['300E', 'flops', 3e20],
    ['2P', 'flops', 2e15],
    ['2e3 k', 'flops', 2e6],
    ['500', 'hours', 500],
    ['0.5 h', 'hours', 0.5],
    ['1,000 GPU-hours', 'hours', 1000],
    ['3 days', 'days', 3],
    ['1 day', 'days', 1],
    ['2.5d', 'days', 2.5],
    ['$5,000', 'dollars', 5000],
    ['$ 5k', 'dollars', 5000],
    ['5000 USD', 'dollars', 5000],
    ['$3.99', 'dollars', 3.99],
    ['2.5Y', 'flops', 2.5e24],
    ['220 million params', 'params', 220e6],
    ['2trillion', 'tokens', 2e12],
    ['24 GB', 'bytes', 24e9],
    ['8.2GB', 'bytes', 8.2e9],
    // IEC 80000-13: a gibibyte is 2^30 bytes.
    ['40GiB', 'bytes', 40 * 2 ** 30],
    ['80e9', 'bytes', 80e9],
    ['1,024 MiB', 'bytes', 2 ** 30],
    ['7 B', 'bytes', 7],
    ['50 ms', 'seconds', 0.05],
    ['7ns', 'seconds', 7e-9],
    ['2 s', 'seconds', 2],
    ['2', 'seconds', 2],
    ['90 min', 'seconds', 5400],
    ['3 days', 'seconds', 259200],
    ['1.5e1 Hours', 'seconds', 54000],
  ])('%j of %s is %d', (text, kind, value) => {
    expect(parseQuantity(text, kind)).toBe(value);
  });

  // 8.2 * 1e6 is 8199999.999999999.
  test.each(['8.2M', '1.001M', '2.03B', '64.1k'])('%s is the whole number that is written', (text) => {
    expect(Number.isInteger(parseQuantity(text, 'params'))).toBe(true);
  });

  test('a number written with any multiple, unit and separators reads back', () => {
    const powers = { '': 0, k: 3, M: 6, B: 9, T: 12, P: 15, E: 18, Z: 21 };
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 999_999_999 }),
        fc.constantFrom(...Object.entries(powers)),
        fc.constantFrom('', ' tokens', 'tokens'),
        fc.boolean(),
        (mantissa, [letter, power], unit, separated) => {
          const digits = separated ? mantissa.toLocaleString('en-US') : String(mantissa);
          expect(parseQuantity(`${digits}${letter}${unit}`, 'tokens')).toBe(Number(`${mantissa}e${power}`));
        },
      ),
    );
  });

  test('every positive double reads back from its own text', () => {
    const positive = fc.double({ min: 0, minExcluded: true, noNaN: true, noDefaultInfinity: true });
    fc.assert(
      fc.property(positive, (value) => {
        expect(parseQuantity(String(value), 'flops')).toBe(value);
      }),
    );
  });
});

describe('what is no quantity', () => {
  test.each<[string, QuantityKind, RegExp]>([
    ['', 'params', /no number at its start/],
    ['   ', 'params', /no number/],
    ['abc', 'params', /no number/],
    ['M', 'params', /no number/],
    ['NaN', 'params', /no number/],
    ['Infinity', 'flops', /no number/],
    ['٣', 'params', /no number/],
    ['$', 'dollars', /no number/],
    ['$5', 'params', /no number/],
    ['-5', 'params', /must be positive/],
    ['-1e21', 'flops', /must be positive/],
    ['$-5', 'dollars', /must be positive/],
    ['0', 'params', /positive and finite/],
    ['0.0e5', 'params', /positive and finite/],
    ['1e400', 'flops', /positive and finite/],
    ['1e308k', 'flops', /positive and finite/],
    ['1e-400', 'flops', /positive and finite/],
    ['12Q', 'params', /"Q" is neither a multiple .* nor a unit of params/],
    ['220m', 'params', /"m" is neither/],
    ['5M dollars', 'params', /"M dollars" is neither/],
    ['5M params', 'tokens', /"M params" is neither/],
    ['3 weeks', 'days', /"weeks" is neither/],
    ['1,00', 'params', /",00" is neither/],
    ['0x10', 'params', /"x10" is neither/],
    ['1e', 'params', /"e" is neither/],
    ['1.2.3', 'params', /"\.3" is neither/],
    ['5 5', 'params', /"5" is neither/],
    ['24 Gb', 'bytes', /"Gb" counts bits/],
    ['24G', 'bytes', /"G" is no unit of memory \(MB, GB, GiB/],
    ['24 s', 'bytes', /"s" is no unit of memory/],
    ['24 GB', 'seconds', /"GB" is no unit of time/],
    ['50 Ms', 'seconds', /"Ms" is no unit of time/],
    ['3 constructor', 'seconds', /"constructor" is no unit/],
    ['-3 days', 'seconds', /must be positive/],
    ['0 GB', 'bytes', /positive and finite/],
    ['1e308 GB', 'bytes', /positive and finite/],
    ['1e99999999999999999999999 GB', 'bytes', /positive and finite/],
    ['', 'bytes', /no number/],
  ])('%j of %s', (text, kind, message) => {
    expect(() => parseQuantity(text, kind)).toThrow(
      expect.objectContaining({ code: 'bad-quantity', message: expect.stringMatching(message) }),
    );
  });

  test('the message quotes the text and shows how to write it', () => {
    expect(() => parseQuantity('12Q', 'dollars')).toThrow(/^"12Q" is not a quantity of dollars: .* as in \$5000$/);
  });

  test('no text makes it throw anything else, and none gives what is not positive', () => {
    fc.assert(
      fc.property(fc.string(), fc.constantFrom('params', 'bytes', 'seconds'), (text, kind) => {
        try {
          expect(parseQuantity(text, kind)).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toMatchObject({ code: 'bad-quantity' });
        }
      }),
    );
  });
});

test('counts, money and bare numbers need no units loaded; a unit does', async () => {
  vi.resetModules();
  const fresh = await import('./quantity.js');
  expect(fresh.parseQuantity('220M', 'params')).toBe(220e6);
  expect(fresh.parseQuantity('$5k', 'dollars')).toBe(5000);
  expect(fresh.parseQuantity('80e9', 'bytes')).toBe(80e9);
  expect(() => fresh.parseQuantity('24 GB', 'bytes')).toThrow(expect.objectContaining({ code: 'bad-usage' }));
});
