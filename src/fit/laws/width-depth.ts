import type { LawDefinition } from '../law-form.js';
import { powerTerms } from './power-terms.js';

const form = powerTerms(
  'width-depth',
  [
    { column: 'dModel', amplitude: 'AW', exponent: 'width' },
    { column: 'layers', amplitude: 'AZ', exponent: 'depth' },
    { column: 'params', amplitude: 'A', exponent: 'alpha' },
    { column: 'tokens', amplitude: 'B', exponent: 'beta' },
  ],
  // Width and depth give nearly all of the parameters: only params and tokens must differ by themselves.
  { apart: ['params', 'tokens'] },
);

/** `L = E + AW W^-width + AZ Z^-depth + A N^-alpha + B D^-beta` (McLeish et al. 2025, Gemstones). */
export const widthDepth: LawDefinition = {
  name: 'width-depth',
  summary: 'adds terms in width and depth; for a sweep of shapes, each at several lengths',
  takes: [],
  choose: () => ({ options: {}, notes: [] }),
  form: () => form,
};
