import { describe, expect, test } from 'vitest';
import { logSpaced, normals, type SimulatedRow, surfaceLoss, tableOf, withNoise } from '../../tests/simulated-runs.js';
import { fitLaw } from './fit.js';
import { shapeReport } from './shape-report.js';

const surface = { E: 1.8172, A: 482.01, B: 2085.43, alpha: 0.3478, beta: 0.3658 };

/** Decoders of 12 layers dModel^2 parameters, whose loss follows the law of shape with curvature c about ln ratio = a + rho ln N. */
function sweep(
  c: number,
  a: number,
  rho: number,
  depths: readonly number[],
  widths: readonly number[],
): SimulatedRow[] {
  return depths.flatMap((decoderLayers) =>
    widths.flatMap((dModel) =>
      logSpaced(2e9, 3e11, 3).map((tokens) => {
        const params = 12 * decoderLayers * dModel ** 2;
        const waste = c * (Math.log(dModel / decoderLayers) - a - rho * Math.log(params)) ** 2;
        const loss = surfaceLoss(surface, params * Math.exp(-waste), tokens);
        return { decoderLayers, dModel, params, tokens, loss };
      }),
    ),
  );
}

const depths = [4, 8, 16, 32];
const widths = [256, 512, 1024, 2048];
const [c, rho] = [0.06, 0.1];
const a = Math.log(64) - rho * Math.log(1e9);

describe('shapeReport', () => {
  test('gives back the wasted share of each shape and the best ratio of noise-free runs', () => {
    const table = tableOf(sweep(c, a, rho, depths, widths));
    const report = shapeReport(fitLaw(table, { law: 'shape', draws: 0 }), table);
    expect(report.shapes).toHaveLength(16);
    for (const { params, ratios, rows, waste } of report.shapes) {
      expect(rows).toHaveLength(3);
      const distance = Math.log(ratios['dModel/layers']!) - a - rho * Math.log(params);
      expect(waste.value).toBeCloseTo(1 - Math.exp(-c * distance ** 2), 6);
      expect(waste.interval).toBeNull();
    }
    const [ratio] = report.ratios;
    expect(ratio).toMatchObject({ name: 'dModel/layers', range: [8, 512], identified: true, reason: null });
    expect(ratio!.best.map(({ params }) => params)).toEqual([
      expect.closeTo(12 * 4 * 256 ** 2, 0),
      expect.anything(),
      expect.anything(),
      expect.anything(),
      expect.closeTo(12 * 32 * 2048 ** 2, 0),
    ]);
    for (const { params, value } of ratio!.best) expect(value / (64 * (params / 1e9) ** rho)).toBeCloseTo(1, 4);
  });

  test('holds the truth in its intervals', () => {
    const table = tableOf(withNoise(sweep(c, a, rho, depths, widths), 0.003, normals(0x5eed)));
    const report = shapeReport(fitLaw(table, { law: 'shape', draws: 100 }), table);
    const [ratio] = report.ratios;
    expect(ratio!.identified).toBe(true);
    const { params, value, interval } = ratio!.best[2]!;
    expect(interval![0]).toBeLessThan(64 * (params / 1e9) ** rho);
    expect(interval![1]).toBeGreaterThan(64 * (params / 1e9) ** rho);
    expect(value).toBeGreaterThan(interval![0]);
    for (const { waste } of report.shapes) {
      expect(waste.interval![0]).toBeGreaterThanOrEqual(0);
      expect(waste.interval![1]).toBeGreaterThan(waste.interval![0]);
      expect(waste.interval![1]).toBeLessThan(1);
    }
  });

  test('says when a ratio is not identified, and why', () => {
    const reasonOf = (rows: SimulatedRow[], draws: number) => {
      const table = tableOf(rows);
      const report = shapeReport(fitLaw(table, { law: 'shape', draws, seed: 1 }), table);
      expect(report.ratios[0]!.identified).toBe(report.ratios[0]!.reason === null);
      return report.ratios[0]!.reason;
    };
    // No shape matters: what curvature there is comes from the noise, and its best ratio from nowhere.
    const flat = withNoise(sweep(0, a, rho, depths, widths), 0.003, normals(0xf1a7));
    expect(reasonOf(flat, 60)).toMatch(/curvature c|wider than the table's range of it, 8\.00 to 512/);
    // The same without noise: the curvature stands at its bound.
    expect(reasonOf(sweep(0, a, rho, depths, widths), 0)).toMatch(/does not bend/);
    // All shapes are wider than the best.
    const narrow = sweep(c, Math.log(2), 0, [4, 6, 8, 12], [512, 1024, 2048]);
    expect(reasonOf(narrow, 0)).toMatch(/the best dModel\/layers, 2\.0.*no shape lies on its far side/);
  });

  test('refuses another law, a level out of range, and a table without the ratio', () => {
    const table = tableOf(sweep(c, a, rho, depths, widths));
    const law = fitLaw(table, { law: 'shape', draws: 0 });
    const chinchilla = fitLaw(table, { law: 'chinchilla', draws: 0 });
    expect(() => shapeReport(chinchilla, table)).toThrow(expect.objectContaining({ code: 'bad-usage' }));
    expect(() => shapeReport(law, table, 0)).toThrow(expect.objectContaining({ code: 'bad-usage' }));
    const bare = tableOf([{ params: 1e9, tokens: 1e10, loss: 3 }]);
    expect(() => shapeReport(law, bare)).toThrow(expect.objectContaining({ code: 'missing-column' }));
  });
});
