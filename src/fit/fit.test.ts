import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  crossedRows,
  huberSum,
  logSpaced,
  normals,
  relativeError,
  type SimulatedRow,
  surfaceLoss,
  tableOf,
  withNoise,
} from '../../tests/simulated-runs.js';
import { type RunTable, readRunTable } from '../runs/index.js';
import { computeOptimum } from './compute-optimum.js';
import { fitLaw } from './fit.js';
import { type Law, parseLaw, serializeLaw } from './law.js';
import type { LawColumn } from './law-form.js';
import type { FitOptions } from './options.js';
import { predict } from './predict.js';
import { drawResample } from './resample.js';

// Besiroglu et al. 2024, table 1.
const besiroglu = { E: 1.8172, A: 482.01, B: 2085.43, alpha: 0.3478, beta: 0.3658 };
const sizes = logSpaced(5e7, 1e10, 6);
const lengths = logSpaced(1e9, 3e11, 6);
const noisyRows = withNoise(crossedRows(besiroglu, sizes, lengths), 0.005, normals(1));
const chinchilla = (rows: readonly SimulatedRow[], options: Partial<FitOptions> = {}) =>
  fitLaw(tableOf(rows), { law: 'chinchilla', draws: 0, ...options });

const surfaces = {
  // Hoffmann et al. 2022 at the precision of its TeX source (Besiroglu et al. 2024).
  hoffmann: {
    E: Math.exp(0.5267228),
    A: Math.exp(6.0073404),
    B: Math.exp(6.0179186),
    alpha: 0.33917084,
    beta: 0.2849083,
  },
  besiroglu,
  // The strongly and the not at all asymmetric surface of Open-Athena's study of approach 2.
  'asymmetric 3 to 1': { E: 1.69, A: 406.4, B: 410.7, alpha: 0.465, beta: 0.155 },
  symmetric: { E: 1.69, A: 400, B: 400, alpha: 0.31, beta: 0.31 },
  'nearly reducible to zero': { E: 0.01, A: 50, B: 50, alpha: 0.2, beta: 0.2 },
  'steep, amplitudes huge': { E: 3, A: 1e7, B: 1e10, alpha: 1, beta: 1.2 },
};

describe('recovers a noise-free surface', () => {
  test.each(
    Object.entries(surfaces).flatMap(([name, surface]) => [1e-4, 1e-3, 1].map((delta) => ({ name, surface, delta }))),
  )('$name, delta $delta', ({ surface, delta }) => {
    const law = chinchilla(crossedRows(surface, sizes, lengths), { delta });
    expect(law.status).toBe('converged');
    // Log losses are right to 1e-16, condition numbers are 24 to 69, and an amplitude multiplies its exponent's error by 23.
    for (const [name, value] of Object.entries(surface)) {
      expect(relativeError(law.parameters[name]!, value), name).toBeLessThan(1e-8);
    }
    const { a, b, G } = computeOptimum(surface);
    for (const [name, value] of Object.entries({ a, b, G })) {
      expect(relativeError(law.derived[name]!.value!, value), name).toBeLessThan(1e-8);
    }
    // 36 residuals of some units in the last place.
    expect(law.objective!.value).toBeLessThan(1e-28);
  });

  test.each(['params', 'tokens', 'flops'] as const)('a power law of %s', (variable: LawColumn) => {
    const rows = logSpaced(1e8, 1e11, 12).map((x) => ({ params: 7, [variable]: x, loss: 1.7 + 300 * x ** -0.3 }));
    const law = fitLaw(tableOf(rows), { law: 'power', variable, draws: 0 });
    expect(law).toMatchObject({ status: 'converged', variables: [variable], formula: `L = E + A ${variable}^-a` });
    for (const [name, value] of Object.entries({ E: 1.7, A: 300, a: 0.3 })) {
      expect(relativeError(law.parameters[name]!, value), name).toBeLessThan(1e-8);
    }
  });

  test('the power law is one of flops where no variable is given', () => {
    const rows = logSpaced(1e18, 1e22, 9).map((flops) => ({ params: 1, flops, loss: 1.7 + 300 * flops ** -0.2 }));
    expect(fitLaw(tableOf(rows), { law: 'power', draws: 0 }).variables).toEqual(['flops']);
  });
});

