import { describe, expect, test } from 'vitest';
import { crossedRows, logSpaced, normals, type SimulatedRow, tableOf, withNoise } from '../../tests/simulated-runs.js';
import { fitLaw } from './fit.js';
import { lawForm } from './laws/registry.js';
import { estimateNoise, noiseComponents } from './noise.js';

const surface = { E: 1.8172, A: 482.01, B: 2085.43, alpha: 0.3478, beta: 0.3658 };
const sizes = logSpaced(5e7, 1e10, 8);
const lengths = logSpaced(1e9, 3e11, 8);

/** Each point by `seeds` runs. */
function replicated(rows: readonly SimulatedRow[], seeds: number): SimulatedRow[] {
  return rows.flatMap((row, point) =>
    Array.from({ length: seeds }, (_, seed) => ({ ...row, runId: `${point}-${seed}` })),
  );
}

describe('between replicates', () => {
  // By hand: pairs 2 and 4 apart have squares of 2 and 8 about their means, of 2 degrees: sqrt 5. The means 1, 2 and 6 about the
  // law weigh 2, 2 and 1: 46 of 3 points less 1 parameter.
  test('by hand', () => {
    const at = (params: number, runId: string) => ({ params, runId, loss: 1 });
    const rows = [at(1, 'a'), at(1, 'b'), at(2, 'c'), at(2, 'd'), at(3, 'e')];
    const residuals = Float64Array.of(0, 2, 0, 4, 6);
    const noise = estimateNoise(tableOf(rows), ['params'], residuals, Int32Array.of(0, 1, 2, 3, 4), 5, 1);
    expect(noise.replicateSd).toBeCloseTo(Math.sqrt(5), 14);
    expect(noise.degrees).toBe(2);
    expect(noise.lackOfFit!.f).toBeCloseTo(46 / 2 / 5, 14);
    // scipy 1.17.1: stats.f.sf(4.6, 2, 2) = 1/5.6.
    expect(noise.lackOfFit!.p).toBeCloseTo(1 / 5.6, 7);
  });

  test('is that of the runs, whatever the law misses', () => {
    const rows = withNoise(replicated(crossedRows(surface, sizes, lengths), 4), 0.005, normals(1));
    const { noise } = fitLaw(tableOf(rows), { law: 'chinchilla', draws: 0 });
    expect(noise!.degrees).toBe(192);
    // Four standard errors of a standard deviation of 192 degrees: 4 / sqrt(384).
    expect(Math.abs(noise!.replicateSd! / 0.005 - 1)).toBeLessThan(0.2);
    const wrong = fitLaw(tableOf(rows), { law: 'power', variable: 'tokens', draws: 0 });
    // Points of a power law of tokens are lengths, whose runs differ by size.
    expect(wrong.noise!.replicateSd!).toBeGreaterThan(0.05);
  });

  test('are not checkpoints of one run, nor of another shape or schedule', () => {
    const base = crossedRows(surface, sizes, lengths);
    const sd = (rows: readonly SimulatedRow[]) =>
      fitLaw(tableOf(rows), { law: 'chinchilla', draws: 0, force: true }).noise!.replicateSd;
    expect(sd(base)).toBeNull();
    const again = (change: Partial<SimulatedRow>) => base.map((row, k) => ({ ...row, runId: `again-${k}`, ...change }));
    expect(sd([...base, ...again({})])).not.toBeNull();
    expect(sd([...base, ...again({ dModel: 64 })])).toBeNull();
    expect(sd([...base, ...again({ schedule: 'wsd' })])).toBeNull();
    expect(sd(base.flatMap((row, k) => [0, 1].map((step) => ({ ...row, runId: `run-${k}`, step }))))).toBeNull();
  });
});

describe('lack of fit', () => {
  const form = lawForm('broken', { variable: 'flops', breaks: 1 });
  const points = logSpaced(1e17, 1e23, 16);
  const rows = (seed: number) =>
    withNoise(
      replicated(
        points.map((flops) => ({
          params: 1,
          flops,
          loss: form.loss([1.2, 200, 0.12, 0.2, 1e20, 0.5], { flops } as never),
        })),
        3,
      ),
      0.003,
      normals(seed),
    );

  test('is sure of a power law on data with a break, and the law says so', () => {
    const law = fitLaw(tableOf(rows(1)), { law: 'power', objective: 'squared', draws: 0 });
    expect(law.noise!.lackOfFit!.p).toBeLessThan(1e-6);
    expect(law.provenance.notes.join()).toMatch(
      /by more than replicates do among themselves \(F [\d.]+, p [\d.e-]+\): the law misses/,
    );
  });

  // Of the right law a probability is uniform: of 60 some 3 lie below .05, and 10 never.
  test('is rare of the right law', () => {
    const probabilities = Array.from({ length: 60 }, (_, seed) => {
      const { noise, provenance } = fitLaw(tableOf(rows(seed)), { law: 'broken', objective: 'squared', draws: 0 });
      expect(provenance.notes.join().includes('the law misses')).toBe(noise!.lackOfFit!.p < 0.01);
      return noise!.lackOfFit!.p;
    });
    expect(probabilities.filter((p) => p < 0.05).length).toBeLessThan(10);
    expect(probabilities.filter((p) => p < 0.5).length).toBeGreaterThan(15);
    expect(probabilities.filter((p) => p < 0.5).length).toBeLessThan(45);
  });

  test('is not tested without replicates', () => {
    expect(fitLaw(tableOf(crossedRows(surface, sizes, lengths)), { law: 'chinchilla', draws: 0 }).noise).toMatchObject({
      replicateSd: null,
      degrees: 0,
      lackOfFit: null,
    });
  });
});

describe('noiseComponents', () => {
  // By hand: runs of 2 rows at -1, 1 and 2, 4: within 2 + 2 of 2 degrees, between 2 (1.5^2 + 1.5^2) of 1: (9 - 2) / 2.
  test('by hand', () => {
    const { runSd, rowSd } = noiseComponents(Float64Array.of(-1, 1, 2, 4), Int32Array.of(0, 0, 1, 1), 2);
    expect(rowSd).toBeCloseTo(Math.sqrt(2), 14);
    expect(runSd).toBeCloseTo(Math.sqrt(3.5), 14);
  });

  test('finds what rows of a run share, and what each has by itself', () => {
    const normal = normals(1);
    const runOfRow = Int32Array.from({ length: 3000 }, (_, row) => Math.floor(row / 6));
    const offsets = Array.from({ length: 500 }, () => 0.01 * normal());
    const residuals = Float64Array.from(runOfRow, (run) => offsets[run]! + 0.004 * normal());
    const { runSd, rowSd } = noiseComponents(residuals, runOfRow, 500);
    // Four standard errors of 500 and 2500 degrees.
    expect(Math.abs(runSd / 0.01 - 1)).toBeLessThan(0.13);
    expect(Math.abs(rowSd / 0.004 - 1)).toBeLessThan(0.06);
  });

  test('of runs of one row each cannot part the two', () => {
    expect(noiseComponents(Float64Array.of(3, -4), Int32Array.of(0, 1), 2)).toEqual({
      runSd: 0,
      rowSd: Math.sqrt(12.5),
    });
  });
});
