import type { Coordinate, LawColumn, LawForm, LawOptions } from '../law-form.js';

/** One term `amplitude * column^-exponent`, by the names of its parameters. */
export interface PowerTerm {
  readonly column: LawColumn;
  readonly amplitude: string;
  readonly exponent: string;
}

/** The log of an amplitude. */
export const amplitudeCoordinate: Coordinate = {
  kind: 'amplitude',
  lower: Number.NEGATIVE_INFINITY,
  upper: Number.POSITIVE_INFINITY,
};

/** An exponent: starts from nearly flat to steeper than any published law. */
export const exponentCoordinate: Coordinate = { kind: 'free', lower: 1e-3, upper: 5, start: [0.03, 2] };

/**
 * `L = E + sum_k A_k x_k^-alpha_k`. Coordinates: ln E, the log amplitudes at the centre of the data, the exponents.
 */
export function powerTerms(
  law: string,
  terms: readonly PowerTerm[],
  extra: Partial<Pick<LawForm, 'apart' | 'derive' | 'optimum'>> & { readonly options?: LawOptions } = {},
): LawForm {
  const count = terms.length;
  const size = 1 + 2 * count;
  const { options = {}, derive = () => ({}), ...rest } = extra;
  return {
    law,
    options,
    formula: `L = E + ${terms.map((term) => `${term.amplitude} ${term.column}^-${term.exponent}`).join(' + ')}`,
    columns: terms.map((term) => term.column),
    columnScale: 'centred-log',
    parameters: ['E', ...terms.map((term) => term.amplitude), ...terms.map((term) => term.exponent)],
    coordinates: [amplitudeCoordinate, ...terms.map(() => amplitudeCoordinate), ...terms.map(() => exponentCoordinate)],

    evaluate(theta, columns, rows, logLoss, jacobian) {
      const irreducible = Math.exp(theta[0]!);
      logLoss.fill(irreducible, 0, rows);
      for (let k = 0; k < count; k++) {
        const column = columns[k]!;
        const [amplitude, exponent] = [theta[1 + k]!, theta[1 + count + k]!];
        for (let row = 0; row < rows; row++) {
          const value = Math.exp(amplitude - exponent * column[row]!);
          jacobian[row * size + 1 + k] = value;
          jacobian[row * size + 1 + count + k] = -column[row]! * value;
          logLoss[row]! += value;
        }
      }
      for (let row = 0; row < rows; row++) {
        const share = 1 / logLoss[row]!;
        const at = row * size;
        jacobian[at] = irreducible * share;
        for (let j = at + 1; j < at + size; j++) jacobian[j]! *= share;
        logLoss[row] = Math.log(logLoss[row]!);
      }
    },

    toParameters(theta, centres) {
      const parameters = [Math.exp(theta[0]!)];
      for (let k = 0; k < count; k++) parameters.push(Math.exp(theta[1 + k]! + theta[1 + count + k]! * centres[k]!));
      for (let k = 0; k < count; k++) parameters.push(theta[1 + count + k]!);
      return parameters;
    },

    toCoordinates(parameters, centres) {
      const theta = Float64Array.from(parameters);
      theta[0] = Math.log(parameters[0]!);
      for (let k = 0; k < count; k++) {
        theta[1 + k] = Math.log(parameters[1 + k]!) - parameters[1 + count + k]! * centres[k]!;
      }
      return theta;
    },

    loss: (parameters, point) =>
      terms.reduce(
        (sum, { column }, k) => sum + parameters[1 + k]! * point[column] ** -parameters[1 + count + k]!,
        parameters[0]!,
      ),

    derive,
    ...rest,
  };
}