const data = process.env.SHAPELAW_DATA ?? '';

describe.skipIf(!data)('published runs (skipped where SHAPELAW_DATA does not name their folder)', () => {
  const epoch = (dropHighest: number) =>
    readRunTable(join(data, 'chinchilla/epoch-figure4.csv'), { tokensFrom: '6ND', dropHighest });
  const gemstones = () => readRunTable(join(data, 'gemstones/wandb_df_for_fitting_hot.jsonl'));
  const fitAt = (table: RunTable, delta: number) => fitLaw(table, { law: 'chinchilla', draws: 0, delta });

  // The best point on the grid of Besiroglu et al.'s notebook is .00101827403.
  test("Epoch's 240 points: at or below the objective of the published notebook", async () => {
    const law = fitAt(await epoch(5), 1e-3);
    expect(law).toMatchObject({ status: 'converged', rows: { used: 240 } });
    expect(law.objective!.value).toBeLessThanOrEqual(0.00101828);
    // A and B slide along a valley; a does not (.5139 at the minimum, .513 as published).
    expect(law.derived.a!.value).toBeCloseTo(0.5139, 4);
  });

  // Minima computed apart from this project, by another solver from many starts.
  test.each([
    [5, 1e-3, 0.00101827402],
    [5, 1e-4, 1.11778748e-4],
    [5, 1e-2, 4.69622488e-3],
    [5, 1, 5.7309435e-3],
    [0, 1e-3, 1.82601052e-3],
  ])("Epoch's points but the %d highest, delta %d: the minimum is %d", async (dropped, delta, minimum) => {
    const { objective, status } = fitAt(await epoch(dropped), delta);
    expect(status).toBe('converged');
    expect(relativeError(objective!.value, minimum)).toBeLessThan(1e-6);
  });

  // By the definition, at points that others published; computed apart from this project, to 6 digits.
  test.each([
    ['Besiroglu et al., table 1', besiroglu, 0.00102284],
    ['Hoffmann et al., as in TeX', surfaces.hoffmann, 0.00123116],
    ['Hoffmann et al., rounded', { E: 1.69, A: 406.4, B: 410.7, alpha: 0.34, beta: 0.28 }, 0.00412101],
  ])('the fit lies below %s', async (_, surface, expected) => {
    const table = await epoch(5);
    const residuals = table.rows.map((row) => Math.log(row.loss / surfaceLoss(surface, row.params, row.tokens!)));
    const published = huberSum(residuals, 1e-3);
    expect(Math.abs(published - expected)).toBeLessThan(6e-9);
    expect(fitAt(table, 1e-3).objective!.value).toBeLessThan(published);
  });

  // McLeish et al. 2025: what the published parameters reach.
  test.each([
    [1e-3, 1.9816129e-3],
    [1e-4, 2.076018e-4],
  ])('Gemstones, delta %d: at or below the published %d', async (delta, published) => {
    const law = fitAt(await gemstones(), delta);
    expect(law).toMatchObject({ status: 'converged', rows: { used: 220, runs: 22 } });
    // The last printed digit is rounded.
    expect(law.objective!.value).toBeLessThanOrEqual(published * (1 + 1e-7));
    expect(law.objective!.value).toBeGreaterThan(published * 0.99);
  });

  // McLeish et al. 2025: the published four-term fit reaches 1.11878e-4; 1.11404e-4 was found apart from this project.
  test('Gemstones with width and depth: clearly below the published objective, which was not at its least', async () => {
    const law = fitLaw(await gemstones(), { law: 'width-depth', draws: 0, delta: 1e-4 });
    expect(law.status).toBe('converged');
    expect(law.objective!.value).toBeLessThanOrEqual(1.11404e-4 * (1 + 1e-5));
  });

  // One parameter less than the four-term law.
  test.each([1e-4, 1e-3])(
    'Gemstones, delta %d: the law of shape is within a hundredth of width and depth, far below params',
    async (delta) => {
      const table = await gemstones();
      const [shape, terms, plain] = (['shape', 'width-depth', 'chinchilla'] as const).map((law) =>
        fitLaw(table, { law, draws: 0, delta }),
      );
      expect(shape!.form).toEqual({ ratios: ['dModel/layers'] });
      expect(Object.keys(shape!.parameters)).toHaveLength(8);
      expect(Object.keys(terms!.parameters)).toHaveLength(9);
      expect(shape!.status).toBe('converged');
      expect(shape!.objective!.value / terms!.objective!.value).toBeLessThan(1.01);
      expect(shape!.objective!.value / plain!.objective!.value).toBeLessThan(0.55);
    },
  );

  // Besiroglu et al. 2024: SE .020 of a, 80% of draws within .051, over 240 points each drawn by itself.
  test('the bootstrap over single points spreads the exponent as published', async () => {
    const table = await epoch(5);
    const rows = table.rows.map((row) => ({ ...row, runId: `point-${row.row}` }));
    const law = fitLaw({ ...table, rows }, { law: 'chinchilla', level: 0.8 });
    const [low, high] = law.derived.a!.interval!;
    const optima = law.draws!.values.map(([, A, B, alpha, beta]) =>
      computeOptimum({ A: A!, B: B!, alpha: alpha!, beta: beta! }),
    );
    const mean = optima.reduce((sum, { a }) => sum + a, 0) / optima.length;
    const se = Math.sqrt(optima.reduce((sum, { a }) => sum + (a - mean) ** 2, 0) / optima.length);
    // 1000 draws settle a standard error to 2%; the published one is printed to 2 digits, and 400 draws apart gave .0201.
    expect(Math.abs(se / 0.02 - 1)).toBeLessThan(0.1);
    expect(Math.abs((high - low) / 0.051 - 1)).toBeLessThan(0.12);
  });
});

