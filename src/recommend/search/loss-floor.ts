import type { Law } from '../../fit/law.js';
import type { LawColumn } from '../../fit/law-form.js';
import { lawForm } from '../../fit/laws/registry.js';
import { ratiosNamed } from '../../fit/laws/shape.js';

/** Logarithms of the least and the greatest value of each column in a box of shapes. */
export type LogRanges = Readonly<Record<LawColumn, readonly [low: number, high: number]>>;

/** A loss that no shape of a box falls below. */
export type LossFloor = (ranges: LogRanges) => number;

/** Laws whose loss falls with each of their columns. */
const falling: readonly string[] = ['power', 'chinchilla', 'kaplan', 'width-depth', 'data-constrained'];

/**
 * What bounds a law's loss over a box of shapes; null for a law of which nothing is known, so that all of them are asked.
 *
 * A falling law is least where every column is greatest. The law of shape is so too but for its efficiency, exp(-S): each term of
 * S, c (ln r - a - rho ln N)^2, is least where its interval comes nearest to 0.
 */
export function lossFloor(law: Law): LossFloor | null {
  const form = lawForm(law.law, law.form);
  const parameters = form.parameters.map((name) => law.parameters[name]!);
  if (falling.includes(law.law)) {
    const point = {} as Record<LawColumn, number>;
    return (ranges) => {
      for (const column of form.columns) point[column] = Math.exp(ranges[column][1]);
      return form.loss(parameters, point);
    };
  }
  if (law.law !== 'shape') return null;
  const ratios = ratiosNamed(law.form.ratios ?? []);
  const [E, A, B, alpha, beta] = parameters as [number, number, number, number, number];
  return (ranges) => {
    const logParams = ranges.params;
    let waste = 0;
    ratios.forEach(({ over, under }, k) => {
      const [c, a, rho] = parameters.slice(5 + 3 * k) as [number, number, number];
      let [low, high] = [-a, -a];
      for (const column of over) [low, high] = [low + ranges[column][0], high + ranges[column][1]];
      for (const column of under) [low, high] = [low - ranges[column][1], high - ranges[column][0]];
      const drift = [rho * logParams[0], rho * logParams[1]];
      low -= Math.max(...drift);
      high -= Math.min(...drift);
      const nearest = low > 0 ? low : high < 0 ? high : 0;
      waste += c * nearest * nearest;
    });
    return E + A * Math.exp(-alpha * (logParams[1] - waste)) + B * Math.exp(-beta * ranges.tokens[1]);
  };
}
