import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { handMadeLaw } from '../../tests/hand-made-law.js';
import type { Law } from '../fit/law.js';
import { publishedLaw } from '../fit/published.js';
import { inferenceMemory } from '../flops/memory.js';
import { countParameters } from '../flops/parameters.js';
import { presetShape } from '../flops/presets/index.js';
import type { Constraint } from './budget.js';
import type { RecommendOptions } from './options.js';
import { recommend } from './recommend.js';
import type { Recommendation } from './recommendation.js';

const gemstones = publishedLaw('gemstones-shape');
const muennighoff = publishedLaw('muennighoff-2023');
/** A small lattice, so that properties are asked of many budgets. */
const candidates = { dModel: [256, 2048], dModelStep: 256 } as const;
const own = ({ recommendations }: Recommendation) => recommendations.filter(({ role }) => role !== 'reference');
const withinLimits = (answer: Recommendation) => own(answer).filter(({ role }) => role !== 'standard');
const lawRow = (answer: Recommendation) => answer.recommendations.find(({ role }) => role === 'law')!;

const params = fc
  .double({ min: 7.5, max: 10, noNaN: true })
  .map((decades): Constraint => ({ kind: 'params', params: 10 ** decades }));
const bytes = fc.double({ min: 9, max: 11, noNaN: true }).map((decades) => 10 ** decades);
const limits: fc.Arbitrary<readonly Constraint[]> = fc
  .tuple(
    fc.option(params),
    fc.option(bytes.map((most): Constraint => ({ kind: 'training-memory', bytes: most }))),
    fc.option(bytes.map((most): Constraint => ({ kind: 'inference-memory', bytes: most }))),
    fc.option(
      fc
        .double({ min: 1e-3, max: 0.05, noNaN: true })
        .map((seconds): Constraint => ({ kind: 'token-latency', seconds })),
    ),
    fc.option(
      fc
        .double({ min: 0.1, max: 5, noNaN: true })
        .map((seconds): Constraint => ({ kind: 'sequence-latency', seconds })),
    ),
  )
  .map((all) => all.filter((one) => one !== null));

