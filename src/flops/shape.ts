/** How a stack knows the order of its tokens. */
export type Positions =
  /** T5's buckets of relative distance: one table of `buckets` x heads a stack, shared by its layers. */
  | { readonly kind: 'relative'; readonly buckets: number }
  /** A learned table of `rows` vectors of width dModel. */
  | { readonly kind: 'learned'; readonly rows: number }
  /** Rotations of queries and keys, or none: no parameters. */
  | { readonly kind: 'rotary' }
  | { readonly kind: 'none' };

/** Normalisation layers: which kind, and where they stand. */
export interface Norms {
  /** `rms` has a weight vector; `layer` a weight and a bias vector. */
  readonly kind: 'rms' | 'layer';
  /** Norms around each sublayer (attention, cross-attention, feed-forward): 1, or 2 where its output is normalised too (Gemma 2). */
  readonly perSublayer: 1 | 2;
  /** Whether a norm ends each stack. */
  readonly final: boolean;
  /** Whether a norm follows the embedding (BERT). */
  readonly embedding: boolean;
  /** Whether queries and keys are normalised, with one vector of width dKv each a layer (Qwen 3, Gemma 3). */
  readonly queryKey: boolean;
}

/** Which matrix products carry a bias vector. */
export interface Biases {
  readonly queryKeyValue: boolean;
  readonly attentionOutput: boolean;
  readonly feedForward: boolean;
}

/** A mixture of experts in every layer: `count` feed-forwards of width dFf, of which a router picks `active` for each token. */
export interface Experts {
  readonly count: number;
  readonly active: number;
}

/** The shape of a Transformer: everything that decides its parameters and FLOPs, and nothing else. */
export interface Shape {
  readonly name: string;
  readonly kind: 'encoder-decoder' | 'decoder' | 'encoder';
  /** Layers of the encoder; 0 for a decoder. */
  readonly encoderLayers: number;
  /** Layers of the decoder; 0 for an encoder. */
  readonly decoderLayers: number;
  /** Width of the residual stream. */
  readonly dModel: number;
  /** Inner width of the feed-forward (of one expert, in a mixture of experts). */
  readonly dFf: number;
  /** Width of one attention head. */
  readonly dKv: number;
  /** Query heads a layer. */
  readonly heads: number;
  /** Key and value heads a layer; fewer than `heads` in grouped-query attention. */
  readonly kvHeads: number;
  /** Rows of the embedding table as allocated, padding included. */
  readonly vocab: number;
  /** Width of the embedding table; where it is not dModel, two matrices project in and out (OPT-350m). */
  readonly dEmbedding: number;
  /** `plain`: two matrices; `gated`: three (GLU). */
  readonly feedForward: 'plain' | 'gated';
  /** Whether the output projection is the embedding table itself. */
  readonly tiedEmbeddings: boolean;
  readonly positions: Positions;
  readonly norms: Norms;
  readonly biases: Biases;
  readonly experts: Experts | null;
  /** Rows of the token type embedding (BERT's segments); 0 for none. */
  readonly tokenTypes: number;
  /** What stands on top: `lm`, the output projection; `bert`, BERT's pre-training heads; `none`. */
  readonly head: 'lm' | 'bert' | 'none';
}

/** The fields that every T5 shape must state, and those it may. */
export interface T5Dimensions {
  readonly encoderLayers: number;
  readonly decoderLayers: number;
  readonly dModel: number;
  readonly dFf: number;
  readonly dKv: number;
  readonly heads: number;
  /** Defaults to 32128, the sentencepiece vocabulary padded to a multiple of 128. */
  readonly vocab?: number;
  /** Defaults to `plain`. */
  readonly feedForward?: 'plain' | 'gated';
  /** Defaults to true. */
  readonly tiedEmbeddings?: boolean;
}

