import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbitraryShape, elements, tensorsOf } from '../../tests/arbitrary-shape.js';
import {
  inferenceMemory,
  type Optimizer,
  type Recomputation,
  type TrainingMemoryOptions,
  type TrainingPrecision,
  trainingMemory,
  type ZeroStage,
} from './memory.js';
import { countParameters } from './parameters.js';
import { presetShape } from './presets/index.js';
import { gptShape, llamaShape, type Shape, t5Shape } from './shape.js';

const lengths = { encoderTokens: 512, decoderTokens: 114 };
const once = { ...lengths, batch: 1 };
const stages = [0, 1, 2, 3] as const;
const recomputations = ['none', 'selective', 'full'] as const;

/** Activations of the layers alone. */
function layerBytes(shape: Shape, options: TrainingMemoryOptions): number {
  const { output, ...layers } = trainingMemory(shape, options).activations;
  return Object.values(layers).reduce((sum, bytes) => sum + bytes, 0);
}

function stateBytes(shape: Shape, options: Partial<TrainingMemoryOptions>): number {
  const { weights, gradients, masterWeights, optimizerState } = trainingMemory(shape, { ...once, ...options });
  return weights + gradients + masterWeights + optimizerState;
}

function gpt(layers: number, heads: number, dKv: number): Shape {
  const dModel = heads * dKv;
  return gptShape('gpt', { layers, dModel, dFf: 4 * dModel, heads, vocab: 1000, positions: { kind: 'none' } });
}

