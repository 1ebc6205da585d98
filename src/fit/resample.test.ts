import { describe, expect, test } from 'vitest';
import { normals } from '../../tests/simulated-runs.js';
import { drawResample, type Resample, type ResamplingSource } from './resample.js';

// Runs of 3, 1, 2 and 4 checkpoints, interleaved.
const runOfRow = Int32Array.of(0, 1, 2, 0, 3, 3, 2, 0, 3, 3);
const runs = 4;
const any = () => true;
const normal = normals(1);
const fitted = Float64Array.from(runOfRow, (_, row) => 1 - 0.02 * row);
const residuals = fitted.map(() => 0.01 * normal());
const source: ResamplingSource = {
  ...{ resampling: 'cluster', seed: 7, runOfRow, runs, fitted, residuals },
  weights: new Float64Array(runOfRow.length).fill(1),
  logLoss: fitted.map((value, row) => value + residuals[row]!),
  noise: { run: { sd: 0.01, degrees: 4 }, row: { sd: 0.003, degrees: 6 } },
};

/** The resamples themselves, and how many were thrown away. */
function resamples(
  count: number,
  overrides: Partial<ResamplingSource> = {},
  supports: (weights: Float64Array) => boolean = any,
): { readonly drawn: Resample[]; readonly redrawn: number[] } {
  const drawn: Resample[] = [];
  const redrawn = Array.from({ length: count }, (_, index) => {
    const all = { ...source, ...overrides };
    const room = { weights: new Float64Array(all.runOfRow.length), logLoss: new Float64Array(all.runOfRow.length) };
    const thrown = drawResample(all, index, supports, room);
    drawn.push(room);
    return thrown;
  });
  return { drawn, redrawn };
}

