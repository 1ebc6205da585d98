import { ShapelawError } from '../errors.js';
import type { RunTable } from '../runs/index.js';
import { boundsOf } from './bounds.js';
import { devianceScale } from './deviance-scale.js';
import { chiSquaredQuantile } from './distributions.js';
import { requireLevel } from './intervals.js';
import { gramOf, inverseColumn } from './linear-algebra.js';
import { completeOptions, type FitOptions } from './options.js';
import { evaluateAt, type FittedLaw, fitToTable } from './posed.js';
import { createWorkspace, type Problem, type Solution, solve, type Workspace } from './solve.js';

/** How a profile is drawn. */
export interface ProfileOptions {
  /** Points of the profile, evenly spaced in the coordinate, from 3. Defaults to 41. */
  readonly points?: number;
  /** Level of the interval, in (0, 1). Defaults to that of the fit, 0.95. */
  readonly level?: number;
}

/** The least objective for given values of one parameter. */
export interface Profile {
  readonly parameter: string;
  /**
   * `parameter`: the values are the parameter's. `coordinate`: it follows from several coordinates of the solver (`kaplan`, and
   * amplitudes under a prior), and the profile is of its own one, shown in the parameter's units with the others at their estimates.
   */
  readonly of: 'parameter' | 'coordinate';
  readonly estimate: number;
  readonly level: number;
  /** Of the deviance: the chi-squared quantile of one degree of freedom. */
  readonly cutoff: number;
  /** By which twice the gain of the objective is divided: the variance of log loss as the objective weighs it. */
  readonly scale: number;
  /** Where the deviance crosses the cutoff; null on a side where it never does. */
  readonly interval: readonly [low: number | null, high: number | null];
  readonly points: readonly ProfilePoint[];
  readonly notes: readonly string[];
}

export interface ProfilePoint {
  readonly value: number;
  readonly objective: number;
  /** `2 (objective - least) / scale`. */
  readonly deviance: number;
}

/** Steps by which an end is looked for: each twice as far. */
const doublings = 40;
/** Distance from the estimate beyond which a log amplitude is nothing or everything. */
const furthest = 40;
/** Share of a standard error to which an end is found. */
const tolerance = 1e-3;
/** First step where the curvature tells none. */
const unknownStep = 1e-3;
/** Relative gain over the fit beyond which it was not at its optimum. */
const better = 1e-6;

/**
 * Profile likelihood of a parameter: the objective minimised over all others, along its values, with the interval in which
 * the deviance lies under the chi-squared quantile.
 *
 * The deviance is that of an M-estimator, 2 (objective - least) / scale with scale = E[psi^2] / E[psi'] (psi the derivative of
 * the objective to the residual), which for squared residuals is their variance. Where runs have several rows, the squares are of sums
 * over runs. Both as if the runs were alike: the bootstrap does not need that, but a profile sees how far a flat valley goes.
 *
 * @param parameter - Name of a parameter of the law; quantities derived from several have no profile.
 * @throws ShapelawError `bad-usage` for a parameter that the law lacks, or a law without a coordinate solver; else as `fitLaw`.
 */
export function profileLikelihood(
  table: RunTable,
  options: FitOptions,
  parameter: string,
  profile: ProfileOptions = {},
): Profile {
  return profileLikelihoods(table, options, [parameter], profile)[0]!;
}

/** {@link profileLikelihood} of several parameters of one fit. */
export function profileLikelihoods(
  table: RunTable,
  options: FitOptions,
  parameters: readonly string[],
  { points = 41, level }: ProfileOptions = {},
): readonly Profile[] {
  const complete = completeOptions({ ...options, draws: 0 });
  const atLevel = level ?? complete.level;
  requireLevel(atLevel);
  if (!(Number.isInteger(points) && points >= 3))
    throw new ShapelawError('bad-usage', `a profile needs 3 points or more, not ${points}`, { points });
  const fit = fitToTable(table, complete);
  return parameters.map((parameter) => profileOf(fit, parameter, points, atLevel));
}

