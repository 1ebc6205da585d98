import type { LawForm } from '../law-form.js';
import { type Objective, rowWeight } from '../objective.js';
import { createWorkspace, type FitData, type Problem, type Solution, solve, type Workspace } from '../solve.js';
import { fitRegions, type RegionFit } from './estimate.js';
import { meanLoss } from './moments.js';
import { type ActiveRows, activeRows, type SortedRows, sortRows } from './rows.js';

/** Places at which breakpoints are looked for before they are refined among all rows: few, since refits are many. */
const candidates = 60;
/** Rounds of new breakpoints under an objective that is not squared; two or three are usual. */
const mostRounds = 6;
/** Lowering of the objective by a round, relative to it, below which there is no next. */
const roundTolerance = 1e-6;

/** How a form's coordinates and columns are laid out. */
export interface RegionLayout {
  readonly breaks: number;
  readonly continuous: boolean;
  /** Indices of the columns that have an exponent in each region; 0 is the variable. */
  readonly regressors: readonly number[];
}

/**
 * Finds a region law's coordinates.
 *
 * On squared residuals as {@link fitRegions}. Other objectives: the solver finishes from there, the breakpoints of a law that jumps
 * staying. Then rows are weighted by `rowWeight` at that fit: the parabolas that this makes lie above the penalties and touch
 * them there, so that breakpoints at which their sum is lower lower the objective too. From those the solver finishes again, until
 * that no longer lowers it. A lower valley of breakpoints elsewhere may be missed.
 *
 * Where a resample can't be divided so often, the breakpoints that are too many stand at its highest row, and it counts as not
 * converged.
 */
export function estimateRegions(
  form: LawForm,
  layout: RegionLayout,
  sortedOf: WeakMap<readonly Float64Array[], SortedRows>,
  data: FitData,
  weights: Float64Array,
  objective: Objective,
): Solution {
  const sorted = sortedOf.get(data.columns) ?? sortRows(regressorsOf(data, layout));
  sortedOf.set(data.columns, sorted);
  const rows = activeRows(sorted, data.logLoss, weights);
  const workspace = createWorkspace(data.logLoss.length, form.parameters.length);
  let rowWeights = rows.weights;
  let best: Solution | undefined;
  let iterations = 0;
  for (let round = 0; round < mostRounds; round++) {
    const fit = fitRegions(rows, layout.breaks, { continuous: layout.continuous, candidates }, rowWeights);
    const theta = coordinatesOf(fit ?? divideLess(rows, layout, rowWeights), layout);
    const problem = { form, data, weights, objective, bounds: boundsAround(theta, rows, layout) };
    const squared = objective.kind === 'squared' || fit === null;
    const solved = solve(problem, theta, workspace, squared ? 0 : undefined);
    iterations += solved.iterations + 1;
    const solution = { ...solved, converged: squared ? fit !== null : solved.converged, atBound: false };
    const lower = best === undefined || solution.value < best.value;
    const gain = best === undefined ? Number.POSITIVE_INFINITY : best.value - solution.value;
    if (lower) best = solution;
    if (squared || layout.breaks === 0 || !(gain > roundTolerance * solution.value)) break;
    rowWeights = reweighted(problem, solution.theta, rows, workspace);
  }
  return { ...best!, iterations };
}

function regressorsOf(data: FitData, { regressors }: RegionLayout) {
  return { x: data.columns[0]!, regressors: regressors.map((column) => data.columns[column]!) };
}

function reweighted(
  { form, data, objective }: Problem,
  theta: Float64Array,
  rows: ActiveRows,
  workspace: Workspace,
): Float64Array {
  form.evaluate(theta, data.columns, data.logLoss.length, workspace.fitted, workspace.jacobian);
  return rows.weights.map((weight, row) => {
    const at = rows.order[row]!;
    return weight * rowWeight(objective, data.logLoss[at]! - workspace.fitted[at]!);
  });
}

function coordinatesOf({ breaks, coefficients }: RegionFit, { continuous }: RegionLayout): Float64Array {
  return Float64Array.from([
    ...breaks,
    ...(continuous
      ? [coefficients[0]![0]!, ...coefficients.map((region) => region[1]!)]
      : coefficients.flatMap((region) => [...region])),
  ]);
}

/** The law with as many breakpoints as the rows allow, the others where no row is beyond them. */
function divideLess(rows: ActiveRows, { breaks, continuous }: RegionLayout, weights: Float64Array): RegionFit {
  for (let fewer = breaks - 1; fewer >= 0; fewer--) {
    const fit = fitRegions(rows, fewer, { continuous, candidates }, weights);
    if (fit === null) continue;
    const idle = Array.from({ length: breaks - fewer }, () => rows.x[rows.size - 1]!);
    return {
      breaks: [...fit.breaks, ...idle],
      coefficients: [...fit.coefficients, ...idle.map(() => fit.coefficients.at(-1)!)],
      squares: fit.squares,
    };
  }
  const flat = new Float64Array(rows.width);
  flat[0] = meanLoss(rows, weights);
  return {
    breaks: Array.from({ length: breaks }, () => rows.x[rows.size - 1]!),
    coefficients: Array.from({ length: breaks + 1 }, () => flat),
    squares: 0,
  };
}

/** Breakpoints of a law that jumps stay; of a continuous one each moves up to half way to the next, or to the outermost rows. */
function boundsAround(theta: Float64Array, rows: ActiveRows, { breaks, continuous }: RegionLayout) {
  const lower = new Float64Array(theta.length).fill(Number.NEGATIVE_INFINITY);
  const upper = new Float64Array(theta.length).fill(Number.POSITIVE_INFINITY);
  for (let k = 0; k < breaks; k++) {
    const at = theta[k]!;
    lower[k] = continuous ? (at + (k > 0 ? theta[k - 1]! : rows.x[0]!)) / 2 : at;
    upper[k] = continuous ? (at + (k < breaks - 1 ? theta[k + 1]! : rows.x[rows.size - 1]!)) / 2 : at;
  }
  return { lower, upper };
}
