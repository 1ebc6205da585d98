import {
  add,
  cast,
  constant,
  custom,
  gatherRows,
  matMul,
  mul,
  reduceSum,
  reshape,
  softmax,
  sub,
  type Tensor,
  transpose,
  transposed,
} from '../graph/index.js';
import type { Dropout } from './dropout.js';

/** Lengths that an attention runs at. */
export interface AttentionSizes {
  readonly batch: number;
  readonly heads: number;
  readonly queries: number;
  readonly keys: number;
  readonly dKv: number;
}

/**
 * Attention without a scale, as T5's (its initialisation holds the scale): softmax(q k' + bias) v.
 *
 * Rows are tokens, time before batch: so the heads of all sequences are the middle axis of [time, batch * heads, dKv],
 * and the products read them where they lie. The gradient of the softmax needs sum(dP * P) along the keys, which equals
 * sum(dO * O) along the width of a head (Dao et al. 2022, appendix B.2), a far smaller sum.
 *
 * @param q - [queries * batch, heads * dKv], of the type that products compute in; all but products is float32.
 * @param k - [keys * batch, heads * dKv], of the same type.
 * @param v - [keys * batch, heads * dKv], of the same type.
 * @param bias - [heads, queries, keys], float32, or undefined for none.
 * @returns [queries * batch, heads * dKv], of the type of q.
 */
export function attention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  bias: Tensor | undefined,
  sizes: AttentionSizes,
  dropout: Dropout,
): Tensor {
  const { batch, heads, queries, keys, dKv } = sizes;
  const both = batch * heads;
  const byHead = (x: Tensor, tokens: number) => transpose(reshape(x, [tokens, both, dKv]), [1, 0, 2]);
  const [qh, kh, vh] = [byHead(q, queries), byHead(k, keys), byHead(v, keys)];

  const compute = q.dtype;
  const wide = (x: Tensor) => cast(x, 'float32');
  const raw = wide(matMul(qh, transposed(kh)));
  const scores =
    bias === undefined
      ? raw
      : add(reshape(raw, [batch, heads, queries, keys]), reshape(bias, [1, heads, queries, keys]));
  const weights = softmax(reshape(scores, [both, queries, keys]));
  const drop = dropout(weights.dims);
  const dropped = cast(drop(weights), compute);
  const context = transpose(matMul(dropped, vh), [1, 0, 2]);

  const value = reshape(context, [queries * batch, heads * dKv]);
  return custom(value, bias === undefined ? [q, k, v] : [q, k, v, bias], (gradient) => {
    const g = reshape(gradient, [queries, both, dKv]);
    const gh = transpose(g, [1, 0, 2]);
    const along = transpose(reduceSum(mul(wide(g), wide(context)), [2]), [1, 0, 2]);
    const dScores = mul(weights, sub(drop(wide(matMul(gh, transposed(vh)))), along));
    const dProduct = cast(dScores, compute);
    const flat = (x: Tensor, tokens: number) => reshape(transpose(x, [1, 0, 2]), [tokens * batch, heads * dKv]);
    const parts = [
      flat(matMul(dProduct, kh), queries),
      flat(matMul(transposed(dProduct), qh), keys),
      flat(matMul(transposed(dropped), gh), keys),
    ];
    if (bias === undefined) return parts;
    const overBatch = reduceSum(reshape(dScores, [batch, heads, queries, keys]), [0]);
    return [...parts, reshape(overBatch, [heads, queries, keys])];
  });
}

/** Distance from which on every token is in the last bucket: T5's `relative_attention_max_distance`. */
export const maxDistance = 128;

/**
 * The bucket of a key at `key - query` tokens from its query (Raffel et al. 2020, section 2.1, as in T5's code): half of
 * the buckets for single distances, half for logarithmic ranges up to `maxDistance`; an encoder's buckets are split again by
 * direction, a decoder looks back only.
 */
export function relativeBucket(offset: number, buckets: number, bidirectional: boolean): number {
  const half = bidirectional ? Math.floor(buckets / 2) : buckets;
  const side = bidirectional && offset > 0 ? half : 0;
  const distance = bidirectional ? Math.abs(offset) : Math.max(0, -offset);
  const single = Math.floor(half / 2);
  if (distance < single) return side + distance;
  const range = Math.trunc(
    Math.fround(Math.fround(Math.log(Math.fround(distance / single))) / Math.log(maxDistance / single)) *
      (half - single),
  );
  return side + Math.min(half - 1, single + range);
}

/** Bias of each head for each query and key from T5's table [buckets, heads]; a decoder's later keys are cut off. */
export function relativeBias(table: Tensor, tokens: number, bidirectional: boolean): Tensor {
  const [buckets, heads] = table.dims as [number, number];
  const indices = Array.from({ length: tokens * tokens }, (_, pair) =>
    relativeBucket((pair % tokens) - Math.floor(pair / tokens), buckets, bidirectional),
  );
  const rows = gatherRows(table, constant(indices, [tokens * tokens], 'int32'));
  const bias = reshape(transpose(rows, [1, 0]), [heads, tokens, tokens]);
  if (bidirectional) return bias;
  // Far below any score and within float16: its exponential is 0.
  const later = Array.from({ length: tokens * tokens }, (_, pair) =>
    pair % tokens > Math.floor(pair / tokens) ? -3e4 : 0,
  );
  return add(bias, constant(later, [1, tokens, tokens], table.dtype));
}
