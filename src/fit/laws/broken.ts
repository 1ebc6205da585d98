import { ShapelawError } from '../../errors.js';
import type { Coordinate, LawColumn, LawDefinition, LawForm } from '../law-form.js';
import { requireColumn } from './power.js';
import { amplitudeCoordinate } from './power-terms.js';

const firstExponent: Coordinate = { kind: 'free', lower: 0, upper: 5, start: [0.02, 1] };
/** By which the exponent changes at a break; the loss may fall faster or slower after it. */
const change: Coordinate = { kind: 'free', lower: -5, upper: 5, start: [-0.5, 0.8] };
const place: Coordinate = {
  kind: 'free',
  lower: Number.NEGATIVE_INFINITY,
  upper: Number.POSITIVE_INFINITY,
  start: { rangeOf: 0 },
};
/** Natural logs of x over which a break spreads. */
const width: Coordinate = { kind: 'free', lower: 0.02, upper: 5, start: [0.1, 2] };

/**
 * Caballero et al. 2023, equation 1: `L = E + A x^-a0 prod_i (1 + (x/t_i)^(1/f_i))^(-a_i f_i)`, in logs
 * `A - a0 x - sum_i a_i f_i softplus((x - t_i) / f_i)`. Coordinates: ln E, ln A at the centre of the data, a0, and of each
 * break a_i, ln t_i less the centre, f_i.
 */
function brokenForm(variable: LawColumn, breaks: number): LawForm {
  const size = 3 + 3 * breaks;
  const indices = Array.from({ length: breaks }, (_, i) => i);
  return {
    law: 'broken',
    options: { variable, breaks },
    formula: `L = E + A ${variable}^-a0 ${indices.map((i) => `(1 + (${variable}/t${i + 1})^(1/f${i + 1}))^(-a${i + 1} f${i + 1})`).join(' ')}`,
    columns: [variable],
    columnScale: 'centred-log',
    parameters: ['E', 'A', 'a0', ...indices.flatMap((i) => [`a${i + 1}`, `t${i + 1}`, `f${i + 1}`])],
    coordinates: [
      amplitudeCoordinate,
      amplitudeCoordinate,
      firstExponent,
      ...indices.flatMap(() => [change, place, width]),
    ],

    evaluate(theta, [column], rows, logLoss, jacobian) {
      const irreducible = Math.exp(theta[0]!);
      for (let row = 0; row < rows; row++) {
        const x = column![row]!;
        const at = row * size;
        let logTerm = theta[1]! - theta[2]! * x;
        for (let i = 0; i < breaks; i++) {
          const k = 3 + 3 * i;
          const [a, t, f] = [theta[k]!, theta[k + 1]!, theta[k + 2]!];
          const z = (x - t) / f;
          const soft = softplus(z);
          const slope = 1 / (1 + Math.exp(-z));
          logTerm -= a * f * soft;
          jacobian[at + k] = -f * soft;
          jacobian[at + k + 1] = a * slope;
          jacobian[at + k + 2] = -a * (soft - z * slope);
        }
        const term = Math.exp(logTerm);
        const sum = irreducible + term;
        const share = term / sum;
        logLoss[row] = Math.log(sum);
        jacobian[at] = irreducible / sum;
        jacobian[at + 1] = share;
        jacobian[at + 2] = -x * share;
        for (let k = 3; k < size; k++) jacobian[at + k]! *= share;
      }
    },

    toParameters(theta, [centre]) {
      const ordered = indices.map((i) => theta.slice(3 + 3 * i, 6 + 3 * i)).sort((one, other) => one[1]! - other[1]!);
      return [
        Math.exp(theta[0]!),
        Math.exp(theta[1]! + theta[2]! * centre!),
        theta[2]!,
        ...ordered.flatMap(([a, t, f]) => [a!, Math.exp(t! + centre!), f!]),
      ];
    },

    toCoordinates(parameters, [centre]) {
      const theta = Float64Array.from(parameters);
      theta[0] = Math.log(parameters[0]!);
      theta[1] = Math.log(parameters[1]!) - parameters[2]! * centre!;
      for (const i of indices) theta[4 + 3 * i] = Math.log(parameters[4 + 3 * i]!) - centre!;
      return theta;
    },

    loss(parameters, point) {
      const x = point[variable];
      let term = parameters[1]! * x ** -parameters[2]!;
      for (const i of indices) {
        const [a, t, f] = parameters.slice(3 + 3 * i) as [number, number, number];
        term *= Math.exp(-a * f * softplus(Math.log(x / t) / f));
      }
      return parameters[0]! + term;
    },

    /** The exponent after each break. */
    derive(parameters) {
      let exponent = parameters[2]!;
      return Object.fromEntries(
        indices.map((i) => {
          exponent += parameters[3 + 3 * i]!;
          return [`exponent after t${i + 1}`, exponent];
        }),
      );
    },
  };
}

function softplus(z: number): number {
  return z > 0 ? z + Math.log1p(Math.exp(-z)) : Math.log1p(Math.exp(z));
}

/** A smoothly broken power law (BNSL, Caballero et al. 2023) of one column, with one or two breaks. */
export const broken: LawDefinition = {
  name: 'broken',
  summary: 'loss by one column whose exponent changes, smoothly, once or twice',
  takes: ['variable', 'breaks'],
  choose({ variable, breaks = 1 }) {
    if (breaks !== 1 && breaks !== 2) {
      throw new ShapelawError('bad-usage', `the broken law has 1 or 2 breaks, not ${breaks}`, { breaks });
    }
    return { options: { variable: requireColumn('broken', variable ?? 'flops'), breaks }, notes: [] };
  },
  form: ({ variable = 'flops', breaks = 1 }) => brokenForm(variable, breaks),
};
