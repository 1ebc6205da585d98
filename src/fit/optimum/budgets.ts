import { ShapelawError } from '../../errors.js';
import type { ComputePoint } from './points.js';

/** Rows of one budget, by increasing parameters. */
export interface BudgetRows {
  /** Geometric mean of its rows. */
  readonly flops: number;
  /** Greatest over least. */
  readonly spread: number;
  readonly points: readonly ComputePoint[];
}

/** Rows by budget, and those that belong to none. */
export interface GroupedRows {
  readonly budgets: readonly BudgetRows[];
  readonly dropped: readonly { readonly row: number; readonly reason: string }[];
}

/**
 * Groups rows by budget. With no budgets stated, rows in order of FLOPs are parted wherever one exceeds the last by more than
 * the tolerance. With budgets stated, rows further than the tolerance from each of them are dropped.
 *
 * @throws ShapelawError `bad-usage` for budgets that are not positive or that overlap; `too-few-configurations` where the FLOPs of
 *   rows run on without a gap, so that there are no budgets.
 */
export function groupByBudget(
  source: string,
  points: readonly ComputePoint[],
  tolerance: number,
  stated: readonly number[] | undefined,
): GroupedRows {
  const dropped: { row: number; reason: string }[] = [];
  const groups: ComputePoint[][] = [];
  if (stated === undefined) {
    let last = 0;
    for (const point of points.toSorted((a, b) => a.flops - b.flops)) {
      if (point.flops > last * (1 + tolerance)) groups.push([point]);
      else groups.at(-1)!.push(point);
      last = point.flops;
    }
    for (const group of groups) requireNarrow(source, group, tolerance);
  } else {
    const budgets = checkBudgets(stated, tolerance);
    const of = budgets.map((): ComputePoint[] => []);
    for (const point of points) {
      const index = budgets.findIndex((flops) => Math.abs(Math.log(point.flops / flops)) <= Math.log1p(tolerance));
      if (index >= 0) of[index]!.push(point);
      else
        dropped.push({
          row: point.row,
          reason: `its ${point.flops} FLOPs are more than ${tolerance} off every budget`,
        });
    }
    groups.push(...of.filter((group) => group.length > 0));
  }
  return { budgets: groups.map(budgetOf), dropped };
}

function budgetOf(group: readonly ComputePoint[]): BudgetRows {
  const logs = group.map(({ flops }) => Math.log(flops));
  return {
    flops: Math.exp(logs.reduce((sum, value) => sum + value, 0) / logs.length),
    spread: Math.exp(Math.max(...logs) - Math.min(...logs)),
    points: group.toSorted((a, b) => a.params - b.params),
  };
}

function requireNarrow(source: string, group: readonly ComputePoint[], tolerance: number): void {
  const [low, high] = [group[0]!.flops, group.at(-1)!.flops];
  if (high <= low * (1 + tolerance) ** 2) return;
  throw new ShapelawError(
    'too-few-configurations',
    `${source} has no budgets: the FLOPs of ${group.length} rows run from ${low} to ${high} with no gap wider than ${tolerance} of their value. ` +
      'State the budgets, take a smaller tolerance, or fit a surface or the frontier, which need none.',
    { flops: [low, high], rows: group.map(({ row }) => row), tolerance },
  );
}

function checkBudgets(stated: readonly number[], tolerance: number): readonly number[] {
  const budgets = stated.toSorted((a, b) => a - b);
  budgets.forEach((flops, k) => {
    if (!(flops > 0 && Number.isFinite(flops)))
      throw new ShapelawError('bad-usage', `a budget must be a positive number of FLOPs, not ${flops}`, { flops });
    const last = budgets[k - 1];
    if (last === undefined || flops > last * (1 + tolerance) ** 2) return;
    throw new ShapelawError(
      'bad-usage',
      `budgets of ${last} and ${flops} FLOPs overlap at a tolerance of ${tolerance}; take a smaller one`,
      { budgets: [last, flops], tolerance },
    );
  });
  return budgets;
}

/**
 * Refuses several rows of one run in one budget: they are one run's checkpoints, and no independent losses.
 *
 * @throws ShapelawError `unclustered-checkpoints`.
 */
export function requireOneRowPerRun(source: string, { flops, points }: BudgetRows): void {
  const seen = new Map<string, number>();
  for (const { runId, row } of points) {
    const earlier = seen.get(runId);
    if (earlier !== undefined) {
      throw new ShapelawError(
        'unclustered-checkpoints',
        `${source}, rows ${earlier} and ${row}: both are of run ${runId} in the budget of ${flops.toPrecision(3)} FLOPs, and checkpoints of one run are not independent. ` +
          'Keep one row of a run for each budget, name runs of different seeds apart (--map runId=COLUMN), or take a smaller tolerance.',
        { rows: [earlier, row], runId, flops },
      );
    }
    seen.set(runId, row);
  }
}
