import { columnValue } from '../src/fit/columns.js';
import type { LawForm, LawPoint } from '../src/fit/law-form.js';
import { lawForm } from '../src/fit/laws/registry.js';
import type { FitOptions } from '../src/fit/options.js';
import { logSpaced, type SimulatedRow } from './simulated-runs.js';

/** Where a law is measured in a simulation; the loss is the law's. */
type Point = Omit<SimulatedRow, 'loss'>;

/** A law with points that tell its parameters apart, and parameters of it. */
export interface LawCase {
  readonly name: string;
  readonly options: FitOptions;
  readonly form: LawForm;
  readonly points: readonly Point[];
  /** Parameters in the order of the form. */
  readonly truths: readonly (readonly number[])[];
}

/** Rows of a law without noise. */
export function lawRows(form: LawForm, parameters: readonly number[], points: readonly Point[]): SimulatedRow[] {
  return points.map((point) => ({ ...point, loss: form.loss(parameters, columnsOf(form, point)) }));
}

/** The columns of a law at a point. */
export function columnsOf(form: LawForm, point: Point): Required<LawPoint> {
  return Object.fromEntries(form.columns.map((name) => [name, columnValue(point, name)!])) as Required<LawPoint>;
}

const crossed = logSpaced(5e7, 1e10, 6).flatMap((params) =>
  logSpaced(1e9, 3e11, 6).map((tokens): Point => ({ params, tokens })),
);
const flops = (low: number, high: number, count: number) =>
  logSpaced(low, high, count).map((value): Point => ({ params: 1, flops: value }));

// Decoders of 16 widths and depths, ratios of width to depth from 11 to 171.
const decoders = [
  [256, 3],
  [256, 6],
  [256, 24],
  [512, 3],
  [512, 6],
  [512, 12],
  [512, 48],
  [768, 6],
  [768, 12],
  [768, 24],
  [1024, 6],
  [1024, 24],
  [1536, 12],
  [1536, 24],
  [1536, 48],
  [2048, 12],
].map(([dModel, decoderLayers]) => ({
  dModel: dModel!,
  decoderLayers: decoderLayers!,
  params: 12 * decoderLayers! * dModel! ** 2 + 50_304 * dModel!,
}));
const shapes = decoders.flatMap((shape) => logSpaced(1e9, 3e11, 4).map((tokens): Point => ({ ...shape, tokens })));
const feedForwards = decoders.flatMap((shape, index) =>
  [2, 4, 8]
    .filter((_, k) => k !== index % 3)
    .flatMap((times) =>
      logSpaced(1e9, 3e11, 3).map(
        (tokens): Point => ({
          ...shape,
          tokens,
          dFf: times * shape.dModel,
          params: shape.decoderLayers * shape.dModel ** 2 * (4 + 2 * times) + 50_304 * shape.dModel,
        }),
      ),
    ),
);
// Encoder-decoders: every third combination of widths, stacks, feed-forwards and heads.
const stacks = [
  [4, 4],
  [8, 4],
  [6, 12],
  [24, 12],
  [16, 32],
  [3, 9],
] as const;
const encoderDecoders = [256, 512, 1024, 1536].flatMap((dModel, i) =>
  stacks.flatMap(([encoderLayers, decoderLayers], j) =>
    [2, 4, 6].flatMap((times, k) =>
      [0.5, 1, 2]
        .filter((_, m) => (i + j + k + 2 * m) % 3 === 0)
        .flatMap((share, m) =>
          [1e9, 2e10, 3e11]
            .filter((_, n) => (i + j + m + n) % 2 === 0)
            .map((tokens): Point => {
              const inner = share * dModel;
              const matrices = (encoderLayers + 2 * decoderLayers) * 4 * dModel * inner;
              const feedForward = (encoderLayers + decoderLayers) * 2 * times * dModel ** 2;
              return {
                ...{ dModel, encoderLayers, decoderLayers, tokens },
                ...{ dFf: times * dModel, heads: inner / 64, dKv: 64 },
                params: matrices + feedForward + 32_128 * dModel,
              };
            }),
        ),
    ),
  ),
);
const repeated = logSpaced(5e7, 1e10, 5).flatMap((params) =>
  [1e8, 1e9, 1e10, 1e11].flatMap((uniqueTokens) =>
    [1, 4, 16, 64].map((epochs): Point => ({ params, uniqueTokens, tokens: uniqueTokens * epochs })),
  ),
);