/** A T5 encoder-decoder: RMS norms, no biases, 32 relative position buckets a stack (Raffel et al. 2020). */
export function t5Shape(name: string, dimensions: T5Dimensions): Shape {
  return {
    name,
    kind: 'encoder-decoder',
    encoderLayers: dimensions.encoderLayers,
    decoderLayers: dimensions.decoderLayers,
    dModel: dimensions.dModel,
    dFf: dimensions.dFf,
    dKv: dimensions.dKv,
    heads: dimensions.heads,
    kvHeads: dimensions.heads,
    vocab: dimensions.vocab ?? 32128,
    dEmbedding: dimensions.dModel,
    feedForward: dimensions.feedForward ?? 'plain',
    tiedEmbeddings: dimensions.tiedEmbeddings ?? true,
    positions: { kind: 'relative', buckets: 32 },
    norms: { kind: 'rms', perSublayer: 1, final: true, embedding: false, queryKey: false },
    biases: { queryKeyValue: false, attentionOutput: false, feedForward: false },
    experts: null,
    tokenTypes: 0,
    head: 'lm',
  };
}

/** The fields that tell decoders of one lineage apart. */
export interface DecoderDimensions {
  readonly layers: number;
  readonly dModel: number;
  readonly dFf: number;
  readonly heads: number;
  readonly vocab: number;
  /** Defaults to dModel / heads. */
  readonly dKv?: number;
  /** Defaults to `heads`. */
  readonly kvHeads?: number;
  /** Defaults to false. */
  readonly tiedEmbeddings?: boolean;
  /** Defaults to null. */
  readonly experts?: Experts | null;
}

/** A decoder as Llama made it common: RMS norms, gated feed-forward, rotary positions, no biases, untied embeddings. */
export function llamaShape(name: string, dimensions: DecoderDimensions): Shape {
  return {
    name,
    kind: 'decoder',
    encoderLayers: 0,
    decoderLayers: dimensions.layers,
    dModel: dimensions.dModel,
    dFf: dimensions.dFf,
    dKv: dimensions.dKv ?? dimensions.dModel / dimensions.heads,
    heads: dimensions.heads,
    kvHeads: dimensions.kvHeads ?? dimensions.heads,
    vocab: dimensions.vocab,
    dEmbedding: dimensions.dModel,
    feedForward: 'gated',
    tiedEmbeddings: dimensions.tiedEmbeddings ?? false,
    positions: { kind: 'rotary' },
    norms: { kind: 'rms', perSublayer: 1, final: true, embedding: false, queryKey: false },
    biases: { queryKeyValue: false, attentionOutput: false, feedForward: false },
    experts: dimensions.experts ?? null,
    tokenTypes: 0,
    head: 'lm',
  };
}

/** A decoder as GPT-2 made it common: layer norms, plain feed-forward, biases everywhere, learned positions, tied embeddings. */
export function gptShape(name: string, dimensions: DecoderDimensions & { readonly positions: Positions }): Shape {
  return {
    ...llamaShape(name, dimensions),
    feedForward: 'plain',
    tiedEmbeddings: dimensions.tiedEmbeddings ?? true,
    positions: dimensions.positions,
    norms: { kind: 'layer', perSublayer: 1, final: true, embedding: false, queryKey: false },
    biases: { queryKeyValue: true, attentionOutput: true, feedForward: true },
  };
}

/** BERT with its pre-training heads: post-norm encoder, biases everywhere, 512 positions, two segments (Devlin et al. 2019). */
export function bertShape(
  name: string,
  dimensions: { readonly layers: number; readonly dModel: number; readonly heads: number; readonly vocab: number },
): Shape {
  const { layers, dModel, heads, vocab } = dimensions;
  return {
    ...gptShape(name, { layers, dModel, heads, vocab, dFf: 4 * dModel, positions: { kind: 'learned', rows: 512 } }),
    kind: 'encoder',
    encoderLayers: layers,
    decoderLayers: 0,
    norms: { kind: 'layer', perSublayer: 1, final: false, embedding: true, queryKey: false },
    tokenTypes: 2,
    head: 'bert',
  };
}

/** The dimensions of a shape that a run record states. */
export function dimensionsOf(
  shape: Shape,
): Pick<Shape, 'encoderLayers' | 'decoderLayers' | 'dModel' | 'dFf' | 'dKv' | 'heads' | 'vocab'> {
  const { encoderLayers, decoderLayers, dModel, dFf, dKv, heads, vocab } = shape;
  return { encoderLayers, decoderLayers, dModel, dFf, dKv, heads, vocab };
}
