import { quantileSorted } from 'simple-statistics';
import { ShapelawError } from '../../errors.js';
import type { RunTable } from '../../runs/index.js';
import { scheduleNotes } from '../checks.js';
import { refitInterval } from '../intervals.js';
import { mean } from '../statistics.js';
import { groupByBudget, requireOneRowPerRun } from './budgets.js';
import { estimateOf, type OptimumEstimate, type OptimumLines, type OptimumOptions } from './estimate.js';
import type { BudgetMinimum, WidthBias } from './isoflop-result.js';
import { isoflopWarnings, widthWarning } from './isoflop-warnings.js';
import { fitLine } from './lines.js';
import { drawMinima } from './noise-draws.js';
import { requireDrawing, requireSource } from './options.js';
import { computePoints } from './points.js';
import { type Judgement, judge, makeSheet, poolNoise, type Sheet } from './sheets.js';
import { assumedExponents, optimumBehind, requireExponents, type SurfaceExponents } from './width-bias.js';

/** How an IsoFLOP sweep is read. */
export interface IsoflopOptions extends OptimumOptions {
  /** What goes through the losses of a budget: a parabola, or Akima's spline, which takes no form for granted but follows the noise. Defaults to `quadratic`. */
  readonly method?: 'quadratic' | 'akima';
  /** Budgets in FLOPs; rows of others are dropped. Defaults to those that the rows fall into. */
  readonly budgets?: readonly number[];
  /** How far FLOPs of one budget may differ, relative. Defaults to 0.1. */
  readonly tolerance?: number;
  /** `table` for the column of FLOPs where there is one, `6ND` for 6 params tokens in any case. Defaults to `table`. */
  readonly flops?: 'table' | '6ND';
  /** Exponents of the surface, such as those of a chinchilla law of these runs, for the error that the grids' width makes. Defaults to .34 and .28. */
  readonly surface?: SurfaceExponents;
  /** Samples of the noise for intervals and weights; 0 for none. Defaults to 1000. */
  readonly draws?: number;
  /** Seed of the draws, a 32-bit integer. Defaults to 0. */
  readonly seed?: number;
  /** Whether budgets that are refused are left out, as long as three remain, and losses of several schedules are taken. Defaults to false. */
  readonly force?: boolean;
}

/** Budgets below which a line has nothing to be checked by. */
const budgetsNeeded = 3;

/**
 * The compute optimum by IsoFLOP profiles (approach 2 of Hoffmann et al. 2022): at each budget the size of least loss, by a
 * parabola or Akima's spline in ln params, and through these a line of ln N* and of ln D* on ln C.
 *
 * D* is what the budget pays for at N*: C / (6 N*), or by the table's own ratio of C to 6 N D where that is not 1. Intervals are percentiles
 * of a bootstrap of the noise: residuals of the parabolas, pooled over budgets and relative to the loss, are drawn onto them. Budgets
 * weigh in the line by the inverse square of how far the noise moves their minimum (half of its central 68%, since
 * minima of shallow parabolas have long tails). Intervals hold the noise alone: the error of the method is `widthBias`.
 *
 * @throws ShapelawError `too-few-configurations` (fewer than three budgets, or than four sizes in one; five for Akima), `no-variation`,
 *   `unclustered-checkpoints`, `negative-curvature`, `weak-curvature` (p > .05), `edge-minimum`, `off-centre-grid` (in the outer
 *   eighth of the grid), and as `computePoints`; `bad-usage` for options out of range.
 */
