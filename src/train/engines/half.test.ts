import { expect, test } from 'vitest';
import { fromHalf, halfOf } from './half.js';

const isNumber = (bits: number) => (bits & 0x7c00) !== 0x7c00 || (bits & 0x3ff) === 0;

test('every float16 that is a number is itself again', () => {
  const changed: number[] = [];
  for (let bits = 0; bits < 65536; bits++) if (isNumber(bits) && halfOf(fromHalf(bits)) !== bits) changed.push(bits);
  expect(changed).toEqual([]);
});

test('what lies between two neighbours goes to the nearer one, from the middle to the even one', () => {
  const wrong: number[] = [];
  for (let bits = 0; bits < 0x7bff; bits++) {
    // Exact in float32, which has 13 bits more.
    const [below, above] = [fromHalf(bits), fromHalf(bits + 1)];
    const middle = (below + above) / 2;
    const quarter = (above - below) / 4;
    const even = bits % 2 === 0 ? bits : bits + 1;
    for (const [value, nearest] of [
      [middle - quarter, bits],
      [middle, even],
      [middle + quarter, bits + 1],
    ] as const) {
      if (halfOf(value) !== nearest || halfOf(-value) !== (nearest | 0x8000)) wrong.push(value);
    }
  }
  expect(wrong).toEqual([]);
});

// IEEE 754 binary16: 11 significant bits, exponents from -14 to 15, subnormals down to 2^-24.
test.each([
  [0, 0x0000],
  [-0, 0x8000],
  [1, 0x3c00],
  [-2, 0xc000],
  [1 / 3, 0x3555],
  [65504, 0x7bff],
  [65519.99, 0x7bff],
  [65520, 0x7c00],
  [1e30, 0x7c00],
  [Number.NEGATIVE_INFINITY, 0xfc00],
  [2 ** -14, 0x0400],
  [2 ** -24, 0x0001],
  [2 ** -25, 0x0000],
  [1.01 * 2 ** -25, 0x0001],
  [2 ** -140, 0x0000],
])('%d is 0x%s', (value, bits) => {
  expect(halfOf(value)).toBe(bits);
});

test('what is no number stays none', () => {
  expect(fromHalf(halfOf(Number.NaN))).toBeNaN();
  expect(fromHalf(0x7c01)).toBeNaN();
  expect([fromHalf(0x7c00), fromHalf(0xfc00)]).toEqual([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
});
