import { ShapelawError } from '../errors.js';
import { lengthsOfSides, type SequenceLengths } from './flops.js';
import { countParameters } from './parameters.js';
import type { Shape } from './shape.js';

/** Number formats of weights and activations: `mixed-*` computes in 16 bits and keeps a master copy of the weights in fp32. */
export type TrainingPrecision = 'fp32' | 'mixed-bf16' | 'mixed-fp16' | 'bf16';
export type Optimizer = 'adamw' | 'adafactor' | 'sgd' | 'sgd-momentum';
export type Recomputation = 'none' | 'selective' | 'full';
export type ZeroStage = 0 | 1 | 2 | 3;

export interface TrainingMemoryOptions extends SequenceLengths {
  /** Sequences on one device at a time (the micro-batch). */
  readonly batch: number;
  /** Defaults to `mixed-bf16`. */
  readonly precision?: TrainingPrecision;
  /** Defaults to `adamw`. */
  readonly optimizer?: Optimizer;
  /** What is computed again in the backward pass: nothing, the attention core, or each layer from its input. Defaults to `selective`. */
  readonly recomputation?: Recomputation;
  /** Which state is sharded over the data-parallel devices: 0 none, 1 optimizer, 2 and gradients, 3 and weights. Defaults to 0. */
  readonly zeroStage?: ZeroStage;
  /** Data-parallel devices. Defaults to 1. */
  readonly dataParallel?: number;
  /** Whether dropout masks are kept, one byte an element. Defaults to false. */
  readonly dropout?: boolean;
}

/** Bytes on one device. */
export interface TrainingMemory {
  readonly weights: number;
  readonly gradients: number;
  readonly masterWeights: number;
  readonly optimizerState: number;
  /** What forward keeps for backward, by component; buffers and fragmentation come on top. */
  readonly activations: Readonly<Record<ActivationComponent, number>>;
  readonly total: number;
}

export type ActivationComponent = 'attention' | 'attentionCore' | 'crossAttention' | 'feedForward' | 'norms' | 'output';

const weightBytes: Readonly<Record<TrainingPrecision, number>> = { fp32: 4, 'mixed-bf16': 2, 'mixed-fp16': 2, bf16: 2 };

/**
 * Bytes that one device holds while it trains.
 *
 * State follows ZeRO (Rajbhandari et al. 2020, section 3): with P parameters in mixed precision, 2P weights, 2P gradients,
 * and K = 12 bytes a parameter for AdamW, the fp32 master copy included. AdamW keeps two moments, momentum one, Adafactor
 * the sums of rows and columns of each matrix and no first moment (Shazeer & Stern 2018; as in T5's Mesh TensorFlow, a matrix
 * with a side below 128 is not factored).
 *
 * Activations follow Korthikanti et al. 2022, equation 1, which for d_ff = 4 d_model, dropout and 16 bits is
 * `s b d (34 + 5 h s / d)` a layer; terms are kept apart here so that other shapes, gates and cross-attention count too.
 *
 * @throws ShapelawError `bad-usage` for values out of range.
 */
export function trainingMemory(shape: Shape, options: TrainingMemoryOptions): TrainingMemory {
  const precision = options.precision ?? 'mixed-bf16';
  const optimizer = options.optimizer ?? 'adamw';
  const stage = options.zeroStage ?? 0;
  const devices = options.dataParallel ?? 1;
  requirePositiveInteger('batch', options.batch);
  requirePositiveInteger('data-parallel degree', devices);
  if (!Object.hasOwn(weightBytes, precision))
    throw new ShapelawError('bad-usage', `unknown precision ${precision}: ${Object.keys(weightBytes).join(', ')}`);
  const width = weightBytes[precision];
  if (![0, 1, 2, 3].includes(stage)) throw new ShapelawError('bad-usage', `ZeRO stage must be 0 to 3, not ${stage}`);

  const parameters = countParameters(shape).total;
  const sharded = (bytes: number, fromStage: ZeroStage) => (stage >= fromStage ? Math.ceil(bytes / devices) : bytes);
  const weights = sharded(parameters * width, 3);
  const gradients = sharded(parameters * width, 2);
  const masterWeights = precision.startsWith('mixed') ? sharded(4 * parameters, 1) : 0;
  const optimizerState = sharded(4 * optimizerNumbers(shape, optimizer, parameters), 1);
  const activations = activationBytes(shape, options, width);
  const total =
    weights +
    gradients +
    masterWeights +
    optimizerState +
    Object.values(activations).reduce((sum, bytes) => sum + bytes, 0);
  return { weights, gradients, masterWeights, optimizerState, activations, total };
}

