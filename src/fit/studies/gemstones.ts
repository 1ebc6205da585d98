import { logSpaced } from '../statistics.js';
import { evidenceOf } from './besiroglu.js';
import { type PublishedFit, reproduceFit, simulatedTable } from './published-fit.js';
import type { Study } from './study.js';

/** Logs of amplitudes and of the irreducible loss, as the study stores them. */
const surface = (e: number, [a, b]: readonly [number, number], [alpha, beta]: readonly [number, number]) => ({
  ...{ E: Math.exp(e), A: Math.exp(a), B: Math.exp(b) },
  ...{ alpha, beta },
});

const fits: readonly PublishedFit[] = [
  {
    title: 'params and tokens, Huber delta 1e-4',
    options: { law: 'chinchilla', delta: 1e-4, draws: 0 },
    parameters: surface(0.766317, [5.457499, 14.971974], [0.298918, 0.692833]),
    objective: 2.076018e-4,
  },
  {
    title: 'params and tokens, Huber delta 1e-3',
    options: { law: 'chinchilla', delta: 1e-3, draws: 0 },
    parameters: surface(0.762264, [5.36134, 15.415995], [0.292869, 0.712872]),
    objective: 1.9816129e-3,
  },
  {
    title: 'width, depth, params and tokens, Huber delta 1e-4',
    options: { law: 'width-depth', delta: 1e-4, draws: 0 },
    parameters: {
      ...surface(0.392458, [7.970033, 10.059426], [0.500084, 0.476106]),
      ...{ AW: Math.exp(1.452011), AZ: Math.exp(-0.078102), width: 0.244691, depth: 0.387152 },
    },
    objective: 1.11878e-4,
  },
];

/** Widths and depths of the grid that rows are simulated on: parameters as 12 depth width^2. */
const shapes = logSpaced(256, 3072, 6).flatMap((width) =>
  logSpaced(4, 80, 4).map((depth) => ({ dModel: Math.round(width), decoderLayers: Math.round(depth) })),
);

/** McLeish et al. 2025, Gemstones: laws of 22 shapes at ten numbers of tokens each. */
export const gemstonesStudy: Study = {
  name: 'gemstones',
  source: 'McLeish et al. 2025, Gemstones, the fits stored with its code (github.com/mcleish7/gemstone-scaling-laws)',
  tableOptions: {},
  table: 'wandb_dfs/wandb_df_for_fitting_hot.jsonl of that repository, 220 rows',
  reproduce(given) {
    const points = shapes.flatMap((shape) =>
      logSpaced(1e10, 1e11, 6).map((tokens) => ({
        ...{ ...shape, tokens, layers: shape.decoderLayers },
        params: 12 * shape.decoderLayers * shape.dModel ** 2 + 2 * 50304 * shape.dModel,
      })),
    );
    return {
      study: this.name,
      source: this.source,
      evidence: evidenceOf(given),
      parts: fits.map((fit) => {
        if (given !== undefined) return reproduceFit(given, fit);
        const { objective: _, ...bare } = fit;
        return reproduceFit(simulatedTable(fit.options, fit.parameters, points), bare);
      }),
      notes:
        given === undefined
          ? []
          : [
              'At delta 1e-4 nearly every row lies beyond delta, so that the objective is nearly a sum of absolute errors, with many minima: the published optimiser stopped short of the least, ours takes the best of many starts.',
              'The 220 rows are checkpoints of 22 runs.',
            ],
    };
  },
};
