import { centralInterval } from '../fit/intervals.js';
import type { Law } from '../fit/law.js';
import { lawDraws } from '../fit/predict.js';
import type { Limits } from './limits.js';
import type { BudgetRegion } from './recommendation.js';

/**
 * The compute region of a budget by a law of regions: its bounds, and the exponents of its operators; null for another law, and where
 * the budget does not set what decides the region.
 */
export function budgetRegion(law: Law, limits: Limits, level: number): BudgetRegion | null {
  const variable = law.form.variable ?? 'flops';
  if (law.law !== 'region' || variable !== 'flops' || limits.flops === null) return null;
  const value = limits.flops[0];
  const breaks = Array.from({ length: law.form.breaks ?? 0 }, (_, k) => law.parameters[`break${k + 1}`]!);
  const region = breaks.filter((place) => value >= place).length;
  const operators = law.form.operators ?? [];
  const nameOf = (operator: string | null) => `exponent${region + 1}${operator === null ? '' : `_${operator}`}`;
  const draws = lawDraws(law);
  const exponents = (operators.length === 0 ? [null] : operators).map((operator) => {
    const name = nameOf(operator);
    const drawn = draws?.map((draw) => draw[name]!) ?? null;
    return [
      operator ?? variable,
      { value: law.parameters[name]!, interval: drawn === null ? null : centralInterval(drawn, level) },
    ] as const;
  });
  return {
    variable,
    value,
    index: region + 1,
    of: breaks.length + 1,
    from: region === 0 ? null : breaks[region - 1]!,
    to: region === breaks.length ? null : breaks[region]!,
    exponents: Object.fromEntries(exponents),
  };
}
