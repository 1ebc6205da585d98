import { solveSymmetric } from '../linear-algebra.js';
import type { RegionFit } from './estimate.js';
import { type HingeSums, hingeSums, type LossSums, lossSums } from './hinge-sums.js';
import { type LinearProblem, leastSquares, product, squaresOf } from './least-squares.js';
import { type ActiveRows, enough, positionOf } from './rows.js';

const mostSteps = 100;
/** A step that is not lower even at this share of itself leads nowhere. */
const leastShare = 1 / 256;
/** Gain of a step, relative to the sum of squares, below which there is nothing left to gain. */
const gainTolerance = 1e-12;
/** Last steps, on the rows themselves, which sums over them are too coarse for. */
const lastSteps = 3;

/**
 * The best place among candidates for one breakpoint more, the others staying. Starting from there, a law with more breakpoints
 * can't fit worse than one with fewer.
 */
export function addBreak(
  rows: ActiveRows,
  weights: Float64Array,
  breaks: readonly number[],
  candidates: readonly number[],
): readonly number[] | null {
  const sums: Sums = { ...hingeSums(rows, weights), ...lossSums(rows, weights) };
  let best: readonly number[] | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const trial = [...breaks, candidate].sort((a, b) => a - b);
    if (!admissible(rows, trial)) continue;
    const squares = squaresAt(rows, sums, trial);
    if (!(squares < least)) continue;
    least = squares;
    best = trial;
  }
  return best;
}

/**
 * Fits a continuous law by least squares from breakpoints near the best: `y = b - e x - sum_k d_k (x - t_k)+`.
 *
 * Steps are Muggeo's (2003): with each hinge's derivative to its breakpoint, an indicator of the rows after it, as a further
 * column, the coefficient over d_k says how far t_k is off; exactly so while no row changes sides. A step is halved until the
 * sum of squares falls. That has a kink wherever a breakpoint passes a row, so that the rows next to it are tried at last.
 *
 * @returns null where the hinges are linearly dependent.
 */
export function fitHinges(rows: ActiveRows, weights: Float64Array, start: readonly number[]): RegionFit | null {
  const sums: Sums = { ...hingeSums(rows, weights), ...lossSums(rows, weights) };
  let breaks = start;
  let squares = squaresAt(rows, sums, breaks);
  for (let k = 0; k < mostSteps && breaks.length > 0; k++) {
    const lower = lowerAlong(rows, sums, breaks, squares, breakSteps(rows, sums, breaks));
    if (lower === null) break;
    const gain = squares - lower.squares;
    ({ breaks, squares } = lower);
    if (gain <= gainTolerance * squares) break;
  }
  breaks = nextToRows(rows, sums, breaks, squares);
  return onRows(rows, weights, breaks);
}

type Sums = HingeSums & LossSums;

/**
 * Normal equations of the columns 1, -x, the negated hinges and, with `slopes`, the indicators of the rows after each breakpoint:
 * lower triangle and right side.
 */
function normalEquations(
  rows: ActiveRows,
  { w, wx, wxx, wy, wxy }: Sums,
  breaks: readonly number[],
  slopes: boolean,
): { readonly gram: Float64Array; readonly products: Float64Array } {
  const count = breaks.length;
  const width = 2 + (slopes ? 2 : 1) * count;
  const gram = new Float64Array(width * width);
  const products = new Float64Array(width);
  gram[0] = w[0]!;
  gram[width] = -wx[0]!;
  gram[width + 1] = wxx[0]!;
  products[0] = wy[0]!;
  products[1] = -wxy[0]!;
  const positions = breaks.map((value) => positionOf(rows.x, value));
  for (let k = 0; k < count; k++) {
    const [t, at, row] = [breaks[k]!, positions[k]!, (2 + k) * width];
    gram[row] = t * w[at]! - wx[at]!;
    gram[row + 1] = wxx[at]! - t * wx[at]!;
    products[2 + k] = t * wy[at]! - wxy[at]!;
    for (let j = 0; j <= k; j++) gram[row + 2 + j] = wxx[at]! - (t + breaks[j]!) * wx[at]! + t * breaks[j]! * w[at]!;
    if (!slopes) continue;
    const indicator = (2 + count + k) * width;
    gram[indicator] = w[at]!;
    gram[indicator + 1] = -wx[at]!;
    products[2 + count + k] = wy[at]!;
    for (let j = 0; j < count; j++) {
      const after = Math.max(at, positions[j]!);
      gram[indicator + 2 + j] = breaks[j]! * w[after]! - wx[after]!;
      if (j <= k) gram[indicator + 2 + count + j] = w[at]!;
    }
  }
  return { gram, products };
}

function squaresAt(rows: ActiveRows, sums: Sums, breaks: readonly number[]): number {
  const { gram, products } = normalEquations(rows, sums, breaks, false);
  const solved = solveSymmetric(gram, products);
  if (solved === null) return Number.POSITIVE_INFINITY;
  return sums.squares - solved.reduce((sum, coefficient, j) => sum + coefficient * products[j]!, 0);
}

