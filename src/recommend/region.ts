import type { Law } from '../fit/law.js';
import { regionExponent } from '../fit/laws/region.js';
import { lawView } from './knobs/law-view.js';
import { estimateBy } from './law-use.js';
import type { Limits } from './limits.js';
import type { BudgetRegion } from './recommendation.js';

/**
 * The compute region of a budget by a law of regions: its bounds, and the exponents of its operators; null for another law, and where
 * the budget does not set what decides the region.
 */
export function budgetRegion(law: Law, limits: Limits, level: number): BudgetRegion | null {
  if (law.law !== 'region' || limits.flops === null) return null;
  const { variable, columns, regions, regionAt } = lawView(law, level);
  if (variable !== 'flops') return null;
  const value = limits.flops[0];
  const region = regionAt(value);
  const { from, to } = regions[region]!;
  return {
    variable,
    value,
    index: region + 1,
    of: regions.length,
    from: from?.value ?? null,
    to: to?.value ?? null,
    exponents: Object.fromEntries(
      columns.map((column) => {
        const name = regionExponent(law.form, region, column);
        return [column, estimateBy(law, level, (parameters) => parameters[name]!)];
      }),
    ),
  };
}
