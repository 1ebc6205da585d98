import { describe, expect, test } from 'vitest';
import { crossedRows, logSpaced, normals, type SimulatedRow, tableOf, withNoise } from '../../tests/simulated-runs.js';
import { backtest } from './backtest.js';
import { lawForm } from './laws/registry.js';

// Besiroglu et al. 2024, table 1.
const surface = { E: 1.8172, A: 482.01, B: 2085.43, alpha: 0.3478, beta: 0.3658 };
const sweep = (seed: number, sigma = 0.004) =>
  withNoise(crossedRows(surface, logSpaced(5e7, 1e10, 7), logSpaced(1e9, 3e11, 6)), sigma, normals(seed));
const chinchilla = { law: 'chinchilla' } as const;

/** Runs of a law of shape: four widths at four depths, each at four lengths. */
function shapedRows(seed: number): SimulatedRow[] {
  const form = lawForm('shape', { ratios: ['dModel/layers'] });
  const parameters = [1.8, 480, 2000, 0.35, 0.36, 0.08, 2, 0.05];
  const rows = [256, 512, 1024, 2048].flatMap((dModel) =>
    [4, 8, 16, 40].flatMap((decoderLayers) =>
      logSpaced(1e9, 1e11, 4).map((tokens, k) => {
        const point = { params: 12 * decoderLayers * dModel ** 2, tokens, dModel, layers: decoderLayers };
        const { layers: _, ...row } = point;
        return {
          ...row,
          decoderLayers,
          runId: `${dModel}x${decoderLayers}-${k}`,
          loss: form.loss(parameters, point as never),
        };
      }),
    ),
  );
  return withNoise(rows, 0.002, normals(seed));
}

describe('roll-out by compute', () => {
  const result = backtest(tableOf(sweep(1)), { laws: [chinchilla, { law: 'power' }] });

  test('fits the smaller runs and predicts all larger ones', () => {
    const rows = sweep(1);
    expect(result.folds.map(({ fitted, heldOut }) => fitted + heldOut)).toEqual([42, 42, 42, 42]);
    const { predictions } = result.laws.find(({ law }) => law === 'chinchilla')!;
    for (const [fold, { heldOut }] of result.folds.entries()) {
      const held = predictions.filter((prediction) => prediction.fold === fold);
      expect(held).toHaveLength(heldOut);
      const smallestHeld = Math.min(...held.map(({ row }) => rows[row - 1]!.flops!));
      const fitted = rows.filter((_, k) => !held.some(({ row }) => row === k + 1));
      expect(Math.max(...fitted.map(({ flops }) => flops!))).toBeLessThan(smallestHeld);
    }
  });

  test('the law that the runs follow predicts within its noise, and a power law of compute is told apart', () => {
    const [best, other] = result.laws;
    expect(best).toMatchObject({ law: 'chinchilla', worse: null });
    // Noise of .4%, and some for the fit.
    expect(best!.errors!.rmse).toBeLessThan(0.008);
    expect(best!.errors!.rmse).toBeGreaterThan(0.002);
    expect(best!.errors!.rankCorrelation).toBeGreaterThan(0.95);
    // Of 100 held-out rows in four overlapping folds.
    expect(best!.errors!.coverage).toBeGreaterThan(0.8);
    expect(other!.worse!.interval[0]).toBeGreaterThan(0);
    const rows = best!.byDistance.reduce((sum, bin) => sum + bin.rows, 0);
    expect(rows).toBe(best!.errors!.rows);
    expect(best!.byDistance.length).toBeGreaterThan(1);
  });

  test('errors are of predicted over measured: a run that does worse than its like makes the bias negative', () => {
    const rows = sweep(2, 0);
    const raised = rows.map((row) => (row.params > 4e9 ? { ...row, loss: row.loss * 1.1 } : row));
    const { laws } = backtest(tableOf(raised), { laws: [{ ...chinchilla, draws: 0 }], shares: [0.5] });
    const [law] = laws;
    const far = law!.predictions.filter(({ row }) => raised[row - 1]!.params > 4e9);
    for (const { logError, covered } of far) {
      expect(logError).toBeLessThan(-0.05);
      expect(covered).toBeNull();
    }
    expect(law!.errors!.coverage).toBeNull();
  });

  test('runs of several checkpoints are on one side only', () => {
    const rows = sweep(3).map((row) => ({ ...row, runId: `size-${row.params}` }));
    const { laws } = backtest(tableOf(rows), { laws: [{ ...chinchilla, draws: 0 }], shares: [0.6] });
    const held = new Set(laws[0]!.predictions.map(({ runId }) => runId));
    expect(laws[0]!.predictions).toHaveLength(6 * held.size);
  });
});

