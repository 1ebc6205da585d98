import { describe, expect, test } from 'vitest';
import { randomStream } from './random.js';

/** Chi-square statistic of counts that should all be equal. */
const chiSquare = (counts: readonly number[]) => {
  const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  return counts.reduce((sum, count) => sum + (count - mean) ** 2 / mean, 0);
};

/** Counts of pairs of numbers, each in eighths. */
function pairs(draw: (index: number) => readonly [number, number]): readonly number[] {
  const counts = new Array<number>(64).fill(0);
  for (let index = 0; index < 32_000; index++) {
    const [a, b] = draw(index);
    counts[Math.floor(a * 8) * 8 + Math.floor(b * 8)]! += 1;
  }
  return counts;
}

/** The quantile of 63 degrees of freedom that one in 10,000 exceeds; the seeds are fixed, so that a pass stays one. */
const rare = 114;

describe('randomStream', () => {
  test.each([0, 1, 7, -3, 2 ** 40])('the numbers of a stream are independent (seed %d)', (seed) => {
    const counts = pairs((index) => {
      const random = randomStream(seed, index);
      return [random(), random()];
    });
    expect(chiSquare(counts)).toBeLessThan(rare);
  });

  test.each([0, 1, 7])('neighbouring streams are independent (seed %d)', (seed) => {
    expect(chiSquare(pairs((index) => [randomStream(seed, index)(), randomStream(seed, index + 1)()]))).toBeLessThan(
      rare,
    );
    expect(chiSquare(pairs((index) => [randomStream(seed, index)(), randomStream(seed + 1, index)()]))).toBeLessThan(
      rare,
    );
  });

  test('the halves of large seeds and numbers all count', () => {
    const firsts = [
      [1, 1],
      [1, 2 ** 32 + 1],
      [2 ** 32 + 1, 1],
      [-1, 1],
      [1, -1],
    ].map(([seed, number]) => randomStream(seed!, number!)());
    expect(new Set(firsts).size).toBe(firsts.length);
  });

  // Made by this code: a run is resumed from its seed alone, so that other numbers would change the runs there are.
  test('stays what it was', () => {
    const random = randomStream(1, 0);
    expect([random(), random(), random()].map((value) => value * 2 ** 32)).toEqual([38801559, 2438354466, 311989878]);
  });
});