describe('activations', () => {
  // Korthikanti et al. 2022, equation 1 and table 2: s b h (34 + 5 a s / h) bytes a layer, 34 s b h with selective and
  // 2 s b h with full recomputation; 16 bits and dropout masks of a byte.
  it('of a GPT follow Korthikanti et al.', () => {
    const small = fc.integer({ min: 1, max: 64 });
    fc.assert(
      fc.property(small, small, small, small, small, (layers, heads, dKv, tokens, batch) => {
        const options = { encoderTokens: 0, decoderTokens: tokens, batch, dropout: true };
        const shape = gpt(layers, heads, dKv);
        const h = heads * dKv;
        const bytes = (recomputation: Recomputation) => layerBytes(shape, { ...options, recomputation });
        expect(bytes('none')).toBe(layers * tokens * batch * (34 * h + 5 * heads * tokens));
        expect(bytes('selective')).toBe(layers * tokens * batch * 34 * h);
        expect(bytes('full')).toBe(layers * tokens * batch * 2 * h);
        // Section 4.3: the mask of the embedded tokens, the inputs of the last norm and of the projection, logits in fp32.
        expect(trainingMemory(shape, options).activations.output).toBe(tokens * batch * (h + 4 * h + 4 * 1000));
      }),
    );
  });

  // Section 5 of the same: selective recomputation saves 70% for GPT-3 and 65% for MT-NLG.
  it.each([
    ['GPT-3', 96, 96, 128, 0.7],
    ['MT-NLG', 105, 128, 160, 0.65],
  ])('of %s shrink as published', (_name, layers, heads, dKv, saved) => {
    const options = { encoderTokens: 0, decoderTokens: 2048, batch: 1, dropout: true };
    const bytes = (recomputation: Recomputation) => layerBytes(gpt(layers, heads, dKv), { ...options, recomputation });
    expect(1 - bytes('selective') / bytes('none')).toBeCloseTo(saved, 2);
  });

  it('without dropout lack its masks and its output', () => {
    const options = { encoderTokens: 0, decoderTokens: 64, batch: 3, recomputation: 'none' } as const;
    const shape = gpt(2, 4, 8);
    const difference = layerBytes(shape, { ...options, dropout: true }) - layerBytes(shape, options);
    // A byte for each number after attention and feed-forward, three for each head and pair of tokens.
    expect(difference).toBe(2 * 3 * 64 * (2 * 32 + 3 * 4 * 64));
  });

  // One layer a stack, of width 8: 2 query heads and 1 key head of width 4, a gated feed-forward of width 16, 3 encoder and
  // 2 decoder tokens, 16 bits and dropout. What is kept, tensor by tensor, as [tokens, numbers, bytes a number].
  it('of an encoder-decoder with grouped queries and gates are those that backward reads', () => {
    const dimensions = { encoderLayers: 1, decoderLayers: 1, dModel: 8, dFf: 16, dKv: 4, heads: 2, vocab: 10 };
    const shape: Shape = { ...t5Shape('t5', { ...dimensions, feedForward: 'gated' }), kvHeads: 1 };
    const sum = (kept: readonly (readonly [number, number, number])[]) =>
      kept.reduce((bytes, [tokens, numbers, width]) => bytes + tokens * numbers * width, 0);
    const attention = (queries: number, keys: number) =>
      sum([
        [queries, 8, 2], // queries
        [keys, 4, 2], // keys
        [keys, 4, 2], // values
        [queries, 8, 2], // input of the output projection
        [queries, 8, 1], // mask of its output
      ]);
    const core = (queries: number, keys: number) =>
      sum([
        [queries, 2 * keys, 2], // softmax
        [queries, 2 * keys, 1], // mask
        [queries, 2 * keys, 2], // dropped-out softmax
      ]);
    const selfInputs = sum([
      [3, 8, 2],
      [2, 8, 2],
    ]);
    const feedForward = (tokens: number) =>
      sum([
        [tokens, 8, 2], // input
        [tokens, 16, 2], // gate before its non-linearity
        [tokens, 16, 2], // gate after it
        [tokens, 16, 2], // what it gates
        [tokens, 16, 2], // product, input of the last matrix
        [tokens, 8, 1], // mask of its output
      ]);
    const activations = (recomputation: Recomputation) =>
      trainingMemory(shape, { encoderTokens: 3, decoderTokens: 2, batch: 1, dropout: true, recomputation }).activations;
    expect(activations('none')).toEqual({
      attention: selfInputs + attention(3, 3) + attention(2, 2),
      attentionCore: core(3, 3) + core(2, 2) + core(2, 3),
      // Its queries read the decoder, its keys and values the encoder's output.
      crossAttention: sum([[2, 8, 2]]) + sum([[3, 8, 2]]) + attention(2, 3),
      feedForward: feedForward(3) + feedForward(2),
      // Inputs of two norms an encoder layer and three a decoder layer.
      norms: sum([
        [3, 16, 2],
        [2, 24, 2],
      ]),
      // Inputs of the last norm and of the projection, logits, masks of the embedded tokens.
      output: sum([
        [2, 8, 2],
        [2, 8, 2],
        [2, 10, 4],
        [5, 8, 1],
      ]),
    });
    expect(activations('selective')).toEqual({ ...activations('none'), attentionCore: 0 });
    // The input of either layer, and the encoder's output for cross-attention.
    expect(activations('full')).toEqual({
      ...{ attention: 0, attentionCore: 0, crossAttention: 0, feedForward: 0 },
      norms: sum([
        [3, 8, 2],
        [2, 8, 2],
        [3, 8, 2],
      ]),
      output: activations('none').output,
    });
  });

  it('keep the inputs of norms after a sublayer too', () => {
    const shape = t5Shape('t5', { encoderLayers: 2, decoderLayers: 3, dModel: 8, dFf: 16, dKv: 4, heads: 2 });
    const twice: Shape = { ...shape, norms: { ...shape.norms, perSublayer: 2 } };
    const { norms } = trainingMemory(twice, once).activations;
    expect(norms).toBe(2 * 8 * (2 * 4 * 512 + 3 * 6 * 114));
    expect(norms).toBe(2 * trainingMemory(shape, once).activations.norms);
  });

  it('keep the inner widths of the experts that a token visits', () => {
    const dimensions = { layers: 1, dModel: 8, dFf: 16, heads: 2, vocab: 10, experts: { count: 4, active: 2 } };
    const { feedForward } = trainingMemory(llamaShape('moe', dimensions), {
      encoderTokens: 0,
      decoderTokens: 5,
      batch: 1,
    }).activations;
    expect(feedForward).toBe(5 * 2 * (8 + 2 * 4 * 16));
  });

  it('grow with the batch in proportion', () => {
    fc.assert(
      fc.property(
        arbitraryShape,
        fc.integer({ min: 1, max: 64 }),
        fc.constantFrom(...recomputations),
        fc.boolean(),
        (shape, batch, recomputation, dropout) => {
          const one = trainingMemory(shape, { ...once, recomputation, dropout });
          const many = trainingMemory(shape, { ...once, recomputation, dropout, batch });
          for (const [name, bytes] of Object.entries(one.activations)) {
            expect(many.activations[name as keyof typeof many.activations]).toBe(batch * bytes);
          }
          expect(many.total - one.total).toBe(
            (batch - 1) * Object.values(one.activations).reduce((sum, bytes) => sum + bytes, 0),
          );
        },
      ),
    );
  });

  it('never grow with more recomputation', () => {
    fc.assert(
      fc.property(
        arbitraryShape,
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 1, max: 300 }),
        fc.boolean(),
        (shape, encoderTokens, decoderTokens, dropout) => {
          const [none, selective, full] = recomputations.map((recomputation) =>
            layerBytes(shape, { encoderTokens, decoderTokens, batch: 1, recomputation, dropout }),
          );
          expect(selective).toBeLessThan(none!);
          expect(full).toBeLessThan(selective!);
        },
      ),
    );
  });
});

