import type { LawForm } from './law-form.js';
import { solveSymmetric } from './linear-algebra.js';

/** What a fit sees: centred log columns and log losses. */
export interface FitData {
  readonly columns: readonly Float64Array[];
  readonly logLoss: Float64Array;
}

export interface Solution {
  readonly theta: Float64Array;
  /** The objective: sum of weight times Huber of the residual of log loss. */
  readonly value: number;
  /** Largest cosine between a column of the Jacobian and the clipped residuals, over coordinates not held at a bound: 0 at a minimum, at most 1. Where the fit is exact, that of rounding errors. */
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
const maxIterations = 2000;
/** Damping of each coordinate, as a share of its curvature, at caution 1. */
const damping = 1e-4;
const gradientTolerance = 1e-9;
/** The step's predicted gain, relative to the objective, below which there is nothing left to gain. */
const gainTolerance = 1e-13;

/** Huber's loss: quadratic within delta, linear beyond. */
function huber(residual: number, delta: number): number {
  const size = Math.abs(residual);
  return size <= delta ? 0.5 * size * size : delta * (size - 0.5 * delta);
}

function objective(data: FitData, fitted: Float64Array, weights: Float64Array, delta: number): number {
  let sum = 0;
  for (let row = 0; row < fitted.length; row++) {
    if (weights[row]! > 0) sum += weights[row]! * huber(data.logLoss[row]! - fitted[row]!, delta);
  }
  return sum;
}

/**
 * Minimises the summed Huber loss of log-loss residuals by a trust-region Gauss-Newton method within bounds.
 *
 * Rows within delta have curvature 1. Rows beyond it have none, but for `caution` (up to 1) times delta/|residual|, the
 * curvature of the quadratic that lies above Huber's loss: at caution 1 a step can't overshoot but for non-linearity, near
 * 0 it is a Newton step. Against non-linearity each coordinate is damped in proportion to its curvature (Marquardt), which
 * shortens steps along a flat valley and not those across it. Caution is the trust region's radius inverted: it falls when
 * the model predicts well and rises when not.
 */
export function solve(
  form: LawForm,
  data: FitData,
  weights: Float64Array,
  delta: number,
  start: Float64Array,
  bounds: { readonly lower: Float64Array; readonly upper: Float64Array },
  workspace: Workspace,
): Solution {
  const size = start.length;
  const rows = data.logLoss.length;
  const hessian = new Float64Array(size * size);
  const descent = new Float64Array(size);
  let theta = start.map((value, j) => clamp(value, bounds.lower[j]!, bounds.upper[j]!));
  form.evaluate(theta, data.columns, rows, workspace.fitted, workspace.jacobian);
  let value = objective(data, workspace.fitted, weights, delta);
  let caution = 1;
  let converged = false;
  let iterations = 0;
  let gradientNorm = 1;
  let held: boolean[] = [];

  while (iterations < maxIterations && !converged) {
    iterations += 1;
    gradientNorm = assemble(data, weights, delta, caution, theta, bounds, workspace, hessian, descent);
    held = heldAtBound(theta, descent, bounds);
    if (gradientNorm <= gradientTolerance || value === 0) {
      converged = true;
      break;
    }
    for (let j = 0; j < size; j++) {
      if (!held[j]) continue;
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
    const trialValue = objective(data, workspace.trialFitted, weights, delta);
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
  gradientNorm = assemble(data, weights, delta, caution, theta, bounds, workspace, hessian, descent);
  held = heldAtBound(theta, descent, bounds);
  return { theta, value, gradientNorm, iterations, converged, atBound: held.some(Boolean) };
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}

/** Coordinates that stand at a bound and would leave it downhill. */
function heldAtBound(
  theta: Float64Array,
  descent: Float64Array,
  bounds: { readonly lower: Float64Array; readonly upper: Float64Array },
): boolean[] {
  return Array.from(
    theta,
    (value, j) => (value <= bounds.lower[j]! && descent[j]! <= 0) || (value >= bounds.upper[j]! && descent[j]! >= 0),
  );
}

/** Writes the model's curvature (lower triangle) and the direction of steepest descent; returns the scale-free norm of the gradient. */
function assemble(
  data: FitData,
  weights: Float64Array,
  delta: number,
  caution: number,
  theta: Float64Array,
  bounds: { readonly lower: Float64Array; readonly upper: Float64Array },
  workspace: Workspace,
  hessian: Float64Array,
  descent: Float64Array,
): number {
  const size = theta.length;
  const { fitted, jacobian } = workspace;
  hessian.fill(0);
  descent.fill(0);
  const squares = new Float64Array(size);
  let influence = 0;
  for (let row = 0; row < fitted.length; row++) {
    const weight = weights[row]!;
    if (weight === 0) continue;
    const residual = data.logLoss[row]! - fitted[row]!;
    const distance = Math.abs(residual);
    const inside = distance <= delta;
    const clipped = inside ? residual : Math.sign(residual) * delta;
    const curvature = weight * (inside ? 1 : (Math.min(1, caution) * delta) / distance);
    influence += weight * clipped * clipped;
    const at = row * size;
    for (let j = 0; j < size; j++) {
      const slope = jacobian[at + j]!;
      descent[j]! += weight * clipped * slope;
      squares[j]! += weight * slope * slope;
      const scaled = curvature * slope;
      for (let k = 0; k <= j; k++) hessian[j * size + k]! += scaled * jacobian[at + k]!;
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