describe('the law of a fit', () => {
  const law = chinchilla(noisyRows, { draws: 60, seed: 3, level: 0.9 });

  test('states the objective that its parameters have by the definition', () => {
    for (const delta of [1e-4, 1e-3, 1]) {
      const { parameters, objective } = chinchilla(noisyRows, { delta });
      const surface = parameters as typeof besiroglu;
      const residuals = noisyRows.map((row) => Math.log(row.loss / surfaceLoss(surface, row.params, row.tokens!)));
      expect(objective).toMatchObject({ kind: 'huber', delta });
      // Parameters pass through exp and back, 23 times an exponent's rounding.
      expect(relativeError(objective!.value, huberSum(residuals, delta))).toBeLessThan(1e-9);
      expect(objective!.value).toBeLessThan(
        huberSum(
          noisyRows.map((row) => Math.log(row.loss / surfaceLoss(besiroglu, row.params, row.tokens!))),
          delta,
        ),
      );
    }
  });

  test('records its evidence and its options', () => {
    expect(law).toMatchObject({
      format: 'shapelaw-law/2',
      law: 'chinchilla',
      variables: ['params', 'tokens'],
      status: 'converged',
      rows: { used: 36, runs: 36, configurations: 36, dropped: [] },
      intervals: { level: 0.9 },
      conventions: { loss: 'nats-per-token' },
      domain: { ranges: { params: [5e7, 1e10], tokens: [1e9, 3e11] } },
      provenance: {
        source: 'simulated.csv',
        fileSha256: '0'.repeat(64),
        options: { delta: 1e-3, draws: 60, seed: 3, level: 0.9 },
        rounded: false,
        notes: [],
      },
    });
    expect(law.draws!.values).toHaveLength(60);
    expect(law.residuals!.quantiles).toEqual([...law.residuals!.quantiles].sort((a, b) => a - b));
  });

  test('keeps the warnings, the dropped rows and the options of its table', () => {
    const dropped = [{ row: 9, reason: 'one of the 1 highest losses', column: 'loss', value: '7' }];
    const table = tableOf(noisyRows, { dropped, warnings: ['tokens are derived'], options: { dropHighest: 1 } });
    const fitted = fitLaw(table, { law: 'chinchilla', draws: 0 });
    expect(fitted.rows!.dropped).toEqual(dropped);
    expect(fitted.provenance.notes).toEqual(['tokens are derived']);
    expect(fitted.provenance.options).toMatchObject({ dropHighest: 1, delta: 1e-3 });
  });

  test('names its rows by a hash that any change of one changes', () => {
    const hash = (rows: readonly SimulatedRow[]) => chinchilla(rows).provenance.rowsSha256;
    const changed = noisyRows.with(4, { ...noisyRows[4]!, loss: noisyRows[4]!.loss + 2 ** -50 });
    expect(hash(noisyRows)).toMatch(/^[0-9a-f]{64}$/);
    expect(hash([...noisyRows])).toBe(hash(noisyRows));
    expect(hash(changed)).not.toBe(hash(noisyRows));
  });

  test('reaches the same objective whatever the order of the rows', () => {
    const { value } = chinchilla(noisyRows).objective!;
    fc.assert(
      fc.property(fc.shuffledSubarray(noisyRows, { minLength: noisyRows.length }), (shuffled) => {
        // Sums in another order, stopped where 1e-13 of the objective is left to gain.
        expect(relativeError(chinchilla(shuffled).objective!.value, value)).toBeLessThan(1e-11);
      }),
      { numRuns: 25 },
    );
  });

  // 36 rows less 5 parameters; quantiles by linear interpolation, of which the outermost are at .5/201 and 200.5/201.
  test('widens residuals for the parameters that were fitted to them', () => {
    const fitted = law.parameters as typeof besiroglu;
    const residuals = noisyRows.map((row) => Math.log(row.loss / surfaceLoss(fitted, row.params, row.tokens!)));
    const { quantiles } = law.residuals!;
    expect(quantiles).toHaveLength(201);
    const sorted = residuals.sort((one, other) => one - other);
    // The k-th of 36 residuals lies at k / 37; a robust fit of 5 parameters to 36 runs takes half of what squares would.
    const widening = (36 / 31) ** 0.25;
    for (const k of [30, 100, 171]) {
      const at = (37 * (k + 0.5)) / 201 - 1;
      const below = Math.floor(at);
      const empirical = sorted[below]! + (at - below) * (sorted[below + 1]! - sorted[below]!);
      expect(quantiles[k]).toBeCloseTo(widening * empirical, 12);
    }
    // Beyond the outermost residual they go on as those of a distribution with tails.
    expect(quantiles[0]).toBeLessThan(widening * sorted[0]!);
    expect(quantiles[200]).toBeGreaterThan(widening * sorted[35]!);
  });

  test('spreads residuals as the noise does', () => {
    const many = withNoise(
      crossedRows(besiroglu, logSpaced(5e7, 1e10, 20), logSpaced(1e9, 3e11, 20)),
      0.005,
      normals(2),
    );
    const { quantiles } = chinchilla(many).residuals!;
    // Of 201 quantiles these are at probabilities .1592 and .8408, one standard deviation off; 400 rows settle them to 5%.
    expect(Math.abs(quantiles[31]! / -0.005 - 1)).toBeLessThan(0.2);
    expect(Math.abs(quantiles[169]! / 0.005 - 1)).toBeLessThan(0.2);
  });
});

