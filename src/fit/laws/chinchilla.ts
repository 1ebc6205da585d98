import { computeOptimum, optimumAtFlops } from '../compute-optimum.js';
import type { LawDefinition } from '../law-form.js';
import { powerTerms } from './power-terms.js';

function surfaceOf(parameters: readonly number[]) {
  const [, A, B, alpha, beta] = parameters as [number, number, number, number, number];
  return { A, B, alpha, beta };
}

const form = powerTerms(
  'chinchilla',
  [
    { column: 'params', amplitude: 'A', exponent: 'alpha' },
    { column: 'tokens', amplitude: 'B', exponent: 'beta' },
  ],
  {
    derive: (parameters) => computeOptimum(surfaceOf(parameters)),
    optimum: (parameters, flops) => optimumAtFlops(surfaceOf(parameters), flops),
  },
);

/** `L = E + A N^-alpha + B D^-beta` (Hoffmann et al. 2022, equation 2). */
export const chinchilla: LawDefinition = {
  name: 'chinchilla',
  summary: 'loss by params and tokens; the first choice for a sweep that varies both',
  takes: [],
  choose: () => ({ options: {}, notes: [] }),
  form: () => form,
};