export function isoflop(table: RunTable, options: IsoflopOptions = {}): OptimumEstimate {
  const complete = completeOptions(options);
  const { method, tolerance, level, draws, seed, force } = complete;
  const overruled = scheduleNotes(table, force);
  const { points, compute, notes } = computePoints(table, complete.flops);
  const { budgets, dropped } = groupByBudget(table.source, points, tolerance, options.budgets);
  requireBudgets(table.source, budgets.length, budgets.length);
  for (const budget of budgets) requireOneRowPerRun(table.source, budget);

  const sheets = budgets.map((budget) => makeSheet(budget, method));
  const noise = poolNoise(sheets);
  const judged = sheets.map((sheet) => judge(sheet, noise));
  const used = usableBudgets(table.source, sheets, judged, force);
  const kept = used.map((k) => sheets[k]!);
  const estimates = used.map((k) => judged[k]!.minimum!.x);

  const drawn = drawMinima(kept, estimates, noise, draws, seed);
  const spreads = drawn.minima.map(halfOfCentral68);
  const weights = lineWeights(spreads);
  const logFlops = kept.map(({ budget }) => Math.log(budget.flops));
  const linesOf = (minima: readonly number[]): OptimumLines => ({
    params: fitLine(logFlops, minima, weights),
    tokens: fitLine(
      logFlops,
      minima.map((x, b) => kept[b]!.tokensAt(x)),
      weights,
    ),
  });
  const lines = linesOf(estimates);
  const drawnLines = Array.from({ length: draws }, (_, k) => linesOf(drawn.minima.map((minima) => minima[k]!)));

  const exponents = options.surface ?? assumedExponents;
  const behind = kept.map(({ x, minimise }, b) => optimumBehind(minimise, x, estimates[b]!, exponents));
  const widthBias = widthBiasOf(
    lines,
    linesOf(behind),
    logFlops,
    exponents,
    options.surface === undefined ? 'assumed' : 'given',
  );
  const records = sheets.map((sheet, k): BudgetMinimum => {
    const place = used.indexOf(k);
    const bare = recordOf(sheet, judged[k]!);
    if (place < 0) return bare;
    const [from, to] = [behind[place]!, estimates[place]!];
    return {
      ...bare,
      paramsInterval: refitInterval([...drawn.minima[place]!].map(Math.exp), level),
      weight: weights[place]!,
      bias: { params: Math.expm1(to - from), tokens: Math.expm1(sheet.tokensAt(to) - sheet.tokensAt(from)) },
    };
  });

  return estimateOf(lines, drawnLines, drawn.redrawn, options.at ?? [], {
    method: `isoflop-${method}`,
    compute,
    conventions: table.conventions,
    evidence: { flops: [Math.exp(Math.min(...logFlops)), Math.exp(Math.max(...logFlops))], points: kept.length },
    budgets: records,
    widthBias,
    frontier: [],
    droppedRows: dropped,
    level,
    intervalKind: draws > 0 ? 'percentile, bootstrap of the residuals of each budget, pooled' : null,
    seed: draws > 0 ? seed : null,
    notes: [
      ...overruled,
      ...notes,
      `noise of ${(100 * noise.sd).toPrecision(3)}% of the loss about the parabolas (${noise.degrees} degrees of freedom)`,
      ...(draws > 0 ? [] : ['no draws: budgets weigh the same, and nothing has an interval']),
    ],
    warnings: [
      ...isoflopWarnings(records, kept, lines, estimates, spreads, noise),
      ...widthWarning(widthBias, drawnLines, mean(logFlops), level),
    ],
  });
}

function completeOptions(options: IsoflopOptions) {
  const { method = 'quadratic', tolerance = 0.1, flops = 'table', draws = 1000 } = options;
  const { seed = 0, level = 0.95, force = false } = options;
  if (!(method === 'quadratic' || method === 'akima'))
    throw new ShapelawError('bad-usage', `no IsoFLOP method "${method}": quadratic, akima`, { method });
  requireSource(flops);
  if (!(tolerance > 0 && tolerance < 1))
    throw new ShapelawError('bad-usage', `the tolerance of a budget must lie between 0 and 1, not ${tolerance}`);
  if (options.surface !== undefined) requireExponents(options.surface);
  requireDrawing(draws, seed, level);
  return { method, tolerance, flops, draws, seed, level, force };
}

function requireBudgets(source: string, left: number, found: number, because = ''): void {
  if (left >= budgetsNeeded) return;
  throw new ShapelawError(
    'too-few-configurations',
    `${source}: a line over budgets that can be checked needs ${budgetsNeeded} of them, and there ${found === 1 ? 'is' : 'are'} ${found}${because}. Add runs at ${budgetsNeeded - left} more.`,
    { budgets: found, needed: budgetsNeeded },
  );
}