describe('training state', () => {
  // Bytes a parameter: weights, gradients, master copy, optimizer (Rajbhandari et al. 2020, section 3.1, for mixed precision).
  it.each([
    ['mixed-bf16', 'adamw', 2, 2, 4, 8],
    ['mixed-fp16', 'adamw', 2, 2, 4, 8],
    ['mixed-bf16', 'sgd-momentum', 2, 2, 4, 4],
    ['mixed-bf16', 'sgd', 2, 2, 4, 0],
    ['fp32', 'adamw', 4, 4, 0, 8],
    ['fp32', 'sgd', 4, 4, 0, 0],
    ['bf16', 'adamw', 2, 2, 0, 8],
  ] as const)('in %s with %s', (precision, optimizer, weights, gradients, masterWeights, optimizerState) => {
    const shape = presetShape('t5-small')!;
    const parameters = 60_506_624;
    expect(trainingMemory(shape, { ...once, precision, optimizer })).toMatchObject({
      weights: weights * parameters,
      gradients: gradients * parameters,
      masterWeights: masterWeights * parameters,
      optimizerState: optimizerState * parameters,
    });
  });

  // Rajbhandari et al. 2020, figure 1: 7.5e9 parameters on 64 devices. A shape of exactly as many: each of 7.5e6 rows of
  // width 1,000 is one of the embedding, but for 4 of attention, 2 of the feed-forward and 2 norms.
  it('shrinks by ZeRO stage as published', () => {
    const dimensions = { layers: 1, dModel: 1000, dFf: 1, heads: 1, dKv: 1, vocab: 7_499_992, tiedEmbeddings: true };
    const norms = { kind: 'rms', perSublayer: 1, final: false, embedding: false, queryKey: false } as const;
    const shape: Shape = { ...llamaShape('7.5B', dimensions), feedForward: 'plain', norms };
    expect(countParameters(shape).total).toBe(7.5e9);
    const gigabytes = (zeroStage: ZeroStage) => stateBytes(shape, { zeroStage, dataParallel: 64 }) / 1e9;
    expect(stages.map((stage) => gigabytes(stage).toFixed(1))).toEqual(['120.0', '31.4', '16.6', '1.9']);
    expect(gigabytes(3)).toBe(1.875);
  });

  it('never grows with the ZeRO stage or with devices, nor changes on one device', () => {
    fc.assert(
      fc.property(
        arbitraryShape,
        fc.constantFrom<Optimizer>('adamw', 'adafactor', 'sgd', 'sgd-momentum'),
        fc.constantFrom<TrainingPrecision>('fp32', 'mixed-bf16', 'mixed-fp16', 'bf16'),
        fc.integer({ min: 2, max: 1000 }),
        (shape, optimizer, precision, dataParallel) => {
          const bytes = (zeroStage: ZeroStage, devices: number) =>
            stateBytes(shape, { optimizer, precision, zeroStage, dataParallel: devices });
          const [zero, ...sharded] = stages.map((stage) => bytes(stage, dataParallel));
          expect(sharded).toEqual([...sharded].sort((a, b) => b - a));
          expect(sharded[0]).toBeLessThanOrEqual(zero!);
          expect(stages.map((stage) => bytes(stage, 1))).toEqual(Array(4).fill(zero));
          for (const stage of stages) {
            expect(bytes(stage, dataParallel + 1)).toBeLessThanOrEqual(bytes(stage, dataParallel));
          }
          // Stage 3 shards all: an equal part, rounded up for each of the four.
          expect(bytes(3, dataParallel) * dataParallel).toBeGreaterThanOrEqual(zero!);
          expect(bytes(3, dataParallel) * dataParallel).toBeLessThan(zero! + 4 * dataParallel);
        },
      ),
    );
  });

  // Rows plus columns of every matrix (Shazeer & Stern 2018, section 3), every element of a vector; fp32.
  it('with Adafactor is small: T5-small by hand', () => {
    const attention = 4 * (512 + 512);
    const feedForward = 512 + 2048 + (2048 + 512);
    // The relative positions, 32 x 8, are too small to factor.
    const encoder = 6 * (attention + feedForward + 2 * 512) + 32 * 8 + 512;
    const decoder = 6 * (2 * attention + feedForward + 3 * 512) + 32 * 8 + 512;
    const numbers = 32128 + 512 + encoder + decoder;
    const { optimizerState } = trainingMemory(presetShape('t5-small')!, { ...once, optimizer: 'adafactor' });
    expect(optimizerState).toBe(4 * numbers);
  });

  it('with Adafactor has rows and columns of every matrix of 128 and more on either side, for any shape', () => {
    fc.assert(
      fc.property(arbitraryShape, (shape) => {
        const numbers = tensorsOf(shape).reduce((sum, { size }) => {
          const factored = size.length === 2 && Math.min(...size) >= 128;
          return sum + size.reduce((a, b) => (factored ? a + b : a * b));
        }, 0);
        const { optimizerState, weights } = trainingMemory(shape, { ...once, optimizer: 'adafactor' });
        expect(optimizerState).toBe(4 * numbers);
        expect(weights).toBe(2 * elements(tensorsOf(shape)));
      }),
      { numRuns: 500 },
    );
  });

  it('and activations are the total', () => {
    fc.assert(
      fc.property(arbitraryShape, fc.boolean(), (shape, dropout) => {
        const { total, activations } = trainingMemory(shape, { ...once, dropout });
        const kept = Object.values(activations).reduce((sum, bytes) => sum + bytes, 0);
        expect(total).toBe(stateBytes(shape, {}) + kept);
      }),
    );
  });
});

