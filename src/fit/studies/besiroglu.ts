import { computeOptimum } from '../compute-optimum.js';
import { fitLaw } from '../fit.js';
import { publishedLaw } from '../published.js';
import { logSpaced, mean } from '../statistics.js';
import { objectiveAt, reproduceFit, simulatedTable } from './published-fit.js';
import type { ReproducedLine, Study } from './study.js';

const surfaceOf = (name: string) => publishedLaw(name).parameters as Record<'E' | 'A' | 'B' | 'alpha' | 'beta', number>;

/** The best objective that the notebook of the study prints, of its grid of starts. */
const notebookObjective = 0.00101827403;
/** Standard errors that the study prints, of 4,000 draws in its table 1 and notebook. */
const standardErrors = { A: 124.58, B: 1293.23, E: 0.03, alpha: 0.02, beta: 0.02 };

/** Besiroglu et al. 2024: the Chinchilla law fitted again to 240 points of figure 4 of Hoffmann et al. 2022. */
export const besirogluStudy: Study = {
  name: 'besiroglu-2024',
  source: 'Besiroglu et al. 2024, Chinchilla Scaling: A replication attempt, table 1 and notebook',
  tableOptions: { tokensFrom: '6ND', dropHighest: 5 },
  table: 'the 245 points of figure 4 of Hoffmann et al. 2022, in github.com/epoch-research/analyzing-chinchilla',
  reproduce(given) {
    const published = surfaceOf('besiroglu-2024');
    const table =
      given ??
      simulatedTable(
        { law: 'chinchilla' },
        published,
        logSpaced(6e7, 1.6e10, 9).flatMap((params) => logSpaced(8e8, 3e11, 9).map((tokens) => ({ params, tokens }))),
      );
    const options = { law: 'chinchilla', draws: 0 } as const;
    const ours = fitLaw(table, { ...options, draws: given === undefined ? 0 : 1000 });
    const part = reproduceFit(table, { title: 'Huber, delta 1e-3', options, parameters: published }, ours);
    const others = [
      ['besiroglu-2024-notebook', 'at the parameters of the notebook'],
      ['hoffmann-2022', 'at the parameters of Hoffmann et al. 2022, unrounded'],
      ['hoffmann-2022-rounded', 'at the parameters of Hoffmann et al. 2022, as printed'],
    ] as const;
    const { a } = computeOptimum(published);
    const spread = (name: keyof typeof standardErrors): ReproducedLine => {
      const k = ours.draws!.parameters.indexOf(name);
      const values = ours.draws!.values.map((draw) => draw[k]!);
      const centre = mean(values);
      const sd = Math.sqrt(values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1));
      return { quantity: `standard error of ${name}`, published: standardErrors[name], ours: sd };
    };
    return {
      study: this.name,
      source: this.source,
      evidence: evidenceOf(given),
      parts: [
        {
          title: part.title,
          lines: [
            ...part.lines,
            ...(given === undefined
              ? []
              : [
                  {
                    quantity: 'objective as the notebook prints it',
                    published: notebookObjective,
                    ours: ours.objective!.value,
                  },
                ]),
            { quantity: 'exponent a of N* = k C^a', published: a, ours: ours.derived.a!.value! },
            ...(given === undefined ? [] : (['A', 'B', 'E', 'alpha', 'beta'] as const).map(spread)),
          ],
        },
        ...(given === undefined
          ? []
          : [
              {
                title: 'The same objective at other published parameters, against ours',
                lines: others.map(([name, quantity]) => ({
                  quantity,
                  published: objectiveAt(table, options, surfaceOf(name)),
                  ours: ours.objective!.value,
                })),
              },
            ]),
      ],
      notes:
        given === undefined
          ? []
          : [
              'The published A and B are those of a likelihood fit that estimates the scale of the noise too, not of the Huber minimum; along the flat valley of the objective A and B shift together while it hardly changes, so judge by the objective.',
              'Standard errors are published for refits of single points; ours are of refits of whole model sizes, of which the 240 points have 140.',
            ],
    };
  },
};

/** What a reproduction rests on. */
export function evidenceOf(table: { readonly source: string; readonly rows: readonly unknown[] } | undefined): string {
  return table === undefined
    ? 'rows simulated from the published law, without noise: what is shown is that the fit finds the law, not that the data say so'
    : `the ${table.rows.length} rows of ${table.source}`;
}