function profileOf(fit: FittedLaw, parameter: string, points: number, level: number): Profile {
  const { form, solution } = fit;
  const index = form.parameters.indexOf(parameter);
  if (index < 0) {
    throw new ShapelawError(
      'bad-usage',
      `the ${form.law} law has no parameter ${parameter} to profile: ${form.parameters.join(', ')}`,
      { parameter },
    );
  }
  if (form.estimate !== undefined) {
    throw new ShapelawError('bad-usage', `the ${form.law} law is found by a search of its own, without a profile`, {
      law: form.law,
    });
  }

  const posed = poseFor(fit, index);
  const { theta, problem } = posed;
  const scale = devianceScale(fit);
  const cutoff = chiSquaredQuantile(level, 1);
  const workspace = createWorkspace(problem.data.logLoss.length, theta.length);
  const at = (coordinate: number, from: Float64Array) => solveWith(problem, index, coordinate, from, workspace);
  const devianceOf = (value: number) => (2 * (value - solution.value)) / scale;
  const shown = (coordinate: number) => parameterAt(posed, index, coordinate);

  const unit = standardError(posed, index, scale);
  const ends = ([-1, 1] as const).map((side) => findEnd(problem, theta, index, side, unit, cutoff, at, devianceOf));
  const reach = ends.map(({ coordinate, open }) =>
    // A little beyond the crossing, so that the points show it.
    open ? coordinate : clampTo(problem, index, theta[index]! + 1.2 * (coordinate - theta[index]!)),
  ) as [number, number];
  const walked = walk(reach, points, theta[index]!, theta, at);
  const profile = walked.map(({ coordinate, solution: { value } }) => ({
    value: shown(coordinate),
    objective: value,
    deviance: devianceOf(value),
  }));
  const unfinished = walked.filter(({ solution: { converged } }) => !converged).length;

  const least = profile.reduce((low, point) => (point.objective < low.objective ? point : low));
  return {
    parameter,
    of: posed.alone ? 'parameter' : 'coordinate',
    estimate: shown(theta[index]!),
    level,
    cutoff,
    scale,
    interval: ends.map(({ coordinate, open }) => (open ? null : shown(coordinate))) as [number | null, number | null],
    points: profile,
    notes: [
      ...(unfinished > 0
        ? [`${unfinished} of ${points} points ran out of iterations: the deviance there is too high`]
        : []),
      ...ends.flatMap(({ open, coordinate, deviance }, k) =>
        open
          ? [
              `${parameter} is not identified on this side: ${k === 0 ? 'down' : 'up'} to ${shown(coordinate).toPrecision(4)} the deviance rises to ${deviance.toPrecision(3)} only, under ${cutoff.toPrecision(3)}`,
            ]
          : [],
      ),
      ...(least.objective < solution.value * (1 - better)
        ? [
            `the objective is lower at ${parameter} ${least.value.toPrecision(6)}, ${least.objective} against ${solution.value}: the fit is not at its optimum`,
          ]
        : []),
    ],
  };
}

/** The least objective with one coordinate held. */
function solveWith(
  problem: Problem,
  index: number,
  coordinate: number,
  from: Float64Array,
  workspace: Workspace,
): Solution {
  const hold = (bound: Float64Array) => bound.map((own, j) => (j === index ? coordinate : own));
  const bounds = { lower: hold(problem.bounds.lower), upper: hold(problem.bounds.upper) };
  return solve({ ...problem, bounds }, from, workspace);
}

interface End {
  readonly coordinate: number;
  /** Whether the deviance stays under the cutoff as far as the coordinate goes. */
  readonly open: boolean;
  readonly deviance: number;
}

/** Steps outward, each twice as far, until the deviance passes the cutoff; then halves what holds the crossing. */
function findEnd(
  problem: Problem,
  theta: Float64Array,
  index: number,
  side: -1 | 1,
  unit: number,
  cutoff: number,
  at: (coordinate: number, from: Float64Array) => Solution,
  devianceOf: (value: number) => number,
): End {
  const own = theta[index]!;
  let inner = own;
  let outer = own;
  let from = theta;
  let deviance = 0;
  for (let k = 0; k < doublings && outer === inner; k++) {
    const coordinate = clampTo(problem, index, own + side * Math.min(unit * 2 ** k, furthest));
    if (coordinate === inner) break;
    const solution = at(coordinate, from);
    const reached = devianceOf(solution.value);
    outer = coordinate;
    if (reached <= cutoff) [inner, from, deviance] = [coordinate, solution.theta, reached];
  }
  if (outer === inner) return { coordinate: inner, open: true, deviance };
  while (Math.abs(outer - inner) > tolerance * Math.min(unit, Math.abs(outer - own))) {
    const middle: number = (inner + outer) / 2;
    if (middle === inner || middle === outer) break;
    const solution = at(middle, from);
    if (devianceOf(solution.value) > cutoff) outer = middle;
    else [inner, from] = [middle, solution.theta];
  }
  return { coordinate: (inner + outer) / 2, open: false, deviance: cutoff };
}

