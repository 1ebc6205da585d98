import fc from 'fast-check';
import type { Shape } from '../src/flops/shape.js';

const size = (max: number) => fc.integer({ min: 1, max });

/** Any valid shape, small enough that every count of it is an exact integer. */
export const arbitraryShape: fc.Arbitrary<Shape> = fc
  .record({
    kind: fc.constantFrom('encoder-decoder' as const, 'decoder' as const, 'encoder' as const),
    encoderLayers: size(4),
    decoderLayers: size(4),
    dModel: size(64),
    dFf: size(128),
    dKv: size(16),
    kvHeads: size(4),
    group: size(4),
    vocab: size(1000),
    dEmbedding: fc.option(size(64)),
    feedForward: fc.constantFrom('plain' as const, 'gated' as const),
    tiedEmbeddings: fc.boolean(),
    positions: fc.oneof(
      fc.record({ kind: fc.constant('relative' as const), buckets: size(32) }),
      fc.record({ kind: fc.constant('learned' as const), rows: size(128) }),
      fc.constant({ kind: 'rotary' as const }),
      fc.constant({ kind: 'none' as const }),
    ),
    norms: fc.record({
      kind: fc.constantFrom('rms' as const, 'layer' as const),
      perSublayer: fc.constantFrom(1 as const, 2 as const),
      final: fc.boolean(),
      embedding: fc.boolean(),
      queryKey: fc.boolean(),
    }),
    biases: fc.record({ queryKeyValue: fc.boolean(), attentionOutput: fc.boolean(), feedForward: fc.boolean() }),
    experts: fc.option(fc.tuple(size(6), size(6)).map(([a, b]) => ({ count: Math.max(a, b), active: Math.min(a, b) }))),
    tokenTypes: fc.nat(3),
    head: fc.constantFrom('lm' as const, 'bert' as const, 'none' as const),
  })
  .map(({ group, dEmbedding, head, ...rest }) => ({
    ...rest,
    name: 'arbitrary',
    encoderLayers: rest.kind === 'decoder' ? 0 : rest.encoderLayers,
    decoderLayers: rest.kind === 'encoder' ? 0 : rest.decoderLayers,
    heads: rest.kvHeads * group,
    dEmbedding: dEmbedding ?? rest.dModel,
    head: head === 'bert' && rest.kind !== 'encoder' ? 'lm' : head,
  }));

/** One parameter tensor: a vector or a matrix. */
export interface Tensor {
  readonly size: readonly number[];
  /** `lookup`: a table that is read by index; `output`: an untied output projection; `product`: another factor of matrix products. */
  readonly role: 'lookup' | 'output' | 'product' | 'other';
  /** The number of the expert that it belongs to. */
  readonly expert?: number;
}

export function elements(tensors: readonly Tensor[]): number {
  return tensors.reduce((sum, { size }) => sum + size.reduce((product, length) => product * length, 1), 0);
}

/** Every parameter tensor of a shape, module by module as an implementation allocates them. */
export function tensorsOf(shape: Shape): Tensor[] {
  const { dModel, dFf, dKv, heads, kvHeads, vocab, dEmbedding, norms, biases, positions } = shape;
  const tensors: Tensor[] = [];
  const vector = (length: number) => tensors.push({ size: [length], role: 'other' });
  const linear = (from: number, to: number, bias: boolean) => {
    tensors.push({ size: [from, to], role: 'product' });
    if (bias) vector(to);
  };
  const norm = (width: number) => {
    vector(width);
    if (norms.kind === 'layer') vector(width);
  };
  const sublayerNorms = () => {
    for (let i = 0; i < norms.perSublayer; i++) norm(dModel);
  };
  const attention = () => {
    linear(dModel, heads * dKv, biases.queryKeyValue);
    linear(dModel, kvHeads * dKv, biases.queryKeyValue);
    linear(dModel, kvHeads * dKv, biases.queryKeyValue);
    linear(heads * dKv, dModel, biases.attentionOutput);
    if (norms.queryKey) {
      norm(dKv);
      norm(dKv);
    }
    sublayerNorms();
  };
  const feedForward = () => {
    linear(dModel, dFf, biases.feedForward);
    if (shape.feedForward === 'gated') linear(dModel, dFf, biases.feedForward);
    linear(dFf, dModel, biases.feedForward);
  };
  const mixture = () => {
    if (shape.experts === null) feedForward();
    else {
      linear(dModel, shape.experts.count, false);
      for (let expert = 0; expert < shape.experts.count; expert++) {
        const before = tensors.length;
        feedForward();
        for (let i = before; i < tensors.length; i++) tensors[i] = { ...tensors[i]!, expert };
      }
    }
    sublayerNorms();
  };
  const stack = (layers: number, cross: boolean) => {
    if (positions.kind === 'relative') tensors.push({ size: [positions.buckets, heads], role: 'other' });
    if (positions.kind === 'learned') tensors.push({ size: [positions.rows, dModel], role: 'lookup' });
    if (norms.embedding) norm(dModel);
    for (let layer = 0; layer < layers; layer++) {
      attention();
      if (cross) attention();
      mixture();
    }
    if (norms.final) norm(dModel);
  };

  tensors.push({ size: [vocab, dEmbedding], role: 'lookup' });
  if (shape.tokenTypes > 0) tensors.push({ size: [shape.tokenTypes, dModel], role: 'lookup' });
  if (dEmbedding !== dModel) {
    linear(dEmbedding, dModel, false);
    linear(dModel, dEmbedding, false);
  }
  if (shape.kind !== 'decoder') stack(shape.encoderLayers, false);
  if (shape.kind !== 'encoder') stack(shape.decoderLayers, shape.kind === 'encoder-decoder');
  if (shape.head === 'bert') {
    linear(dModel, dModel, true);
    linear(dModel, dModel, true);
    norm(dModel);
    linear(dModel, 2, true);
    vector(vocab);
  }
  if (shape.head !== 'none' && !shape.tiedEmbeddings) tensors.push({ size: [dEmbedding, vocab], role: 'output' });
  return tensors;
}