describe('the bootstrap', () => {
  const options = { draws: 80, seed: 5 };

  test('gives the same bits for the same seed, others for another', () => {
    const first = chinchilla(noisyRows, options);
    expect(chinchilla(noisyRows, options)).toEqual(first);
    const other = chinchilla(noisyRows, { ...options, seed: 6 });
    expect(other.draws!.values).not.toEqual(first.draws!.values);
    expect(other.intervals).not.toEqual(first.intervals);
    expect(other.parameters).toEqual(first.parameters);
    expect(chinchilla(noisyRows, { draws: 40 }).draws!.seed).toBe(0);
  });

  test('needs a draw beyond either end of the interval', () => {
    const few = expect.objectContaining({ code: 'bad-usage', message: expect.stringContaining('at least 40 draws') });
    expect(() => chinchilla(noisyRows, { draws: 39 })).toThrow(few);
    expect(() => chinchilla(noisyRows, { draws: 1000, level: 0.999 })).toThrow(/at least 2000 draws/);
    const law = chinchilla(noisyRows, { draws: 40 });
    expect(() => predict(law, { params: 1e9, tokens: 2e10 }, 0.99)).toThrow(/at least 200 draws, and there are 40/);
  });

  // Every row three times over says nothing new: with the rows of a run drawn together all objectives are just tripled.
  test('a run that repeats itself counts once', () => {
    const runs = noisyRows.map((row, index) => ({ ...row, runId: `run-${index}` }));
    const thrice = [1, 2, 3].flatMap((step) => runs.map((row) => ({ ...row, step })));
    const [once, repeated] = [chinchilla(runs, options), chinchilla(thrice, options)];
    expect(repeated.rows).toMatchObject({ used: 108, runs: 36, configurations: 36 });
    expect(relativeError(repeated.objective!.value, 3 * once.objective!.value)).toBeLessThan(1e-11);
    const worst = (name: 'alpha' | 'beta') => {
      const k = once.draws!.parameters.indexOf(name);
      return Math.max(...once.draws!.values.map((draw, i) => Math.abs(draw[k]! - repeated.draws!.values[i]![k]!)));
    };
    // Solves stop within 1e-13 of the objective, hence within some 1e-6 of an exponent; a draw strays by 1e-2.
    expect(worst('alpha')).toBeLessThan(1e-5);
    expect(worst('beta')).toBeLessThan(1e-5);

    // Taken for runs of their own, the copies narrow the intervals by sqrt 3 but for the luck of 80 draws.
    const width = (law: Law) => law.intervals!.parameters.alpha![1] - law.intervals!.parameters.alpha![0];
    const apart = chinchilla(
      thrice.map((row, index) => ({ ...row, runId: `row-${index}` })),
      options,
    );
    expect(width(repeated) / width(once)).toBeCloseTo(1, 3);
    expect(width(once) / width(apart)).toBeGreaterThan(1.3);
  });

  test('widens with the level', () => {
    const width = (level: number) => {
      const { intervals, derived } = chinchilla(noisyRows, { ...options, level });
      const [low, high] = intervals!.parameters.alpha!;
      return [high - low, derived.a!.interval![1] - derived.a!.interval![0]] as const;
    };
    const [narrow, middle, wide] = [width(0.5), width(0.8), width(0.95)];
    for (const k of [0, 1] as const) {
      expect(narrow[k]).toBeLessThan(middle[k]);
      expect(middle[k]).toBeLessThan(wide[k]);
    }
  });

  test.each([
    [1, '1 run is'],
    [5, '5 runs are'],
  ])('of %i runs there is none, and the law says so', (count, words) => {
    const law = chinchilla(
      noisyRows.map((row, index) => ({ ...row, runId: `run-${index % count}` })),
      options,
    );
    expect(law).toMatchObject({ rows: { runs: count }, intervals: null, draws: null });
    expect(law.derived.a!.interval).toBeNull();
    expect(law.provenance.notes).toEqual([
      `${words} too few to bootstrap over, so there are no intervals; 6 are needed`,
    ]);
  });

  test('over fewer than ten runs comes with a note, over none wanted without', () => {
    const runs = (count: number) => noisyRows.map((row, index) => ({ ...row, runId: `run-${index % count}` }));
    const overRuns = { ...options, resampling: 'cluster' } as const;
    expect(chinchilla(runs(6), options).draws).not.toBeNull();
    expect(chinchilla(runs(9), overRuns).provenance.notes).toEqual(['intervals rest on 9 runs only']);
    expect(chinchilla(runs(10), overRuns).provenance.notes).toEqual([]);
    expect(chinchilla(runs(9)).provenance.notes).toEqual([]);
  });

  describe('leaves out resamples that cannot support the law', () => {
    const rows = withNoise(crossedRows(besiroglu, logSpaced(5e7, 1e10, 3), logSpaced(1e9, 3e11, 3)), 0.005, normals(3));

    // Two sizes do not decide E, A and alpha: of 6 runs, two of each of 3 sizes, 25.9% of resamples miss a size.
    test('of two sizes', () => {
      const law = chinchilla(
        rows.map((row, index) => ({ ...row, runId: `${row.params}-${index % 2}` })),
        { draws: 300, resampling: 'cluster' },
      );
      expect(law.rows!.runs).toBe(6);
      expect(law.draws!.values).toHaveLength(300);
      // Binomial: 105 expected of 405, and 4 standard deviations of 11.9.
      expect(Math.abs(law.draws!.redrawn - 105)).toBeLessThan(48);
    });

    test('of fewer points than the law has parameters', () => {
      const supports = (weights: Float64Array) => {
        const kept = rows.filter((_, row) => weights[row]! > 0);
        const sizes = new Set(kept.map(({ params }) => params));
        const budgets = new Set(kept.map(({ tokens }) => tokens));
        return kept.length >= 5 && sizes.size === 3 && budgets.size === 3;
      };
      const law = chinchilla(rows, { draws: 300, seed: 2, resampling: 'cluster' });
      const numbers = new Float64Array(rows.length);
      const source = {
        ...{ resampling: 'cluster' as const, seed: 2, runOfRow: Int32Array.from(rows.keys()), runs: 9 },
        ...{
          weights: numbers.slice().fill(1),
          logLoss: numbers,
          fitted: numbers,
          residuals: numbers,
          noise: { run: { sd: 0, degrees: 4 }, row: { sd: 0, degrees: 4 } },
        },
      };
      let redrawn = 0;
      for (let index = 0; index < 300; index++) {
        redrawn += drawResample(source, index, supports, { weights: numbers.slice(), logLoss: numbers.slice() });
      }
      expect(redrawn).toBeGreaterThan(0);
      expect(law.draws!.redrawn).toBe(redrawn);
    });
  });
});

