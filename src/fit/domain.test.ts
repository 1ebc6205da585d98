import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { domainOf, extrapolation } from './domain.js';
import type { Law } from './law.js';
import { publishedLaw } from './published.js';

/** A law of this evidence; of the law itself nothing but the variables is used. */
function lawOver(points: readonly (readonly [number, number])[]): Law {
  const columns = [0, 1].map((k) => Float64Array.from(points, (point) => point[k]!));
  return { ...publishedLaw('hoffmann-2022'), domain: domainOf(['params', 'tokens'], columns) };
}

function powerLawOver(values: readonly number[]): Law {
  return {
    ...publishedLaw('hoffmann-2022'),
    law: 'power',
    variables: ['flops'],
    domain: domainOf(['flops'], [Float64Array.from(values)]),
  };
}

const at = (law: Law, params: number, tokens: number) => extrapolation(law, { params, tokens });

// On log10 axes a square from (8, 9) to (10, 11), with points inside and on an edge.
const square = [
  [1e8, 1e9],
  [1e10, 1e9],
  [1e8, 1e11],
  [1e10, 1e11],
  [1e9, 1e10],
  [1e9, 1e9],
] as const;

describe('domainOf', () => {
  test('gives ranges, and the corners of the hull alone', () => {
    const { ranges, hull } = lawOver(square).domain!;
    expect(ranges).toEqual({ params: [1e8, 1e10], tokens: [1e9, 1e11] });
    const rounded = hull!.map(([x, y]) => `${x.toFixed(9)} ${y.toFixed(9)}`);
    expect(rounded.sort()).toEqual(
      [
        [10, 11],
        [10, 9],
        [8, 11],
        [8, 9],
      ].map(([x, y]) => `${x!.toFixed(9)} ${y!.toFixed(9)}`),
    );
  });

  test('has no hull for one variable', () => {
    expect(domainOf(['flops'], [Float64Array.of(1e20, 1e18, 1e19)])).toEqual({
      ranges: { flops: [1e18, 1e20] },
      hull: null,
    });
  });
});

describe('distance to the hull, by hand', () => {
  test.each([
    ['the middle', 1e9, 1e10, 0],
    ['a corner', 1e8, 1e11, 0],
    ['an edge', 1e10, 3e10, 0],
    ['one decade right', 1e11, 1e10, 1],
    ['half a decade below', 1e9, 10 ** 8.5, 0.5],
    ['three and four decades off a corner', 1e13, 1e15, 5],
    ['left and below', 1e5, 1e5, 5],
  ])('of a square: %s', (_, params, tokens, expected) => {
    const { decades, inside } = at(lawOver(square), params, tokens);
    expect(decades).toBeCloseTo(expected, 12);
    expect(inside).toBe(expected === 0);
  });

  // Off the hypotenuse of (8, 9), (10, 9), (8, 11), each range by itself holding the point: at (10, 11) by sqrt 2.
  test('of a triangle: the corner that no run covers', () => {
    const triangle = lawOver([square[0], square[1], square[2]]);
    expect(at(triangle, 1e10, 1e11)).toMatchObject({ inside: false, byVariable: { params: 0, tokens: 0 } });
    expect(at(triangle, 1e10, 1e11).decades).toBeCloseTo(Math.SQRT2, 12);
    expect(at(triangle, 10 ** 8.5, 10 ** 9.5)).toMatchObject({ inside: true, decades: 0 });
  });

  // Points in a line leave a segment, here from (8, 9) to (10, 10).
  test('of points in a line', () => {
    const line = lawOver([
      [1e8, 1e9],
      [1e9, 10 ** 9.5],
      [1e10, 1e10],
    ]);
    expect(line.domain!.hull).toHaveLength(2);
    expect(at(line, 1e9, 10 ** 9.5)).toMatchObject({ inside: true, decades: 0 });
    expect(at(line, 1e12, 1e11).decades).toBeCloseTo(Math.sqrt(5), 12);
    // (8.5, 10.5) is (9, 9.5) and (-0.5, 1), which is square to (2, 1).
    expect(at(line, 10 ** 8.5, 10 ** 10.5).decades).toBeCloseTo(Math.sqrt(1.25), 12);
  });
});

test('signs by variable: above the range positive, below it negative', () => {
  const { byVariable } = at(lawOver(square), 1e12, 1e6);
  expect(byVariable.params).toBeCloseTo(2, 12);
  expect(byVariable.tokens).toBeCloseTo(-3, 12);
});

