import { describe, expect, test } from 'vitest';
import { bootstrapRuns } from './bootstrap.js';

// Runs of 3, 1, 2 and 4 checkpoints, interleaved.
const runOfRow = Int32Array.of(0, 1, 2, 0, 3, 3, 2, 0, 3, 3);
const runs = 4;
const any = () => true;

/** The resamples themselves. */
function resampleRuns(count: number, seed: number, supports: (weights: Float64Array) => boolean) {
  const { refits, redrawn } = bootstrapRuns(runOfRow, runs, count, seed, supports, (weights) => weights.slice());
  return { weights: refits, redrawn };
}

/** How often each run was drawn. */
function drawsOf(weights: Float64Array): number[] {
  return Array.from({ length: runs }, (_, run) => weights[runOfRow.indexOf(run)]!);
}

describe('bootstrapRuns', () => {
  const { weights, redrawn } = resampleRuns(2000, 7, any);

  test('draws as many runs as there are, the checkpoints of one run together', () => {
    expect(weights).toHaveLength(2000);
    expect(redrawn).toBe(0);
    for (const resample of weights) {
      const drawn = drawsOf(resample);
      expect(drawn.reduce((sum, count) => sum + count, 0)).toBe(runs);
      expect([...resample]).toEqual(Array.from(runOfRow, (run) => drawn[run]));
    }
  });

  test('draws each run as a multinomial does', () => {
    for (let run = 0; run < runs; run++) {
      const counts = weights.map((resample) => drawsOf(resample)[run]!);
      const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length;
      const variance = counts.reduce((sum, count) => sum + (count - mean) ** 2, 0) / counts.length;
      // Mean 1 and variance 3/4 of one of 4 equal cells; 4 standard errors of 2000 draws: 4 sqrt(.75 / 2000), and the
      // fourth moment of a binomial of 4 trials at 1/4 gives the variance a standard error of sqrt(1.22 / 2000).
      expect(Math.abs(mean - 1)).toBeLessThan(0.078);
      expect(Math.abs(variance - 0.75)).toBeLessThan(0.1);
    }
  });

  test('the seed decides the draws', () => {
    const drawn = (seed: number) => resampleRuns(50, seed, any).weights.map(drawsOf);
    expect(drawn(7)).toEqual(weights.slice(0, 50).map(drawsOf));
    expect(drawn(8)).not.toEqual(drawn(7));
    expect(drawn(-7)).not.toEqual(drawn(7));
  });

  test('leaves out and counts what could not support the law', () => {
    const withFirst = resampleRuns(300, 7, (resample) => resample[0]! > 0);
    expect(withFirst.weights.every((resample) => resample[0]! > 0)).toBe(true);
    // The same draws in the same order, but for those without run 0, which are (3/4)^4 of all.
    expect(withFirst.redrawn).toBeGreaterThan(0);
    const all = weights.slice(0, 300 + withFirst.redrawn);
    expect(withFirst.weights).toEqual(all.filter((resample) => resample[0]! > 0));
  });

  test('gives up where hardly any resample supports the law', () => {
    expect(() => resampleRuns(1, 7, () => false)).toThrow(
      expect.objectContaining({
        code: 'too-few-configurations',
        message: expect.stringMatching(/^4 runs are too few to bootstrap over.*--draws 0/),
      }),
    );
  });
});