function requirePositiveInteger(name: string, value: number): void {
  if (!(Number.isSafeInteger(value) && value > 0)) {
    throw new ShapelawError('bad-usage', `${name} must be a positive integer, not ${value}`);
  }
}

/** fp32 numbers of optimizer state. */
function optimizerNumbers(shape: Shape, optimizer: Optimizer, parameters: number): number {
  if (optimizer === 'adamw') return 2 * parameters;
  if (optimizer === 'sgd-momentum') return parameters;
  if (optimizer === 'sgd') return 0;
  if (optimizer === 'adafactor') return adafactorNumbers(shape, parameters);
  throw new ShapelawError('bad-usage', `unknown optimizer ${optimizer}: adamw, adafactor, sgd, sgd-momentum`);
}

/** The smaller side of a matrix below which T5's Adafactor keeps every element: `min_dim_size_to_factor` of Mesh TensorFlow. */
const smallestFactored = 128;

/** Rows plus columns of each large matrix, and one number for each element of a vector. */
function adafactorNumbers(shape: Shape, parameters: number): number {
  const { dModel: d, dFf, dKv, heads, kvHeads, vocab, dEmbedding } = shape;
  const layers = shape.encoderLayers + shape.decoderLayers;
  const attentions = layers + (shape.kind === 'encoder-decoder' ? shape.decoderLayers : 0);
  const experts = shape.experts?.count ?? 1;
  const feedForwards = shape.feedForward === 'gated' ? 3 : 2;
  const stacks = shape.kind === 'encoder-decoder' ? 2 : 1;
  const { components } = countParameters(shape);

  const matrices = [
    { rows: vocab, columns: dEmbedding, copies: components.outputProjection > 0 ? 2 : 1 },
    { rows: dEmbedding, columns: d, copies: dEmbedding === d ? 0 : 2 },
    { rows: d, columns: heads * dKv, copies: 2 * attentions },
    { rows: d, columns: kvHeads * dKv, copies: 2 * attentions },
    { rows: d, columns: dFf, copies: feedForwards * layers * experts },
    { rows: d, columns: experts, copies: shape.experts === null ? 0 : layers },
    { rows: shape.tokenTypes, columns: d, copies: shape.tokenTypes > 0 ? 1 : 0 },
    { rows: d, columns: d, copies: shape.head === 'bert' ? 2 : 0 },
    { rows: 2, columns: d, copies: shape.head === 'bert' ? 1 : 0 },
    ...(shape.positions.kind === 'relative' ? [{ rows: shape.positions.buckets, columns: heads, copies: stacks }] : []),
    ...(shape.positions.kind === 'learned' ? [{ rows: shape.positions.rows, columns: d, copies: stacks }] : []),
  ];
  const inMatrices = matrices.reduce((sum, { rows, columns, copies }) => sum + rows * columns * copies, 0);
  const factored = matrices.reduce(
    (sum, { rows, columns, copies }) =>
      sum + (Math.min(rows, columns) < smallestFactored ? rows * columns : rows + columns) * copies,
    0,
  );
  return factored + (parameters - inMatrices);
}

/**
 * Bytes of activations by component. A layer keeps, for each token: the inputs of its matrix products, of its softmax
 * and of its non-linearity, and dropout masks of one byte.
 */
