import fc from 'fast-check';
import { expect, test } from 'vitest';
import { textWidth, wrapped } from './text.js';

/** Advance widths of the letters and signs from space to tilde, in thousandths of the size: Adobe's metrics of Helvetica. */
const helvetica =
  `278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 278
  278 584 584 584 556 1015 667 667 722 722 667 611 778 722 278 500 667 556 833 722 778 667 778 722 667 611 722 667 944 667 667
  611 278 278 278 469 556 333 556 556 500 556 556 278 556 556 222 222 500 222 833 556 556 556 556 333 500 278 556 500 722 500
  500 500 334 260 334 584`
    .split(/\s+/)
    .map(Number);

test.each([
  'Loss against training compute',
  '95% interval of the mean (percentile bootstrap over runs)',
  'L = E + A params^-alpha + B tokens^-beta',
  'best parameters (non-embedding)',
  'IsoFLOP, N* ~ C^0.497 at 6.2e18 FLOPs',
  'dModel / layers, T5-EFFICIENT-LARGE-NL36',
  'WWWW mmmm @@@@ illi',
])('"%s" is a little wider than in Helvetica', (text) => {
  const width = [...text].reduce((sum, letter) => sum + helvetica[letter.charCodeAt(0) - 32]! / 1000, 0);
  expect(textWidth(text, 1) / width).toBeGreaterThan(1);
  expect(textWidth(text, 1) / width).toBeLessThan(1.2);
});

test('lines hold the text in order, and none is too wide', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 15, max: 300 }), (text, width) => {
      const lines = wrapped(text, 12, width);
      expect(lines.join('').replace(/\s/g, '')).toBe(text.replace(/\s/g, ''));
      for (const line of lines) expect(textWidth(line, 12)).toBeLessThanOrEqual(Math.max(width, 12));
    }),
  );
});

test('lines break at spaces', () => {
  expect(wrapped('one two  three', 12, 50)).toEqual(['one two', 'three']);
  expect(wrapped('', 12, 50)).toEqual([]);
});
