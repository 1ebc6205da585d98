import { expect, test } from 'vitest';
import { didYouMean, listed, nearest } from './suggest.js';

test.each([
  ['model size', ['x', 'Model Size'], 'Model Size'],
  ['loss', ['step', 'final_loss', 'val loss'], 'val loss'],
  ['parms', ['params', 'loss'], 'params'],
  ['dmodel', ['dModel', 'dFf'], 'dModel'],
  ['loss', ['N', 'D'], undefined],
  ['params', ['p'], undefined],
])('%j means, of %j, %j', (name, candidates, expected) => {
  expect(nearest(name, candidates)).toBe(expected);
});

test('a suggestion is a clause, or nothing', () => {
  expect(didYouMean('parms', ['params'])).toBe(' (did you mean "params"?)');
  expect(didYouMean('parms', ['loss'])).toBe('');
});

test('a list is cut and says how many more there are', () => {
  expect(listed(['a', 'b'], 2)).toBe('a, b');
  expect(listed(['a', 'b', 'c', 'd'], 2)).toBe('a, b and 2 more');
});
