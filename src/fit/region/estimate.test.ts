import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { normals } from '../../../tests/simulated-runs.js';
import { fitRegions, type RegionFit, type RegionModel } from './estimate.js';
import { activeRows, pickBoundaries, type RegionData, sortRows } from './rows.js';

const continuous: RegionModel = { continuous: true, candidates: 60 };
const jumping: RegionModel = { continuous: false, candidates: 60 };

function spread(count: number, low: number, high: number): Float64Array {
  return Float64Array.from({ length: count }, (_, k) => low + ((high - low) * k) / (count - 1));
}

/** `1 - sum of exponents over the way to x`, and less a jump at each break. */
function logLossAt(x: number, breaks: readonly number[], exponents: readonly number[], jump = 0): number {
  return breaks.reduce(
    (value, at, k) => (x >= at ? value - (exponents[k + 1]! - exponents[k]!) * (x - at) - jump : value),
    1 - exponents[0]! * x,
  );
}

function dataOf(x: Float64Array, logLoss: Float64Array, weights = new Float64Array(x.length).fill(1)): RegionData {
  return { x, regressors: [x], logLoss, weights };
}

function fitTo(data: RegionData, breaks: number, model: RegionModel): RegionFit {
  return fitRegions(activeRows(sortRows(data), data.logLoss, data.weights), breaks, model)!;
}

const noisy = (
  x: Float64Array,
  breaks: readonly number[],
  exponents: readonly number[],
  sigma: number,
  seed: number,
) => {
  const normal = normals(seed);
  return dataOf(
    x,
    x.map((value) => logLossAt(value, breaks, exponents) + sigma * normal()),
  );
};

/** Sum of squares about the line through some points, from its definition. */
function squaresOfLine(x: Float64Array, y: Float64Array): number {
  const mean = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [mx, my] = [mean(x), mean(y)];
  const slope =
    x.reduce((sum, value, k) => sum + (value - mx) * (y[k]! - my), 0) /
    x.reduce((sum, value) => sum + (value - mx) ** 2, 0);
  return y.reduce((sum, value, k) => sum + (value - my - slope * (x[k]! - mx)) ** 2, 0);
}

describe('noise-free laws are recovered', () => {
  const cases: [number[], number[]][] = [
    [[], [0.12]],
    [[1.13], [0.15, 0.06]],
    [
      [-2.21, 2.34],
      [0.2, 0.1, 0.03],
    ],
    [
      [-3.07, 0.01, 3.02],
      [0.25, 0.15, 0.08, 0.02],
    ],
  ];
  test.each(cases)('continuous, breakpoints %j', (breaks, exponents) => {
    const x = spread(311, -6, 6);
    const found = fitTo(
      dataOf(
        x,
        x.map((value) => logLossAt(value, breaks, exponents)),
      ),
      breaks.length,
      continuous,
    );
    found.breaks.forEach((at, k) => {
      expect(Math.abs(at - breaks[k]!)).toBeLessThan(1e-8);
    });
    found.coefficients.forEach((region, k) => {
      expect(Math.abs(region[1]! - exponents[k]!)).toBeLessThan(1e-8);
    });
  });

  test.each(cases)('with jumps, breakpoints %j', (breaks, exponents) => {
    const x = spread(311, -6, 6);
    const found = fitTo(
      dataOf(
        x,
        x.map((value) => logLossAt(value, breaks, exponents, 0.05)),
      ),
      breaks.length,
      jumping,
    );
    const gap = 12 / 310;
    found.breaks.forEach((at, k) => {
      // Anywhere in the gap between two rows is the same law.
      expect(Math.abs(at - breaks[k]!)).toBeLessThan(gap);
    });
    found.coefficients.forEach((region, k) => {
      expect(Math.abs(region[1]! - exponents[k]!)).toBeLessThan(1e-8);
    });
    expect(found.squares).toBeLessThan(1e-24);
  });
});

test('with noise of 1%, breakpoints and exponents are near the truth', () => {
  const x = spread(400, -6, 6);
  for (const model of [continuous, jumping]) {
    const found = fitTo(noisy(x, [-1, 2.5], [0.2, 0.1, 0.03], 0.01, 5), 2, model);
    // Some 5 standard errors of each.
    expect(found.breaks[0]).toBeCloseTo(-1, 0);
    expect(found.breaks[1]).toBeCloseTo(2.5, 0);
    [0.2, 0.1, 0.03].forEach((exponent, k) => {
      expect(Math.abs(found.coefficients[k]![1]! - exponent)).toBeLessThan(0.006);
    });
  }
});

test('the breakpoint of a law that jumps is the best of all gaps', () => {
  for (let seed = 1; seed <= 5; seed++) {
    const x = spread(150, -3, 3);
    const data = noisy(x, [0.4], [0.15, 0.1], 0.05, seed);
    let least = Number.POSITIVE_INFINITY;
    // 5% of 150 rows is 8.
    for (let at = 8; at <= 142; at++) {
      const y = data.logLoss;
      least = Math.min(least, squaresOfLine(x.slice(0, at), y.slice(0, at)) + squaresOfLine(x.slice(at), y.slice(at)));
    }
    // The programme over every second gap may choose the lower of two like valleys; 150 candidates are all.
    expect(fitTo(data, 1, { continuous: false, candidates: 150 }).squares).toBeCloseTo(least, 10);
  }
});