// Loss that says nothing of either column takes exponents to their bounds, where the optimum has no finite pivot.
test('a law of no signal says so, and its file can be read', () => {
  const noise = normals(11);
  const rows = noisyRows.map((row) => ({ ...row, loss: 2.5 * Math.exp(0.001 * noise()) }));
  const law = chinchilla(rows, { draws: 40 });
  expect(law.draws!.atBound).toBeGreaterThan(2);
  expect(law.provenance.notes.join()).toMatch(/of 40 refits have a parameter at its bound/);
  const text = serializeLaw(law);
  expect(serializeLaw(parseLaw(text, 'law.json'))).toBe(text);
});

// Two rows at each x, far apart: between them the sum of absolute residuals does not change.
test('a law that a range of parameters fits equally well is flat, and has no intervals', () => {
  const rows = logSpaced(1e18, 1e22, 8).flatMap((flops) =>
    [-0.1, 0.1].map((off) => ({
      params: 1,
      flops,
      loss: (2 + 40 * flops ** -0.1) * Math.exp(off),
      runId: `${flops} ${off}`,
    })),
  );
  const law = fitLaw(tableOf(rows), { law: 'power' });
  expect(law).toMatchObject({ status: 'flat', intervals: null, draws: null });
  expect(law.provenance.notes.join()).toMatch(/a range of parameters fits equally well/);
  expect(fitLaw(tableOf(rows), { law: 'power', delta: 1 })).toMatchObject({ status: 'converged' });
});

