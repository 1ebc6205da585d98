import { lossOf } from '../formulas.js';
import { publishedLaw } from '../published.js';
import type { Study } from './study.js';

/** Losses that the code of the study prints, of parameters, tokens and unique tokens. */
const worked = [
  { params: 6.34e9, tokens: 242e9, uniqueTokens: 25e9, loss: 2.2256440889984477 },
  { params: 8.67e9, tokens: 178e9, uniqueTokens: 25e9, loss: 2.2269634075087867 },
] as const;

/** Muennighoff et al. 2023: two losses of repeated data. */
export const muennighoffStudy: Study = {
  name: 'muennighoff-2023',
  source: 'Muennighoff et al. 2023, Scaling Data-Constrained Language Models, values that its code prints',
  tableOptions: null,
  table: null,
  reproduce() {
    const law = publishedLaw('muennighoff-2023');
    return {
      study: this.name,
      source: this.source,
      evidence: 'no rows: the formula at the published parameters',
      parts: [
        {
          title: 'Loss in nats per token',
          lines: worked.map(({ loss, ...point }) => ({
            quantity: `at ${point.params / 1e9}B parameters, ${point.tokens / 1e9}B tokens of which ${point.uniqueTokens / 1e9}B unique`,
            published: loss,
            ours: lossOf(law, law.parameters, point),
          })),
        },
      ],
      notes: [],
    };
  },
};
