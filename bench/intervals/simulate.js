// Simulated sweeps: what coverage.js measures intervals on. Each case is a law, a design as people run them, and a noise.
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { unstatedConventions } from '../../dist/conventions.js';
import { lawForm } from '../../dist/fit/index.js';
import { mixedSeed } from '../../dist/fit/random.js';
import { logSpaced } from '../../dist/fit/statistics.js';

const flopsOf = (run) => ({ flops: 6 * run.params * run.tokens, ...run });
const cross = (runs, ...columns) =>
  columns.reduce(
    (points, [name, values]) => points.flatMap((point) => values.map((value) => ({ ...point, [name]: value }))),
    runs,
  );

/** Each run at several numbers of tokens; a run without checkpoints is one row. */
const checkpoints = (runs, lengths) => runs.map((run) => lengths.map((tokens) => flopsOf({ ...run, tokens })));
const alone = (runs) => runs.map((run) => [flopsOf(run)]);

const sizes = (count, low = 5e7, high = 1e10) => logSpaced(low, high, count).map((params) => ({ params }));
const crossed = (n, d) => alone(cross(sizes(n), ['tokens', logSpaced(1e9, 3e11, d)]));

/** Budgets, and at each of them sizes about its optimum, as of approach 2 of Hoffmann et al. 2022. */
const isoFlop = (budgets, perBudget) =>
  alone(
    logSpaced(6e18, 3e21, budgets).flatMap((flops) => {
      const best = 0.6 * (flops / 6) ** 0.49;
      return logSpaced(best / 5, best * 5, perBudget).map((params) => ({ params, tokens: flops / 6 / params, flops }));
    }),
  );

/** Decoders of 12 layers dModel^2 parameters; depths and widths as of Gemstones, from wide to deep. */
const shapes = (depths, widths) =>
  cross([{}], ['decoderLayers', depths], ['dModel', widths]).map((shape) => ({
    ...shape,
    params: 12 * shape.decoderLayers * shape.dModel ** 2,
  }));
const aspect = { decoderLayers: 24, dModel: 1536 };

// Besiroglu et al. 2024, table 1.
const besiroglu = { E: 1.8172, A: 482.01, B: 2085.43, alpha: 0.3478, beta: 0.3658 };

/** Independent noise of each run, and noise that the checkpoints of a run share beside their own. */
const each = (row) => ({ run: 0, row });
const shared = (run, row = 0.003) => ({ run, row });

/** Where laws of width and depth are asked, and the sweeps of shapes that they are fitted to. */
const shapePoints = {
  inside: { ...aspect, params: 12 * 24 * 1536 ** 2, tokens: 3e10 },
  outside: { decoderLayers: 64, dModel: 5120, params: 12 * 64 * 5120 ** 2, tokens: 1e12 },
};
const shapeSweeps = [
  {
    design: '20 shapes x 4 lengths',
    runs: alone(cross(shapes([4, 8, 16, 32, 64], [256, 512, 1024, 2048]), ['tokens', logSpaced(2e9, 3e11, 4)])),
    noise: each(0.005),
  },
  {
    design: '20 runs x 8 checkpoints',
    runs: checkpoints(shapes([4, 8, 16, 32, 64], [256, 512, 1024, 2048]), logSpaced(2e9, 3e11, 8)),
    noise: shared(0.005),
  },
];

/**
 * Per law: its truth, what is asked of it (exponents, points of predictions, budgets of the optimum; `inside` the rows and
 * `outside` them), and its sweeps. A design's rows stand run by run.
 */