describe('leaving shapes out', () => {
  test('tells the law of shape from one that knows sizes only', () => {
    const result = backtest(tableOf(shapedRows(1)), {
      laws: [chinchilla, { law: 'shape' }].map((law) => ({ ...law, draws: 100, level: 0.9 })),
      by: 'shapes',
      folds: 4,
      level: 0.9,
    });
    expect(result.laws.map(({ law }) => law)).toEqual(['shape', 'chinchilla']);
    expect(result.laws[0]!.errors).toMatchObject({ rows: 64 });
    expect(result.laws[0]!.errors!.rmse).toBeLessThan(0.004);
    expect(result.laws[1]!.worse!.interval[0]).toBeGreaterThan(0);
  });

  test('holds out each row once, all rows of a shape together', () => {
    const rows = shapedRows(2);
    const { laws } = backtest(tableOf(rows), { laws: [{ ...chinchilla, draws: 0 }], by: 'shapes', folds: 5 });
    const { predictions } = laws[0]!;
    expect(new Set(predictions.map(({ row }) => row)).size).toBe(rows.length);
    const foldOf = new Map<string, number>();
    for (const { row, fold } of predictions) {
      const { dModel, decoderLayers } = rows[row - 1]!;
      const key = `${dModel}x${decoderLayers}`;
      expect(foldOf.get(key) ?? fold).toBe(fold);
      foldOf.set(key, fold);
    }
  });
});

describe('refuses', () => {
  const refusal = (code: string, message: RegExp) =>
    expect.objectContaining({ code, message: expect.stringMatching(message) });

  test('no laws, shares and folds out of range', () => {
    const table = tableOf(sweep(1));
    expect(() => backtest(table, { laws: [] })).toThrow(refusal('bad-usage', /at least one law/));
    expect(() => backtest(table, { laws: [chinchilla], shares: [1] })).toThrow(refusal('bad-usage', /not 1/));
    expect(() => backtest(table, { laws: [chinchilla], by: 'shapes', folds: 1 })).toThrow(
      refusal('bad-usage', /not 1/),
    );
    expect(() => backtest(table, { laws: [{ law: 'hofmann' }] })).toThrow(refusal('unknown-law', /hofmann/));
  });

  test('a table of one compute or one shape, and one that supports no law in any part', () => {
    const one = [1, 2, 3].map((k) => ({ params: 1e8, tokens: 1e9, flops: 6e17, loss: 3 + k / 100 }));
    expect(() => backtest(tableOf(one), { laws: [chinchilla] })).toThrow(
      refusal('too-few-configurations', /range of compute/),
    );
    expect(() => backtest(tableOf(one), { laws: [chinchilla], by: 'shapes' })).toThrow(
      refusal('too-few-configurations', /one shape only/),
    );
    expect(() => backtest(tableOf(sweep(1).slice(0, 9)), { laws: [chinchilla] })).toThrow(
      refusal('too-few-configurations', /no law can be fitted.*\[too-few-configurations\]/),
    );
  });

  test('a law that some folds can’t support is judged on the others', () => {
    const rows = sweep(1);
    const { laws } = backtest(tableOf(rows), { laws: [{ ...chinchilla, draws: 0 }], shares: [0.1, 0.6] });
    expect(laws[0]!.refused).toMatchObject([{ fold: 0, code: 'too-few-configurations' }]);
    expect(new Set(laws[0]!.predictions.map(({ fold }) => fold))).toEqual(new Set([1]));
  });
});