describe('constraints', () => {
  test('hold for every line but the standard sizes, which say what they exceed', () => {
    let answered = 0;
    fc.assert(
      fc.property(limits, fc.double({ min: 18, max: 22, noNaN: true }), (constraints, decades) => {
        let answer: Recommendation;
        try {
          answer = recommend(
            { kind: 'flops', flops: 10 ** decades },
            { law: { ...gemstones, draws: null }, constraints, candidates },
          );
        } catch (error) {
          expect((error as { code: string }).code).toBe('infeasible-budget');
          return;
        }
        answered += 1;
        for (const row of withinLimits(answer)) {
          expect(row.exceeds).toEqual([]);
          for (const constraint of constraints) {
            if (constraint.kind === 'params') expect(row.parameters).toBeLessThanOrEqual(constraint.params);
            if (constraint.kind === 'training-memory') expect(row.memory.total).toBeLessThanOrEqual(constraint.bytes);
            if (constraint.kind === 'inference-memory') {
              const served = inferenceMemory(row.shape, { encoderTokens: 512, decoderTokens: 114, batch: 1 }).total;
              expect(served).toBeLessThanOrEqual(constraint.bytes);
            }
            if (constraint.kind === 'token-latency')
              expect(row.speed.tokenSeconds.interval![1]).toBeLessThanOrEqual(constraint.seconds);
            if (constraint.kind === 'sequence-latency')
              expect(row.speed.sequenceSeconds.interval![1]).toBeLessThanOrEqual(constraint.seconds);
          }
        }
        for (const row of answer.recommendations) {
          for (const { value, most, share } of row.exceeds) {
            expect(value).toBeGreaterThan(most);
            expect(share).toBeCloseTo(value / most - 1, 12);
          }
        }
      }),
      { numRuns: 40 },
    );
    expect(answered).toBeGreaterThan(10);
  });

  test('the least compute of several counts, from the lowest MFU to the highest', () => {
    const answer = recommend(
      { kind: 'flops', flops: 1e20 },
      {
        constraints: [
          { kind: 'money', dollars: 100 },
          { kind: 'wall-time', seconds: 1e9 },
        ],
        devices: 2,
      },
    );
    // 100 dollars buy 25.06 hours of an H100 at 3.99, of 989.4e12 FLOP/s: 1.9e19 and 4.1e19 at the MFUs of PaLM's table.
    const atPeak = (100 / 3.99) * 3600 * 989.4e12;
    expect(answer.budget.trainingFlops![0] / (atPeak * 0.213)).toBeCloseTo(1, 12);
    expect(answer.budget.trainingFlops![1] / (atPeak * 0.462)).toBeCloseTo(1, 12);
  });

  test('a larger budget never has a worse best', () => {
    const best = (flops: number, most: number) =>
      lawRow(
        recommend(
          { kind: 'flops', flops },
          { law: { ...gemstones, draws: null }, candidates, constraints: [{ kind: 'params', params: most }] },
        ),
      ).loss!.value;
    fc.assert(
      fc.property(
        fc.double({ min: 18, max: 22, noNaN: true }),
        fc.double({ min: 8, max: 10, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.boolean(),
        (flops, most, more, moreFlops) => {
          const [f, p] = moreFlops ? [flops + more, most] : [flops, most + more];
          expect(best(10 ** f, 10 ** p)).toBeLessThanOrEqual(best(10 ** flops, 10 ** most) * (1 + 1e-12));
        },
      ),
      { numRuns: 40 },
    );
  });

  test('of one kind twice are refused', () => {
    expect(() =>
      recommend({ kind: 'params', params: 1e9 }, { constraints: [{ kind: 'params', params: 2e9 }] }),
    ).toThrow(expect.objectContaining({ code: 'bad-usage', message: expect.stringContaining('params twice') }));
  });

  test.each<[Constraint, RegExp]>([
    [
      { kind: 'inference-memory', bytes: 1e6 },
      /no shape has 0\.001 GB of memory in inference or less; the nearest is t5-efficient-tiny/,
    ],
    [{ kind: 'training-memory', bytes: 1e6 }, /of memory in training or less; the nearest is t5-efficient-tiny/],
    [
      { kind: 'token-latency', seconds: 1e-7 },
      /0\.0001 ms of latency a token or less; the nearest is t5-efficient-tiny/,
    ],
  ])('that nothing meets are refused with the nearest: %o', (budget, message) => {
    expect(() => recommend(budget)).toThrow(
      expect.objectContaining({ code: 'infeasible-budget', message: expect.stringMatching(message) }),
    );
  });
});

describe('tokens served', () => {
  test('are paid for first, and favour smaller shapes', () => {
    const flops = 1e21;
    const law = { ...gemstones, draws: null };
    const served: Constraint = { kind: 'inference-volume', tokens: 1e11 };
    const plain = lawRow(recommend({ kind: 'flops', flops }, { law, candidates }));
    const answer = recommend({ kind: 'flops', flops }, { law, candidates, constraints: [served] });
    const row = lawRow(answer);
    expect(row.parameters).toBeLessThan(plain.parameters);
    // Training takes three times the forward FLOPs a token.
    const perToken = row.flops / row.tokens;
    expect((row.flops + (1e11 * perToken) / 3) / flops).toBeCloseTo(1, 12);
    expect(answer.allocation!.inferenceAware!.params.value).toBeLessThan(answer.allocation!.optimum.params.value);
  });

  test('more than the budget pays for are refused', () => {
    expect(() =>
      recommend({ kind: 'flops', flops: 1e18 }, { constraints: [{ kind: 'inference-volume', tokens: 1e15 }] }),
    ).toThrow(expect.objectContaining({ code: 'infeasible-budget', message: expect.stringMatching(/serving/) }));
  });
});

describe('unique tokens', () => {
  const unique: Constraint = { kind: 'unique-tokens', tokens: 1e9 };

  test('are passed over four times at most by a law that does not know repetition', () => {
    for (const { tokens, epochs } of recommend({ kind: 'flops', flops: 1e21 }, { constraints: [unique] })
      .recommendations) {
      expect(tokens).toBe(4e9);
      expect(epochs).toBe(4);
    }
  });

  test('repeat at their worth by one that does, whose loss is its own', () => {
    const answer = recommend({ kind: 'flops', flops: 1e20 }, { law: muennighoff, constraints: [unique] });
    const base = answer.recommendations.find(({ role }) => role === 'standard')!;
    const { E, A, B, alpha, beta, RD, RN } = muennighoff.parameters as Record<string, number> as {
      E: number;
      A: number;
      B: number;
      alpha: number;
      beta: number;
      RD: number;
      RN: number;
    };
    // Muennighoff et al. 2023, section 3.2.
    const effectiveTokens = 1e9 * (1 + RD * (1 - Math.exp(-(base.tokens / 1e9 - 1) / RD)));
    const called = ((alpha * A) / (beta * B)) ** (1 / alpha) * 1e9 ** (beta / alpha);
    const size = Math.min(base.parameters, called);
    const effectiveParams = size * (1 + RN * (1 - Math.exp(-(base.parameters / size - 1) / RN)));
    expect(base.loss!.value).toBeCloseTo(E + A * effectiveParams ** -alpha + B * effectiveTokens ** -beta, 10);
    expect(base.epochs).toBeCloseTo(base.tokens / 1e9, 9);
    expect(answer.allocation!.dataLimited!.epochs.value).toBeGreaterThan(4);
  });
});

describe('the set of an answer', () => {
  const answer = recommend({ kind: 'flops', flops: 1e20 }, { law: gemstones, candidates, top: 4 });

  test('holds the best, whose regret is 0, and lines that are no worse than it may be', () => {
    expect(lawRow(answer).set).toMatchObject({ member: true, regret: { value: 0 } });
    const { set } = answer;
    expect(set).toMatchObject({ tolerance: 0.01, level: 0.95, tells: 'shapes', candidates: 8 * 128, thinned: 1 });
    expect(set!.size).toBeGreaterThan(1);
    expect(set!.size).toBeLessThan(set!.candidates / 2);
    for (const row of answer.recommendations) {
      if (row.role === 'set') expect(row.set!.member).toBe(true);
      expect(row.set!.regret.value).toBeGreaterThanOrEqual(0);
      expect(row.set!.regret.interval[0]).toBeLessThanOrEqual(row.set!.regret.interval[1]);
    }
    expect(set!.roundingLoss).toBeGreaterThanOrEqual(0);
    expect(set!.roundingLoss).toBeLessThan(0.01);
  });

  test.each([
    ['parameters', (row: Recommendation['recommendations'][number]) => row.parameters],
    ['flops', (row: Recommendation['recommendations'][number]) => row.flopsPerTokenRatio],
    ['speed', (row: Recommendation['recommendations'][number]) => row.speed.stepSeconds.value],
    ['memory', (row: Recommendation['recommendations'][number]) => row.memory.total],
    ['loss', (row: Recommendation['recommendations'][number]) => row.loss!.value],
  ] as const)('is ordered by %s', (preference, keyOf) => {
    const rows = recommend({ kind: 'flops', flops: 1e20 }, { law: gemstones, candidates, preference }).recommendations;
    const keys = rows.filter(({ role }) => role === 'set').map(keyOf);
    expect(keys.length).toBeGreaterThan(1);
    expect(keys).toEqual([...keys].sort((a, b) => a - b));
  });

  test('grows with the tolerance', () => {
    const sizeAt = (tolerance: number) =>
      recommend({ kind: 'flops', flops: 1e20 }, { law: gemstones, candidates, tolerance }).set!.size;
    expect(sizeAt(0)).toBeLessThan(sizeAt(0.02));
    expect(sizeAt(1e3)).toBe(sizeAt(1e4));
  });

  test('is none for a law without draws, or that weighs nothing', () => {
    expect(
      recommend({ kind: 'flops', flops: 1e20 }, { law: { ...gemstones, draws: null }, candidates }).set,
    ).toBeNull();
    expect(recommend({ kind: 'flops', flops: 1e20 }, { law: publishedLaw('kaplan-2020') }).set).toBeNull();
  });

  test('flags standard sizes that a candidate outdoes', () => {
    const outdone = answer.recommendations.filter(({ dominatedBy }) => dominatedBy !== null);
    expect(outdone.length).toBeGreaterThan(0);
    for (const { role, pareto } of outdone) {
      expect(['standard', 'reference']).toContain(role);
      expect(pareto).toBe(false);
    }
  });
});

describe('a law of regions', () => {
  const exponents = (region: number, layers: number, dModel: number) => ({
    [`A${region}`]: 8,
    [`exponent${region}_layers`]: layers,
    [`exponent${region}_dModel`]: dModel,
  });
  const law: Law = {
    ...handMadeLaw(
      'region',
      { variable: 'flops', breaks: 1, continuous: false, operators: ['layers', 'dModel'] },
      { break1: 1e19, ...exponents(1, 0.05, 0.02), ...exponents(2, 0.01, 0.06) },
    ),
    domain: { ranges: { flops: [1e17, 1e21], layers: [4, 24], dModel: [256, 1024] }, hull: null },
  };

  test.each([
    [1e18, 1, null, 1e19, 0.05],
    [1e20, 2, 1e19, null, 0.01],
  ])('names the region of %d FLOPs with its bounds and exponents', (flops, index, from, to, layers) => {
    const { region } = recommend({ kind: 'flops', flops }, { law });
    expect(region).toMatchObject({ variable: 'flops', value: flops, index, of: 2, from, to });
    expect(region!.exponents.layers!.value).toBe(layers);
  });

  test('keeps its candidates within its evidence, and grows what falls fastest', () => {
    const answer = recommend({ kind: 'flops', flops: 1e18 }, { law, constraints: [{ kind: 'params', params: 6e7 }] });
    const { shape } = lawRow(answer);
    expect(shape.encoderLayers).toBeLessThanOrEqual(24);
    expect(shape.dModel).toBeGreaterThanOrEqual(256);
    // Depth falls fastest below the break: the narrowest and deepest; above it the widest that the parameters allow.
    const above = lawRow(
      recommend({ kind: 'flops', flops: 1e20 }, { law, constraints: [{ kind: 'params', params: 6e7 }] }),
    );
    expect(shape.encoderLayers).toBeGreaterThan(above.shape.encoderLayers);
    expect(shape.dModel).toBeLessThan(above.shape.dModel);
  });
});

test('scaling units changes nothing', () => {
  const options: RecommendOptions = { law: { ...gemstones, draws: null }, candidates };
  const days = recommend({ kind: 'gpus-days', gpus: 8, days: 3 }, options);
  const hours = recommend({ kind: 'gpu-hours', gpuHours: 8 * 72 }, { ...options, devices: 8 });
  const seconds = recommend({ kind: 'wall-time', seconds: 3 * 86400 }, { ...options, devices: 8 });
  expect(hours.recommendations).toEqual(days.recommendations);
  expect(seconds.recommendations).toEqual(days.recommendations);
});

test('decoders of the Llama family, with their own ladder and sequences', () => {
  const answer = recommend({ kind: 'params', params: 13e9 }, { candidates: { family: 'llama' } });
  const standard = answer.recommendations.find(({ role }) => role === 'standard')!;
  expect(standard).toMatchObject({ shape: { name: 'llama-13b' }, lengths: { encoderTokens: 0, decoderTokens: 2048 } });
  expect(own(answer)[0]!.shape).toMatchObject({ name: 'llama-7b-nl36', decoderLayers: 36, encoderLayers: 0 });
});

test('from a shape of one’s own, deeper within the budget', () => {
  const base = presetShape('t5-v1.1-base')!;
  const rows = own(recommend({ kind: 'params', params: 5e8 }, { base })).filter(({ role }) => role === 'deep-narrow');
  expect(rows[0]!.shape.name).toMatch(/^t5-v1\.1-base-nl\d+$/);
  for (const { shape } of rows) expect(countParameters(shape).total).toBeLessThanOrEqual(5e8);
});
