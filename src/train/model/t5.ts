import type { Shape } from '../../flops/index.js';
import {
  add,
  addRows,
  cast,
  custom,
  type DType,
  equal,
  gatherRows,
  input,
  log,
  matMul,
  mul,
  neg,
  recomputed,
  reduceMax,
  reduceMean,
  relu,
  reshape,
  rmsNorm,
  softmax,
  sub,
  type Tensor,
  takeFromRows,
  tanh,
  transposed,
} from '../graph/index.js';
import { attention, relativeBias } from './attention.js';
import { type Dropout, noDropout, replayed } from './dropout.js';

/** The numbers of sequences and tokens that a graph is made for. */
export interface BatchSizes {
  readonly batch: number;
  readonly encoderTokens: number;
  readonly decoderTokens: number;
}

export interface T5Options extends BatchSizes {
  /** Type that matrix products take and give; all else is float32. Defaults to `float32`. */
  readonly compute?: DType;
  /** Defaults to none. */
  readonly dropout?: Dropout;
  /** Whether each layer is computed again for its gradient instead of kept. Defaults to false. */
  readonly recompute?: boolean;
}

/** The values of a T5 model on one batch. */
export interface T5Graph {
  /** [decoder tokens * batch, vocab], float32, time before batch. */
  readonly logits: Tensor;
  /** Mean cross-entropy of the targets, nats per token. */
  readonly loss: Tensor;
  /** Share of the targets whose logit is the largest. */
  readonly accuracy: Tensor;
}

/** T5's `layer_norm_epsilon`. */
const epsilon = 1e-6;

/** Names of the three inputs, each int32 of tokens * batch, time before batch. */
export const inputNames = { encoder: 'encoder ids', decoder: 'decoder ids', targets: 'targets' } as const;

/**
 * A T5 model (Raffel et al. 2020; v1.1 where the feed-forward is gated) on one batch, with pre-norm layers, biases of
 * relative positions shared by the layers of a stack, unscaled attention, and tied embeddings whose output is scaled by
 * dModel^-0.5.
 *
 * @param weight - A parameter by its Hugging Face name, float32.
 */
export function t5Graph(shape: Shape, weight: (name: string) => Tensor, options: T5Options): T5Graph {
  const { batch, encoderTokens, decoderTokens, compute = 'float32', dropout = noDropout } = options;
  const read = (name: string) => weight(`${name}.weight`);
  const layer = layerOf(shape, read, options);

  const table = read('shared');
  const stack = (name: 'encoder' | 'decoder', ids: string, layers: number, tokens: number, memory?: Tensor) => {
    const biasTable = read(`${name}.block.0.layer.0.SelfAttention.relative_attention_bias`);
    const bias = relativeBias(biasTable, tokens, memory === undefined);
    const embedded = gatherRows(table, input(ids, 'int32', [tokens * batch]));
    let x = dropout(embedded.dims)(embedded);
    for (let index = 0; index < layers; index++) {
      const build = layer(`${name}.block.${index}.layer`, tokens);
      const inputs = memory === undefined ? [x, bias] : [x, bias, memory];
      if (options.recompute === true) {
        const { dropout: same, again } = replayed(dropout);
        const body = (values: readonly Tensor[]) => {
          again();
          return build(values, same);
        };
        x = recomputed(body, inputs);
      } else x = build(inputs, dropout);
    }
    const normed = rmsNorm(x, read(`${name}.final_layer_norm`), epsilon);
    return dropout(normed.dims)(normed);
  };

  const memory = stack('encoder', inputNames.encoder, shape.encoderLayers, encoderTokens);
  const hidden = stack('decoder', inputNames.decoder, shape.decoderLayers, decoderTokens, memory);
  const scale = shape.tiedEmbeddings ? shape.dModel ** -0.5 : 1;
  const targets = input(inputNames.targets, 'int32', [decoderTokens * batch]);
  return head(mul(hidden, scale), shape.tiedEmbeddings ? table : read('lm_head'), targets, compute);
}