describe('status', () => {
  test('bound-hit where the loss rises with what should lower it', () => {
    const rows = logSpaced(1e18, 1e22, 10).map((flops) => ({ params: 1, flops, loss: 2 + 0.01 * Math.log(flops) }));
    const law = fitLaw(tableOf(rows), { law: 'power', draws: 0 });
    expect(law.status).toBe('bound-hit');
    expect(law.parameters.a).toBe(1e-3);
  });

  test('bound-hit where nothing is irreducible', () => {
    const rows = logSpaced(1e18, 1e22, 10).map((flops) => ({ params: 1, flops, loss: 300 * flops ** -0.1 }));
    const law = fitLaw(tableOf(rows), { law: 'power', draws: 0 });
    expect(law.status).toBe('bound-hit');
    // A millionth of the least loss is the least E that is tried.
    expect(relativeError(law.parameters.E!, 1e-6 * 300 * 1e22 ** -0.1)).toBeLessThan(1e-12);
    expect(law.parameters.a).toBeCloseTo(0.1, 6);
  });

  // Two clumps of sizes: the exponent is decided by differences of a millionth only.
  test('never converged where sizes stand in two clumps', () => {
    const clumps = [1e8, 1e10].flatMap((params) => [0, 1, 2].map((k) => params * (1 + k * 1e-7)));
    const law = chinchilla(withNoise(crossedRows(besiroglu, clumps, lengths), 0.005, normals(4)));
    expect(law.status).not.toBe('converged');
    expect(law.solver!.conditionNumber!).toBeGreaterThan(1e6);
  });
});

