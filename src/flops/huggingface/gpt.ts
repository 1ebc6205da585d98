import { z } from 'zod';
import { gptShape } from '../shape.js';
import { flag, guarded, only, optionalSize, quotient, reader, size } from './fields.js';

export const gpt2 = reader(
  z.object({
    vocab_size: size.default(50257),
    n_positions: optionalSize,
    n_ctx: optionalSize,
    n_embd: size.default(768),
    n_layer: size.default(12),
    n_head: size.default(12),
    n_inner: optionalSize,
    tie_word_embeddings: flag.default(true),
    add_cross_attention: guarded,
  }),
  (fields, name) => {
    only(name, 'add_cross_attention', fields.add_cross_attention, false, 'a decoder of another encoder');
    return gptShape(name, {
      layers: fields.n_layer,
      dModel: fields.n_embd,
      dFf: fields.n_inner ?? 4 * fields.n_embd,
      heads: fields.n_head,
      dKv: quotient(fields, 'n_embd', 'n_head'),
      vocab: fields.vocab_size,
      positions: { kind: 'learned', rows: fields.n_positions ?? fields.n_ctx ?? 1024 },
      tiedEmbeddings: fields.tie_word_embeddings,
    });
  },
);

export const gptNeox = reader(
  z.object({
    vocab_size: size.default(50432),
    hidden_size: size.default(6144),
    num_hidden_layers: size.default(44),
    num_attention_heads: size.default(64),
    intermediate_size: size.default(24576),
    tie_word_embeddings: flag.default(false),
    attention_bias: flag.default(true),
  }),
  (fields, name) => ({
    ...gptShape(name, {
      layers: fields.num_hidden_layers,
      dModel: fields.hidden_size,
      dFf: fields.intermediate_size,
      heads: fields.num_attention_heads,
      dKv: quotient(fields, 'hidden_size', 'num_attention_heads'),
      vocab: fields.vocab_size,
      positions: { kind: 'rotary' },
      tiedEmbeddings: fields.tie_word_embeddings,
    }),
    biases: { queryKeyValue: fields.attention_bias, attentionOutput: fields.attention_bias, feedForward: true },
  }),
);

export const opt = reader(
  z.object({
    vocab_size: size.default(50272),
    hidden_size: size.default(768),
    num_hidden_layers: size.default(12),
    ffn_dim: size.default(3072),
    max_position_embeddings: size.default(2048),
    do_layer_norm_before: flag.default(true),
    _remove_final_layer_norm: flag.default(false),
    word_embed_proj_dim: optionalSize,
    num_attention_heads: size.default(12),
    enable_bias: flag.default(true),
    layer_norm_elementwise_affine: guarded,
    tie_word_embeddings: flag.default(true),
  }),
  (fields, name) => {
    only(name, 'layer_norm_elementwise_affine', fields.layer_norm_elementwise_affine, true, 'norms without parameters');
    const shape = gptShape(name, {
      layers: fields.num_hidden_layers,
      dModel: fields.hidden_size,
      dFf: fields.ffn_dim,
      heads: fields.num_attention_heads,
      dKv: quotient(fields, 'hidden_size', 'num_attention_heads'),
      vocab: fields.vocab_size,
      // The position table has two more rows than positions, for an offset that its class adds.
      positions: { kind: 'learned', rows: fields.max_position_embeddings + 2 },
      tiedEmbeddings: fields.tie_word_embeddings,
    });
    const biased = fields.enable_bias;
    return {
      ...shape,
      dEmbedding: fields.word_embed_proj_dim ?? fields.hidden_size,
      norms: { ...shape.norms, final: fields.do_layer_norm_before && !fields._remove_final_layer_norm },
      biases: { queryKeyValue: biased, attentionOutput: biased, feedForward: biased },
    };
  },
);