export const studies = {
  power: {
    exponents: ['a'],
    form: { variable: 'flops' },
    truth: { E: 1.75, A: 708, a: 0.15 },
    points: { inside: { flops: 1e19 }, outside: { flops: 1e22 } },
    budgets: {},
    sweeps: [
      { design: '20 runs', runs: alone(logSpaced(1e17, 1e21, 20).map((flops) => ({ flops }))), noise: each(0.005) },
      { design: '8 runs', runs: alone(logSpaced(1e17, 1e21, 8).map((flops) => ({ flops }))), noise: each(0.005) },
      {
        design: '12 runs x 5 checkpoints',
        runs: logSpaced(1e18, 1e21, 12).map((flops) =>
          [1, 2, 4, 8, 16].map((part) => ({ flops: (flops * part) / 16 })),
        ),
        noise: shared(0.005),
      },
    ],
  },
  chinchilla: {
    exponents: ['alpha', 'beta', 'a'],
    form: {},
    truth: besiroglu,
    points: { inside: { params: 7e8, tokens: 2e10 }, outside: { params: 3e10, tokens: 1e12 } },
    budgets: { inside: 1e20, outside: 1.8e23 },
    sweeps: [
      { design: '7 x 7 crossed', runs: crossed(7, 7), noise: each(0.003) },
      { design: '7 x 7 crossed', runs: crossed(7, 7), noise: each(0.01) },
      { design: '5 budgets x 7 sizes', runs: isoFlop(5, 7), noise: each(0.005) },
      { design: '4 x 3 crossed', runs: crossed(4, 3), noise: each(0.005) },
      { design: '3 x 3 crossed', runs: crossed(3, 3), noise: each(0.005) },
      {
        design: '24 runs x 5 checkpoints',
        runs: checkpoints(sizes(24), logSpaced(1e9, 3e11, 5)),
        noise: shared(0.01),
      },
      {
        design: '10 runs x 8 checkpoints',
        runs: checkpoints(sizes(10), logSpaced(1e9, 3e11, 8)),
        noise: shared(0.005),
      },
    ],
  },
  kaplan: {
    exponents: ['alphaN', 'alphaD'],
    form: {},
    // Kaplan et al. 2020, figure 4.
    truth: { Nc: 6.4e13, Dc: 1.8e13, alphaN: 0.076, alphaD: 0.103 },
    points: { inside: { params: 7e8, tokens: 2e10 }, outside: { params: 3e10, tokens: 1e12 } },
    budgets: {},
    sweeps: [
      { design: '6 x 6 crossed', runs: crossed(6, 6), noise: each(0.005) },
      { design: '24 runs x 5 checkpoints', runs: checkpoints(sizes(24), logSpaced(1e9, 3e11, 5)), noise: shared(0.01) },
    ],
  },
  'width-depth': {
    exponents: ['width', 'depth', 'alpha', 'beta'],
    form: {},
    // McLeish et al. 2025, the fit of four terms.
    truth: {
      E: Math.exp(0.392458),
      AW: Math.exp(1.452011),
      AZ: Math.exp(-0.078102),
      A: Math.exp(7.970033),
      B: Math.exp(10.059426),
      width: 0.244691,
      depth: 0.387152,
      alpha: 0.500084,
      beta: 0.476106,
    },
    points: shapePoints,
    budgets: {},
    sweeps: shapeSweeps,
  },
  shape: {
    exponents: ['alpha', 'beta', 'a of the optimum'],
    form: { ratios: ['dModel/layers'] },
    // Best at a ratio of 64 at 1e9 parameters.
    truth: { ...besiroglu, c: 0.06, a: Math.log(64) - 0.1 * Math.log(1e9), rho: 0.1 },
    points: shapePoints,
    budgets: { inside: 1e20, outside: 1.8e23 },
    sweeps: shapeSweeps,
  },
  broken: {
    exponents: ['a0', 'exponent after t1'],
    form: { variable: 'flops', breaks: 1 },
    truth: { E: 1.5, A: 2.2 * 3e18 ** 0.08, a0: 0.08, a1: 0.2, t1: 3e18, f1: 0.4 },
    points: { inside: { flops: 3e18 }, outside: { flops: 1e23 } },
    budgets: {},
    sweeps: [
      { design: '40 runs', runs: alone(logSpaced(1e16, 1e22, 40).map((flops) => ({ flops }))), noise: each(0.003) },
      {
        design: '24 runs x 5 checkpoints',
        runs: logSpaced(2e17, 1e22, 24).map((flops) =>
          [1, 2, 4, 8, 16].map((part) => ({ flops: (flops * part) / 16 })),
        ),
        noise: shared(0.003),
      },
    ],
  },
  region: {
    exponents: ['exponent1', 'exponent2'],
    form: { variable: 'flops', breaks: 1, continuous: true },
    truth: { break1: 1e20, A1: 3 * 1e20 ** 0.09, exponent1: 0.09, exponent2: 0.04 },
    points: { inside: { flops: 5e18 }, outside: { flops: 1e23 }, 'at the break': { flops: 1e20 } },
    budgets: {},
    sweeps: [
      { design: '40 runs', runs: alone(logSpaced(1e18, 1e22, 40).map((flops) => ({ flops }))), noise: each(0.005) },
      {
        design: '24 runs x 5 checkpoints',
        runs: logSpaced(2e18, 1e22, 24).map((flops) =>
          [1, 2, 4, 8, 16].map((part) => ({ flops: (flops * part) / 16 })),
        ),
        noise: shared(0.005),
      },
    ],
  },
  'data-constrained': {
    exponents: ['alpha', 'beta'],
    form: {},
    // Muennighoff et al. 2023.
    truth: {
      E: Math.exp(0.6254804),
      A: Math.exp(6.255414),
      B: Math.exp(7.3049974),
      alpha: 0.3526596,
      beta: 0.3526596,
      RD: 15.387756,
      RN: 5.309743,
    },
    points: {
      inside: { params: 7e8, tokens: 4e10, uniqueTokens: 1e10 },
      outside: { params: 3e10, tokens: 1e12, uniqueTokens: 1e11 },
    },
    budgets: {},
    sweeps: [
      {
        design: '6 sizes x 4 x 4 epochs',
        runs: alone(
          cross(sizes(6), ['uniqueTokens', logSpaced(1e8, 1e11, 4)], ['epochs', [1, 4, 16, 64]]).map(
            ({ epochs, ...run }) => ({ ...run, tokens: run.uniqueTokens * epochs }),
          ),
        ),
        noise: each(0.005),
      },
      {
        design: '24 runs x 5 checkpoints',
        runs: cross(sizes(6), ['uniqueTokens', logSpaced(1e8, 1e11, 4)]).map((run) =>
          [0.5, 1, 4, 16, 64].map((epochs) => flopsOf({ ...run, tokens: run.uniqueTokens * epochs })),
        ),
        noise: shared(0.005),
      },
    ],
  },
};

