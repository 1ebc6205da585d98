import { expect, test } from 'vitest';
import { toFloat32 } from './stored-tensor.js';

test('F32 is not copied', () => {
  const data = Float32Array.of(1, 2);
  expect(toFloat32({ dtype: 'F32', shape: [2], data })).toBe(data);
});

// IEEE 754: smallest subnormal, smallest normal, 1, -2, largest, infinity.
test('F16 is widened', () => {
  const data = Uint16Array.of(0x0001, 0x0400, 0x3c00, 0xc000, 0x7bff, 0x7c00);
  expect([...toFloat32({ dtype: 'F16', shape: [6], data })]).toEqual([2 ** -24, 2 ** -14, 1, -2, 65504, Infinity]);
});

// The upper halves of float32: 1, -2, 3.140625 (pi), the smallest subnormal, -infinity.
test('BF16 is widened', () => {
  const data = Uint16Array.of(0x3f80, 0xc000, 0x4049, 0x0001, 0xff80);
  expect([...toFloat32({ dtype: 'BF16', shape: [5], data })]).toEqual([1, -2, 3.140625, 2 ** -133, -Infinity]);
});

test('another type is refused', () => {
  expect(() => toFloat32({ dtype: 'I64', shape: [1], data: BigInt64Array.of(1n) }, 'm: tensor "a"')).toThrow(
    expect.objectContaining({
      code: 'bad-checkpoint',
      message: expect.stringMatching(/^m: tensor "a" is of type I64/),
    }),
  );
});
