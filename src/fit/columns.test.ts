import { expect, test } from 'vitest';
import { type ColumnSource, columnValue } from './columns.js';

test.each<[string, ColumnSource, number | undefined]>([
  ['of a decoder', { decoderLayers: 12 }, 12],
  ['of an encoder', { encoderLayers: 24 }, 24],
  ['of a decoder that names its absent encoder', { encoderLayers: 0, decoderLayers: 12 }, 12],
  ['of two stacks, their mean', { encoderLayers: 6, decoderLayers: 9 }, 7.5],
  ['given by itself', { layers: 5, encoderLayers: 6, decoderLayers: 9 }, 5],
  ['of no stack', { dModel: 512 }, undefined],
  ['of stacks that are both absent', { encoderLayers: 0, decoderLayers: 0 }, undefined],
])('layers %s', (_, point, expected) => {
  expect(columnValue(point, 'layers')).toBe(expected);
});

test('a stack that is absent has no number of layers', () => {
  expect(columnValue({ encoderLayers: 0 }, 'encoderLayers')).toBeUndefined();
  expect(columnValue({ decoderLayers: 0 }, 'decoderLayers')).toBeUndefined();
  expect(columnValue({ decoderLayers: 3 }, 'decoderLayers')).toBe(3);
});

test('any other column is its own value, 0 too, for whoever checks it to refuse', () => {
  expect(columnValue({ tokens: 0 }, 'tokens')).toBe(0);
  expect(columnValue({ params: 7 }, 'params')).toBe(7);
  expect(columnValue({ params: 7 }, 'tokens')).toBeUndefined();
});