test('the breakpoint of a continuous law is the best of a fine grid', () => {
  for (let seed = 1; seed <= 5; seed++) {
    const x = spread(100, -3, 3);
    const data = noisy(x, [0.4], [0.15, 0.08], 0.03, seed);
    const found = fitTo(data, 1, continuous);
    let least = Number.POSITIVE_INFINITY;
    for (const at of spread(2001, -2.6, 2.6)) {
      // A hinge less its line, against y less its line.
      const residual = (y: Float64Array) => {
        const mean = y.reduce((sum, value) => sum + value, 0) / y.length;
        const slope =
          x.reduce((sum, value, k) => sum + value * (y[k]! - mean), 0) /
          x.reduce((sum, value) => sum + value * value, 0);
        return y.map((value, k) => value - mean - slope * x[k]!);
      };
      const hinge = residual(x.map((value) => Math.max(0, value - at)));
      const y = residual(data.logLoss);
      const product = hinge.reduce((sum, value, k) => sum + value * y[k]!, 0);
      const square = hinge.reduce((sum, value) => sum + value * value, 0);
      least = Math.min(least, y.reduce((sum, value) => sum + value * value, 0) - product ** 2 / square);
    }
    expect(found.squares).toBeLessThanOrEqual(least + 1e-12);
    expect(found.squares).toBeGreaterThan(least * 0.999);
  }
});

test('more breakpoints never fit worse', () => {
  const x = spread(120, -3, 3);
  for (let seed = 1; seed <= 4; seed++) {
    const data = noisy(x, [], [0.1], 0.02, seed);
    for (const model of [continuous, jumping]) {
      const squares = [0, 1, 2, 3].map((breaks) => fitTo(data, breaks, model).squares);
      expect(squares.toSorted((a, b) => b - a)).toEqual(squares);
    }
  }
});

describe('the fit depends on nothing but the rows', () => {
  const x = spread(80, -3, 3);
  const data = noisy(x, [0.2], [0.15, 0.05], 0.02, 3);
  const models = [continuous, jumping];

  test.each(models)('a weight is so many equal rows: %j', (model) => {
    const counts = Array.from(x, (_, row) => 1 + (row % 3));
    const weighted = fitTo({ ...data, weights: Float64Array.from(counts) }, 1, model);
    const repeat = (column: Float64Array) =>
      Float64Array.from(counts.flatMap((count, row) => Array.from({ length: count }, () => column[row]!)));
    const repeated = fitTo(dataOf(repeat(x), repeat(data.logLoss)), 1, model);
    expect(repeated.squares).toBeCloseTo(weighted.squares, 12);
    expect(repeated.breaks[0]).toBeCloseTo(weighted.breaks[0]!, 8);
    expect(repeated.coefficients[1]![1]).toBeCloseTo(weighted.coefficients[1]![1]!, 8);
  });

  test.each(models)('a row of weight 0 is no row: %j', (model) => {
    const weights = Float64Array.from(x, (_, row) => Number(row % 4 !== 1));
    const kept = (column: Float64Array) => column.filter((_, row) => weights[row]! > 0);
    expect(fitTo({ ...data, weights }, 1, model)).toEqual(fitTo(dataOf(kept(x), kept(data.logLoss)), 1, model));
  });

  test('any order of the rows gives the same', () => {
    fc.assert(
      fc.property(
        fc.shuffledSubarray([...x.keys()], { minLength: x.length }),
        fc.constantFrom(...models),
        (order, model) => {
          const pick = (column: Float64Array) => Float64Array.from(order, (row) => column[row]!);
          expect(fitTo(dataOf(pick(x), pick(data.logLoss)), 1, model)).toEqual(fitTo(data, 1, model));
        },
      ),
      { numRuns: 20 },
    );
  });

  test('another unit of the variable moves breakpoints with it and leaves exponents', () => {
    fc.assert(
      fc.property(fc.double({ min: -20, max: 20, noNaN: true }), fc.constantFrom(...models), (shift, model) => {
        const [one, other] = [
          fitTo(data, 1, model),
          fitTo(
            dataOf(
              x.map((value) => value + shift),
              data.logLoss,
            ),
            1,
            model,
          ),
        ];
        expect(other.breaks[0]! - shift).toBeCloseTo(one.breaks[0]!, 7);
        expect(other.coefficients[0]![1]).toBeCloseTo(one.coefficients[0]![1]!, 8);
        expect(other.coefficients[1]![1]).toBeCloseTo(one.coefficients[1]![1]!, 8);
      }),
      { numRuns: 20 },
    );
  });
});

test('no region is smaller than 5% of the rows, whatever an outlier asks for', () => {
  const x = spread(200, -3, 3);
  const data = noisy(x, [], [0.1], 0.01, 9);
  data.logLoss[199]! += 5;
  for (const model of [continuous, jumping]) {
    const [at] = fitTo(data, 1, model).breaks;
    expect(x.filter((value) => value >= at!).length).toBeGreaterThanOrEqual(10);
  }
});

test('too few points for so many regions give none', () => {
  const x = spread(5, -1, 1);
  const data = noisy(x, [], [0.1], 0.01, 9);
  for (const { continuous: isContinuous } of [continuous, jumping]) {
    const rows = activeRows(sortRows(data), data.logLoss, data.weights);
    expect(fitRegions(rows, 1, { continuous: isContinuous, candidates: 60 })).toBeNull();
  }
});

// What keeps the cost in proportion to the rows: places are few, however many rows there are.
test('breakpoints are looked for at so many places at most, evenly among the rows', () => {
  const data = noisy(spread(5000, -3, 3), [], [0.1], 0.01, 1);
  const rows = activeRows(sortRows(data), data.logLoss, data.weights);
  const boundaries = pickBoundaries(rows, 60);
  expect(boundaries).toHaveLength(62);
  expect([boundaries[0], boundaries.at(-1)]).toEqual([0, 5000]);
  boundaries.forEach((at, k) => {
    expect(Math.abs(at - (k * 5000) / 61)).toBeLessThanOrEqual(1);
  });
});
