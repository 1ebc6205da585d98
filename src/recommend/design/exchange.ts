import { inverseColumn, solveSymmetric } from '../../fit/linear-algebra.js';
import type { LocalLaw } from './information.js';

/** What a design minimises: the variance of the quantities summed, or the volume of the law's own confidence region. */
export type Criterion = 'variance' | 'determinant';

/** Which candidates to take, and how often. */
export interface ExchangeProblem {
  readonly law: LocalLaw;
  readonly criterion: Criterion;
  /** FLOPs of each candidate. */
  readonly costs: Float64Array;
  readonly budget: number;
  /** Runs of one candidate, at most. */
  readonly mostSeeds: number;
  /** Runs that only repeat another, at least. */
  readonly replicates: number;
}

/** Indices of candidates, one for each run, and the criterion: the log of a variance, or of a volume a parameter. */
export interface ExchangedDesign {
  readonly chosen: readonly number[];
  readonly value: number;
}

/** Share of the mean information of a candidate that is added, so that a design in the making can be inverted. */
const ridge = 1e-7;
/** Gain of the criterion below which an exchange is left. */
const leastGain = 1e-7;
/** Halvings of the range of the price of a FLOP, and passes over the runs at each. */
const [halvings, passesEach, lastPasses] = [8, 2, 8];

/**
 * A design of least variance by exchange (Fedorov 1972, one run at a time as Cook and Nachtsheim 1980): each run in turn is replaced by the
 * candidate that lowers the criterion most, averaged over the law's draws. FLOPs have a price that is raised until the design
 * meets its budget; then exchanges go on within the budget.
 *
 * @param start - Indices of candidates within the budget, as many as there will be runs.
 */
export function exchange(problem: ExchangeProblem, start: readonly number[]): ExchangedDesign {
  const state = createState(problem, start);
  let best = [...state.chosen];
  let bestValue = state.value();
  let [low, high] = [Math.log(1e-3), Math.log(1e3)];
  for (let k = 0; k < halvings; k++) {
    const price = Math.exp((low + high) / 2);
    for (let pass = 0; pass < passesEach; pass++) if (!state.pass(price, false)) break;
    const within = state.cost() <= problem.budget;
    if (within) high = (low + high) / 2;
    else low = (low + high) / 2;
    const value = state.value();
    if (within && value < bestValue) [best, bestValue] = [[...state.chosen], value];
  }
  const last = createState(problem, best);
  for (let pass = 0; pass < lastPasses; pass++) if (!last.pass(0, true)) break;
  last.repeat();
  return { chosen: last.chosen, value: last.value() };
}

interface Scores {
  /** The criterion once the run is replaced by each candidate; infinite where that is no choice. */
  readonly values: Float64Array;
}

function createState(problem: ExchangeProblem, start: readonly number[]) {
  const { law, costs, budget, mostSeeds } = problem;
  const { size, locals } = law;
  const candidates = costs.length;
  const chosen = [...start];
  const counts = new Int32Array(candidates);
  for (const index of chosen) counts[index]! += 1;
  const ridges = locals.map(({ jacobian }) => diagonal(jacobian, size).map((sum) => (ridge * sum) / candidates));
  const informations = locals.map(({ jacobian }, k) => {
    const matrix = new Float64Array(size * size);
    for (let j = 0; j < size; j++) matrix[j * size + j] = ridges[k]![j]!;
    for (const index of chosen) addRow(matrix, jacobian, index, size, 1);
    return matrix;
  });
  const cost = () => chosen.reduce((sum, index) => sum + costs[index]!, 0);

  /** The criterion without one run (or with all), and with each allowed candidate in its place. */
  const scoresWithout = (out: number, allowed: (candidate: number) => boolean): Scores => {
    const values = new Float64Array(candidates);
    for (let i = 0; i < candidates; i++) if (!allowed(i)) values[i] = Number.POSITIVE_INFINITY;
    locals.forEach((local, k) => {
      const matrix = Float64Array.from(informations[k]!);
      addRow(matrix, local.jacobian, out, size, -1);
      addScores(values, problem.criterion, matrix, local.jacobian, local.gradients, size, 1 / locals.length);
    });
    return { values };
  };

  const replace = (at: number, candidate: number) => {
    const out = chosen[at]!;
    locals.forEach(({ jacobian }, k) => {
      addRow(informations[k]!, jacobian, out, size, -1);
      addRow(informations[k]!, jacobian, candidate, size, 1);
    });
    counts[out]! -= 1;
    counts[candidate]! += 1;
    chosen[at] = candidate;
  };

  return {
    chosen,
    cost,
    value: () => scoresWithout(chosen[0]!, (candidate) => candidate === chosen[0]).values[chosen[0]!]!,

    /** Replaces each run once where that gains; whether any was. */
    pass(price: number, strict: boolean): boolean {
      let moved = false;
      const tried = new Set<number>();
      for (let at = 0; at < chosen.length; at++) {
        const out = chosen[at]!;
        // Runs of one candidate are alike.
        if (tried.has(out)) continue;
        tried.add(out);
        const room = strict ? budget - cost() + costs[out]! : Number.POSITIVE_INFINITY;
        const { values } = scoresWithout(
          out,
          (candidate) => candidate === out || (counts[candidate]! < mostSeeds && costs[candidate]! <= room),
        );
        let best = out;
        const total = (candidate: number) => values[candidate]! + (price * costs[candidate]!) / budget;
        for (let i = 0; i < candidates; i++) if (total(i) < total(best) - leastGain) best = i;
        if (best === out) continue;
        replace(at, best);
        moved = true;
      }
      return moved;
    },

    /** Puts repeats of chosen runs in place of the runs that are missed least, until there are enough. */
    repeat(): void {
      const repeats = () => counts.reduce((sum, count) => sum + Math.max(0, count - 1), 0);
      while (repeats() < problem.replicates) {
        let best: { readonly at: number; readonly candidate: number; readonly value: number } | undefined;
        for (let at = 0; at < chosen.length; at++) {
          const out = chosen[at]!;
          if (counts[out] !== 1) continue;
          const room = budget - cost() + costs[out]!;
          const repeatable = (i: number) => i !== out && counts[i]! > 0 && counts[i]! < mostSeeds && costs[i]! <= room;
          const { values } = scoresWithout(out, repeatable);
          for (let i = 0; i < candidates; i++) {
            if (values[i]! < (best?.value ?? Number.POSITIVE_INFINITY)) best = { at, candidate: i, value: values[i]! };
          }
        }
        if (best === undefined) return;
        replace(best.at, best.candidate);
      }
    },
  };
}

