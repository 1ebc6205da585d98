import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { normals } from '../../../tests/simulated-runs.js';
import { type CandidateLosses, confidenceSet } from './confidence-set.js';

/** So many standard normal numbers. */
function numbersOf(seed: number, count: number): readonly number[] {
  const normal = normals(seed);
  return Array.from({ length: count }, normal);
}

/** A parabola `k (x - theta)^2` over a grid of x, whose best place is drawn about the estimate. */
function parabola(k: number, estimate: number, places: readonly number[], draws: readonly number[]): CandidateLosses {
  return {
    value: Float64Array.from(places, (x) => k * (x - estimate) ** 2),
    drawn: Float64Array.from(places.flatMap((x) => draws.map((theta) => k * (x - theta) ** 2))),
    draws: draws.length,
  };
}

const grid = Array.from({ length: 161 }, (_, k) => (k - 80) / 20);
function membersOf(losses: CandidateLosses, tolerance: number, level = 0.95): readonly number[] {
  const { member } = confidenceSet(losses, tolerance, level);
  return grid.filter((_, k) => member[k] === 1);
}

describe('of a parabola the set', () => {
  const draws = numbersOf(1, 1000).map((z) => 0.5 * z);

  test('spans the places that its best may have, and the tolerance on either side', () => {
    // A place s leaves where one a little nearer is better in all but a share of the draws: |s| > z sigma. With the tolerance t it
    // must be better by t, which it is best at sqrt(t / k) nearer. One draw's comparisons all move as one: z is two-sided, 1.96.
    const inside = membersOf(parabola(1, 0, grid, draws), 0);
    expect(inside.at(-1)! / (1.96 * 0.5)).toBeGreaterThan(0.9);
    expect(inside.at(-1)! / (1.96 * 0.5)).toBeLessThan(1.15);
    const tolerant = membersOf(parabola(1, 0, grid, draws), 0.25);
    expect(tolerant.at(-1)! - inside.at(-1)!).toBeCloseTo(0.5, 0);
    expect(inside[0]).toBeCloseTo(-inside.at(-1)!, 0);
  });

  test('holds the true best at its level over simulated estimates, which fewer standard deviations would not', () => {
    const truths = numbersOf(2, 400);
    const few = numbersOf(3, 200);
    let held = 0;
    for (const z of truths) {
      const losses = parabola(
        1,
        0.5 * z,
        grid,
        few.map((own) => 0.5 * z + 0.5 * own),
      );
      if (confidenceSet(losses, 0, 0.95).member[80] === 1) held += 1;
    }
    // 95% of 400 within three standard errors of 1.1%; one standard deviation would hold 68%.
    expect(held / 400).toBeGreaterThan(0.917);
    expect(held / 400).toBeLessThan(0.995);
  });

  test('grows with the level and the tolerance, and holds the best always', () => {
    const losses = parabola(
      1,
      0.3,
      grid,
      draws.slice(0, 100).map((theta) => theta + 0.3),
    );
    fc.assert(
      fc.property(
        fc.double({ min: 0.5, max: 0.99, noNaN: true }),
        fc.double({ min: 0, max: 2, noNaN: true }),
        (level, tolerance) => {
          const set = confidenceSet(losses, tolerance, level);
          expect(set.member[set.best]).toBe(1);
          expect(grid[set.best]).toBeCloseTo(0.3, 9);
          expect(set.size).toBeGreaterThanOrEqual(confidenceSet(losses, tolerance, level / 2).size);
          expect(set.size).toBeGreaterThanOrEqual(confidenceSet(losses, tolerance / 2, level).size);
        },
      ),
      { numRuns: 25 },
    );
    expect(confidenceSet(losses, 1e6, 0.95).size).toBe(grid.length);
  });
});

test('candidates that differ by as much in every draw are told apart, and equal ones stay together', () => {
  const base = numbersOf(5, 100).map((z) => 2 + 0.1 * z);
  const losses: CandidateLosses = {
    value: Float64Array.of(2, 2, 2.001),
    drawn: Float64Array.from([...base, ...base, ...base.map((loss) => loss + 0.001)]),
    draws: 100,
  };
  expect(Array.from(confidenceSet(losses, 0, 0.95).member)).toEqual([1, 1, 0]);
  expect(Array.from(confidenceSet(losses, 0.002, 0.95).member)).toEqual([1, 1, 1]);
});

test('a candidate from outside is judged as its own are: regret, its interval, and the share within the tolerance', () => {
  const losses = parabola(1, 0, [0, 1], [-0.5, 0, 0.5, 0.9]);
  const set = confidenceSet(losses, 0.3, 0.9);
  const { member, regret, probability } = set.standing(1, Float64Array.of(2.25, 1, 0.25, 0.01));
  // Least of each draw: .25, 0, .25, .01; the regrets of the second candidate: 2, 1, 0, 0.
  expect(regret.value).toBe(1);
  expect(probability).toBe(0.5);
  expect(regret.interval[0]).toBeCloseTo(0, 12);
  expect(regret.interval[1]).toBeLessThanOrEqual(2);
  expect(member).toBe(set.member[1] === 1);
});
