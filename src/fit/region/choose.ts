import { ShapelawError } from '../../errors.js';
import { fitUpTo, type RegionFit, residualsOf } from './estimate.js';
import { type BreakGrid, breakGrid } from './grid.js';
import { type HoldOut, holdOutErrors, holdOutRmse } from './hold-out.js';
import { effectiveRows, logLikelihood, parameterCount } from './likelihood.js';
import { type ActiveRows, activeRows, sortRows } from './rows.js';
import type { RegionSample } from './sample.js';

/** Places at which breakpoints are looked for in the whole table, and in its folds. */
const [candidates, foldCandidates] = [200, 60];
/** Breakpoints tried at most by default. */
const defaultMost = 3;
/** The most breakpoints that any function here takes: continuous laws try combinations of them. */
export const mostBreaks = 4;
/** A difference of BIC that is not worth mentioning (Raftery 1995). */
const bicMargin = 2;

/** One number of breakpoints against the others. */
export interface RegionCount {
  readonly breaks: number;
  readonly parameters: number;
  /** Normal log likelihood of the rows, counted as so many independent ones as they are worth. */
  readonly logLikelihood: number;
  readonly bic: number;
  /** Root mean square error of log loss on runs that were held out; null with fewer than 5 runs. */
  readonly holdOutRmse: number | null;
  /** Root mean square residual of log loss. */
  readonly rmse: number;
  /** In the unit of the variable, ascending. */
  readonly breakpoints: readonly number[];
}

/** How many regions a table has, and on what grounds. */
export interface RegionChoice {
  /** The number of breakpoints chosen: one less than regions. */
  readonly breaks: number;
  /** For people: why. */
  readonly reason: string;
  /** From no breakpoint up; ends where the table can't be divided further. */
  readonly counts: readonly RegionCount[];
  /** Independent rows that the table's are worth. */
  readonly effectiveRows: number;
  readonly folds: number | null;
}

/** What the choice was made from. */
export interface ChosenRegions extends RegionChoice {
  readonly sample: RegionSample;
  readonly rows: ActiveRows;
  readonly grid: BreakGrid;
  readonly fits: readonly RegionFit[];
  readonly holdOut: HoldOut | null;
}

/**
 * Chooses the number of breakpoints: the smallest that no larger one beats on both counts, BIC (by more than 2) and the error on
 * runs held out. BIC alone would divide a table whose curve no power law follows ever further; hold-out alone takes regions that
 * gain next to nothing.
 *
 * Both are of squared residuals of log loss. Rows of one run are counted as so many independent ones as they are worth.
 *
 * @param most - Breakpoints tried, up to 4. Defaults to 3.
 */
export function chooseRegions(sample: RegionSample, continuous: boolean, most: number = defaultMost): ChosenRegions {
  const sorted = sortRows(sample);
  const rows = activeRows(sorted, sample.logLoss, sample.weights);
  const weight = rows.weightBefore[rows.size]!;
  const grid = breakGrid(rows, rows.weights, continuous, candidates);
  const all = fitUpTo(rows, grid, continuous, most);
  const end = all.indexOf(null);
  const fits = all.slice(0, end < 0 ? undefined : end) as RegionFit[];
  const runOfRow = Int32Array.from(rows.order, (row) => sample.runOfRow[row]!);
  // About the law of most regions, so that what regions explain is not put down to runs.
  const effective =
    fits.length === 0 ? weight : effectiveRows(residualsOf(rows, fits.at(-1)!), runOfRow, sample.runIds.length, weight);
  const holdOut = holdOutErrors(sample, sorted, { continuous, candidates: foldCandidates }, fits.length - 1);
  const counts = fits.map((fit, breaks): RegionCount => {
    const parameters = parameterCount(breaks, continuous, rows.width - 1);
    const likelihood = logLikelihood(fit.squares, weight, effective);
    const squares = holdOut?.squaresByRun[breaks];
    return {
      breaks,
      parameters,
      logLikelihood: likelihood,
      bic: -2 * likelihood + parameters * Math.log(effective),
      holdOutRmse: squares ? holdOutRmse(squares, weight) : null,
      rmse: Math.sqrt(fit.squares / weight),
      breakpoints: fit.breaks.map((at) => Math.exp(at + sample.centre)),
    };
  });
  return {
    ...decide(counts),
    sample,
    counts,
    effectiveRows: effective,
    folds: holdOut?.folds ?? null,
    rows,
    grid,
    fits,
    holdOut,
  };
}

/** @throws ShapelawError `too-few-configurations` where a table can't be divided by so many breakpoints. */
export function requireDivisible(sample: RegionSample, continuous: boolean, breaks: number): void {
  const rows = activeRows(sortRows(sample), sample.logLoss, sample.weights);
  const divisions = breakGrid(rows, rows.weights, continuous, candidates).divisions(breaks);
  if (breaks === 0 || divisions[breaks] !== null) return;
  const most = divisions.findLastIndex((division) => division !== null);
  throw new ShapelawError(
    'too-few-configurations',
    `${sample.source} can't be divided into ${describeRegions(breaks)}: each needs two distinct points more than it has exponents, 5% of the rows, and every operator varying apart from the others; ${describeRegions(Math.max(0, most))} is the most. Ask for fewer breakpoints, or add runs.`,
    { breaks, most },
  );
}

function decide(counts: readonly RegionCount[]): { readonly breaks: number; readonly reason: string } {
  const better = (larger: RegionCount, smaller: RegionCount) => ({
    bic: larger.bic < smaller.bic - bicMargin,
    holdOut: larger.holdOutRmse === null || smaller.holdOutRmse === null || larger.holdOutRmse < smaller.holdOutRmse,
  });
  const larger = (count: RegionCount) => counts.slice(count.breaks + 1);
  const chosen = counts.find((count) =>
    larger(count).every((other) => !(better(other, count).bic && better(other, count).holdOut)),
  );
  if (chosen === undefined) return { breaks: 0, reason: 'there is nothing to divide' };
  const heldOut = chosen.holdOutRmse === null ? 'BIC (too few runs to hold any out)' : 'both BIC and held-out runs';
  const rivals = larger(chosen);
  const byBic = rivals.filter((other) => better(other, chosen).bic);
  const named = (list: readonly RegionCount[]) => list.map(({ breaks }) => breaks + 1).join(' or ');
  const why =
    rivals.length === 0
      ? chosen.breaks === 0
        ? 'the table is too small to be divided'
        : `fewer are worse by ${heldOut}, and more were not tried`
      : byBic.length > 0
        ? `BIC would have ${named(byBic)}, but runs held out are not predicted better`
        : `more are no better by BIC${chosen.breaks > 0 ? `, and fewer are worse by ${heldOut}` : ''}`;
  return { breaks: chosen.breaks, reason: `${describeRegions(chosen.breaks)}: ${why}` };
}

/** Such as `one region` or `3 regions`. */
export function describeRegions(breaks: number): string {
  return breaks === 0 ? 'one region' : `${breaks + 1} regions`;
}
