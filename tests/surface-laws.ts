import fc from 'fast-check';
import type { Law } from '../src/fit/law.js';
import { publishedLaw } from '../src/fit/published.js';
import type { Surface } from '../src/recommend/allocation/surface.js';

/** A chinchilla law of a surface, without draws unless they are given. */
export function lawOf(surface: Surface, draws: readonly Surface[] = []): Law {
  const parameters = ['E', 'A', 'B', 'alpha', 'beta'] as const;
  return {
    ...publishedLaw('hoffmann-2022'),
    parameters: { ...surface },
    draws:
      draws.length === 0
        ? null
        : {
            ...publishedLaw('besiroglu-2024').draws!,
            parameters: [...parameters],
            values: draws.map((draw) => parameters.map((name) => draw[name])),
          },
  };
}

/** Twenty times each of two surfaces: enough draws for a level of 0.9, whose interval ends at their quantities. */
export function twoDraws(first: Surface, second: Surface): Surface[] {
  return Array.from({ length: 40 }, (_, k) => (k % 2 === 0 ? first : second));
}

const real = (min: number, max: number) => fc.double({ min, max, noNaN: true });

export const surfaces: fc.Arbitrary<Surface> = fc.record({
  E: real(0, 3),
  A: real(1, 1e4),
  B: real(1, 1e4),
  alpha: real(0.1, 1.2),
  beta: real(0.1, 1.2),
});

/** Numbers spread evenly in their logarithm. */
export const powersOfTen = (min: number, max: number) => real(min, max).map((power) => 10 ** power);

export const budgets = powersOfTen(16, 26);
