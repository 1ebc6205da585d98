import { ShapelawError } from '../../errors.js';
import { type Shape, t5Shape } from '../../flops/index.js';

/** A tensor of a model: its name in Hugging Face checkpoints and the lengths of its axes. */
export interface NamedShape {
  readonly name: string;
  readonly shape: readonly number[];
}

/** A shape with the relative positions of a T5. */
export type T5Shape = Shape & { readonly positions: { readonly kind: 'relative'; readonly buckets: number } };

/**
 * Checks that a shape is a T5's: an encoder-decoder with relative positions, RMS norms and a head for each key, without
 * biases and experts. Its feed-forward may be gated or not, its embeddings tied or not.
 *
 * @throws ShapelawError `unsupported-config`, naming the field.
 */
export function requireT5(shape: Shape): asserts shape is T5Shape {
  const relative = shape.positions.kind === 'relative' ? shape.positions : { kind: 'relative' };
  const t5 = { ...t5Shape(shape.name, shape), positions: relative };
  for (const field of [
    'kind',
    'positions',
    'norms',
    'biases',
    'experts',
    'kvHeads',
    'dEmbedding',
    'tokenTypes',
    'head',
  ] as const) {
    const [found, expected] = [JSON.stringify(shape[field]), JSON.stringify(t5[field])];
    if (found !== expected) {
      const message = `${shape.name} is not a T5: ${field} is ${found}, and a T5 has ${expected}; give the shape of a T5`;
      throw new ShapelawError('unsupported-config', message, { name: shape.name, field, value: shape[field] });
    }
  }
}

/**
 * The parameters of a T5 as Hugging Face's T5ForConditionalGeneration names them, in the order in which a forward pass
 * meets them. Matrices are [output, input], but for the tables `shared` ([vocab, dModel]) and `relative_attention_bias`
 * ([buckets, heads]).
 *
 * @throws ShapelawError `unsupported-config` where the shape is not a T5's.
 */
export function t5Tensors(shape: Shape): readonly NamedShape[] {
  requireT5(shape);
  const { dModel, dFf, vocab, heads, positions } = shape;
  const inner = heads * shape.dKv;

  const norm = (path: string): NamedShape => ({ name: `${path}.weight`, shape: [dModel] });
  const linear = (path: string, input: number, output: number): NamedShape => ({
    name: `${path}.weight`,
    shape: [output, input],
  });
  const attention = (layer: string, module: string, hasBias = false): NamedShape[] => [
    norm(`${layer}.layer_norm`),
    ...['q', 'k', 'v'].map((name) => linear(`${layer}.${module}.${name}`, dModel, inner)),
    ...(hasBias ? [linear(`${layer}.${module}.relative_attention_bias`, heads, positions.buckets)] : []),
    linear(`${layer}.${module}.o`, inner, dModel),
  ];
  const feedForward = (layer: string): NamedShape[] => [
    norm(`${layer}.layer_norm`),
    ...(shape.feedForward === 'gated' ? ['wi_0', 'wi_1'] : ['wi']).map((name) =>
      linear(`${layer}.DenseReluDense.${name}`, dModel, dFf),
    ),
    linear(`${layer}.DenseReluDense.wo`, dFf, dModel),
  ];
  const stack = (name: 'encoder' | 'decoder', layers: number): NamedShape[] => [
    ...Array.from({ length: layers }, (_, index) => {
      const block = `${name}.block.${index}.layer`;
      return [
        ...attention(`${block}.0`, 'SelfAttention', index === 0),
        ...(name === 'decoder' ? attention(`${block}.1`, 'EncDecAttention') : []),
        ...feedForward(`${block}.${name === 'decoder' ? 2 : 1}`),
      ];
    }).flat(),
    norm(`${name}.final_layer_norm`),
  ];

  return [
    linear('shared', dModel, vocab),
    ...stack('encoder', shape.encoderLayers),
    ...stack('decoder', shape.decoderLayers),
    ...(shape.tiedEmbeddings ? [] : [linear('lm_head', dModel, vocab)]),
  ];
}
