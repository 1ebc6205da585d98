import { computeOptimum } from './compute-optimum.js';
import type { LawColumn, LawForm } from './law-form.js';
import { solveSymmetric } from './linear-algebra.js';

/** One term `amplitude * column^-exponent`, by the names of its parameters. */
interface PowerTerm {
  readonly column: LawColumn;
  readonly amplitude: string;
  readonly exponent: string;
}

/** Exponents at which variable projection tries each term: from nearly flat to steeper than any published law. */
const exponentGrid = [0.03, 0.06, 0.1, 0.15, 0.22, 0.3, 0.4, 0.52, 0.7, 0.95, 1.3, 2];
const startCount = 4;

/**
 * `L = E + sum_k A_k x_k^-alpha_k`. Coordinates: ln E, the log amplitudes at the centre of the data, the exponents.
 */
function powerTerms(
  name: string,
  terms: readonly PowerTerm[],
  derive: (parameters: readonly number[]) => Readonly<Record<string, number>>,
): LawForm {
  const count = terms.length;
  const size = 1 + 2 * count;
  return {
    name,
    formula: `L = E + ${terms.map((term) => `${term.amplitude} ${term.column}^-${term.exponent}`).join(' + ')}`,
    columns: terms.map((term) => term.column),
    parameters: ['E', ...terms.map((term) => term.amplitude), ...terms.map((term) => term.exponent)],

    bounds(minLogLoss) {
      // An irreducible loss or a term below a millionth of the smallest loss can't be told from none.
      const floor = minLogLoss + Math.log(1e-6);
      const lower = new Float64Array(size).fill(floor, 0, 1 + count).fill(1e-3, 1 + count);
      const upper = new Float64Array(size).fill(Number.POSITIVE_INFINITY, 0, 1 + count).fill(5, 1 + count);
      return { lower, upper };
    },

    evaluate(theta, columns, rows, logLoss, jacobian) {
      const irreducible = Math.exp(theta[0]!);
      for (let row = 0; row < rows; row++) {
        const at = row * size;
        let sum = irreducible;
        for (let k = 0; k < count; k++) {
          const value = Math.exp(theta[1 + k]! - theta[1 + count + k]! * columns[k]![row]!);
          jacobian[at + 1 + k] = value;
          sum += value;
        }
        logLoss[row] = Math.log(sum);
        jacobian[at] = irreducible / sum;
        for (let k = 0; k < count; k++) {
          const share = jacobian[at + 1 + k]! / sum;
          jacobian[at + 1 + k] = share;
          jacobian[at + 1 + count + k] = -columns[k]![row]! * share;
        }
      }
    },

    starts(columns, loss) {
      const powers = columns.map((column) =>
        exponentGrid.map((exponent) => column.map((value, row) => Math.exp(-exponent * value) / loss[row]!)),
      );
      const constant = loss.map((value) => 1 / value);
      return combinations(exponentGrid.length, count)
        .map((choice) => {
          const basis = [constant, ...choice.map((index, k) => powers[k]![index]!)];
          const { amplitudes, error } = projectAmplitudes(basis);
          return { theta: [...amplitudes, ...choice.map((index) => exponentGrid[index]!)], error };
        })
        .sort((a, b) => a.error - b.error)
        .slice(0, startCount)
        .map(({ theta }) => Float64Array.from(theta));
    },

    toParameters(theta, centres) {
      const parameters = [Math.exp(theta[0]!)];
      for (let k = 0; k < count; k++) parameters.push(Math.exp(theta[1 + k]! + theta[1 + count + k]! * centres[k]!));
      for (let k = 0; k < count; k++) parameters.push(theta[1 + count + k]!);
      return parameters;
    },

    derive,
  };
}

function combinations(choices: number, count: number): number[][] {
  if (count === 0) return [[]];
  return combinations(choices, count - 1).flatMap((head) => Array.from({ length: choices }, (_, k) => [...head, k]));
}

/**
 * The amplitudes enter linearly: for given exponents they are the least squares of 1 over the basis, whose columns are
 * the terms divided by the loss, so that errors are relative. A negative amplitude is taken out and the others solved
 * again. Returns log amplitudes, a vanished one as a thousandth of the largest, and the sum of squares.
 */
function projectAmplitudes(basis: readonly Float64Array[]): { amplitudes: number[]; error: number } {
  const size = basis.length;
  const rows = basis[0]!.length;
  const gram = new Float64Array(size * size);
  const right = new Float64Array(size);
  for (let j = 0; j < size; j++) {
    const left = basis[j]!;
    for (let row = 0; row < rows; row++) right[j]! += left[row]!;
    for (let k = 0; k <= j; k++) {
      const other = basis[k]!;
      let sum = 0;
      for (let row = 0; row < rows; row++) sum += left[row]! * other[row]!;
      gram[j * size + k] = sum;
    }
  }

  const free = new Array<boolean>(size).fill(true);
  let amplitudes = new Float64Array(size);
  for (let left = size; left > 0; left--) {
    const reduced = Float64Array.from(gram);
    const target = Float64Array.from(right);
    for (let j = 0; j < size; j++) {
      if (free[j]) continue;
      for (let k = 0; k < size; k++) reduced[Math.max(j, k) * size + Math.min(j, k)] = 0;
      reduced[j * size + j] = 1;
      target[j] = 0;
    }
    const solved = solveSymmetric(reduced, target);
    if (solved === null) return { amplitudes: new Array(size).fill(0), error: Number.POSITIVE_INFINITY };
    amplitudes = Float64Array.from(solved);
    const worst = amplitudes.reduce((index, value, k) => (value < amplitudes[index]! ? k : index), 0);
    if (amplitudes[worst]! >= 0) break;
    free[worst] = false;
    amplitudes[worst] = 0;
  }

  // By the normal equations the projection explains amplitudes * right of the rows' sum of squares, which is 1 each.
  const explained = amplitudes.reduce((sum, value, j) => sum + value * right[j]!, 0);
  const scale = amplitudes.reduce((largest, value) => Math.max(largest, value), 0);
  return {
    amplitudes: Array.from(amplitudes, (value) => Math.log(Math.max(value, scale * 1e-3))),
    error: rows - explained,
  };
}

/** Laws that can be fitted, by name; `power` of the column given. */
export const lawForms = {
  chinchilla: powerTerms(
    'chinchilla',
    [
      { column: 'params', amplitude: 'A', exponent: 'alpha' },
      { column: 'tokens', amplitude: 'B', exponent: 'beta' },
    ],
    ([, A, B, alpha, beta]) => computeOptimum({ A: A!, B: B!, alpha: alpha!, beta: beta! }),
  ),
  power: (column: LawColumn) => powerTerms('power', [{ column, amplitude: 'A', exponent: 'a' }], () => ({})),
} as const;
