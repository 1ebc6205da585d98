import type { Conventions } from '../../conventions.js';
import { ShapelawError } from '../../errors.js';
import { type Interval, refitInterval, requireLevel } from '../intervals.js';
import type { BudgetMinimum, WidthBias } from './isoflop-result.js';

/** A number and how sure it is; the interval is null where there are no draws. */
export interface Estimate {
  readonly value: number;
  readonly interval: Interval | null;
}

/** `y = 10^log10Coefficient C^exponent`, C in FLOPs. */
export interface PowerOfCompute {
  readonly exponent: Estimate;
  readonly log10Coefficient: Estimate;
}

/** The optimum of one budget. */
export interface OptimumAt {
  readonly flops: number;
  readonly params: Estimate;
  readonly tokens: Estimate;
  readonly tokensPerParam: Estimate;
  /** How far the budget lies beyond those of the evidence, in decades; 0 within them, null where the evidence is unknown. */
  readonly decadesBeyond: number | null;
}

/** A point of the lowest loss that any run reached for its FLOPs. */
export interface FrontierPoint {
  readonly runId: string;
  /** Of the table; null where the point lies between two rows of the run. */
  readonly row: number | null;
  readonly flops: number;
  readonly params: number;
  readonly tokens: number;
  readonly loss: number;
}

/** What a reader of an optimum should be warned of; the code is that of the refusal where there is one of the kind. */
export interface OptimumWarning {
  readonly code: string;
  readonly message: string;
}

/** How an optimum was found: minima of parabolas or of Akima splines at each budget, the lower envelope, or a fitted surface. */
export type OptimumMethod = 'isoflop-quadratic' | 'isoflop-akima' | 'frontier' | 'surface';

/** Where C came from: the table's column, or 6 params tokens. */
export interface ComputeSource {
  readonly from: 'column' | '6ND';
  readonly convention: Conventions['flops'];
}

/** Parameters and tokens of least loss as powers of compute, the same record whichever way they were found. */
export interface OptimumEstimate {
  readonly method: OptimumMethod;
  /** `N* = k C^a`. */
  readonly params: PowerOfCompute;
  /** `D* = k' C^b`. a + b = 1 where C = 6 N D, and only there. */
  readonly tokens: PowerOfCompute;
  readonly compute: ComputeSource;
  /** Of the table; null where there was none. */
  readonly conventions: Conventions | null;
  /** Least and greatest FLOPs of what the lines rest on, and how many points; null where unknown. */
  readonly evidence: { readonly flops: readonly [number, number]; readonly points: number } | null;
  /** At the budgets that were asked for. */
  readonly optima: readonly OptimumAt[];
  /** Of the IsoFLOP methods, used or not; else empty. */
  readonly budgets: readonly BudgetMinimum[];
  /** Of the IsoFLOP methods; else null. */
  readonly widthBias: WidthBias | null;
  /** Of the frontier; else empty. */
  readonly frontier: readonly FrontierPoint[];
  readonly droppedRows: readonly { readonly row: number; readonly reason: string }[];
  readonly level: number;
  /** What the intervals are, by name; null where there are none. */
  readonly intervalKind: string | null;
  readonly seed: number | null;
  readonly draws: {
    /** a, log10 k, b, log10 k' of each. */
    readonly values: readonly (readonly [number, number, number, number])[];
    /** Samples thrown away since they had no optimum. */
    readonly redrawn: number;
  };
  readonly notes: readonly string[];
  readonly warnings: readonly OptimumWarning[];
}

/** `ln y = intercept + slope ln C`. */
export interface Line {
  readonly slope: number;
  readonly intercept: number;
}

/** Lines of ln N* and ln D*. */
export interface OptimumLines {
  readonly params: Line;
  readonly tokens: Line;
}

/** What every method takes. */
export interface OptimumOptions {
  /** Budgets to state the optimum at, in FLOPs. Defaults to none. */
  readonly at?: readonly number[];
  /** Level of the intervals, in (0, 1). Defaults to 0.95. */
  readonly level?: number;
}

type Found = Omit<OptimumEstimate, 'params' | 'tokens' | 'optima' | 'draws'>;

/** The record of an optimum from its lines, those of its draws, and all else that is known of it. */
export function estimateOf(
  lines: OptimumLines,
  draws: readonly OptimumLines[],
  redrawn: number,
  at: readonly number[],
  found: Found,
): OptimumEstimate {
  const values = draws.map(numbersOf);
  const estimate = numbersOf(lines);
  const part = (k: number): Estimate => ({
    value: estimate[k]!,
    interval: refitInterval(
      values.map((draw) => draw[k]!),
      found.level,
    ),
  });
  const bare = {
    ...found,
    params: { exponent: part(0), log10Coefficient: part(1) },
    tokens: { exponent: part(2), log10Coefficient: part(3) },
    optima: [],
    draws: { values, redrawn },
  };
  return { ...bare, optima: at.map((flops) => optimumAt(bare, flops)) };
}

/**
 * The optimum of a budget.
 *
 * @param flops - Counted as the estimate's `compute` says.
 * @param level - Defaults to that of the estimate.
 * @throws ShapelawError `bad-usage` where either is out of range.
 */
export function optimumAt(estimate: OptimumEstimate, flops: number, level = estimate.level): OptimumAt {
  if (!(flops > 0 && Number.isFinite(flops)))
    throw new ShapelawError('bad-usage', `a budget must be a positive number of FLOPs, not ${flops}`, { flops });
  requireLevel(level);
  const { params, tokens, evidence, draws } = estimate;
  const log10 = Math.log10(flops);
  const read = (numbers: readonly [number, number, number, number]) => {
    const [logN, logD] = [numbers[1] + numbers[0] * log10, numbers[3] + numbers[2] * log10];
    return [10 ** logN, 10 ** logD, 10 ** (logD - logN)] as const;
  };
  const values = read([
    params.exponent.value,
    params.log10Coefficient.value,
    tokens.exponent.value,
    tokens.log10Coefficient.value,
  ]);
  const drawn = draws.values.map(read);
  const part = (k: 0 | 1 | 2): Estimate => ({
    value: values[k],
    interval: refitInterval(
      drawn.map((draw) => draw[k]),
      level,
    ),
  });
  return {
    flops,
    params: part(0),
    tokens: part(1),
    tokensPerParam: part(2),
    decadesBeyond:
      evidence === null
        ? null
        : Math.max(0, Math.log10(evidence.flops[0] / flops), Math.log10(flops / evidence.flops[1])),
  };
}

function numbersOf({ params, tokens }: OptimumLines): [number, number, number, number] {
  return [params.slope, params.intercept / Math.LN10, tokens.slope, tokens.intercept / Math.LN10];
}
