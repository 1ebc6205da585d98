import { ShapelawError } from '../errors.js';
import type { Range } from '../flops/cost.js';

/** One limit of a budget, or one fact that it states; each number positive. */
export type Constraint =
  /** All parameters, tied embeddings once, at most. */
  | { readonly kind: 'params'; readonly params: number }
  /** Training FLOPs, exact convention. */
  | { readonly kind: 'flops'; readonly flops: number }
  | { readonly kind: 'gpu-hours'; readonly gpuHours: number }
  | { readonly kind: 'gpus-days'; readonly gpus: number; readonly days: number }
  /** US dollars. */
  | { readonly kind: 'money'; readonly dollars: number }
  /** Time from the start of training to its end, on all devices side by side. */
  | { readonly kind: 'wall-time'; readonly seconds: number }
  /** Memory of one device that trains. */
  | { readonly kind: 'training-memory'; readonly bytes: number }
  /** Memory of one device that serves. */
  | { readonly kind: 'inference-memory'; readonly bytes: number }
  /** Seconds for each token that is generated, at most. */
  | { readonly kind: 'token-latency'; readonly seconds: number }
  /** Seconds for one whole sequence, at most. */
  | { readonly kind: 'sequence-latency'; readonly seconds: number }
  /** Tokens served over the model's life; compute then pays for training and for serving. */
  | { readonly kind: 'inference-volume'; readonly tokens: number }
  /** Distinct training tokens at hand; beyond them tokens repeat. */
  | { readonly kind: 'unique-tokens'; readonly tokens: number };

/** What may be spent. */
export type Budget = Constraint;

/** Constraints that set how much compute there is. */
export const computeKinds = ['flops', 'gpu-hours', 'gpus-days', 'money', 'wall-time'] as const;

/** What turns hours and money into FLOPs. */
export interface ComputeSetting {
  readonly peakFlops: number;
  readonly mfu: Range;
  readonly dollarsPerHour: number | null;
  /** Devices side by side. Defaults to 1. */
  readonly devices?: number;
}

/** Training FLOPs that a budget buys from the lowest to the highest MFU; null for one that sets no compute. */
export function budgetFlops(budget: Budget, setting: ComputeSetting): Range | null {
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
    case 'training-memory':
    case 'inference-memory':
    case 'token-latency':
    case 'sequence-latency':
    case 'inference-volume':
    case 'unique-tokens':
      return null;
    case 'flops':
      return [budget.flops, budget.flops];
    case 'gpu-hours':
      return ofHours(budget.gpuHours);
    case 'gpus-days':
      return ofHours(budget.gpus * budget.days * 24);
    case 'wall-time':
      return ofHours(((setting.devices ?? 1) * budget.seconds) / 3600);
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
