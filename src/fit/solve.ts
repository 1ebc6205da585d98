import type { Bounds } from './bounds.js';
import type { LawForm } from './law-form.js';
import { solveSymmetric } from './linear-algebra.js';
import { curvature, type Objective, penalty, rowWeight } from './objective.js';

/** What a fit sees: columns as the law's form has them, and log losses. */
export interface FitData {
  readonly columns: readonly Float64Array[];
  readonly logLoss: Float64Array;
}

/** What is known of the coordinates before the table: adds `(theta - mean)' precision (theta - mean) / 2` to the objective. */
export interface QuadraticPrior {
  readonly mean: Float64Array;
  /** Row-major, in units of the objective: the inverse covariance times the variance of a residual. */
  readonly precision: Float64Array;
}

/** A law to be fitted to data. */
export interface Problem {
  readonly form: LawForm;
  readonly data: FitData;
  readonly weights: Float64Array;
  readonly objective: Objective;
  readonly bounds: Bounds;
  readonly prior?: QuadraticPrior;
}

export interface Solution {
  readonly theta: Float64Array;
  /** The objective: sum of weight times penalty of the residual of log loss, and the prior's part. */
  readonly value: number;
  /** Largest cosine between a column of the Jacobian and the residuals as the objective weighs them, over coordinates not held at a bound: 0 at a minimum, at most 1. Where the fit is exact, that of rounding errors. */
  readonly gradientNorm: number;
  readonly iterations: number;
  readonly converged: boolean;
  readonly atBound: boolean;
}

/** Room that one solve after another can use again. */
export interface Workspace {
  fitted: Float64Array;
  jacobian: Float64Array;
  trialFitted: Float64Array;
  trialJacobian: Float64Array;
}

export function createWorkspace(rows: number, size: number): Workspace {
  return {
    fitted: new Float64Array(rows),
    jacobian: new Float64Array(rows * size),
    trialFitted: new Float64Array(rows),
    trialJacobian: new Float64Array(rows * size),
  };
}

/** Ten to twenty are usual; a term that vanishes creeps along a curved valley for some hundreds. */
const mostIterations = 2000;
/** Damping of each coordinate, as a share of its curvature, at caution 1. */
const damping = 1e-4;
const gradientTolerance = 1e-9;
/** The step's predicted gain, relative to the objective, below which there is nothing left to gain. */
const gainTolerance = 1e-13;

/** The objective where the law gives `fitted`; NaN where it gives no positive loss. */
export function objectiveValue(problem: Problem, fitted: Float64Array, theta: Float64Array): number {
  const { data, weights, objective } = problem;
  let sum = 0;
  for (let row = 0; row < fitted.length; row++) {
    if (weights[row]! > 0) sum += weights[row]! * penalty(objective, data.logLoss[row]! - fitted[row]!);
  }
  return sum + priorValue(problem.prior, theta);
}

function priorValue(prior: QuadraticPrior | undefined, theta: Float64Array): number {
  if (prior === undefined) return 0;
  const size = theta.length;
  let sum = 0;
  for (let j = 0; j < size; j++) {
    for (let k = 0; k < size; k++) {
      sum += (theta[j]! - prior.mean[j]!) * prior.precision[j * size + k]! * (theta[k]! - prior.mean[k]!);
    }
  }
  return sum / 2;
}

/**
 * Minimises the objective from a start by a trust-region Gauss-Newton method within bounds.
 *
 * A row has the curvature of the objective, which beyond delta is none, but for `caution` (up to 1) times its weight there,
 * the curvature of the quadratic that lies above the objective: at caution 1 a step can't overshoot but for non-linearity, near
 * 0 it is a Newton step. Against non-linearity each coordinate is damped in proportion to its curvature (Marquardt), which
 * shortens steps along a flat valley and not those across it. Caution is the trust region's radius inverted: it falls when
 * the model predicts well and rises when not.
 *
 * @param iterationLimit - Defaults to 2000.
 */