/** Places of the budgets that are used; a refusal of one is one of all, unless overruled and enough remain. */
function usableBudgets(
  source: string,
  sheets: readonly Sheet[],
  judged: readonly Judgement[],
  force: boolean,
): readonly number[] {
  const used = judged.flatMap(({ refusal }, k) => (refusal === null ? [k] : []));
  const first = judged.findIndex(({ refusal }) => refusal !== null);
  if (first < 0 || (force && used.length >= budgetsNeeded)) return used;
  const { code, reason } = judged[first]!.refusal!;
  const { budget } = sheets[first]!;
  const others = judged.length - used.length - 1;
  throw new ShapelawError(
    code,
    `${source}: ${reason}.${others > 0 ? ` ${others} more ${others === 1 ? 'budget is' : 'budgets are'} refused.` : ''} ${
      used.length >= budgetsNeeded
        ? `--force leaves ${others > 0 ? 'them' : 'it'} out and goes on with ${used.length}.`
        : `Without ${others > 0 ? 'them' : 'it'} ${used.length} of ${judged.length} budgets are left, and a line needs ${budgetsNeeded}.`
    }`,
    {
      flops: budget.flops,
      rows: budget.points.map(({ row }) => row),
      refused: judged.flatMap(({ refusal }, k) =>
        refusal === null ? [] : [{ flops: sheets[k]!.budget.flops, code: refusal.code }],
      ),
      usable: used.length,
      needed: budgetsNeeded,
    },
  );
}

function recordOf({ budget, x, tokensAt }: Sheet, judgement: Judgement): BudgetMinimum {
  const { refusal, minimum, offCentre, curvature, curvatureP } = judgement;
  const grid = [budget.points[0]!.params, budget.points.at(-1)!.params] as const;
  return {
    flops: budget.flops,
    flopsSpread: budget.spread,
    rows: budget.points.map(({ row }) => row),
    runs: x.length,
    grid,
    halfWidth: Math.sqrt(grid[1] / grid[0]),
    status: refusal?.code ?? 'used',
    reason: refusal?.reason ?? null,
    params: minimum === null ? null : Math.exp(minimum.x),
    paramsInterval: null,
    tokens: minimum === null ? null : Math.exp(tokensAt(minimum.x)),
    loss: minimum?.loss ?? null,
    curvature,
    curvatureP,
    offCentre,
    weight: 0,
    bias: null,
  };
}

function halfOfCentral68(values: Float64Array): number {
  if (values.length === 0) return 0;
  const sorted = [...values].sort((a, b) => a - b);
  return (quantileSorted(sorted, 0.8413) - quantileSorted(sorted, 0.1587)) / 2;
}

/** Of a sum of 1; the same for all where noise moves none, or some so little that they alone would count. */
function lineWeights(spreads: readonly number[]): readonly number[] {
  const inverse = spreads.every((spread) => spread > 1e-9)
    ? spreads.map((spread) => spread ** -2)
    : spreads.map(() => 1);
  const sum = inverse.reduce((total, value) => total + value, 0);
  return inverse.map((value) => value / sum);
}

function widthBiasOf(
  found: OptimumLines,
  behind: OptimumLines,
  logFlops: readonly number[],
  { alpha, beta }: SurfaceExponents,
  source: 'given' | 'assumed',
): WidthBias {
  const middle = mean(logFlops);
  const relative = (key: 'params' | 'tokens') =>
    Math.expm1(found[key].intercept - behind[key].intercept + (found[key].slope - behind[key].slope) * middle);
  const corrected = (key: 'params' | 'tokens') => ({
    exponent: behind[key].slope,
    log10Coefficient: behind[key].intercept / Math.LN10,
  });
  return {
    alpha,
    beta,
    source,
    exponents: {
      params: found.params.slope - behind.params.slope,
      tokens: found.tokens.slope - behind.tokens.slope,
    },
    params: relative('params'),
    tokens: relative('tokens'),
    corrected: { params: corrected('params'), tokens: corrected('tokens') },
  };
}
