import { expect, test } from 'vitest';
import { cellOf, readNumber, readText } from './cells.js';

test.each([
  [' 1e9 ', 1e9],
  ['+3', 3],
  ['-.5', -0.5],
  ['5.', 5],
  ['1E-3', 0.001],
  ['38076416000.0', 38076416000],
  [2.5, 2.5],
  [10n ** 21n, 1e21],
])('reads %s as the number %d', (cell, value) => {
  expect(readNumber(cell)).toEqual({ kind: 'value', value });
});

test.each(['0x10', '1,000', '1_000', '0b1', '1e', '.', '-', 'abc', '1 2', 'NA', true, {}])(
  'refuses %s as a number',
  (cell) => {
    expect(readNumber(cell)).toEqual({ kind: 'bad', reason: 'is not a number', nonFinite: false });
  },
);

test.each(['nan', 'NaN', ' -nan', 'inf', '+Inf', '-Infinity', 'INFINITY', '1e999', '-1e999', Number.NaN, -Infinity])(
  'marks %j as not finite',
  (cell) => {
    expect(readNumber(cell)).toEqual({ kind: 'bad', reason: 'is not finite', nonFinite: true });
  },
);

test.each([undefined, null, '', '  '])('takes %j as empty, number or text', (cell) => {
  expect(readNumber(cell)).toEqual({ kind: 'empty' });
  expect(readText(cell)).toEqual({ kind: 'empty' });
});

test('reads text without the spaces around it, and numbers by their digits', () => {
  expect(readText(' wsd ')).toEqual({ kind: 'value', value: 'wsd' });
  expect(readText(7)).toEqual({ kind: 'value', value: '7' });
  expect(readText(9007199254740993n)).toEqual({ kind: 'value', value: '9007199254740993' });
  expect(readText(true)).toMatchObject({ kind: 'bad', reason: 'is not text' });
});

test('a column that the row lacks is absent even where every object inherits the name', () => {
  expect(cellOf({ row: 1, cells: {} }, 'constructor')).toBeUndefined();
});
