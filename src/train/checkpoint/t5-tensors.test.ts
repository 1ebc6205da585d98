import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { arbitraryShape } from '../../../tests/arbitrary-shape.js';
import {
  countParameters,
  parseInlineShape,
  presetNames,
  presetShape,
  shapeFromHuggingFace,
  t5Shape,
} from '../../flops/index.js';
import { elementsOf } from './stored-tensor.js';
import { t5Tensors } from './t5-tensors.js';

const fixture = (path: string) =>
  JSON.parse(readFileSync(new URL(`../../../fixtures/t5/${path}`, import.meta.url), 'utf8'));

interface Golden {
  readonly config: unknown;
  readonly gradients: Readonly<Record<string, { readonly shape: readonly number[] }>>;
}

function total(tensors: ReturnType<typeof t5Tensors>): number {
  return tensors.reduce((sum, { shape }) => sum + elementsOf(shape), 0);
}

describe('t5Tensors', () => {
  // named_parameters() of the reference, which it registers in another order.
  test.each(['t5', 't5-v1.1'])('are the parameters that transformers gives %s', (name) => {
    const { config, gradients } = fixture(`golden-${name}.json`) as Golden;
    const tensors = t5Tensors(shapeFromHuggingFace(config, name));
    const shapes = Object.fromEntries(tensors.map(({ name, shape }) => [name, { shape }]));
    const reference = Object.entries(gradients).map(([name, { shape }]) => [name, { shape }]);
    expect(shapes).toEqual(Object.fromEntries(reference));
    expect(tensors).toHaveLength(Object.keys(gradients).length);
  });

  test('stand in the order of a forward pass', () => {
    const shape = parseInlineShape('enc=1,dec=1,d=8,ff=16,kv=3,h=2,vocab=128,ffn=gated,tied=no');
    expect(t5Tensors(shape).map(({ name, shape }) => `${name} ${shape}`)).toEqual([
      'shared.weight 128,8',
      'encoder.block.0.layer.0.layer_norm.weight 8',
      'encoder.block.0.layer.0.SelfAttention.q.weight 6,8',
      'encoder.block.0.layer.0.SelfAttention.k.weight 6,8',
      'encoder.block.0.layer.0.SelfAttention.v.weight 6,8',
      'encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight 32,2',
      'encoder.block.0.layer.0.SelfAttention.o.weight 8,6',
      'encoder.block.0.layer.1.layer_norm.weight 8',
      'encoder.block.0.layer.1.DenseReluDense.wi_0.weight 16,8',
      'encoder.block.0.layer.1.DenseReluDense.wi_1.weight 16,8',
      'encoder.block.0.layer.1.DenseReluDense.wo.weight 8,16',
      'encoder.final_layer_norm.weight 8',
      'decoder.block.0.layer.0.layer_norm.weight 8',
      'decoder.block.0.layer.0.SelfAttention.q.weight 6,8',
      'decoder.block.0.layer.0.SelfAttention.k.weight 6,8',
      'decoder.block.0.layer.0.SelfAttention.v.weight 6,8',
      'decoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight 32,2',
      'decoder.block.0.layer.0.SelfAttention.o.weight 8,6',
      'decoder.block.0.layer.1.layer_norm.weight 8',
      'decoder.block.0.layer.1.EncDecAttention.q.weight 6,8',
      'decoder.block.0.layer.1.EncDecAttention.k.weight 6,8',
      'decoder.block.0.layer.1.EncDecAttention.v.weight 6,8',
      'decoder.block.0.layer.1.EncDecAttention.o.weight 8,6',
      'decoder.block.0.layer.2.layer_norm.weight 8',
      'decoder.block.0.layer.2.DenseReluDense.wi_0.weight 16,8',
      'decoder.block.0.layer.2.DenseReluDense.wi_1.weight 16,8',
      'decoder.block.0.layer.2.DenseReluDense.wo.weight 8,16',
      'decoder.final_layer_norm.weight 8',
      'lm_head.weight 128,8',
    ]);
  });

  test('of every T5 preset have as many elements as it has parameters', () => {
    const presets = presetNames().map((name) => presetShape(name)!);
    const t5s = presets.filter((shape) => shape.kind === 'encoder-decoder');
    expect(t5s.length).toBeGreaterThan(10);
    for (const shape of t5s) expect(total(t5Tensors(shape)), shape.name).toBe(countParameters(shape).total);
  });

  test('of any T5 have as many elements as it has parameters, and no name twice', () => {
    const arbitraryT5 = fc.tuple(arbitraryShape, fc.integer({ min: 1, max: 64 })).map(([shape, buckets]) => ({
      ...t5Shape('any', {
        ...shape,
        encoderLayers: Math.max(1, shape.encoderLayers),
        decoderLayers: Math.max(1, shape.decoderLayers),
      }),
      positions: { kind: 'relative' as const, buckets },
    }));
    fc.assert(
      fc.property(arbitraryT5, (shape) => {
        const tensors = t5Tensors(shape);
        expect(total(tensors)).toBe(countParameters(shape).total);
        expect(new Set(tensors.map(({ name }) => name)).size).toBe(tensors.length);
      }),
    );
  });

  const t5 = presetShape('t5-small')!;
  test.each([
    ['kind', { ...t5, kind: 'decoder' as const }, /kind is "decoder", and a T5 has "encoder-decoder"/],
    ['positions', { ...t5, positions: { kind: 'rotary' as const } }, /positions is {"kind":"rotary"}/],
    ['norms', { ...t5, norms: { ...t5.norms, kind: 'layer' as const } }, /norms is {"kind":"layer"/],
    ['biases', { ...t5, biases: { ...t5.biases, feedForward: true } }, /biases is .*"feedForward":true/],
    ['experts', { ...t5, experts: { count: 4, active: 1 } }, /experts is {"count":4/],
    ['grouped heads', { ...t5, kvHeads: 2 }, /kvHeads is 2, and a T5 has 8/],
    ['a narrow embedding', { ...t5, dEmbedding: 128 }, /dEmbedding is 128, and a T5 has 512/],
    ['token types', { ...t5, tokenTypes: 2 }, /tokenTypes is 2/],
    ['no head', { ...t5, head: 'none' as const }, /head is "none"/],
  ])('refuse a shape that is no T5 by its %s', (_, shape, message) => {
    expect(() => t5Tensors(shape)).toThrow(
      expect.objectContaining({ code: 'unsupported-config', message: expect.stringMatching(message) }),
    );
  });
});