describe('trainingMemory', () => {
  const shape = presetShape('t5-small')!;

  it('defaults to AdamW in mixed bf16 with selective recomputation on one device, without dropout', () => {
    expect(trainingMemory(shape, once)).toEqual(
      trainingMemory(shape, {
        ...once,
        precision: 'mixed-bf16',
        optimizer: 'adamw',
        recomputation: 'selective',
        zeroStage: 0,
        dataParallel: 1,
        dropout: false,
      }),
    );
  });

  it('ignores the side that a shape lacks', () => {
    const bytes = (encoderTokens: number) => trainingMemory(gpt(1, 2, 4), { ...once, encoderTokens }).total;
    expect(bytes(Number.NaN)).toBe(bytes(0));
  });

  it.each([
    [{ batch: 0 }, 'batch must be a positive integer, not 0'],
    [{ batch: 1.5 }, 'batch must be a positive integer, not 1.5'],
    [{ dataParallel: 0 }, 'data-parallel degree must be a positive integer, not 0'],
    [{ encoderTokens: 0 }, 'encoder tokens must be a positive integer, not 0'],
    [{ decoderTokens: -1 }, 'decoder tokens must be a positive integer, not -1'],
    [{ decoderTokens: Number.NaN }, 'decoder tokens must be a positive integer, not NaN'],
    [{ precision: 'int8' }, 'unknown precision int8: fp32, mixed-bf16, mixed-fp16, bf16'],
    [{ precision: 'constructor' }, 'unknown precision constructor'],
    [{ optimizer: 'lion' }, 'unknown optimizer lion: adamw, adafactor, sgd, sgd-momentum'],
    [{ recomputation: 'some' }, 'unknown recomputation some: none, selective, full'],
    [{ zeroStage: 4 }, 'ZeRO stage must be 0 to 3, not 4'],
    [{ zeroStage: 0.5 }, 'ZeRO stage must be 0 to 3, not 0.5'],
  ])('refuses %j', (wrong, message) => {
    expect(() => trainingMemory(shape, { ...once, ...wrong } as TrainingMemoryOptions)).toThrow(
      expect.objectContaining({ code: 'bad-usage', message: expect.stringContaining(message) }),
    );
  });
});

