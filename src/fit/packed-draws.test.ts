import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { packNumbers, unpackNumbers } from './packed-draws.js';

// IEEE 754: 1 is 0x3ff0000000000000, little-endian; -2 is 0xc000000000000000.
test('by hand', () => {
  expect(packNumbers(Float64Array.of(1, -2))).toBe(
    Buffer.from('000000000000f03f00000000000000c0', 'hex').toString('base64'),
  );
  expect(packNumbers(new Float64Array(0))).toBe('');
  expect(unpackNumbers('', 'law.json')).toEqual(new Float64Array(0));
});

test('gives back the same bits, also of many', () => {
  const numbers = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { maxLength: 50 });
  fc.assert(
    fc.property(numbers, (values) => {
      const packed = Float64Array.from(values);
      expect(new Uint8Array(unpackNumbers(packNumbers(packed), 'x').buffer)).toEqual(new Uint8Array(packed.buffer));
    }),
  );
  const many = Float64Array.from({ length: 20_001 }, (_, k) => Math.sin(k) * 10 ** (k % 30));
  expect(unpackNumbers(packNumbers(many), 'x')).toEqual(many);
});

describe('refuses', () => {
  test.each([
    ['*', /law\.json: its draws are not base64/],
    ['AAAA', /have 3 bytes, no multiple of 8/],
    [packNumbers(Float64Array.of(1, Number.NaN)), /hold values that are not finite/],
    [packNumbers(Float64Array.of(Number.NEGATIVE_INFINITY)), /hold values that are not finite/],
  ])('%s', (text, message) => {
    expect(() => unpackNumbers(text, 'law.json')).toThrow(
      expect.objectContaining({ code: 'bad-law-file', message: expect.stringMatching(message) }),
    );
  });
});