function activationBytes(
  shape: Shape,
  options: TrainingMemoryOptions,
  width: number,
): Readonly<Record<ActivationComponent, number>> {
  const { dModel: d, dFf, dKv, heads, kvHeads, vocab, dEmbedding } = shape;
  const { batch } = options;
  const { encoderTokens: encoder, decoderTokens: decoder } = lengthsOfSides(shape, options);
  const encoderLayers = shape.encoderLayers;
  const decoderLayers = shape.decoderLayers;
  const crossLayers = shape.kind === 'encoder-decoder' ? decoderLayers : 0;
  const mask = options.dropout === true ? 1 : 0;
  const recomputation = options.recomputation ?? 'selective';
  if (!['none', 'selective', 'full'].includes(recomputation)) {
    throw new ShapelawError('bad-usage', `unknown recomputation ${recomputation}: none, selective, full`);
  }
  const full = recomputation === 'full';

  const layerTokens = batch * (encoderLayers * encoder + decoderLayers * decoder);
  const crossTokens = batch * crossLayers * decoder;
  const outputTokens = batch * (shape.kind === 'encoder' ? encoder : decoder);
  // The last norm's input, the projection's input, and the logits in fp32; the dropout mask of each embedded token.
  const output =
    (shape.head === 'none' ? 0 : outputTokens * (width * (d + dEmbedding) + 4 * vocab)) +
    mask * d * batch * (encoder + decoder);
  if (full) {
    // Each layer keeps its input; the encoder's output, which cross-attention reads, is kept once.
    const inputs = width * d * (layerTokens + (crossLayers > 0 ? batch * encoder : 0));
    return { attention: 0, attentionCore: 0, crossAttention: 0, feedForward: 0, norms: inputs, output };
  }

  // Input of the projections; queries; keys and values; input of the output projection; the mask after it.
  const queryBytes = width * (d + 2 * heads * dKv) + mask * d;
  const keyBytes = width * 2 * kvHeads * dKv;
  // Softmax output, its dropped-out form and the mask between, for each head and pair of tokens.
  const pairBytes = heads * (width + (mask === 1 ? width + 1 : 0));
  const pairs = encoderLayers * encoder * encoder + decoderLayers * decoder * decoder + crossLayers * decoder * encoder;
  const active = shape.experts?.active ?? 1;
  const gated = shape.feedForward === 'gated';
  // Input; the non-linearity's input and output (with a gate its partner and the product too); the mask after the last matrix.
  const feedForwardBytes = width * (d + active * (gated ? 4 : 2) * dFf) + mask * d;
  const normsPerToken = 2 * shape.norms.perSublayer;
  return {
    attention: layerTokens * (queryBytes + keyBytes),
    attentionCore: recomputation === 'none' ? batch * pairs * pairBytes : 0,
    crossAttention:
      crossTokens * queryBytes + batch * encoder * (crossLayers * keyBytes + (crossLayers > 0 ? width * d : 0)),
    feedForward: layerTokens * feedForwardBytes,
    norms: width * d * (layerTokens * normsPerToken + crossTokens * shape.norms.perSublayer),
    output,
  };
}

function positive(name: string, value: number): number {
  if (value > 0 && Number.isFinite(value)) return value;
  throw new ShapelawError('bad-usage', `${name} must be positive, not ${value}`);
}

export interface InferenceMemoryOptions extends SequenceLengths {
  /** Sequences decoded side by side. */
  readonly batch: number;
  /** Bytes a weight. Defaults to 2. */
  readonly weightBytes?: number;
  /** Bytes a cached number. Defaults to 2. */
  readonly cacheBytes?: number;
}

/** Bytes of weights and key-value cache at the given lengths. */
export interface InferenceMemory {
  readonly weights: number;
  readonly keyValueCache: number;
  readonly total: number;
}

/**
 * Bytes of inference: weights, and keys and values of each decoder layer for each token so far; an encoder-decoder also
 * keeps the keys and values of cross-attention for each encoder token (Pope et al. 2022, section 2). An encoder keeps none.
 *
 * @throws ShapelawError `bad-usage` for values out of range.
 */
export function inferenceMemory(shape: Shape, options: InferenceMemoryOptions): InferenceMemory {
  requirePositiveInteger('batch', options.batch);
  const { encoderTokens, decoderTokens } = lengthsOfSides(shape, options);
  const numbers = 2 * shape.kvHeads * shape.dKv * shape.decoderLayers * (decoderTokens + encoderTokens);
  const weights = countParameters(shape).total * positive('bytes a weight', options.weightBytes ?? 2);
  const keyValueCache = options.batch * numbers * positive('bytes a cached number', options.cacheBytes ?? 2);
  return { weights, keyValueCache, total: weights + keyValueCache };
}