describe('inferenceMemory', () => {
  const cacheOf = (name: string, options: Parameters<typeof inferenceMemory>[1]) =>
    inferenceMemory(presetShape(name)!, options).keyValueCache;
  const token = { encoderTokens: 0, decoderTokens: 1, batch: 1 };

  // Keys and values x layers x heads x head width x 2 bytes: half a MiB a token, an eighth with 8 heads of 32.
  it('caches keys and values of every head that has its own', () => {
    expect(cacheOf('llama-2-7b', token)).toBe(2 * 32 * 32 * 128 * 2);
    expect(cacheOf('llama-2-7b', token)).toBe(2 ** 19);
    expect(cacheOf('llama-3-8b', token)).toBe(2 * 32 * 8 * 128 * 2);
    expect(cacheOf('llama-3-8b', { ...token, decoderTokens: 8192, batch: 4 })).toBe(4 * 8192 * 2 ** 17);
    expect(cacheOf('llama-2-7b', { ...token, cacheBytes: 1 })).toBe(2 ** 18);
  });

  it('caches both attentions of an encoder-decoder, nothing of an encoder', () => {
    // 6 layers of 512 numbers, keys and values, 2 bytes: for each decoder token, and for each encoder token.
    expect(cacheOf('t5-small', { ...lengths, batch: 3 })).toBe(3 * (2 * 6 * 512 * 2) * (114 + 512));
    expect(cacheOf('bert-tiny', { encoderTokens: 512, decoderTokens: 0, batch: 3 })).toBe(0);
  });

  it('holds all weights', () => {
    const memory = inferenceMemory(presetShape('mixtral-8x7b')!, token);
    expect(memory.weights).toBe(2 * 46_702_792_704);
    expect(memory.total).toBe(memory.weights + memory.keyValueCache);
    expect(inferenceMemory(presetShape('llama-2-7b')!, { ...token, weightBytes: 0.5 }).weights).toBe(6_738_415_616 / 2);
  });

  it.each([
    [{ batch: 0 }, 'batch must be a positive integer, not 0'],
    [{ batch: Number.NaN }, 'batch must be a positive integer, not NaN'],
    [{ encoderTokens: 0 }, 'encoder tokens must be a positive integer, not 0'],
    [{ decoderTokens: -1 }, 'decoder tokens must be a positive integer, not -1'],
    [{ weightBytes: 0 }, 'bytes a weight must be positive, not 0'],
    [{ cacheBytes: Number.NaN }, 'bytes a cached number must be positive, not NaN'],
    [{ cacheBytes: Number.POSITIVE_INFINITY }, 'bytes a cached number must be positive, not Infinity'],
  ])('refuses %j', (wrong, message) => {
    expect(() => inferenceMemory(presetShape('t5-small')!, { ...once, ...wrong })).toThrow(
      expect.objectContaining({ code: 'bad-usage', message: expect.stringContaining(message) }),
    );
  });
});