/** All cases, in the order of the table. */
export const cases = Object.entries(studies).flatMap(([law, study]) =>
  study.sweeps.map((sweep) => ({ law, ...study, ...sweep })),
);

/** Normal numbers; seeds that are neighbours are spread first, since they give the generator nearly the same first numbers. */
export function normals(seed) {
  const random = xoroshiro128plus(mixedSeed(0, seed));
  const uniform = () => ((random.next() >>> 0) + 0.5) / 2 ** 32;
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}

/** The truth of a case: what its law gives by the true parameters. */
export function truthOf({ law, form, truth, points, budgets }) {
  const lawful = lawForm(law, form);
  const parameters = lawful.parameters.map((name) => truth[name]);
  const lossAt = (point) =>
    lawful.loss(parameters, { layers: point.decoderLayers, uniqueTokens: point.tokens, ...point });
  const atPoints = Object.fromEntries(Object.entries(points).map(([where, point]) => [where, lossAt(point)]));
  const optima = Object.fromEntries(
    Object.entries(budgets).map(([where, flops]) => [where, lawful.optimum(parameters, flops).params]),
  );
  return { form: lawful, parameters, lossAt, atPoints, optima, derived: lawful.derive(parameters) };
}

/** A table as a file of runs would give it, with the noise of one seed. */
export function simulate({ runs, noise }, lossAt, normal) {
  let row = 0;
  const rows = runs.flatMap((points, run) => {
    const offset = noise.run * normal();
    return points.map((point) => {
      row += 1;
      const loss = lossAt(point) * Math.exp(offset + noise.row * normal());
      return { row, runId: `run-${run + 1}`, ...point, loss };
    });
  });
  return {
    source: 'simulated.csv',
    sha256: '0'.repeat(64),
    layout: 'own',
    rows,
    dropped: [],
    conventions: { ...unstatedConventions, loss: 'nats-per-token' },
    options: {},
    warnings: [],
  };
}