/** How far each breakpoint should move. */
function breakSteps(rows: ActiveRows, sums: Sums, breaks: readonly number[]): readonly number[] {
  const { gram, products } = normalEquations(rows, sums, breaks, true);
  const solved = solveSymmetric(gram, products);
  return breaks.map((_, k) => (solved === null ? Number.NaN : solved[2 + breaks.length + k]! / solved[2 + k]!));
}

interface Breaks {
  readonly breaks: readonly number[];
  readonly squares: number;
}

/** The first of ever shorter steps at which regions are large enough and the sum of squares is lower. */
function lowerAlong(
  rows: ActiveRows,
  sums: Sums,
  breaks: readonly number[],
  squares: number,
  step: readonly number[],
): Breaks | null {
  if (!step.every(Number.isFinite)) return null;
  for (let share = 1; share >= leastShare; share /= 2) {
    const trial = breaks.map((value, k) => value + share * step[k]!);
    if (!admissible(rows, trial)) continue;
    const trialSquares = squaresAt(rows, sums, trial);
    if (trialSquares < squares) return { breaks: trial, squares: trialSquares };
  }
  return null;
}

/** Each breakpoint at the row before it or after it, where that is better. */
function nextToRows(rows: ActiveRows, sums: Sums, start: readonly number[], startSquares: number): readonly number[] {
  let best = start;
  let squares = startSquares;
  for (let k = 0; k < start.length; k++) {
    const position = positionOf(rows.x, start[k]!);
    for (const place of [rows.x[position - 1]!, rows.x[position]!]) {
      const trial = best.with(k, place);
      if (!admissible(rows, trial)) continue;
      const trialSquares = squaresAt(rows, sums, trial);
      if (!(trialSquares < squares * (1 - gainTolerance))) continue;
      best = trial;
      squares = trialSquares;
    }
  }
  return best;
}

/** Whether every region is large enough. */
export function admissible(rows: ActiveRows, breaks: readonly number[]): boolean {
  const positions = [0, ...breaks.map((value) => positionOf(rows.x, value)), rows.size];
  return positions.slice(1).every((to, k) => to > positions[k]! && enough(rows, positions[k]!, to));
}

/** The law at its breakpoints, with a last few steps of theirs. */
function onRows(rows: ActiveRows, weights: Float64Array, start: readonly number[]): RegionFit | null {
  const room = new Float64Array(rows.size * (2 + 2 * start.length));
  const linear = (breaks: readonly number[]) => {
    const width = 2 + breaks.length;
    const problem: LinearProblem = {
      ...{
        design: hingeDesign(rows, breaks, room, false),
        width,
        target: rows.logLoss,
        weights,
        from: 0,
        to: rows.size,
      },
    };
    const coefficients = leastSquares(problem);
    return coefficients && { breaks, coefficients, squares: squaresOf(problem, coefficients) };
  };
  let best = linear(start);
  for (let k = 0; k < lastSteps && best !== null && start.length > 0; k++) {
    const { breaks, coefficients, squares } = best;
    const design = hingeDesign(rows, breaks, room, true);
    const width = 2 + 2 * breaks.length;
    const known = new Float64Array(width);
    known.set(coefficients);
    const target = rows.logLoss.map((value, row) => value - product(design, row * width, known));
    const step = leastSquares({ design, width, target, weights, from: 0, to: rows.size });
    if (step === null) break;
    const places = breaks.map(
      (value, j) => value + step[2 + breaks.length + j]! / (coefficients[2 + j]! + step[2 + j]!),
    );
    if (!places.every(Number.isFinite) || !admissible(rows, places)) break;
    const trial = linear(places);
    if (trial === null || !(trial.squares < squares)) break;
    best = trial;
  }
  return (
    best && { breaks: best.breaks, coefficients: regionsOf(best.breaks, best.coefficients), squares: best.squares }
  );
}

/** Columns 1, -x, each hinge negated; with `slopes` the indicator of the rows after each breakpoint. */
function hingeDesign(rows: ActiveRows, breaks: readonly number[], room: Float64Array, slopes: boolean): Float64Array {
  const count = breaks.length;
  const width = 2 + (slopes ? 2 : 1) * count;
  for (let row = 0; row < rows.size; row++) {
    const x = rows.x[row]!;
    const at = row * width;
    room[at] = 1;
    room[at + 1] = -x;
    for (let k = 0; k < count; k++) {
      room[at + 2 + k] = -Math.max(0, x - breaks[k]!);
      if (slopes) room[at + 2 + count + k] = Number(x >= breaks[k]!);
    }
  }
  return room;
}

function regionsOf(breaks: readonly number[], coefficients: Float64Array): readonly Float64Array[] {
  let [intercept, exponent] = [coefficients[0]!, coefficients[1]!];
  const regions = [Float64Array.of(intercept, exponent)];
  breaks.forEach((at, k) => {
    exponent += coefficients[2 + k]!;
    intercept += coefficients[2 + k]! * at;
    regions.push(Float64Array.of(intercept, exponent));
  });
  return regions;
}
