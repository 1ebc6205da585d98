import { ShapelawError } from '../errors.js';
import { attentionMatrices, countParameters, feedForwardMatrices } from './parameters.js';
import type { Shape } from './shape.js';
import { spanCorruptionLengths } from './span-corruption.js';

/** Tokens of one sequence on each side; the side that a shape lacks is 0. */
export interface SequenceLengths {
  readonly encoderTokens: number;
  readonly decoderTokens: number;
}

/**
 * What is counted:
 * - `exact`: every matrix product of forward and backward, attention scores and the output projection included;
 * - `6ND`: 2 N D forward and 4 N D backward, N all parameters (those a token visits, in a mixture of experts) and D the
 *   tokens of both sides;
 * - `kaplan`: forward 2 N a token, N without embeddings, and 2 layers context heads*dKv for attention (Kaplan et al. 2020, table 1);
 * - `chinchilla`: Hoffmann et al. 2022, appendix F, which counts embedding look-ups as products and adds the softmax.
 *
 * Kaplan and Hoffmann define theirs for decoders. For two stacks we extend them: each stack counts at its own length,
 * cross-attention as attention of the decoder's queries to the encoder's tokens.
 */
export type FlopsConvention = 'exact' | '6ND' | 'kaplan' | 'chinchilla';

export const flopsConventions: readonly FlopsConvention[] = ['exact', '6ND', 'kaplan', 'chinchilla'];

export interface ForwardBackward {
  readonly forward: number;
  readonly backward: number;
}

/** FLOPs of one sequence under one convention, 2 for a multiply and add; integers, exact up to 2^53. */
export interface FlopsCount extends SequenceLengths {
  readonly convention: FlopsConvention;
  /** Whether scores and values of causal self-attention count half. */
  readonly causal: boolean;
  readonly forward: number;
  /** Forward and backward; backward costs twice forward in matrix products. */
  readonly training: number;
  readonly components: Readonly<Record<string, ForwardBackward>>;
}

export interface FlopsOptions {
  /** Defaults to `exact`. */
  readonly convention?: FlopsConvention;
  /** Count half of the scores and values of the decoder's self-attention, as a kernel that skips masked pairs runs them. Defaults to false; only `exact` knows it. */
  readonly causal?: boolean;
}

/**
 * Lengths where not all are given: of an encoder 512 tokens, of its decoder the targets that span corruption makes of
 * them (114), of a decoder alone 2,048, or as many as it has learned positions for.
 *
 * @param encoderTokens - Encoder tokens that are given. Defaults to 512.
 */
export function defaultLengths(shape: Shape, encoderTokens = 512): SequenceLengths {
  if (shape.kind === 'decoder') {
    const positions = shape.positions.kind === 'learned' ? shape.positions.rows : 2048;
    return { encoderTokens: 0, decoderTokens: Math.min(2048, positions) };
  }
  if (shape.kind === 'encoder') return { encoderTokens, decoderTokens: 0 };
  return { encoderTokens, decoderTokens: spanCorruptionLengths(encoderTokens).decoderTokens };
}

/**
 * FLOPs of one sequence, forward and backward, by component.
 *
 * @param lengths - Tokens of one sequence, non-negative integers; the side that the shape lacks is taken as 0.
 * @throws ShapelawError `bad-usage` for lengths that are no such integers, or zero on a side that the shape has.
 */
export function countFlops(shape: Shape, lengths: SequenceLengths, options: FlopsOptions = {}): FlopsCount {
  const convention = options.convention ?? 'exact';
  const causal = options.causal ?? false;
  const { encoderTokens, decoderTokens } = lengthsOfSides(shape, lengths);
  if (!flopsConventions.includes(convention))
    throw new ShapelawError('bad-usage', `unknown FLOPs convention ${convention}: ${flopsConventions.join(', ')}`);
  if (causal && convention !== 'exact') {
    throw new ShapelawError('bad-usage', `causal halving is part of the exact convention only, not of ${convention}`);
  }
  const forward = forwardComponents[convention](shape, encoderTokens, decoderTokens, causal);
  const components: Record<string, ForwardBackward> = {};
  let sum = 0;
  for (const name in forward) {
    const value = forward[name]!;
    components[name] = { forward: value, backward: 2 * value };
    sum += value;
  }
  return { convention, causal, encoderTokens, decoderTokens, forward: sum, training: 3 * sum, components };
}

/**
 * Lengths on the sides that a shape has, 0 on the one that it lacks.
 *
 * @throws ShapelawError `bad-usage` for a length of a side that the shape has and that is no positive integer.
 */
export function lengthsOfSides(shape: Shape, lengths: SequenceLengths): SequenceLengths {
  return {
    encoderTokens: sideTokens('encoder', shape.kind !== 'decoder', lengths.encoderTokens),
    decoderTokens: sideTokens('decoder', shape.kind !== 'encoder', lengths.decoderTokens),
  };
}

/**
 * Tokens of one sequence on the sides that a shape has.
 *
 * @throws ShapelawError `bad-usage` as {@link lengthsOfSides}.
 */
