import type { Shape } from './shape.js';

/** Parameters by what they belong to; an absent part counts 0. */
export interface ParameterComponents {
  readonly embedding: number;
  /** Learned positions, or T5's relative position buckets. */
  readonly positions: number;
  readonly tokenTypes: number;
  /** The two matrices between dEmbedding and dModel, where these differ. */
  readonly embeddingProjection: number;
  readonly encoderAttention: number;
  readonly encoderFeedForward: number;
  readonly decoderAttention: number;
  readonly crossAttention: number;
  readonly decoderFeedForward: number;
  /** Routers of a mixture of experts. */
  readonly router: number;
  readonly norms: number;
  /** The output projection; 0 where it is the embedding table itself. */
  readonly outputProjection: number;
  /** BERT's pooler and pre-training heads, but for the tied projection. */
  readonly head: number;
}

/** Parameters under each convention; all integers. */
export interface ParameterCount {
  /** Everything that the reference implementation allocates, tied tables once. */
  readonly total: number;
  /** `total` less token, learned-position and token-type embeddings and an untied output projection. */
  readonly nonEmbedding: number;
  /** Weights of matrix products: attention, feed-forward (every expert), projections; the output projection even when tied. */
  readonly matmul: number;
  /** `total` less the experts that a token does not visit; `total` where there are none. */
  readonly active: number;
  readonly components: ParameterComponents;
}

/** Matrices of one attention: queries and output on all heads, keys and values on kvHeads. */
export function attentionMatrices(shape: Shape): number {
  return 2 * shape.dModel * shape.dKv * (shape.heads + shape.kvHeads);
}

/** Matrices of one feed-forward (of one expert): 2, or 3 where it is gated. */
export function feedForwardMatrices(shape: Shape): number {
  return (shape.feedForward === 'gated' ? 3 : 2) * shape.dModel * shape.dFf;
}

/** Norms of both stacks, without those on queries and keys. */
function normCount(shape: Shape): number {
  const { norms, encoderLayers, decoderLayers } = shape;
  const decoderSublayers = shape.kind === 'encoder-decoder' ? 3 : 2;
  const stacks = shape.kind === 'encoder-decoder' ? 2 : 1;
  const sublayers = 2 * encoderLayers + decoderSublayers * decoderLayers;
  return norms.perSublayer * sublayers + stacks * ((norms.final ? 1 : 0) + (norms.embedding ? 1 : 0));
}

/**
 * Counts parameters by component, equal to what the reference implementation (Hugging Face `transformers`) allocates.
 * For T5 the total is `V d + EL (4 d h kv + 2 d ff + 2 d) + DL (8 d h kv + 2 d ff + 3 d) + 2 * 32 h + 2 d`.
 */
export function countParameters(shape: Shape): ParameterCount {
  const { dModel: d, dFf, dKv, heads, kvHeads, vocab, dEmbedding, encoderLayers, decoderLayers, biases } = shape;
  const stacks = shape.kind === 'encoder-decoder' ? 2 : 1;
  const crossLayers = shape.kind === 'encoder-decoder' ? decoderLayers : 0;
  const layers = encoderLayers + decoderLayers;
  const gated = shape.feedForward === 'gated';
  const experts = shape.experts?.count ?? 1;
  const normVector = shape.norms.kind === 'layer' ? 2 : 1;

  const attentionMatrix = attentionMatrices(shape);
  const attention =
    attentionMatrix + (biases.queryKeyValue ? dKv * (heads + 2 * kvHeads) : 0) + (biases.attentionOutput ? d : 0);
  const feedForwardMatrix = feedForwardMatrices(shape);
  const expert = feedForwardMatrix + (biases.feedForward ? (gated ? 2 : 1) * dFf + d : 0);
  const projection = dEmbedding === d ? 0 : 2 * dEmbedding * d;

  const components: ParameterComponents = {
    embedding: vocab * dEmbedding,
    positions: positionParameters(shape, stacks),
    tokenTypes: shape.tokenTypes * d,
    embeddingProjection: projection,
    encoderAttention: encoderLayers * attention,
    encoderFeedForward: encoderLayers * experts * expert,
    decoderAttention: decoderLayers * attention,
    crossAttention: crossLayers * attention,
    decoderFeedForward: decoderLayers * experts * expert,
    router: shape.experts === null ? 0 : layers * d * experts,
    norms:
      normCount(shape) * normVector * d + (shape.norms.queryKey ? (layers + crossLayers) * 2 * normVector * dKv : 0),
    outputProjection: shape.tiedEmbeddings || shape.head === 'none' ? 0 : vocab * dEmbedding,
    // The pooler, the transform with its norm, the projection's bias, and the next-sentence classifier.
    head: shape.head === 'bert' ? 2 * (d * d + d) + normVector * d + vocab + 2 * d + 2 : 0,
  };
  const total =
    components.embedding +
    components.positions +
    components.tokenTypes +
    components.embeddingProjection +
    components.encoderAttention +
    components.encoderFeedForward +
    components.decoderAttention +
    components.crossAttention +
    components.decoderFeedForward +
    components.router +
    components.norms +
    components.outputProjection +
    components.head;
  const learnedPositions = shape.positions.kind === 'learned' ? components.positions : 0;
  return {
    total,
    nonEmbedding: total - components.embedding - learnedPositions - components.tokenTypes - components.outputProjection,
    matmul:
      (layers + crossLayers) * attentionMatrix +
      layers * experts * feedForwardMatrix +
      components.router +
      projection +
      (shape.head === 'none' ? 0 : vocab * dEmbedding) +
      (shape.head === 'bert' ? 2 * d * d + 2 * d : 0),
    active: total - layers * (experts - (shape.experts?.active ?? 1)) * expert,
    components,
  };
}

function positionParameters(shape: Shape, stacks: number): number {
  const { positions } = shape;
  if (positions.kind === 'relative') return stacks * positions.buckets * shape.heads;
  if (positions.kind === 'learned') return stacks * positions.rows * shape.dModel;
  return 0;
}
