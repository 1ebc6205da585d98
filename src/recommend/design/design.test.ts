import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { beforeAll, describe, expect, test } from 'vitest';
import { handMadeLaw } from '../../../tests/hand-made-law.js';
import { normals, tableOf } from '../../../tests/simulated-runs.js';
import { computeOptimum } from '../../fit/compute-optimum.js';
import { fitLaw } from '../../fit/fit.js';
import { lossOf } from '../../fit/formulas.js';
import type { Law } from '../../fit/law.js';
import { publishedLaw } from '../../fit/published.js';
import { presetShape } from '../../flops/presets/index.js';
import { dimensionsOf } from '../../flops/shape.js';
import { candidateRuns } from './candidates.js';
import { type DesignOptions, designSweep, embeddedBytes, type SweepDesign } from './design.js';
import { expandSweep, type SweepRun, stepOf } from './expand-sweep.js';
import { runPoint, sweepPrecision } from './precision.js';
import { parseSweep } from './sweep-schema.js';

const besiroglu = publishedLaw('besiroglu-2024');
const gemstones = publishedLaw('gemstones-shape');
const cost = (flops: number) => ({ kind: 'flops', flops }) as const;
const open = { target: 1e21, mostTokens: 1e12, noise: 0.01 };
const errorOf = ({ expected }: Pick<SweepDesign, 'expected'>, name: string) =>
  expected.find((quantity) => quantity.name === name)!.sd;

function spread(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
}

/** What fits to simulated sweeps say of a and of ln N* at 1e21 FLOPs: losses of the law, times exp(noise z). */
function simulated(law: Law, runs: readonly SweepRun[], noise: number, sweeps: number) {
  const normal = normals(7);
  const fits = Array.from({ length: sweeps }, () => {
    const rows = runs.map((run) => ({
      ...{ ...dimensionsOf(run.shape), params: run.params, tokens: run.tokens, seed: run.seed },
      loss: lossOf(law, law.parameters, runPoint(law, run)) * Math.exp(noise * normal()),
    }));
    const fitted = fitLaw(tableOf(rows), {
      law: law.law,
      draws: 0,
      ...(law.form.ratios ? { ratios: law.form.ratios } : {}),
    });
    const { A, B, alpha, beta } = fitted.parameters as Record<'A' | 'B' | 'alpha' | 'beta', number>;
    const { a, G } = computeOptimum({ A, B, alpha, beta });
    return { a, logParams: Math.log(G * (1e21 / 6) ** a) };
  });
  return { a: spread(fits.map(({ a }) => a)), 'N*': spread(fits.map(({ logParams }) => logParams)) };
}

