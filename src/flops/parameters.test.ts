import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import models from '../../fixtures/parameters/models.json' with { type: 'json' };
import { arbitraryShape, elements, tensorsOf } from '../../tests/arbitrary-shape.js';
import { shapeFromHuggingFace } from './huggingface.js';
import { countParameters } from './parameters.js';
import { presetShape } from './presets/index.js';
import { gptShape, t5Shape } from './shape.js';
import { parseShape } from './shape-schema.js';

const published = models.models.flatMap(({ name, family, config, published }) =>
  published === null ? [] : [{ name, family, config, ...published }],
);

describe('countParameters', () => {
  it.each(published)('counts $parameters for $name, as $source', ({ name, config, parameters }) => {
    expect(countParameters(shapeFromHuggingFace(config, name)).total).toBe(parameters);
  });

  it('is checked against three published counts or more of most families', () => {
    const families = published.map(({ family }) => family);
    const well = families.filter(
      (family, at) => families.slice(0, at).filter((other) => other === family).length === 2,
    );
    expect(well).toEqual([
      ...['t5', 'mt5', 'gpt2', 'gpt_neox', 'opt', 'llama', 'qwen2', 'qwen3', 'qwen3_moe'],
      ...['gemma2', 'gemma3_text', 'mistral', 'mixtral'],
    ]);
  });

  // Layers of either stack, dModel, dFf, dKv, heads. The counts are those that transformers allocates
  // (fixtures/parameters/models.json) but for the last, which follows from the formula of the next test and is published
  // as 3.8B (model card of google/t5-efficient-xl-nl32).
  it.each([
    ['small', [6, 512, 2048, 64, 8], 60_506_624],
    ['base', [12, 768, 3072, 64, 12], 222_903_552],
    ['large', [24, 1024, 4096, 64, 16], 737_668_096],
    ['3b', [24, 1024, 16384, 128, 32], 2_851_598_336],
    ['11b', [24, 1024, 65536, 128, 128], 11_307_321_344],
    ['efficient-tiny', [4, 256, 1024, 64, 4], 15_570_688],
    ['efficient-mini', [4, 384, 1536, 64, 8], 31_220_480],
    ['efficient-small-nl16', [16, 512, 2048, 64, 8], 133_932_544],
    ['efficient-small-nl24', [24, 512, 2048, 64, 8], 192_673_280],
    ['efficient-base-nl36', [36, 768, 3072, 64, 12], 619_357_440],
    ['efficient-large-nl36', [36, 1024, 4096, 64, 16], 1_090_051_072],
    ['efficient-xl-nl32', [32, 1024, 16384, 128, 32], 3_791_163_392],
  ] as const)('counts T5 %s from its dimensions', (name, [layers, dModel, dFf, dKv, heads], total) => {
    const shape = t5Shape(name, { encoderLayers: layers, decoderLayers: layers, dModel, dFf, dKv, heads });
    expect(countParameters(shape).total).toBe(total);
  });

  it('follows the closed formula for every T5', () => {
    const whole = fc.integer({ min: 1, max: 200 });
    fc.assert(
      fc.property(whole, whole, whole, whole, whole, whole, whole, (EL, DL, d, ff, kv, h, V) => {
        const dimensions = { encoderLayers: EL, decoderLayers: DL, dModel: d, dFf: ff, dKv: kv, heads: h, vocab: V };
        const encoder = EL * (4 * d * h * kv + 2 * d * ff + 2 * d);
        const decoder = DL * (8 * d * h * kv + 2 * d * ff + 3 * d);
        const expected = V * d + encoder + decoder + 2 * 32 * h + 2 * d;
        expect(countParameters(t5Shape('t5', dimensions)).total).toBe(expected);
        // T5 v1.1: one more matrix in each feed-forward, and an output projection.
        const gated = t5Shape('t5', { ...dimensions, feedForward: 'gated', tiedEmbeddings: false });
        expect(countParameters(gated).total).toBe(expected + (EL + DL) * d * ff + V * d);
      }),
    );
  });

  // Encoder and pooler alone: keras-team/keras-hub 0.32.0, keras_hub/src/models/bert/bert_presets.py.
  it.each([
    ['bert-base-cased', 108_310_272],
    ['bert-tiny', 4_385_920],
    ['bert-small', 28_763_648],
    ['bert-medium', 41_373_184],
  ])('counts %s without its prediction heads as keras-hub does', (name, encoder) => {
    const shape = presetShape(name)!;
    const { dModel, vocab } = shape;
    const transform = dModel * dModel + dModel + 2 * dModel;
    const nextSentence = 2 * dModel + 2;
    expect(countParameters(shape).total - transform - vocab - nextSentence).toBe(encoder);
  });

  // Non-embedding counts of the model card of every Pythia (https://huggingface.co/EleutherAI/pythia-410m).
  it.each([
    ['pythia-70m', 18_915_328],
    ['pythia-160m', 85_056_000],
    ['pythia-410m', 302_311_424],
    ['pythia-1b', 805_736_448],
    ['pythia-1.4b', 1_208_602_624],
    ['pythia-2.8b', 2_517_652_480],
    ['pythia-6.9b', 6_444_163_072],
    ['pythia-12b', 11_327_027_200],
  ])('counts %s without embeddings as its card does', (name, nonEmbedding) => {
    expect(countParameters(presetShape(name)!).nonEmbedding).toBe(nonEmbedding);
  });

  // Billions of all and of a token's parameters: Mistral AI's announcement of Mixtral, and the card of Qwen 3.
  it.each([
    ['mixtral-8x7b', '46.7', '12.9', 1],
    ['qwen3-235b-a22b', '235', '22', 0],
  ] as const)('counts what a token of %s visits', (name, total, active, decimals) => {
    const count = countParameters(presetShape(name)!);
    expect((count.total / 1e9).toFixed(decimals)).toBe(total);
    expect((count.active / 1e9).toFixed(decimals)).toBe(active);
  });

  // 12 layers of 12 d^2, and the tied output projection; BERT's two square matrices and its classifier besides.
  it('counts the factors of matrix products of GPT-2 and BERT', () => {
    expect(countParameters(presetShape('gpt2')!).matmul).toBe(12 * 12 * 768 ** 2 + 50257 * 768);
    expect(countParameters(presetShape('bert-base-uncased')!).matmul).toBe(
      12 * 12 * 768 ** 2 + 30522 * 768 + 2 * 768 ** 2 + 2 * 768,
    );
  });

  it('says what each part of a GPT has', () => {
    const dimensions = { layers: 2, dModel: 6, dFf: 10, dKv: 4, heads: 2, kvHeads: 1, vocab: 20 };
    const shape = gptShape('gpt', { ...dimensions, positions: { kind: 'learned', rows: 7 } });
    expect(countParameters(shape).components).toEqual({
      embedding: 120,
      positions: 42,
      tokenTypes: 0,
      embeddingProjection: 0,
      encoderAttention: 0,
      encoderFeedForward: 0,
      // Queries 6 x 8 + 8, keys and values 6 x 4 + 4 each, output 8 x 6 + 6.
      decoderAttention: 2 * (56 + 28 + 28 + 54),
      crossAttention: 0,
      // 6 x 10 + 10, 10 x 6 + 6.
      decoderFeedForward: 2 * (70 + 66),
      router: 0,
      // Two a layer and the last one, weight and bias.
      norms: 5 * 12,
      outputProjection: 0,
      head: 0,
    });
  });

  it('equals the sum over all tensors, under each convention and for any shape', () => {
    fc.assert(
      fc.property(arbitraryShape, (shape) => {
        expect(parseShape(shape)).toEqual(shape);
        const tensors = tensorsOf(shape);
        const { total, nonEmbedding, matmul, active, components } = countParameters(shape);
        const projection = shape.head === 'none' ? 0 : shape.vocab * shape.dEmbedding;
        expect(total).toBe(elements(tensors));
        expect(nonEmbedding).toBe(elements(tensors.filter(({ role }) => role !== 'lookup' && role !== 'output')));
        expect(matmul).toBe(elements(tensors.filter(({ role }) => role === 'product')) + projection);
        expect(active).toBe(elements(tensors.filter(({ expert = 0 }) => expert < (shape.experts?.active ?? 1))));
        expect(Object.values(components).reduce((sum, part) => sum + part, 0)).toBe(total);
        expect(Math.min(...Object.values(components))).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 500 },
    );
  });
});