/** Objectives at evenly spaced coordinates, from the estimate outward, each from where its neighbour ended. */
function walk(
  [low, high]: readonly [number, number],
  points: number,
  own: number,
  theta: Float64Array,
  at: (coordinate: number, from: Float64Array) => Solution,
): readonly { readonly coordinate: number; readonly solution: Solution }[] {
  const coordinates = Array.from({ length: points }, (_, k) => low + ((high - low) * k) / (points - 1));
  const above = coordinates.findIndex((coordinate) => coordinate >= own);
  const solutions = new Array<Solution>(points);
  for (const side of [1, -1] as const) {
    let from = theta;
    for (let k = side > 0 ? above : above - 1; k >= 0 && k < points; k += side) {
      const solution = at(coordinates[k]!, from);
      solutions[k] = solution;
      from = solution.theta;
    }
  }
  return coordinates.map((coordinate, k) => ({ coordinate, solution: solutions[k]! }));
}

function clampTo({ bounds }: Problem, index: number, value: number): number {
  return Math.min(Math.max(value, bounds.lower[index]!), bounds.upper[index]!);
}

interface Posed {
  readonly problem: Problem;
  readonly centres: readonly number[];
  /** The coordinates of the law. */
  readonly theta: Float64Array;
  /** Whether the parameter is its coordinate's alone, the others making no difference. */
  readonly alone: boolean;
}

/**
 * The problem in coordinates of which one is the parameter: as it was fitted, else with a column that is not centred, where its
 * amplitude is a coordinate. The coordinates of a prior can't be changed.
 */
function poseFor({ form, problem, solution, centres }: FittedLaw, index: number): Posed {
  // Through the parameters and back, so that coordinates stand in the order of the parameters.
  const parameters = form.toParameters(solution.theta, centres);
  const pose = (posed: Problem, at: readonly number[]): Posed => {
    const theta = form.toCoordinates(parameters, at);
    return { problem: posed, centres: at, theta, alone: movesAlone(posed, at, theta, index) };
  };
  const fitted = pose(problem, centres);
  if (fitted.alone || problem.prior !== undefined) return fitted;
  for (const from of form.columns.keys()) {
    const moved = centres.map((centre, k) => ((form.centredWith?.[k] ?? k) === from ? centre : 0));
    const columns = problem.data.columns.map((column, k) => column.map((value) => value + moved[k]!));
    const data = { ...problem.data, columns };
    const bare = pose(
      { ...problem, data, bounds: boundsOf(form, data) },
      centres.map((centre, k) => centre - moved[k]!),
    );
    if (bare.alone) return bare;
  }
  return fitted;
}

function movesAlone({ form }: Problem, centres: readonly number[], theta: Float64Array, index: number): boolean {
  const own = form.toParameters(theta, centres)[index]!;
  return theta.every((_, j) => {
    if (j === index) return true;
    const moved = theta.map((value, k) => (k === j ? value + 0.01 : value));
    return Math.abs(form.toParameters(moved, centres)[index]! - own) <= 1e-12 * Math.abs(own);
  });
}

function parameterAt({ problem, centres, theta }: Posed, index: number, coordinate: number): number {
  return problem.form.toParameters(
    theta.map((own, j) => (j === index ? coordinate : own)),
    centres,
  )[index]!;
}

/** Of a coordinate, by the curvature of squares: where to start looking for the ends. */
function standardError({ problem, theta }: Posed, index: number, scale: number): number {
  const size = theta.length;
  const { jacobian } = evaluateAt(problem, theta);
  const solved = inverseColumn(gramOf(jacobian, size, problem.weights), index, size);
  return solved === null ? unknownStep : Math.sqrt(scale * solved[index]!);
}
