import { ShapelawError } from '../errors.js';
import type { Range } from '../flops/cost.js';

/** What may be spent; each number positive. */
export type Budget =
  | { readonly kind: 'params'; readonly params: number }
  | { readonly kind: 'flops'; readonly flops: number }
  | { readonly kind: 'gpu-hours'; readonly gpuHours: number }
  | { readonly kind: 'gpus-days'; readonly gpus: number; readonly days: number }
  | { readonly kind: 'money'; readonly dollars: number };

/** Training FLOPs that a budget buys from the lowest to the highest MFU; null for a budget of parameters, which sets no compute. */
export function budgetFlops(
  budget: Budget,
  setting: { readonly peakFlops: number; readonly mfu: Range; readonly dollarsPerHour: number | null },
): Range | null {
  for (const [name, value] of Object.entries(budget)) {
    if (name !== 'kind' && !(typeof value === 'number' && value > 0 && Number.isFinite(value))) {
      throw new ShapelawError('bad-quantity', `${name} of the budget must be positive, not ${String(value)}`, {
        name,
        value,
      });
    }
  }
  const ofHours = (hours: number): Range => {
    const atPeak = hours * 3600 * setting.peakFlops;
    if (!Number.isFinite(atPeak)) {
      throw new ShapelawError(
        'bad-quantity',
        `the budget buys more FLOPs than a number can hold: ${hours} device hours`,
        {
          hours,
        },
      );
    }
    return [atPeak * setting.mfu[0], atPeak * setting.mfu[1]];
  };
  const { kind } = budget;
  switch (kind) {
    case 'params':
      return null;
    case 'flops':
      return [budget.flops, budget.flops];
    case 'gpu-hours':
      return ofHours(budget.gpuHours);
    case 'gpus-days':
      return ofHours(budget.gpus * budget.days * 24);
    case 'money':
      if (setting.dollarsPerHour === null || !(setting.dollarsPerHour > 0)) {
        throw new ShapelawError(
          'bad-usage',
          'a budget of money needs the price of a device and hour; state it with --price',
          {},
        );
      }
      return ofHours(budget.dollars / setting.dollarsPerHour);
    default:
      throw new ShapelawError('bad-usage', `unknown kind of budget: ${String(kind)}`);
  }
}
