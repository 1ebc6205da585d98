import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countFlops } from '../flops/flops.js';
import { countParameters } from '../flops/parameters.js';
import { presetNames, presetShape } from '../flops/presets/index.js';
import { llamaShape, type Shape } from '../flops/shape.js';
import { type RunSize, trainingRule, trainingRules } from './training-rules.js';

/** A run on so many tokens, in sequences of some length of the decoder. */
function run(shape: Shape, tokens: number, decoderTokens = 2048): RunSize {
  const lengths = { encoderTokens: shape.kind === 'decoder' ? 0 : 512, decoderTokens };
  const flops = countFlops(shape, lengths);
  return { tokens, flops: (tokens / (flops.encoderTokens + flops.decoderTokens)) * flops.training };
}

/** FLOPs that leave so many when those of the output projection are taken off. */
function withBody(shape: Shape, tokens: number, bodyFlops: number): RunSize {
  return { tokens, flops: bodyFlops + 6 * shape.vocab * shape.dModel * tokens };
}

const one = presetShape('llama-3.2-1b')!;
const base = presetShape('t5-base')!;

describe('trainingRules', () => {
  // Raffel et al. 2020, section 3.1.2: 128 sequences of 512 are 2^16 tokens, and the rate is 0.01 for the first 10^4 steps.
  it('gives T5 the batch and the rate of its paper', () => {
    expect(trainingRules(base, run(base, 2 ** 35, 114))).toEqual([
      expect.objectContaining({
        rule: 't5',
        batchTokens: 65_536,
        batchSequences: 128,
        learningRate: 0.01,
        optimizer: 'adafactor',
        insideDomain: true,
        outsideFactor: 1,
        source: expect.stringContaining('section 3.1.2'),
        note: expect.stringContaining('without an interval'),
      }),
    ]);
  });

  // Bi et al. 2024, table 2, whose rates and batches were chosen by equation 1 and rounded.
  it.each([
    [30, 4096, 11_008, 32, 32, 2304, 4.2e-4],
    [95, 8192, 22_016, 64, 8, 4608, 3.2e-4],
  ])(
    "comes to DeepSeek LLM's own settings: %d layers of %d",
    (layers, dModel, dFf, heads, kvHeads, sequences, rate) => {
      const shape = llamaShape('deepseek', { layers, dModel, dFf, heads, kvHeads, vocab: 102_400 });
      const found = trainingRules(shape, run(shape, 2e12, 4096)).find(({ rule }) => rule === 'deepseek')!;
      expect(found.learningRate / rate).toBeGreaterThan(0.96);
      expect(found.learningRate / rate).toBeLessThan(1.04);
      expect(found.batchTokens / (sequences * 4096)).toBeGreaterThan(0.9);
      expect(found.batchTokens / (sequences * 4096)).toBeLessThan(1.1);
      expect(found.insideDomain).toBe(false);
      expect(found.note).toContain('8e22 and 1e24');
    },
  );

  // 1.79 * 973146112^-0.713 * 2e10^0.307 and 0.58 * 2e10^0.571, with Llama 3.2 1B's parameters but its embedding.
  it('reckons Step Law without the vocabulary', () => {
    expect(countParameters(one).nonEmbedding).toBe(973_146_112);
    const found = trainingRule(one, run(one, 2e10))!;
    expect(found).toMatchObject({ rule: 'step-law', batchTokens: 441_892, batchSequences: null, insideDomain: true });
    expect(found.learningRate).toBeCloseTo(0.00101554, 8);
  });

  it('puts the rule first whose study covers the run, then the closest', () => {
    const names = (tokens: number, body: number) =>
      trainingRules(one, withBody(one, tokens, body)).map(({ rule, outsideFactor }) => [rule, outsideFactor]);
    expect(names(4e9, 1e20)).toEqual([
      ['step-law', 1],
      ['deepseek', 1],
    ]);
    expect(names(1e11, 2e20)).toEqual([
      ['step-law', 1],
      ['deepseek', 2],
    ]);
    expect(names(2e9, 1e17)).toEqual([
      ['deepseek', 1],
      ['step-law', 2],
    ]);
    expect(names(4e11, 3e20)).toEqual([
      ['deepseek', 3],
      ['step-law', 4],
    ]);
    expect(names(4e11, 5e20).map(([rule]) => rule)).toEqual(['step-law', 'deepseek']);
  });

  it('says where a size lies outside the study', () => {
    const small = presetShape('t5-efficient-tiny')!;
    const found = trainingRule(small, run(small, 1e9, 114))!;
    // t5-small has 60506624 parameters, tiny 15570688.
    expect(found).toMatchObject({ insideDomain: false, outsideFactor: 60_506_624 / 15_570_688 });
    // 2^19 steps of 128 sequences of 512 and 114 tokens are the most.
    const most = 2 ** 19 * 128 * (512 + 114);
    expect(trainingRule(base, run(base, most, 114))!.insideDomain).toBe(true);
    expect(trainingRule(base, run(base, most * 1.001, 114))!.insideDomain).toBe(false);
  });

  it.each([
    ['bert-base-uncased', {}],
    ['mixtral-8x7b', {}],
    ['qwen3-30b-a3b', {}],
    ['t5-base', { positions: { kind: 'rotary' } }],
    ['t5-base', { norms: { ...base.norms, kind: 'layer' } }],
  ] as const)('knows none for %s with %j', (name, fields) => {
    const shape = { ...presetShape(name)!, ...fields } as Shape;
    expect(trainingRules(shape, { tokens: 1e10, flops: 1e20 })).toEqual([]);
    expect(trainingRule(shape, { tokens: 1e10, flops: 1e20 })).toBeNull();
  });

  it('leaves out the rule of FLOPs where the output projection takes more than all', () => {
    expect(trainingRules(one, { tokens: 1e10, flops: 1e10 }).map(({ rule }) => rule)).toEqual(['step-law']);
  });

  it('gives finite batches and rates, larger batches for more tokens and lower rates for larger models', () => {
    const names = presetNames().filter(
      (name) => trainingRule(presetShape(name)!, { tokens: 1e9, flops: 1e20 }) !== null,
    );
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.double({ min: 6, max: 13, noNaN: true }), (name, exponent) => {
        const shape = presetShape(name)!;
        const tokens = 10 ** exponent;
        for (const [index, { rule, batchTokens, learningRate, insideDomain, outsideFactor }] of trainingRules(
          shape,
          run(shape, tokens, 114),
        ).entries()) {
          const more = trainingRules(shape, run(shape, 2 * tokens, 114)).find((other) => other.rule === rule)!;
          expect(Number.isSafeInteger(batchTokens)).toBe(true);
          expect(more.batchTokens).toBeGreaterThanOrEqual(batchTokens);
          expect(learningRate).toBeGreaterThan(0);
          expect(insideDomain).toBe(outsideFactor === 1);
          expect(index).toBeLessThan(2);
        }
      }),
    );
    const rates = ['pythia-160m', 'pythia-410m', 'pythia-1.4b'].map(
      (name) =>
        trainingRules(presetShape(name)!, run(presetShape(name)!, 1e10)).find(({ rule }) => rule === 'step-law')!,
    );
    expect(rates.map(({ learningRate }) => learningRate)).toEqual(
      rates.map(({ learningRate }) => learningRate).sort((a, b) => b - a),
    );
  });

  it.each([
    [{ tokens: 0, flops: 1 }, 'tokens must be a positive number, not 0'],
    [{ tokens: 1, flops: Number.NaN }, 'flops must be a positive number, not NaN'],
    [{ tokens: Number.POSITIVE_INFINITY, flops: 1 }, 'tokens must be a positive number, not Infinity'],
  ])('refuses %j', (size, message) => {
    expect(() => trainingRules(one, size)).toThrow(expect.objectContaining({ code: 'bad-usage', message }));
  });
});