export function sequenceTokens(shape: Shape, lengths: SequenceLengths): number {
  const { encoderTokens, decoderTokens } = lengthsOfSides(shape, lengths);
  return encoderTokens + decoderTokens;
}

function sideTokens(side: string, present: boolean, tokens: number): number {
  if (!present) return 0;
  if (Number.isSafeInteger(tokens) && tokens > 0) return tokens;
  throw new ShapelawError('bad-usage', `${side} tokens must be a positive integer, not ${tokens}`);
}

type Forward = (shape: Shape, encoder: number, decoder: number, causal: boolean) => Readonly<Record<string, number>>;

const forwardComponents: Readonly<Record<FlopsConvention, Forward>> = {
  exact: exactForward,
  '6ND': (shape, encoder, decoder) => ({ parameters: 2 * countParameters(shape).active * (encoder + decoder) }),
  kaplan: kaplanForward,
  chinchilla: chinchillaForward,
};

function exactForward(
  shape: Shape,
  encoder: number,
  decoder: number,
  causal: boolean,
): Readonly<Record<string, number>> {
  const { dModel: d, heads, kvHeads, dKv, vocab, dEmbedding, encoderLayers, decoderLayers } = shape;
  const crossLayers = shape.kind === 'encoder-decoder' ? decoderLayers : 0;
  const projections = 2 * attentionMatrices(shape);
  // Scores and values: each query token meets each key token once in either product.
  const pair = 4 * heads * dKv;
  const router = shape.experts === null ? 0 : 2 * d * shape.experts.count;
  const feedForward = 2 * (shape.experts?.active ?? 1) * feedForwardMatrices(shape) + router;
  const outputTokens = shape.kind === 'encoder' ? encoder : decoder;
  return {
    encoderProjections: encoderLayers * encoder * projections,
    encoderScores: encoderLayers * encoder * encoder * pair,
    encoderFeedForward: encoderLayers * encoder * feedForward,
    decoderProjections: decoderLayers * decoder * projections,
    decoderScores: (decoderLayers * decoder * decoder * pair) / (causal ? 2 : 1),
    crossProjections: crossLayers * 4 * d * dKv * (heads * decoder + kvHeads * encoder),
    crossScores: crossLayers * decoder * encoder * pair,
    decoderFeedForward: decoderLayers * decoder * feedForward,
    // Into the residual stream for every token, out of it where the output projection follows.
    embeddingProjection: dEmbedding === d ? 0 : 2 * dEmbedding * d * (encoder + decoder + outputTokens),
    outputProjection: shape.head === 'none' ? 0 : 2 * dEmbedding * vocab * outputTokens,
    // BERT transforms every token before the projection, and pools one token a sequence for two classes.
    head: shape.head === 'bert' ? 2 * d * d * encoder + 2 * d * d + 4 * d : 0,
  };
}

function visitedNonEmbedding(shape: Shape): number {
  const { nonEmbedding, total, active } = countParameters(shape);
  return nonEmbedding - (total - active);
}

function kaplanForward(shape: Shape, encoder: number, decoder: number): Readonly<Record<string, number>> {
  const crossLayers = shape.kind === 'encoder-decoder' ? shape.decoderLayers : 0;
  const pairs =
    shape.encoderLayers * encoder * encoder + shape.decoderLayers * decoder * decoder + crossLayers * decoder * encoder;
  // What encoder tokens visit: their stack, and the keys and values of cross-attention.
  const onEncoder =
    shape.kind === 'decoder'
      ? 0
      : visitedNonEmbedding({ ...shape, kind: 'encoder', decoderLayers: 0 }) +
        crossLayers * 2 * shape.kvHeads * shape.dKv * (shape.dModel + (shape.biases.queryKeyValue ? 1 : 0));
  return {
    parameters: 2 * (onEncoder * encoder + (visitedNonEmbedding(shape) - onEncoder) * decoder),
    attention: 2 * shape.heads * shape.dKv * pairs,
  };
}

function chinchillaForward(shape: Shape, encoder: number, decoder: number): Readonly<Record<string, number>> {
  const { dModel: d, heads, kvHeads, dKv, vocab, encoderLayers, decoderLayers } = shape;
  const crossLayers = shape.kind === 'encoder-decoder' ? decoderLayers : 0;
  const width = heads * dKv;
  const self = encoderLayers * encoder + decoderLayers * decoder;
  const pairs = encoderLayers * encoder * encoder + decoderLayers * decoder * decoder + crossLayers * decoder * encoder;
  const queryTokens = self + crossLayers * decoder;
  const keyTokens = self + crossLayers * encoder;
  return {
    embedding: 2 * (encoder + decoder) * vocab * d,
    queryKeyValue: 2 * d * (queryTokens * width + 2 * keyTokens * kvHeads * dKv),
    scores: 2 * pairs * width,
    softmax: 3 * heads * pairs,
    values: 2 * pairs * width,
    attentionOutput: 2 * queryTokens * width * d,
    feedForward: 2 * self * (shape.experts?.active ?? 1) * feedForwardMatrices(shape),
    logits: shape.head === 'none' ? 0 : 2 * (shape.kind === 'encoder' ? encoder : decoder) * vocab * d,
  };
}
