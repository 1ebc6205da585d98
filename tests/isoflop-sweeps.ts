import { computeOptimum } from '../src/fit/compute-optimum.js';
import type { SimulatedRow, Surface } from './simulated-runs.js';
import { surfaceLoss } from './simulated-runs.js';

/** An IsoFLOP sweep without noise: at each budget sizes evenly spaced in ln N about the optimum, or a factor off it. */
export function isoflopRows(
  surface: Surface,
  budgets: readonly number[],
  {
    halfWidth = 8,
    points = 15,
    off = () => 1,
  }: { halfWidth?: number; points?: number; off?: (k: number) => number } = {},
): SimulatedRow[] {
  const { a, G } = computeOptimum(surface);
  return budgets.flatMap((flops, b) =>
    Array.from({ length: points }, (_, k) => {
      const params = G * (flops / 6) ** a * off(b) * halfWidth ** ((2 * k) / (points - 1) - 1);
      const tokens = flops / (6 * params);
      return { params, tokens, flops, loss: surfaceLoss(surface, params, tokens) };
    }),
  );
}

/** Parameters and tokens at the optimum of a budget. */
export function trueOptimum(surface: Surface, flops: number): { params: number; tokens: number } {
  const { a, b, G } = computeOptimum(surface);
  return { params: G * (flops / 6) ** a, tokens: (flops / 6) ** b / G };
}
