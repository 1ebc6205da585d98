import { computeOptimum } from '../compute-optimum.js';
import type { LawDefinition } from '../law-form.js';
import { powerTerms } from './power-terms.js';

function optimumOf(parameters: readonly number[]) {
  const [, A, B, alpha, beta] = parameters as [number, number, number, number, number];
  return computeOptimum({ A, B, alpha, beta });
}

const form = powerTerms(
  'chinchilla',
  [
    { column: 'params', amplitude: 'A', exponent: 'alpha' },
    { column: 'tokens', amplitude: 'B', exponent: 'beta' },
  ],
  {
    derive: optimumOf,
    optimum(parameters, flops) {
      const { a, b, G } = optimumOf(parameters);
      return { params: G * (flops / 6) ** a, tokens: (flops / 6) ** b / G };
    },
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