describe('any evidence', () => {
  const log10 = fc.tuple(fc.double({ min: 6, max: 12, noNaN: true }), fc.double({ min: 8, max: 14, noNaN: true }));
  const evidence = fc.array(log10, { minLength: 3, maxLength: 12 });
  const lawOf = (points: readonly (readonly [number, number])[]) =>
    lawOver(points.map(([x, y]) => [10 ** x, 10 ** y] as const));

  test('holds its own points and whatever lies between them', () => {
    fc.assert(
      fc.property(evidence, fc.array(fc.nat(100), { minLength: 12, maxLength: 12 }), (points, shares) => {
        const law = lawOf(points);
        for (const [x, y] of points) expect(at(law, 10 ** x, 10 ** y).inside).toBe(true);
        const total = points.reduce((sum, _, k) => sum + shares[k]! + 1, 0);
        const mean = (axis: 0 | 1) =>
          points.reduce((sum, point, k) => sum + (point[axis] * (shares[k]! + 1)) / total, 0);
        expect(at(law, 10 ** mean(0), 10 ** mean(1))).toMatchObject({ inside: true, decades: 0 });
      }),
    );
  });

  // The distance to a convex set is the most by which a half-plane that holds the set parts it from the point, and the best
  // half-plane is square to a line through two points of the set, or to the way from one of them.
  test('is as far as the best separating line', () => {
    fc.assert(
      fc.property(evidence, log10, (points, [px, py]) => {
        const directions = points.flatMap(([x, y]) => {
          const square = points.map((other) => Math.atan2(other[0] - x, y - other[1]));
          return [...square, ...square.map((angle) => angle + Math.PI), Math.atan2(py - y, px - x)];
        });
        let separation = 0;
        for (const angle of directions) {
          const [u, v] = [Math.cos(angle), Math.sin(angle)];
          separation = Math.max(separation, u * px + v * py - Math.max(...points.map(([x, y]) => u * x + v * y)));
        }
        // Distances below 1e-9 count as none.
        expect(Math.abs(at(lawOf(points), 10 ** px, 10 ** py).decades! - separation)).toBeLessThan(2e-9);
      }),
      { numRuns: 500, endOnFailure: true },
    );
  });
});

describe('one variable', () => {
  test('lies in its range or some decades off it', () => {
    const law = powerLawOver([1e18, 3e19, 1e20]);
    expect(extrapolation(law, { flops: 5e19 })).toEqual({ inside: true, decades: 0, byVariable: { flops: 0 } });
    expect(extrapolation(law, { flops: 1e23 })).toMatchObject({ inside: false });
    expect(extrapolation(law, { flops: 1e23 }).decades).toBeCloseTo(3, 12);
    expect(extrapolation(law, { flops: 1e16 }).decades).toBeCloseTo(2, 12);
    expect(extrapolation(law, { flops: 1e16 }).byVariable.flops).toBeCloseTo(-2, 12);
  });
});

describe('published evidence', () => {
  // 16e9 parameters and 5e11 tokens are the ends of the ranges: 3 and 4 decades past them are 5 by Pythagoras.
  test('of ranges alone is a box', () => {
    const hoffmann = publishedLaw('hoffmann-2022');
    expect(at(hoffmann, 70e9, 1.4e12).inside).toBe(false);
    expect(at(hoffmann, 16e12, 5e15).decades).toBeCloseTo(5, 12);
    expect(at(hoffmann, 1e9, 2e10)).toEqual({ inside: true, decades: 0, byVariable: { params: 0, tokens: 0 } });
  });

  test('that is not stated says neither inside nor outside', () => {
    expect(extrapolation(publishedLaw('muennighoff-2023'), { params: 1e9, tokens: 1e10, uniqueTokens: 1e9 })).toEqual({
      inside: null,
      decades: null,
      byVariable: {},
    });
  });
});

test.each([{ params: 1e9 }, {}, { params: 1e9, tokens: 0 }, { params: Number.NaN, tokens: 1e9 }])(
  'refuses the point %j rather than call it inside',
  (point) => {
    for (const law of [lawOver(square), publishedLaw('hoffmann-2022')]) {
      expect(() => extrapolation(law, point)).toThrow(expect.objectContaining({ code: 'bad-usage' }));
    }
  },
);
