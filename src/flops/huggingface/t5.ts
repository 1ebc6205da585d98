import { z } from 'zod';
import { t5Shape } from '../shape.js';
import { flag, guarded, only, optionalSize, type Read, reader, size } from './fields.js';

function t5Reader(defaults: {
  vocab: number;
  dFf: number;
  layers: number;
  heads: number;
  ffn: string;
  tied: boolean;
}): Read {
  const schema = z.object({
    vocab_size: size.default(defaults.vocab),
    d_model: size.default(512),
    d_kv: size.default(64),
    d_ff: size.default(defaults.dFf),
    num_layers: size.default(defaults.layers),
    num_decoder_layers: optionalSize,
    num_heads: size.default(defaults.heads),
    relative_attention_num_buckets: size.default(32),
    feed_forward_proj: z
      .string()
      .regex(/^(gated-)?[^-]+$/, 'expected an activation such as "relu" or "gated-gelu"')
      .default(defaults.ffn),
    tie_word_embeddings: flag.default(defaults.tied),
    is_encoder_decoder: guarded,
  });
  return reader(schema, (fields, name) => {
    only(name, 'is_encoder_decoder', fields.is_encoder_decoder, true, 'half of a T5');
    const shape = t5Shape(name, {
      encoderLayers: fields.num_layers,
      decoderLayers: fields.num_decoder_layers ?? fields.num_layers,
      dModel: fields.d_model,
      dFf: fields.d_ff,
      dKv: fields.d_kv,
      heads: fields.num_heads,
      vocab: fields.vocab_size,
      feedForward: fields.feed_forward_proj.startsWith('gated-') ? 'gated' : 'plain',
      tiedEmbeddings: fields.tie_word_embeddings,
    });
    return { ...shape, positions: { kind: 'relative', buckets: fields.relative_attention_num_buckets } };
  });
}

export const t5 = t5Reader({ vocab: 32128, dFf: 2048, layers: 6, heads: 8, ffn: 'relu', tied: true });

/** Its class has the defaults of mT5-small. */
export const mt5 = t5Reader({ vocab: 250112, dFf: 1024, layers: 8, heads: 6, ffn: 'gated-gelu', tied: false });