describe('a design', () => {
  let design: SweepDesign;
  beforeAll(() => {
    design = designSweep(cost(1e17), open);
  });

  test('is a sweep whose runs keep to the cost, and repeats some to tell noise from misfit', () => {
    expect(parseSweep(JSON.parse(JSON.stringify(design.sweep)))).toEqual(design.sweep);
    expect(expandSweep(design.sweep)).toEqual(design.runs);
    expect(design.runs).toHaveLength(60);
    expect(design.flops).toBe(design.runs.reduce((sum, { flops }) => sum + flops, 0));
    expect(design.flops).toBeLessThanOrEqual(1e17);
    expect(design.flops).toBeGreaterThan(0.9e17);
    expect(Math.max(...design.runs.map(({ flops }) => flops))).toBeLessThanOrEqual(0.25e17);
    expect(design.configurations).toBe(new Set(design.runs.map(({ shape, tokens }) => `${shape.name} ${tokens}`)).size);
    expect(60 - design.configurations).toBeGreaterThanOrEqual(5);
    expect(design.configurations).toBeGreaterThanOrEqual(30);
  });

  test('is the same each time', () => {
    expect(designSweep(cost(1e17), open)).toEqual(design);
  });

  test('expects what simulated sweeps show: the spread of 100 fits is within a fifth of it', () => {
    // The standard deviation of 100 values has a standard error of 7%: a fifth is nearly three of them.
    const seen = simulated(besiroglu, design.runs, 0.01, 100);
    for (const name of ['a', 'N*'] as const) {
      expect(seen[name] / errorOf(design, name)).toBeGreaterThan(0.8);
      expect(seen[name] / errorOf(design, name)).toBeLessThan(1.2);
    }
  });

  test('tells more than a grid of the same cost, and more than the runs that chance takes', () => {
    const precisionOf = (runs: readonly SweepRun[]) => errorOf(sweepPrecision(besiroglu, runs, open), 'N*');
    // Six sizes in proportion at five compute levels, two seeds each.
    const levels = [0.2, 0.5, 1, 1.5, 1.8].map((share) => (share * design.flops) / 60);
    const shapes = [2, 3, 4, 6, 8, 10].map((k) => ({
      shape: `enc=${k},dec=${k},d=${64 * k},ff=${256 * k},kv=32,h=${2 * k}`,
    }));
    const grid = expandSweep({ format: 'shapelaw-sweep/1', shapes, flops: levels, seeds: [0, 1] });
    expect(grid).toHaveLength(60);
    expect(grid.reduce((sum, { flops }) => sum + flops, 0) / design.flops).toBeCloseTo(1, 1);
    expect(errorOf(design, 'N*')).toBeLessThan(0.8 * precisionOf(grid));
    const pool = candidateRuns(design.runs[0]!.shape, ['params', 'tokens'], stepOf({}), {
      ...{ mostFlops: 1e17 / 30, mostTokens: 1e12, fewestSteps: 200, mostCandidates: 3000, seed: 0 },
    });
    const random = xoroshiro128plus(3);
    const chance = Array.from({ length: 10 }, () => {
      const runs: SweepRun[] = [];
      for (let left = 1e17; runs.length < 60; ) {
        const { shape, tokens, flops, count } = pool[uniformInt(random, 0, pool.length - 1)]!;
        if (flops > left) break;
        left -= flops;
        runs.push({ shape, tokens, flops, seed: runs.length, steps: 0, params: count.total });
      }
      return precisionOf(runs);
    });
    expect(errorOf(design, 'N*')).toBeLessThan(0.8 * Math.min(...chance));
    // And as the fits themselves have it.
    const seen = simulated(besiroglu, grid, 0.01, 60);
    expect(simulated(besiroglu, design.runs, 0.01, 60)['N*']).toBeLessThan(seen['N*']);
  });

  test('by each criterion is best at its own', () => {
    const by = (criterion: NonNullable<DesignOptions['criterion']>) => designSweep(cost(1e17), { ...open, criterion });
    const [exponent, volume] = [by('exponent'), by('determinant')];
    expect(errorOf(exponent, 'a')).toBeLessThanOrEqual(errorOf(design, 'a') * 1.001);
    expect(errorOf(design, 'N*')).toBeLessThanOrEqual(errorOf(exponent, 'N*') * 1.001);
    expect(errorOf(design, 'N*')).toBeLessThan(errorOf(volume, 'N*'));
    expect([design.criterion, exponent.criterion, volume.criterion]).toEqual([
      'recommendation',
      'exponent',
      'determinant',
    ]);
  });

  test('of more cost is never wider, and of half the noise half as wide', () => {
    const errors = [1e15, 1e16, 1e17, 1e18].map((flops) => errorOf(designSweep(cost(flops), open), 'N*'));
    expect(errors).toEqual([...errors].sort((a, b) => b - a));
    // Both far beyond delta, where what noise counts as is in proportion to it.
    const wide = sweepPrecision(besiroglu, design.runs, { ...open, noise: 0.04 });
    const half = sweepPrecision(besiroglu, design.runs, { ...open, noise: 0.02 });
    expect(errorOf(wide, 'N*') / errorOf(half, 'N*')).toBeCloseTo(2, 1);
  });

  test('says how many runs pin an exponent, in the mix that it has', () => {
    const { needed, expected, flops } = designSweep(cost(1e17), { ...open, widths: { a: 0.005, alpha: 0.01 } });
    const a = expected.find(({ name }) => name === 'a')!;
    const width = a.interval[1] - a.interval[0];
    const [forA, forAlpha] = needed;
    expect(forA).toMatchObject({ name: 'a', width: 0.005, runs: Math.ceil(60 * (width / 0.005) ** 2) });
    expect(forA!.flops).toBeCloseTo((forA!.runs / 60) * flops, -12);
    expect(forAlpha!.name).toBe('alpha');
    // However wide an interval may be, a law of five parameters needs seven runs.
    expect(designSweep(cost(1e17), { ...open, widths: { a: 10 } }).needed[0]!.runs).toBe(7);
    expect(expected.map(({ name }) => name)).toEqual(['a', 'N*', 'alpha']);
  });
});

