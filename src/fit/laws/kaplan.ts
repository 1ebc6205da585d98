import type { LawDefinition, LawForm } from '../law-form.js';
import { amplitudeCoordinate } from './power-terms.js';

/**
 * With g = alphaN/alphaD, log L = alphaD log(P + Q), P = (Nc/N)^g, Q = Dc/D. Coordinates: the logs of Nc^g and Dc at the
 * centre of the data, g, alphaD.
 */
const form: LawForm = {
  law: 'kaplan',
  options: {},
  formula: 'L = [(Nc/params)^(alphaN/alphaD) + Dc/tokens]^alphaD',
  columns: ['params', 'tokens'],
  columnScale: 'centred-log',
  parameters: ['Nc', 'Dc', 'alphaN', 'alphaD'],
  coordinates: [
    amplitudeCoordinate,
    amplitudeCoordinate,
    { kind: 'free', lower: 0.01, upper: 20, start: [0.15, 4] },
    { kind: 'free', lower: 1e-3, upper: 5, start: [0.02, 1] },
  ],

  outerExponent: (theta) => theta[3]!,

  evaluate(theta, [params, tokens], rows, logLoss, jacobian) {
    const [p, q, g, alphaD] = theta as unknown as [number, number, number, number];
    for (let row = 0; row < rows; row++) {
      const P = Math.exp(p - g * params![row]!);
      const Q = Math.exp(q - tokens![row]!);
      const logSum = Math.log(P + Q);
      const at = row * 4;
      logLoss[row] = alphaD * logSum;
      jacobian[at] = (alphaD * P) / (P + Q);
      jacobian[at + 1] = (alphaD * Q) / (P + Q);
      jacobian[at + 2] = -params![row]! * jacobian[at]!;
      jacobian[at + 3] = logSum;
    }
  },

  toParameters([p, q, g, alphaD], [params, tokens]) {
    return [Math.exp(p! / g! + params!), Math.exp(q! + tokens!), g! * alphaD!, alphaD!];
  },

  toCoordinates([Nc, Dc, alphaN, alphaD], [params, tokens]) {
    const g = alphaN! / alphaD!;
    return Float64Array.of(g * (Math.log(Nc!) - params!), Math.log(Dc!) - tokens!, g, alphaD!);
  },

  loss: ([Nc, Dc, alphaN, alphaD], { params, tokens }) =>
    ((Nc! / params) ** (alphaN! / alphaD!) + Dc! / tokens) ** alphaD!,

  derive: () => ({}),
};

/** Kaplan et al. 2020, equation 1.5: a loss without an irreducible part. */
export const kaplan: LawDefinition = {
  name: 'kaplan',
  summary: 'loss by params and tokens, falling to 0; to compare with older results',
  takes: [],
  choose: () => ({ options: {}, notes: [] }),
  form: () => form,
};
