import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { crossedRows, logSpaced, normals, type SimulatedRow, tableOf, withNoise } from '../../tests/simulated-runs.js';
import { fitLaw, fitLawParallel, refitTask } from './fit.js';
import { completeOptions, type FitOptions } from './options.js';
import { fitToTable } from './posed.js';
import { joinRefits, type RefitMap, type RefitTask, refitRange, wideningOf } from './refit.js';

const surface = { E: 1.8172, A: 482.01, B: 2085.43, alpha: 0.3478, beta: 0.3658 };
const clean = crossedRows(surface, logSpaced(5e7, 1e10, 4), logSpaced(1e9, 3e11, 4));
const rows = withNoise(clean, 0.005, normals(1));
const table = tableOf(rows);
const options = { law: 'chinchilla', draws: 41 } satisfies FitOptions;
const fit = fitToTable(table, completeOptions(options));

const kinds = ['cluster', 'wild', 'parametric', 'leave-out'] as const;

/** Hands the draws out in the parts given, the last first, over structured clones as a worker would get them. */
function mapInParts(sizes: readonly number[]): RefitMap {
  return async (task, count) => {
    const parts: [number, number][] = [];
    for (let from = 0, k = 0; from < count; k++) {
      const to = Math.min(count, from + sizes[k % sizes.length]!);
      parts.push([from, to]);
      from = to;
    }
    const done = new Map(
      parts
        .toReversed()
        .map(([from, to]) => [from, structuredClone(refitRange(structuredClone(task) as RefitTask, from, to))]),
    );
    return parts.map(([from]) => done.get(from)!);
  };
}

describe.each(kinds)('%s', (resampling) => {
  const task = refitTask(fit, resampling);

  test('a draw has the same bits, whichever others are asked for with it', () => {
    const whole = refitRange(task, 0, 10);
    expect(whole.theta).toHaveLength(50);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 }), (split) => {
        const parts = [refitRange(task, 0, split), refitRange(task, split, 10)];
        expect(joinRefits(parts)).toEqual(whole);
      }),
      { numRuns: 4, examples: [[3]] },
    );
    expect(refitRange(task, 7, 8).theta).toEqual(whole.theta.slice(35, 40));
  });
});

describe('fitLawParallel', () => {
  test.each<[string, FitOptions, readonly number[]]>([
    ['in one part', options, [1000]],
    ['draw by draw', options, [1]],
    ['in odd parts', options, [7, 1, 13]],
    ['by wild draws', { ...options, resampling: 'wild' }, [5, 2]],
    ['by parametric draws', { ...options, resampling: 'parametric' }, [9]],
    ['with BCa intervals', { ...options, resampling: 'cluster', interval: 'bca' }, [3, 4]],
    ['without draws', { ...options, draws: 0 }, [1]],
  ])('%s gives the law that one thread gives', async (_, asked, sizes) => {
    expect(await fitLawParallel(table, asked, mapInParts(sizes))).toEqual(fitLaw(table, asked));
  });

  test('refuses as fitLaw does', async () => {
    await expect(fitLawParallel(table, { law: 'hoffmann' }, mapInParts([1]))).rejects.toThrow(
      expect.objectContaining({ code: 'unknown-law' }),
    );
  });
});

describe('which draws', () => {
  const runs = (count: number): SimulatedRow[] =>
    withNoise(crossedRows(surface, logSpaced(5e7, 1e10, 5), logSpaced(1e9, 3e11, 4)), 0.005, normals(2)).map(
      (row, index) => ({ ...row, runId: `run-${index % count}` }),
    );
  const law = (count: number, asked: Partial<FitOptions> = {}) =>
    fitLaw(tableOf(runs(count)), { law: 'chinchilla', draws: 40, ...asked });

  // Three runs a parameter are 15.
  test('are over runs, and of noise where runs are few, by default', () => {
    expect(law(15).draws!.kind).toBe('bootstrap over 15 runs');
    expect(law(14).draws!.kind).toBe('parametric bootstrap over 14 runs');
    expect(law(14).intervals!.kind).toBe('percentile, parametric bootstrap over 14 runs');
    expect(law(14).provenance.notes).toContain(
      '14 runs are few for 5 parameters: intervals come from a parametric bootstrap, of normal noise',
    );
    expect(law(14).provenance.options).toMatchObject({ resampling: 'parametric', interval: 'percentile' });
  });

  test('are what was asked for', () => {
    expect(law(14, { resampling: 'cluster' }).draws!.kind).toBe('bootstrap over 14 runs');
    expect(law(14, { resampling: 'cluster' }).provenance.notes).toEqual([]);
    expect(law(15, { resampling: 'wild' }).draws!.kind).toBe('wild bootstrap over 15 runs');
    expect(law(15, { resampling: 'parametric' }).draws!.kind).toBe('parametric bootstrap over 15 runs');
    expect(law(15, { interval: 'bca' }).intervals!.kind).toBe('BCa, bootstrap over 15 runs');
  });

  // A wild draw mirrors the residuals, so that draws spread about the law as far as those over runs do.
  test('spread alike, whichever they are', () => {
    const many = withNoise(crossedRows(surface, logSpaced(5e7, 1e10, 8), logSpaced(1e9, 3e11, 8)), 0.005, normals(3));
    const widths = (['cluster', 'wild', 'parametric'] as const).map((resampling) => {
      const { derived } = fitLaw(tableOf(many), { law: 'chinchilla', draws: 200, resampling, delta: 1, level: 0.8 });
      return derived.a!.interval![1] - derived.a!.interval![0];
    });
    // 200 draws settle a width to 10%.
    for (const width of widths) expect(Math.abs(width / widths[0]! - 1)).toBeLessThan(0.4);
  });
});

// 36 runs and 5 parameters: 36/31 of the variance; never more than all of the runs.
test('residuals are widened for the parameters, by runs', () => {
  expect(wideningOf(36, 5)).toBeCloseTo(Math.sqrt(36 / 31), 14);
  // Never more than two degrees of freedom ask for.
  expect(wideningOf(4, 9)).toBeCloseTo(Math.sqrt(2), 14);
});
