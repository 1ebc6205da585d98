import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { arbitraryShape } from '../../../tests/arbitrary-shape.js';
import { countFlops } from '../../flops/flops.js';
import { parseInlineShape } from '../../flops/inline.js';
import { countParameters } from '../../flops/parameters.js';
import { presetShape } from '../../flops/presets/index.js';
import { llamaShape, type Shape } from '../../flops/shape.js';
import { parseShape } from '../../flops/shape-schema.js';
import { grow, nextShape, type OperatorName, operatorsOf, resolveGrowth, sizesOf } from './dimensions.js';

const small = presetShape('t5-small')!;
const growth = resolveGrowth({});
const uniform = resolveGrowth({ width: 'uniform' });
const next = (shape: Shape, operator: OperatorName, how = growth) =>
  sizesOf(nextShape(shape, operator, how), operator, how.width);

describe('operators', () => {
  test('are all seven of an encoder-decoder, and five of one stack', () => {
    expect(operatorsOf(small)).toEqual(['NL', 'EL', 'DL', 'DM', 'FF', 'NH', 'KV']);
    for (const name of ['gpt2', 'bert-base-uncased']) {
      expect(operatorsOf(presetShape(name)!)).toEqual(['NL', 'DM', 'FF', 'NH', 'KV']);
    }
  });

  test('name the dimensions that they grow', () => {
    expect(sizesOf(small, 'NL', 'alone')).toEqual({ encoderLayers: 6, decoderLayers: 6 });
    expect(sizesOf(presetShape('gpt2')!, 'NL', 'alone')).toEqual({ decoderLayers: 12 });
    expect(sizesOf(presetShape('bert-base-uncased')!, 'NL', 'alone')).toEqual({ encoderLayers: 12 });
    expect(sizesOf(small, 'DM', 'alone')).toEqual({ dModel: 512 });
    expect(sizesOf(small, 'DM', 'uniform')).toEqual({ dModel: 512, dFf: 2048, heads: 8 });
  });
});

describe('growing by a factor', () => {
  test('touches nothing but the dimension, and what must follow it', () => {
    const { name, ...rest } = small;
    expect(grow(small, 'NL', 1.5, 'alone')).toEqual({ ...rest, name, encoderLayers: 9, decoderLayers: 9 });
    expect(grow(small, 'DL', 1.25, 'alone')).toEqual({ ...rest, name, decoderLayers: 7.5 });
    expect(grow(small, 'DM', 1.5, 'alone')).toEqual({ ...rest, name, dModel: 768, dEmbedding: 768 });
    expect(grow(small, 'NH', 1.25, 'alone')).toEqual({ ...rest, name, heads: 10, kvHeads: 10 });
    expect(grow(small, 'DM', 1.5, 'uniform')).toEqual({
      ...{ ...rest, name, dModel: 768, dEmbedding: 768 },
      ...{ dFf: 3072, heads: 12, kvHeads: 12 },
    });
  });

  test('leaves an embedding of another width, and a key-value head that all share', () => {
    const opt = presetShape('opt-350m')!;
    expect(opt.dEmbedding).toBe(512);
    expect(grow(opt, 'DM', 2, 'alone')).toMatchObject({ dModel: 2048, dEmbedding: 512 });
    const shared = llamaShape('shared', { layers: 4, dModel: 512, dFf: 1024, heads: 8, kvHeads: 1, vocab: 32000 });
    expect(grow(shared, 'NH', 1.5, 'alone')).toMatchObject({ heads: 12, kvHeads: 1 });
    expect(nextShape(shared, 'NH', growth)).toMatchObject({ heads: 9, kvHeads: 1 });
  });
});