describe('what is reported beside', () => {
  const design = designSweep(cost(1e15));

  test('the closed form at the target, 1,000 times the cost, and the interval of the prior', () => {
    // N* = G (C/6)^a at 1e18: 8.05319e7 for the published point (recomputed from Besiroglu et al. 2024).
    const params = design.expected.find(({ name }) => name === 'N*')!;
    expect(design.target).toBe(1e18);
    expect(params.value / 8.05319e7).toBeCloseTo(1, 4);
    expect(params.interval[0] * params.interval[1]).toBeCloseTo(params.value ** 2, -10);
    expect(Math.log(params.interval[1] / params.value)).toBeCloseTo(1.959964 * params.sd, 6);
    const [least, greatest] = params.sdOverDraws;
    expect(least).toBeLessThanOrEqual(params.sd);
    expect(greatest).toBeGreaterThanOrEqual(params.sd);
    expect(design.expected[0]).toMatchObject({ name: 'a', prior: besiroglu.derived.a!.interval });
  });

  test('how far the target and the prior lie', () => {
    const longest = Math.max(...design.runs.map(({ flops }) => flops));
    expect(design.reach.flops).toBeCloseTo(Math.log10(1e18 / longest), 9);
    const largest = Math.max(...design.runs.map(({ params }) => params));
    expect(design.reach.params).toBeCloseTo(Math.log10(8.05319e7 / largest), 3);
    expect(design.reach.prior).toBeGreaterThan(3);
    expect(design.notes.join('\n')).toMatch(/outside the evidence of besiroglu-2024.*--prior LAW\.json/);
    expect(design.notes.join('\n')).toMatch(/more than ln 384 = 5\.95 nats for 60 of 60 runs/);
    expect(design.notes.join('\n')).toMatch(/has no term of shape/);
  });

  test('that runs see the embedded corpus four times at most', async () => {
    const { embeddedCorpus } = await import('../../train/text/embedded-corpus.js');
    let bytes = 0;
    for await (const { text } of embeddedCorpus().documents()) bytes += Buffer.byteLength(text);
    expect(bytes).toBe(embeddedBytes);
    // 141 bytes of text make 128 encoder and 29 decoder tokens; a twentieth is held out.
    const most = (4 * 0.95 * bytes * (128 + 29)) / 141;
    const large = designSweep(cost(1e19));
    const longest = Math.max(...large.runs.map(({ tokens }) => tokens));
    expect(longest).toBeLessThanOrEqual(most);
    expect(longest).toBeGreaterThan(0.9 * most);
    expect(large.notes.join('\n')).toMatch(/The runs take \d+% of the cost/);
    const other = designSweep(cost(1e19), { setting: { corpus: ['c4'] } });
    expect(Math.max(...other.runs.map(({ tokens }) => tokens))).toBeGreaterThan(most);
    expect(other.sweep.corpus).toEqual(['c4']);
    expect(other.notes.join('\n')).not.toMatch(/embedded corpus/);
  });
});