function diagonal(jacobian: Float64Array, size: number): Float64Array {
  const sums = new Float64Array(size);
  for (let at = 0; at < jacobian.length; at++) sums[at % size]! += jacobian[at]! ** 2;
  return sums;
}

function addRow(matrix: Float64Array, jacobian: Float64Array, row: number, size: number, sign: number): void {
  const at = row * size;
  for (let j = 0; j < size; j++) {
    const scaled = sign * jacobian[at + j]!;
    for (let k = 0; k < size; k++) matrix[j * size + k]! += scaled * jacobian[at + k]!;
  }
}

/**
 * Adds to each finite value the criterion once its candidate joins the information M: with V the inverse of M, g the candidate's
 * derivatives and q a quantity's, the variance of q is q'Vq - (q'Vg)^2 / (1 + g'Vg), and the determinant grows by 1 + g'Vg.
 */
function addScores(
  values: Float64Array,
  criterion: Criterion,
  matrix: Float64Array,
  jacobian: Float64Array,
  gradients: readonly Float64Array[],
  size: number,
  share: number,
): void {
  const inverse = inverseOf(matrix, size);
  if (inverse === null) {
    values.fill(Number.POSITIVE_INFINITY);
    return;
  }
  const moved = gradients.map((gradient) => times(inverse, gradient, size));
  const variance = gradients.reduce((sum, gradient, k) => sum + dot(gradient, moved[k]!), 0);
  const base = criterion === 'determinant' ? -logDeterminant(matrix, size) / size : 0;
  for (let i = 0; i < values.length; i++) {
    if (values[i] === Number.POSITIVE_INFINITY) continue;
    const at = i * size;
    let leverage = 0;
    for (let j = 0; j < size; j++) {
      let sum = 0;
      for (let k = 0; k < size; k++) sum += inverse[j * size + k]! * jacobian[at + k]!;
      leverage += sum * jacobian[at + j]!;
    }
    if (criterion === 'determinant') {
      values[i]! += share * (base - Math.log1p(leverage) / size);
      continue;
    }
    let gained = 0;
    for (const vector of moved) {
      let sum = 0;
      for (let j = 0; j < size; j++) sum += vector[j]! * jacobian[at + j]!;
      gained += sum * sum;
    }
    values[i]! += share * Math.log(Math.max(variance - gained / (1 + leverage), Number.MIN_VALUE));
  }
}

function inverseOf(matrix: Float64Array, size: number): Float64Array | null {
  const inverse = new Float64Array(size * size);
  for (let column = 0; column < size; column++) {
    const solved = inverseColumn(matrix, column, size);
    if (solved === null) return null;
    for (let row = 0; row < size; row++) inverse[row * size + column] = solved[row]!;
  }
  return inverse;
}

/** Of a symmetric positive definite matrix, by its Cholesky factor. */
function logDeterminant(matrix: Float64Array, size: number): number {
  const factor = Float64Array.from(matrix);
  if (solveSymmetric(factor, new Float64Array(size)) === null) return Number.NEGATIVE_INFINITY;
  let sum = 0;
  for (let j = 0; j < size; j++) sum += 2 * Math.log(factor[j * size + j]!);
  return sum;
}

function times(matrix: Float64Array, vector: Float64Array, size: number): Float64Array {
  return Float64Array.from({ length: size }, (_, j) => {
    let sum = 0;
    for (let k = 0; k < size; k++) sum += matrix[j * size + k]! * vector[k]!;
    return sum;
  });
}

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, value, k) => sum + value * b[k]!, 0);
}