/** Builds a layer by its name and its stack's tokens: of [x, bias], or [x, bias, encoder output] in a decoder. */
function layerOf(
  shape: Shape,
  read: (name: string) => Tensor,
  { batch, encoderTokens, compute = 'float32' }: T5Options,
) {
  const { heads, dKv } = shape;
  /** x W' of a weight [out, in]. */
  const linear = (x: Tensor, name: string) => matMul(cast(x, compute), transposed(cast(read(name), compute)));
  const wide = (x: Tensor) => cast(x, 'float32');

  return (name: string, tokens: number) =>
    (inputs: readonly Tensor[], dropout: Dropout): Tensor => {
      const [start, bias, memory] = inputs as [Tensor, Tensor, Tensor | undefined];
      const dropped = (x: Tensor) => dropout(x.dims)(x);
      const attend = (x: Tensor, other: Tensor, at: string, ownBias: Tensor | undefined, keys: number) => {
        const parts = [linear(x, `${at}.q`), linear(other, `${at}.k`), linear(other, `${at}.v`)] as const;
        return linear(attention(...parts, ownBias, { batch, heads, queries: tokens, keys, dKv }, dropout), `${at}.o`);
      };
      const feedForward = (x: Tensor, at: string) => {
        const hidden =
          shape.feedForward === 'gated'
            ? mul(gelu(wide(linear(x, `${at}.wi_0`))), wide(linear(x, `${at}.wi_1`)))
            : relu(wide(linear(x, `${at}.wi`)));
        return linear(dropped(hidden), `${at}.wo`);
      };
      const sublayer = (x: Tensor, at: string, inner: (normed: Tensor) => Tensor) =>
        add(x, dropped(wide(inner(rmsNorm(x, read(`${at}.layer_norm`), epsilon)))));

      let x = sublayer(start, `${name}.0`, (normed) => attend(normed, normed, `${name}.0.SelfAttention`, bias, tokens));
      if (memory !== undefined) {
        x = sublayer(x, `${name}.1`, (normed) =>
          attend(normed, memory, `${name}.1.EncDecAttention`, undefined, encoderTokens),
        );
      }
      const last = `${name}.${memory === undefined ? 1 : 2}`;
      return sublayer(x, last, (normed) => feedForward(normed, `${last}.DenseReluDense`));
    };
}

/** GELU by its tanh approximation (Hendrycks & Gimpel 2016), as T5 v1.1 has it (`gelu_new`). */
function gelu(x: Tensor): Tensor {
  const cubic = mul(x, add(mul(mul(x, x), 0.044715), 1));
  return mul(mul(x, 0.5), add(tanh(mul(cubic, Math.sqrt(2 / Math.PI))), 1));
}

/**
 * Logits and mean cross-entropy of the targets. Its gradient for the logits is softmax - one-hot, over the number of
 * targets, which is never written out.
 */
function head(hidden: Tensor, table: Tensor, targets: Tensor, compute: DType): T5Graph {
  const narrow = (x: Tensor) => cast(x, compute);
  const product = (a: Tensor, b: Tensor) => cast(matMul(a, b), 'float32');
  const logits = product(narrow(hidden), transposed(narrow(table)));
  const chances = softmax(logits);
  const largest = reduceMax(logits, [1]);
  const chosen = takeFromRows(logits, targets);
  // The largest chance is exp(0) over the sum of exponentials, so that its log is minus the log of that sum.
  const nats = sub(sub(largest, log(reduceMax(chances, [1]))), chosen);
  const count = targets.dims[0]!;
  const loss = reshape(reduceMean(nats), []);
  const accuracy = reshape(reduceMean(cast(equal(chosen, largest), 'float32')), []);
  const differentiable = custom(loss, [hidden, table], (gradient) => {
    const factor = mul(gradient, 1 / count);
    const pulled = mul(hidden, factor);
    // The one-hot part is rows of the table and rows of the hidden states: no second matrix of the logits' size.
    const dHidden = mul(sub(product(narrow(chances), narrow(table)), gatherRows(table, targets)), factor);
    return [dHidden, addRows(product(transposed(narrow(chances)), narrow(pulled)), targets, neg(pulled))];
  });
  return { logits, loss: differentiable, accuracy };
}
