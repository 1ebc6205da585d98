import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { editDistance } from '../../edit-distance.js';
import { closest } from './closest.js';

describe('editDistance', () => {
  // Textbook pairs.
  it.each([
    ['kitten', 'sitting', 3],
    ['flaw', 'lawn', 2],
    ['', 'abc', 3],
    ['same', 'same', 0],
  ])('of %s and %s is %d', (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
  });

  it('is a metric', () => {
    const word = fc.string({ maxLength: 8, unit: fc.constantFrom('a', 'b', 'c') });
    fc.assert(
      fc.property(word, word, word, (a, b, c) => {
        expect(editDistance(a, b)).toBe(editDistance(b, a));
        expect(editDistance(a, b) === 0).toBe(a === b);
        expect(editDistance(a, c)).toBeLessThanOrEqual(editDistance(a, b) + editDistance(b, c));
      }),
    );
  });
});

describe('closest', () => {
  it('puts the closest first, ties in the order given, and stops at the most', () => {
    expect(closest('abcdef', ['abcxyf', 'abcdxf', 'abcdef-long', 'uvwxyz', 'abcdeg'], 3)).toEqual([
      'abcdxf',
      'abcdef-long',
      'abcdeg',
    ]);
  });
});