describe('with a law of shape', () => {
  test('shapes are told apart, and the best ratio has the spread expected', () => {
    const design = designSweep(cost(1e17), { ...open, prior: gemstones, noise: 0.005 });
    expect(design.expected.map(({ name }) => name)).toEqual(['a', 'N*', 'best dModel/layers']);
    const aspects = new Set(design.runs.map(({ shape }) => shape.dModel / shape.encoderLayers));
    expect(aspects.size).toBeGreaterThanOrEqual(5);
    const seen = simulated(gemstones, design.runs, 0.005, 40);
    // The standard deviation of 40 values has a standard error of 11%.
    expect(seen['N*'] / errorOf(design, 'N*')).toBeGreaterThan(0.65);
    expect(seen['N*'] / errorOf(design, 'N*')).toBeLessThan(1.35);
    const ladder = designSweep(cost(1e17), { ...open, noise: 0.005 });
    expect(() => sweepPrecision(gemstones, ladder.runs, { ...open, noise: 0.005 }).expected).not.toThrow();
    expect(errorOf(design, 'best dModel/layers')).toBeLessThan(
      0.2 * errorOf(sweepPrecision(gemstones, ladder.runs, { ...open, noise: 0.005 }), 'best dModel/layers'),
    );
  });

  test('of every ratio, all of them are varied, so that a fit takes them', () => {
    const ratios = ['dModel/layers', 'dFf/dModel', 'heads*dKv/dModel', 'decoderLayers/encoderLayers'];
    const parameters: Record<string, number> = { E: 1.5, A: 100, B: 300, alpha: 0.3, beta: 0.3 };
    const best = [64, 4, 1, 1];
    ratios.forEach((_, k) => {
      Object.assign(parameters, { [`c${k + 1}`]: 0.05, [`a${k + 1}`]: Math.log(best[k]!), [`rho${k + 1}`]: 0 });
    });
    const law = handMadeLaw('shape', { ratios }, parameters);
    const design = designSweep(cost(1e17), { ...open, prior: law, runs: 80 });
    expect(design.expected.map(({ name }) => name)).toEqual(['a', 'N*', ...ratios.map((ratio) => `best ${ratio}`)]);
    const rows = design.runs.map((run) => ({
      ...{ ...dimensionsOf(run.shape), params: run.params, tokens: run.tokens, seed: run.seed },
      loss: lossOf(law, law.parameters, runPoint(law, run)),
    }));
    const fitted = fitLaw(tableOf(rows), { law: 'shape', draws: 0 });
    expect(fitted.form.ratios).toEqual(ratios);
    expect(fitted.derived.a!.value).toBeCloseTo(0.5, 3);
  });
});

describe('other priors', () => {
  test('a law without an optimum is designed for by its determinant', () => {
    const design = designSweep(cost(1e17), { prior: publishedLaw('kaplan-2020') });
    expect(design.criterion).toBe('determinant');
    expect(design.expected.map(({ name }) => name)).toEqual(['alphaN', 'alphaD']);
    expect(design.reach.params).toBeNull();
    expect(design.expected.every(({ prior }) => prior === null)).toBe(true);
  });

  test('a law that states no evidence has no distance to it', () => {
    const prior = handMadeLaw('chinchilla', {}, besiroglu.parameters);
    expect(designSweep(cost(1e15), { prior }).reach.prior).toBeNull();
  });
});

test('a base of another vocabulary, feed-forward and size is kept', () => {
  const design = designSweep(cost(1e19), { base: 't5-v1.1-small', mostTokens: 1e12 });
  const base = presetShape('t5-v1.1-small')!;
  for (const { shape } of design.runs) {
    expect(shape).toMatchObject({ feedForward: 'gated', tiedEmbeddings: false, vocab: base.vocab, dKv: 64 });
    expect(shape.dFf).toBe(2 * shape.dModel);
  }
});