/** How often each run was drawn. */
function drawsOf({ weights }: Resample): number[] {
  return Array.from({ length: runs }, (_, run) => weights[runOfRow.indexOf(run)]!);
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const variance = (values: readonly number[]) => {
  const centre = mean(values);
  return mean(values.map((value) => (value - centre) ** 2));
};

describe('over runs', () => {
  const { drawn, redrawn } = resamples(2000);

  test('draws as many runs as there are, the checkpoints of one run together, and leaves losses alone', () => {
    expect(redrawn.every((thrown) => thrown === 0)).toBe(true);
    for (const resample of drawn) {
      const counts = drawsOf(resample);
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(runs);
      expect([...resample.weights]).toEqual(Array.from(runOfRow, (run) => counts[run]));
      expect(resample.logLoss).toEqual(source.logLoss);
    }
  });

  test('draws each run as a multinomial does', () => {
    for (let run = 0; run < runs; run++) {
      const counts = drawn.map((resample) => drawsOf(resample)[run]!);
      // Mean 1 and variance 3/4 of one of 4 equal cells; 4 standard errors of 2000 draws: 4 sqrt(.75 / 2000), and the
      // fourth moment of a binomial of 4 trials at 1/4 gives the variance a standard error of sqrt(1.22 / 2000).
      expect(Math.abs(mean(counts) - 1)).toBeLessThan(0.078);
      expect(Math.abs(variance(counts) - 0.75)).toBeLessThan(0.1);
    }
  });

  test('streams of neighbours have nothing in common', () => {
    const first = drawn.map((resample) => drawsOf(resample)[0]!);
    const covariance = (lag: number) => mean(first.slice(lag).map((count, k) => (count - 1) * (first[k]! - 1)));
    // Of independent counts of variance 3/4: four standard errors of 2000 draws.
    for (const lag of [1, 2, 3]) expect(Math.abs(covariance(lag))).toBeLessThan((4 * 0.75) / Math.sqrt(2000));
  });

  test('the seed decides the draws', () => {
    const counts = (seed: number) => resamples(50, { seed }).drawn.map(drawsOf);
    expect(counts(7)).toEqual(drawn.slice(0, 50).map(drawsOf));
    expect(counts(8)).not.toEqual(counts(7));
    expect(counts(-7)).not.toEqual(counts(7));
  });

  test('multiplies the weights of the table', () => {
    const weights = Float64Array.from(runOfRow, (_, row) => 1 + row);
    const weighted = resamples(20, { weights }).drawn;
    weighted.forEach((resample, k) => {
      expect(resample.weights).toEqual(weights.map((weight, row) => weight * drawn[k]!.weights[row]!));
    });
  });

  test('leaves out and counts what could not support the law', () => {
    const withFirst = resamples(300, {}, (weights) => weights[0]! > 0);
    expect(withFirst.drawn.every(({ weights }) => weights[0]! > 0)).toBe(true);
    // Draws that hold run 0 at once are the same.
    withFirst.redrawn.forEach((thrown, k) => {
      expect(thrown === 0).toBe(drawn[k]!.weights[0]! > 0);
      if (thrown === 0) expect(withFirst.drawn[k]).toEqual(drawn[k]);
    });
    // (3/4)^4 = .316 of all, so that p / (1 - p) = .463 are thrown away for one that is kept: 139, and four standard deviations
    // of sqrt(300 p) / (1 - p) = 14.
    expect(Math.abs(withFirst.redrawn.reduce((sum, thrown) => sum + thrown, 0) - 139)).toBeLessThan(57);
  });

  test('gives up where hardly any resample supports the law', () => {
    expect(() => resamples(1, {}, () => false)).toThrow(
      expect.objectContaining({
        code: 'too-few-configurations',
        message: expect.stringMatching(/^4 runs are too few to bootstrap over.*--resampling parametric.*--draws 0/),
      }),
    );
  });
});

describe('wild', () => {
  /** What the residual of each row was multiplied by. */
  const factorsOf = ({ logLoss }: Resample, { runOfRow: index }: Pick<ResamplingSource, 'runOfRow'> = source) =>
    Array.from(index, (_, row) => (logLoss[row]! - fitted[row]!) / residuals[row]!);

  test('keeps every row and its weight, and multiplies the residuals of a run alike', () => {
    for (const resample of resamples(100, { resampling: 'wild' }).drawn) {
      expect(resample.weights).toEqual(source.weights);
      const factors = factorsOf(resample);
      factors.forEach((factor, row) => {
        // The smallest residual, 1e-7 of a log loss of 1, is right to 1e-9.
        expect(factor).toBeCloseTo(factors[runOfRow.indexOf(runOfRow[row]!)]!, 8);
      });
    }
  });

  test('of fewer than 12 runs draws each of six factors alike, of mean 0 and variance 1', () => {
    const factors = resamples(1500, { resampling: 'wild' }).drawn.flatMap((resample) => {
      const rows = factorsOf(resample);
      return Array.from({ length: runs }, (_, run) => rows[runOfRow.indexOf(run)]!);
    });
    const counts = [1.5, 1, 0.5].flatMap((square) =>
      [-1, 1].map((sign) => factors.filter((factor) => Math.abs(factor - sign * Math.sqrt(square)) < 1e-9).length),
    );
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(6000);
    // 1000 of each, and four standard deviations of 29.
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(116);
    expect(Math.abs(mean(factors))).toBeLessThan(4 / Math.sqrt(6000));
    expect(Math.abs(variance(factors) - 1)).toBeLessThan(4 * Math.sqrt(0.17 / 6000));
  });

  test('of 12 runs or more keeps or mirrors them', () => {
    const many = Int32Array.from({ length: 10 }, (_, row) => row);
    const drawn = resamples(400, { resampling: 'wild', runs: 12, runOfRow: many }).drawn;
    const factors = drawn.flatMap((resample) => factorsOf(resample, { runOfRow: many }));
    const kept = factors.filter((factor) => Math.abs(factor - 1) < 1e-9).length;
    expect(factors.filter((factor) => Math.abs(factor + 1) < 1e-9).length).toBe(4000 - kept);
    expect(Math.abs(kept - 2000)).toBeLessThan(4 * Math.sqrt(1000));
  });
});

test('parametric: noise of a run and of a row have the stated standard deviations about the law', () => {
  // 200 runs of 5 rows, 20 times.
  const index = Int32Array.from({ length: 1000 }, (_, row) => Math.floor(row / 5));
  const law = Float64Array.from(index, (_, row) => 1 - 1e-4 * row);
  const { drawn } = resamples(20, {
    ...{ resampling: 'parametric', runOfRow: index, runs: 200, fitted: law },
    ...{ weights: new Float64Array(1000).fill(2), logLoss: new Float64Array(1000) },
    // So many degrees of freedom leave the size of the noise beyond doubt, and take as many numbers for each table.
    noise: { run: { sd: 0.01, degrees: 20_000 }, row: { sd: 0.003, degrees: 20_000 } },
  });
  const [within, between]: [number[], number[]] = [[], []];
  for (const { weights, logLoss } of drawn) {
    expect(weights.every((weight) => weight === 2)).toBe(true);
    const noise = logLoss.map((value, row) => value - law[row]!);
    for (let run = 0; run < 200; run++) {
      const rows = [...noise.subarray(5 * run, 5 * run + 5)];
      between.push(mean(rows));
      within.push(...rows.map((value) => value - mean(rows)));
    }
  }
  // Of 16,000 and 4,000 degrees of freedom: four standard errors of a standard deviation are 2.2% and 4.5%.
  const rowSd = Math.sqrt((variance(within) * 20_000) / 16_000);
  expect(Math.abs(rowSd / 0.003 - 1)).toBeLessThan(0.022);
  const runSd = Math.sqrt(variance(between) - rowSd ** 2 / 5);
  expect(Math.abs(runSd / 0.01 - 1)).toBeLessThan(0.045);
  expect(Math.abs(mean(between))).toBeLessThan((4 * 0.0101) / Math.sqrt(4000));
});

test('parametric: few degrees of freedom spread the noise as they do a variance', () => {
  const index = Int32Array.from({ length: 400 }, (_, row) => row);
  const { drawn } = resamples(1500, {
    ...{ resampling: 'parametric', runOfRow: index, runs: 400, fitted: new Float64Array(400) },
    ...{ weights: new Float64Array(400).fill(1), logLoss: new Float64Array(400) },
    noise: { run: { sd: 0, degrees: 8 }, row: { sd: 0.01, degrees: 8 } },
  });
  // The inverse of a table's variance is that of the noise times a chi-squared number over 8: mean 1, variance 2/8, but for
  // 2/400 of its own rows' chance.
  const ratios = drawn.map(({ logLoss }) => 1e-4 / mean([...logLoss].map((value) => value * value)));
  expect(Math.abs(mean(ratios) - 1)).toBeLessThan(4 * Math.sqrt(0.26 / 1500) + 0.01);
  expect(Math.abs(variance(ratios) - 0.26)).toBeLessThan(0.06);
});

test('leave-out: the k-th table lacks the k-th run, and nothing else', () => {
  resamples(runs, { resampling: 'leave-out' }).drawn.forEach((resample, k) => {
    expect([...resample.weights]).toEqual(Array.from(runOfRow, (run) => Number(run !== k)));
    expect(resample.logLoss).toEqual(source.logLoss);
  });
});