function lawCase(
  name: string,
  options: FitOptions,
  points: readonly Point[],
  truths: readonly (readonly number[])[],
): LawCase {
  return { name, options, form: lawForm(options.law, options), points, truths };
}

// Exponents as published for language models, and beyond on either side; amplitudes of some tenths of a nat at the points.
export const lawCases: readonly LawCase[] = [
  lawCase('power', { law: 'power', variable: 'flops' }, flops(1e18, 1e23, 12), [
    [1.7, 300, 0.12],
    [0.4, 30, 0.05],
    [2.5, 1e12, 0.6],
  ]),
  lawCase('chinchilla', { law: 'chinchilla' }, crossed, [
    // Besiroglu et al. 2024; Hoffmann et al. 2022, rounded.
    [1.8172, 482.01, 2085.43, 0.3478, 0.3658],
    [1.69, 406.4, 410.7, 0.34, 0.28],
    [0.3, 20, 1e7, 0.15, 0.75],
  ]),
  lawCase('kaplan', { law: 'kaplan' }, crossed, [
    // Kaplan et al. 2020, table 2.
    [6.4e13, 1.8e13, 0.076, 0.103],
    [1e11, 1e15, 0.25, 0.07],
    [1e13, 1e11, 0.1, 0.35],
  ]),
  lawCase('width-depth', { law: 'width-depth' }, shapes, [
    // Near the Gemstones fit of McLeish et al. 2025.
    [1.48, 4.27, 0.925, 2893, 23_375, 0.244691, 0.387152, 0.500084, 0.476106],
    [0.8, 30, 2, 50, 300, 0.6, 0.8, 0.25, 0.3],
  ]),
  lawCase('shape, width and depth', { law: 'shape', ratios: ['dModel/layers'] }, shapes, [
    // Near our fit of the Gemstones table.
    [2.133, 485, 10_475, 0.3435, 0.4397, 0.064, -2.855, 0.2865],
    [1.2, 60, 400, 0.25, 0.3, 0.15, 5, -0.05],
  ]),
  lawCase(
    'shape, width, depth and feed-forward',
    { law: 'shape', ratios: ['dModel/layers', 'dFf/dModel'] },
    feedForwards,
    [
      [2.1, 480, 2000, 0.34, 0.36, 0.06, 1.5, 0.12, 0.1, 1.2, 0.02],
      [1.2, 60, 400, 0.25, 0.3, 0.02, 3, 0, 0.05, 2.5, -0.05],
    ],
  ),
  lawCase(
    'shape, four ratios',
    {
      law: 'shape',
      ratios: ['dModel/layers', 'dFf/dModel', 'heads*dKv/dModel', 'decoderLayers/encoderLayers'],
    },
    encoderDecoders,
    [
      [2.1, 480, 2000, 0.34, 0.36, 0.06, 1.5, 0.12, 0.1, 1.2, 0.02, 0.08, 0.5, -0.03, 0.03, 0.2, -0.02],
      [1, 60, 400, 0.25, 0.3, 0.1, 4, 0, 0.03, 0.5, 0.05, 0.05, -0.5, 0.02, 0.08, -1, 0.05],
    ],
  ),
  lawCase('broken, one break', { law: 'broken', variable: 'flops', breaks: 1 }, flops(1e17, 1e23, 30), [
    [1.2, 200, 0.12, 0.2, 1e20, 0.5],
    // The fall slows down after the break.
    [0.3, 1e5, 0.3, -0.026, 2e21, 0.2],
    [1, 30, 0.08, 0.1, 1e19, 0.3],
  ]),
  lawCase('broken, two breaks', { law: 'broken', variable: 'flops', breaks: 2 }, flops(1e16, 1e24, 50), [
    [1, 200, 0.12, 0.2, 1e18, 0.4, -0.1, 1e21, 0.3],
    [0.5, 400, 0.12, 0.25, 3e18, 0.5, -0.2, 3e20, 0.3],
  ]),
  lawCase('data-constrained', { law: 'data-constrained' }, repeated, [
    // Muennighoff et al. 2023, as in its code.
    [Math.exp(0.6254804), Math.exp(6.255414), Math.exp(7.3049974), 0.3526596, 0.3526596, 15.387756, 5.309743],
    [1.2, 100, 5000, 0.28, 0.4, 5, 20],
  ]),
];