describe('few runs', () => {
  test('are taken where more would tell less, and not fewer than the law needs', () => {
    const design = designSweep(cost(1e14), open);
    expect(design.runs.length).toBeLessThan(60);
    expect(design.runs.length).toBeGreaterThanOrEqual(7);
    expect(design.configurations).toBeGreaterThanOrEqual(7);
    // No number of runs tells much more.
    for (const runs of [10, 15, 20, 30, 35]) {
      expect(errorOf(design, 'N*')).toBeLessThan(1.1 * errorOf(designSweep(cost(1e14), { ...open, runs }), 'N*'));
    }
    expect(design.notes.join('\n')).toMatch(new RegExp(`${design.runs.length} runs of the 60 allowed`));
  });

  test('keep distinct points for the law however many seeds they may have', () => {
    const design = designSweep(cost(1e17), { ...open, runs: 8, seeds: 5 });
    expect(design.runs).toHaveLength(8);
    expect(design.configurations).toBe(8);
  });

  test('are refused below that, with the least cost, which is enough', () => {
    const refusal = () => {
      try {
        designSweep(cost(1e12), open);
      } catch (error) {
        return error as { code: string; message: string; details: { nearest: number } };
      }
      throw new Error('taken');
    };
    const { code, message, details } = refusal();
    expect(code).toBe('infeasible-budget');
    expect(message).toMatch(/do not pay for 7 distinct runs.*the least cost is about/);
    expect(designSweep(cost(details.nearest), open).runs.length).toBeGreaterThanOrEqual(7);
    expect(() => designSweep(cost(details.nearest / 3), open)).toThrow(expect.objectContaining({ code }));
    expect(() => designSweep(cost(1e17), { ...open, mostTokens: 1e3 })).toThrow(/fewer than 7 runs of the base/);
  });
});

test.each<[DesignOptions, string, RegExp]>([
  [{ target: -1 }, 'bad-usage', /the target must be positive, not -1/],
  [{ runs: 0 }, 'bad-usage', /runs must be a positive integer, not 0/],
  [{ seeds: 1.5 }, 'bad-usage', /seeds must be a positive integer, not 1\.5/],
  [{ fewestSteps: -5 }, 'bad-usage', /fewestSteps must be a positive integer/],
  [{ mostTokens: 0 }, 'bad-usage', /mostTokens must be positive, not 0/],
  [{ noise: 0 }, 'bad-usage', /the noise must be positive, not 0/],
  [{ level: 1 }, 'bad-usage', /level must lie between 0 and 1/],
  [{ level: 0.999 }, 'bad-usage', /needs at least 2000 draws/],
  [{ widths: { gamma: 0.1 } }, 'bad-usage', /has no gamma: E, A, B, alpha, beta, a, b, G/],
  [{ widths: { a: 0 } }, 'bad-usage', /width must be positive, not 0/],
  [{ criterion: 'luck' as 'exponent' }, 'bad-usage', /no criterion "luck": recommendation, exponent, determinant/],
  [{ criterion: 'recommendation', prior: publishedLaw('kaplan-2020') }, 'bad-usage', /states no compute optimum/],
  [{ prior: publishedLaw('muennighoff-2023') }, 'bad-usage', /no sweep can be designed for a data-constrained law/],
  [{ base: 'gpt2' }, 'bad-sweep', /base of the sweep is "gpt2": a decoder/],
  [
    { base: { ...presetShape('t5-small')!, kvHeads: 4 } },
    'bad-sweep',
    /base of the sweep is "t5-small": its dimensions alone/,
  ],
  [{ rate: 1e11 }, 'bad-usage', /nothing reads rate/],
])('%# is refused', (options, code, message) => {
  const refused = () => designSweep(cost(1e16), options);
  expect(refused).toThrow(expect.objectContaining({ code }));
  expect(refused).toThrow(message);
});

test('a precision that the runs leave open is refused', () => {
  const shape = 'enc=2,dec=2,d=128,ff=512,kv=32,h=4';
  const runs = expandSweep({
    format: 'shapelaw-sweep/1',
    shapes: [{ shape, tokens: [1e6, 2e6], seeds: [0, 1, 2, 3] }],
  });
  expect(() => sweepPrecision(besiroglu, runs)).toThrow(expect.objectContaining({ code: 'too-few-configurations' }));
});