describe('the next shape', () => {
  test.each<[OperatorName, object]>([
    ['NL', { encoderLayers: 7, decoderLayers: 7 }],
    ['EL', { encoderLayers: 7 }],
    ['DL', { decoderLayers: 7 }],
    ['DM', { dModel: 576 }],
    ['FF', { dFf: 2176 }],
    ['NH', { heads: 9 }],
    ['KV', { dKv: 128 }],
  ])('of t5-small by %s', (operator, sizes) => {
    expect(next(small, operator)).toEqual(sizes);
  });

  test('is the multiple above where a size is none', () => {
    expect(next({ ...small, dModel: 500, dEmbedding: 500 }, 'DM')).toEqual({ dModel: 512 });
    expect(next({ ...small, dKv: 32 }, 'KV')).toEqual({ dKv: 64 });
    const steps = resolveGrowth({ dModelStep: 128, dFfStep: 256, dKvStep: 8 });
    expect(next(small, 'DM', steps)).toEqual({ dModel: 640 });
    expect(next(small, 'FF', steps)).toEqual({ dFf: 2304 });
    expect(next(small, 'KV', steps)).toEqual({ dKv: 72 });
  });

  test('keeps the proportion of unequal stacks, and groups of heads', () => {
    expect(next({ ...small, encoderLayers: 12 }, 'NL')).toEqual({ encoderLayers: 14, decoderLayers: 7 });
    expect(next({ ...small, decoderLayers: 2 }, 'NL')).toEqual({ encoderLayers: 9, decoderLayers: 3 });
    // 32 query heads on 8 key-value heads.
    expect(nextShape(presetShape('llama-3-8b')!, 'NH', growth)).toMatchObject({ heads: 36, kvHeads: 9 });
  });

  test('widens everything where asked', () => {
    // 9/8 of 512, 2048 and 8.
    expect(next(small, 'DM', uniform)).toEqual({ dModel: 576, dFf: 2304, heads: 9 });
    // Four query heads come with a key-value head: 36/32 of 4096 and 14336.
    expect(next(presetShape('llama-3-8b')!, 'DM', uniform)).toEqual({ dModel: 4608, dFf: 16_128, heads: 36 });
    // A head more of 128 would be less than a step of width: 17/16 of 1024, 65536 and 128.
    expect(next(presetShape('t5-11b')!, 'DM', uniform)).toEqual({ dModel: 1088, dFf: 69_632, heads: 136 });
  });

  test('is valid and larger by every count, whatever the shape', () => {
    fc.assert(
      fc.property(arbitraryShape, fc.constantFrom(growth, uniform), (shape, how) => {
        // A width that reaches that of a wider embedding saves the projections between them.
        fc.pre(shape.dEmbedding <= shape.dModel);
        const lengths = { encoderTokens: 12, decoderTokens: 7 };
        for (const operator of operatorsOf(shape)) {
          const larger = nextShape(shape, operator, how);
          expect(() => parseShape(larger)).not.toThrow();
          expect(countFlops(larger, lengths).training).toBeGreaterThan(countFlops(shape, lengths).training);
          expect(countParameters(larger).total).toBeGreaterThan(countParameters(shape).total);
        }
      }),
    );
  });

  test.each(['t5-small', 't5-v1.1-base', 'llama-3-8b', 'llama-7b', 't5-efficient-base-dm256'])(
    'of %s has a name that reads back as the shape',
    (name) => {
      const shape = presetShape(name)!;
      for (const operator of operatorsOf(shape)) {
        const larger = nextShape(shape, operator, growth);
        expect(parseInlineShape(larger.name)).toEqual(larger);
      }
    },
  );

  test('is named after what it came from where dimensions do not say all of it', () => {
    const one = nextShape(presetShape('gpt2')!, 'NL', growth);
    expect(one.name).toMatch(/^gpt2 \(layers=13,d=768,ff=3072,kv=64,h=12/);
    expect(nextShape(one, 'FF', growth).name).toMatch(/^gpt2 \(layers=13,d=768,ff=3200,/);
    expect(nextShape({ ...small, tokenTypes: 2 }, 'EL', growth).name).toMatch(/^t5-small \(enc=7,dec=6,/);
  });
});

test.each([{ dModelStep: 0 }, { dFfStep: 1.5 }, { dKvStep: -64 }, { width: 'both' as never }])(
  'refuses %j',
  (options) => {
    expect(() => resolveGrowth(options)).toThrow(expect.objectContaining({ code: 'bad-usage' }));
  },
);