export function solve(
  problem: Problem,
  start: Float64Array,
  workspace: Workspace,
  iterationLimit = mostIterations,
): Solution {
  const { form, data, bounds } = problem;
  const size = start.length;
  const rows = data.logLoss.length;
  const hessian = new Float64Array(size * size);
  const descent = new Float64Array(size);
  let theta = start.map((value, j) => clamp(value, bounds.lower[j]!, bounds.upper[j]!));
  form.evaluate(theta, data.columns, rows, workspace.fitted, workspace.jacobian);
  let value = objectiveValue(problem, workspace.fitted, theta);
  let caution = 1;
  let converged = false;
  let iterations = 0;
  let gradientNorm = 1;
  let held: boolean[] = [];

  while (iterations < iterationLimit && !converged && !Number.isNaN(value)) {
    iterations += 1;
    gradientNorm = assemble(problem, caution, theta, workspace, hessian, descent);
    held = heldAtBound(theta, descent, bounds);
    if (gradientNorm <= gradientTolerance || value === 0) {
      converged = true;
      break;
    }
    for (let j = 0; j < size; j++) {
      // No row says anything of a coordinate without curvature: it stays where it is.
      if (!held[j] && hessian[j * size + j] !== 0) continue;
      for (let k = 0; k < size; k++) hessian[Math.max(j, k) * size + Math.min(j, k)] = 0;
      hessian[j * size + j] = 1;
      descent[j] = 0;
    }
    const step = solveSymmetric(hessian, descent);
    if (step === null) {
      caution = Math.max(caution * 4, 1e-6);
      continue;
    }
    let predicted = 0;
    for (let j = 0; j < size; j++) predicted += 0.5 * descent[j]! * step[j]!;
    const trial = theta.map((at, j) => clamp(at + step[j]!, bounds.lower[j]!, bounds.upper[j]!));
    form.evaluate(trial, data.columns, rows, workspace.trialFitted, workspace.trialJacobian);
    const trialValue = objectiveValue(problem, workspace.trialFitted, trial);
    const gain = value - trialValue;
    const negligible = predicted <= gainTolerance * value;
    if (gain > 0) {
      theta = trial;
      value = trialValue;
      [workspace.fitted, workspace.trialFitted] = [workspace.trialFitted, workspace.fitted];
      [workspace.jacobian, workspace.trialJacobian] = [workspace.trialJacobian, workspace.jacobian];
      if (gain > 0.5 * predicted) caution = Math.max(caution * 0.2, 1e-6);
      else if (gain < 0.1 * predicted) caution *= 3;
    } else {
      caution *= 5;
    }
    converged = negligible;
  }
  gradientNorm = assemble(problem, caution, theta, workspace, hessian, descent);
  held = heldAtBound(theta, descent, bounds);
  // Where the law gives no positive loss any other solution is better.
  const least = Number.isNaN(value) ? Number.POSITIVE_INFINITY : value;
  return { theta, value: least, gradientNorm, iterations, converged, atBound: held.some(Boolean) };
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}

/** Coordinates that stand at a bound and would leave it downhill. */
function heldAtBound(theta: Float64Array, descent: Float64Array, bounds: Bounds): boolean[] {
  return Array.from(
    theta,
    (value, j) => (value <= bounds.lower[j]! && descent[j]! <= 0) || (value >= bounds.upper[j]! && descent[j]! >= 0),
  );
}

/** Writes the model's curvature (lower triangle) and the direction of steepest descent; returns the scale-free norm of the gradient. */
function assemble(
  { data, weights, objective, bounds, prior }: Problem,
  caution: number,
  theta: Float64Array,
  workspace: Workspace,
  hessian: Float64Array,
  descent: Float64Array,
): number {
  const size = theta.length;
  const { fitted, jacobian } = workspace;
  const blend = Math.min(1, caution);
  hessian.fill(0);
  descent.fill(0);
  const squares = new Float64Array(size);
  let influence = 0;
  for (let row = 0; row < fitted.length; row++) {
    const weight = weights[row]!;
    if (weight === 0) continue;
    const residual = data.logLoss[row]! - fitted[row]!;
    const kept = rowWeight(objective, residual);
    const own = curvature(objective, residual);
    const bend = weight * (own + blend * (kept - own));
    const pull = kept * residual;
    influence += weight * pull * pull;
    const at = row * size;
    for (let j = 0; j < size; j++) {
      const slope = jacobian[at + j]!;
      descent[j]! += weight * pull * slope;
      squares[j]! += weight * slope * slope;
      const scaled = bend * slope;
      for (let k = 0; k <= j; k++) hessian[j * size + k]! += scaled * jacobian[at + k]!;
    }
  }
  if (prior !== undefined) {
    influence += 2 * priorValue(prior, theta);
    for (let j = 0; j < size; j++) {
      for (let k = 0; k < size; k++) {
        const element = prior.precision[j * size + k]!;
        descent[j]! -= element * (theta[k]! - prior.mean[k]!);
        if (k <= j) hessian[j * size + k]! += element;
      }
      squares[j]! += prior.precision[j * size + j]!;
    }
  }
  for (let j = 0; j < size; j++) hessian[j * size + j]! *= 1 + damping * caution;
  const held = heldAtBound(theta, descent, bounds);
  let norm = 0;
  for (let j = 0; j < size; j++) {
    if (held[j] || squares[j] === 0 || influence === 0) continue;
    norm = Math.max(norm, Math.abs(descent[j]!) / Math.sqrt(squares[j]! * influence));
  }
  return norm;
}