describe('refuses', () => {
  const refusal = (code: string, message: RegExp) =>
    expect.objectContaining({ code, message: expect.stringMatching(message) });

  test.each<[string, Partial<FitOptions>, RegExp]>([
    ['delta', { delta: 0 }, /delta must be positive, not 0/],
    ['delta', { delta: -1e-3 }, /delta must be positive/],
    ['delta', { delta: Number.NaN }, /delta must be positive, not NaN/],
    ['delta', { delta: Number.POSITIVE_INFINITY }, /delta must be positive, not Infinity/],
    ['draws', { draws: -1 }, /draws must be an integer from 0/],
    ['draws', { draws: 1.5 }, /draws must be an integer.*not 1\.5/],
    ['draws', { draws: 1_000_001 }, /draws must be an integer.*1,000,000/],
    ['draws', { draws: Number.NaN }, /draws must be an integer/],
    ['seed', { seed: 0.5 }, /seed must be a 32-bit integer, not 0\.5/],
    ['seed', { seed: 2 ** 31 }, /seed must be a 32-bit integer/],
    ['seed', { seed: Number.NaN }, /seed must be a 32-bit integer/],
    ['level', { level: 0 }, /level must lie between 0 and 1, not 0/],
    ['level', { level: 1 }, /level must lie between 0 and 1, not 1/],
    ['level', { level: 95 }, /level must lie between 0 and 1, not 95/],
    ['level', { level: Number.NaN }, /level must lie between 0 and 1/],
    ['tau', { objective: 'quantile', tau: 1 }, /tau must lie between 0 and 1, not 1/],
    ['the objective', { objective: 'absolute' as 'huber' }, /no objective "absolute": huber/],
    ['resampling', { resampling: 'jackknife' as 'wild' }, /no resampling "jackknife": auto, cluster, wild, parametric/],
    ['resampling', { resampling: 'leave-out' as 'wild' }, /no resampling "leave-out"/],
    ['the interval', { interval: 'normal' as 'bca' }, /no interval "normal": percentile, bca/],
    ['a variable of chinchilla', { variable: 'params' }, /chinchilla law takes no variable$/],
    [
      'breaks of a power law',
      { law: 'power', breaks: 2, ratios: [] },
      /power law takes no breaks, ratios; it takes variable/,
    ],
    [
      'ratios of a law of breaks',
      { law: 'broken', ratios: ['dFf/dModel'] },
      /takes no ratios; it takes variable, breaks/,
    ],
    [
      'a variable that no law has',
      { law: 'power', variable: 'loss' as LawColumn },
      /params, tokens, flops, .*not loss/,
    ],
  ])('%s: %j', (_, options, message) => {
    expect(() => chinchilla(noisyRows, options)).toThrow(refusal('bad-usage', message));
  });

  test('a law that cannot be fitted', () => {
    expect(() => chinchilla(noisyRows, { law: 'hoffmann' })).toThrow(
      refusal('unknown-law', /no law named hoffmann can be fitted: power, chinchilla, kaplan/),
    );
  });

  test('options before the table', () => {
    expect(() => chinchilla([], { level: 2 })).toThrow(refusal('bad-usage', /level/));
    expect(() => chinchilla([])).toThrow(refusal('too-few-configurations', /0 rows/));
  });
});
