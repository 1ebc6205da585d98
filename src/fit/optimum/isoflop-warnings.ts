import { chiSquaredQuantile } from '../distributions.js';
import { refitInterval } from '../intervals.js';
import type { OptimumLines, OptimumWarning } from './estimate.js';
import type { BudgetMinimum, WidthBias } from './isoflop-result.js';
import { fitLine } from './lines.js';
import type { PooledNoise, Sheet } from './sheets.js';

/** Offset of a minimum from the centre of its grid, of the half-width, that is warned of; and its change over the budgets. */
const offCentre = 0.5;
/** Greatest over least FLOPs of a budget that is warned of: a tilt of 5% in C moves N* by some 3%. */
const wideBudget = 1.05;
/** Degrees of freedom of the noise below which percentiles are too narrow: at 10 the normal 95% covers 92%. */
const fewDegrees = 10;

/** What a reader of an IsoFLOP estimate should be warned of. */
export function isoflopWarnings(
  budgets: readonly BudgetMinimum[],
  kept: readonly Sheet[],
  lines: OptimumLines,
  minima: readonly number[],
  spreads: readonly number[],
  noise: PooledNoise,
): readonly OptimumWarning[] {
  const used = budgets.filter(({ status }) => status === 'used');
  return [
    ...budgets.flatMap(({ status, reason }) =>
      status === 'used' ? [] : [{ code: status, message: `left out: ${reason}` }],
    ),
    ...offCentreWarnings(used),
    ...spreadWarnings(used),
    ...sharedRuns(kept),
    ...lineWarnings(kept, lines, minima, spreads),
    ...(noise.degrees < fewDegrees
      ? [
          {
            code: 'too-few-configurations',
            message: `the noise is known from ${noise.degrees} degrees of freedom only, so that intervals are too narrow; add sizes or seeds`,
          },
        ]
      : []),
  ];
}

/** The error that the grids' width makes against the interval of N* at the middle of the budgets: one must not hide in the other. */
export function widthWarning(
  { params, tokens, source, alpha, beta }: WidthBias,
  draws: readonly OptimumLines[],
  middle: number,
  level: number,
): OptimumWarning[] {
  const ends = refitInterval(
    draws.map((draw) => draw.params.intercept + draw.params.slope * middle),
    level,
  );
  if (ends === null || Math.abs(Math.log1p(params)) <= (ends[1] - ends[0]) / 4) return [];
  const percent = (share: number) => `${share > 0 ? '+' : ''}${(100 * share).toFixed(1)}%`;
  return [
    {
      code: 'width-bias',
      message: `grids of this width put N* off by ${percent(params)} and D* by ${percent(tokens)} (for ${source} exponents ${alpha} and ${beta}), more than half of what the intervals reach to either side, which do not hold it: take the corrected lines, narrower grids, or a surface`,
    },
  ];
}

function offCentreWarnings(used: readonly BudgetMinimum[]): OptimumWarning[] {
  const code = 'off-centre-grid';
  const off = used.filter((budget) => Math.abs(budget.offCentre!) > offCentre);
  const { slope } = fitLine(
    used.map(({ flops }) => Math.log(flops)),
    used.map((budget) => budget.offCentre!),
  );
  const drift = slope * Math.log(used.at(-1)!.flops / used[0]!.flops);
  return [
    ...(off.length > 0
      ? [
          {
            code,
            message: `the minimum lies more than half-way from the centre of the grid to its edge at ${listed(off)}`,
          },
        ]
      : []),
    ...(Math.abs(drift) > offCentre
      ? [
          {
            code,
            message: `from the least to the greatest budget the minimum drifts across the grids by ${drift.toFixed(2)} of their half-width, which puts an error into the exponents themselves (widthBias.exponents); move the grids with the optimum`,
          },
        ]
      : []),
  ];
}

function spreadWarnings(used: readonly BudgetMinimum[]): OptimumWarning[] {
  const wide = used.filter(({ flopsSpread }) => flopsSpread > wideBudget);
  if (wide.length === 0) return [];
  const worst = Math.max(...wide.map(({ flopsSpread }) => flopsSpread));
  return [
    {
      code: 'wide-budget',
      message: `FLOPs differ by up to ${(100 * (worst - 1)).toFixed(1)}% between runs of one budget (${listed(wide)}); where they rise with the size, N* comes out too large`,
    },
  ];
}

function sharedRuns(kept: readonly Sheet[]): OptimumWarning[] {
  const budgetsOf = new Map<string, number>();
  for (const { budget } of kept)
    for (const { runId } of budget.points) budgetsOf.set(runId, (budgetsOf.get(runId) ?? 0) + 1);
  const shared = [...budgetsOf].filter(([, count]) => count > 1).length;
  if (shared === 0) return [];
  return [
    {
      code: 'unclustered-checkpoints',
      message: `${shared} of ${budgetsOf.size} runs stand in several budgets: their losses are taken as independent, and all but the last of a run are those of an unfinished schedule`,
    },
  ];
}

/** The minima about the line against how far noise moves them, by the chi-squared of both, at 1%. */
function lineWarnings(
  kept: readonly Sheet[],
  { params }: OptimumLines,
  minima: readonly number[],
  spreads: readonly number[],
): OptimumWarning[] {
  if (!spreads.every((spread) => spread > 0)) return [];
  const chi2 = kept.reduce((sum, { budget }, b) => {
    const off = minima[b]! - (params.intercept + params.slope * Math.log(budget.flops));
    return sum + (off / spreads[b]!) ** 2;
  }, 0);
  const degrees = kept.length - 2;
  if (chi2 <= chiSquaredQuantile(0.99, degrees)) return [];
  return [
    {
      code: 'line-misfit',
      message: `the minima scatter about their line ${Math.sqrt(chi2 / degrees).toFixed(1)} times as far as the noise moves them: the line, a budget or the noise is not what it seems, and the intervals are too narrow`,
    },
  ];
}

function listed(budgets: readonly BudgetMinimum[]): string {
  return `${budgets.map(({ flops }) => flops.toPrecision(3)).join(', ')} FLOPs`;
}
