import { z } from 'zod';
import { type DecoderDimensions, llamaShape, type Shape } from '../shape.js';
import { flag, only, quotient, type Read, reader, refusal, size } from './fields.js';

/** The defaults of a class that holds the fields of Llama; null is derived: one key-value head a head, hidden_size / heads. */
interface Defaults {
  readonly vocab: number;
  readonly dModel: number;
  readonly dFf: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number | null;
  readonly dKv: number | null;
  /** Defaults to false. */
  readonly tied?: boolean;
}

function llamaFields(defaults: Defaults) {
  return z.object({
    vocab_size: size.default(defaults.vocab),
    hidden_size: size.default(defaults.dModel),
    intermediate_size: size.default(defaults.dFf),
    num_hidden_layers: size.default(defaults.layers),
    num_attention_heads: size.default(defaults.heads),
    num_key_value_heads: size.nullable().default(defaults.kvHeads),
    head_dim: size.nullable().default(defaults.dKv),
    tie_word_embeddings: flag.default(defaults.tied ?? false),
  });
}

type Fields = z.infer<ReturnType<typeof llamaFields>>;

function shapeOf(fields: Fields, name: string, rest: Partial<DecoderDimensions> = {}): Shape {
  const { hidden_size: dModel, num_attention_heads: heads } = fields;
  const kvHeads = fields.num_key_value_heads ?? heads;
  quotient({ ...fields, num_key_value_heads: kvHeads }, 'num_attention_heads', 'num_key_value_heads');
  return llamaShape(name, {
    layers: fields.num_hidden_layers,
    dModel,
    dFf: fields.intermediate_size,
    heads,
    kvHeads,
    dKv: fields.head_dim ?? quotient(fields, 'hidden_size', 'num_attention_heads'),
    vocab: fields.vocab_size,
    tiedEmbeddings: fields.tie_word_embeddings,
    ...rest,
  });
}

function attentionBiases(biased: boolean): Shape['biases'] {
  return { queryKeyValue: biased, attentionOutput: biased, feedForward: false };
}

const llamaDefaults = { vocab: 32000, dModel: 4096, dFf: 11008, layers: 32, heads: 32, kvHeads: null, dKv: null };

export const llama = reader(
  llamaFields(llamaDefaults).extend({ attention_bias: flag.default(false), mlp_bias: flag.default(false) }),
  (fields, name) => ({
    ...shapeOf(fields, name),
    biases: { ...attentionBiases(fields.attention_bias), feedForward: fields.mlp_bias },
  }),
);

const mistralDefaults = { ...llamaDefaults, dFf: 14336, kvHeads: 8 };

export const mistral = reader(llamaFields(mistralDefaults), shapeOf);

export const mixtral = reader(
  llamaFields(mistralDefaults).extend({ num_local_experts: size.default(8), num_experts_per_tok: size.default(2) }),
  (fields, name) =>
    shapeOf(fields, name, { experts: { count: fields.num_local_experts, active: fields.num_experts_per_tok } }),
);

const qwenDefaults = { ...llamaDefaults, vocab: 151936, dFf: 22016, kvHeads: 32 };

export const qwen2 = reader(llamaFields(qwenDefaults), (fields, name) => ({
  ...shapeOf(fields, name),
  biases: { queryKeyValue: true, attentionOutput: false, feedForward: false },
}));

function withQueryKeyNorms(shape: Shape): Shape {
  return { ...shape, norms: { ...shape.norms, queryKey: true } };
}

export const qwen3 = reader(
  llamaFields({ ...qwenDefaults, dKv: 128 }).extend({ attention_bias: flag.default(false) }),
  (fields, name) => ({
    ...withQueryKeyNorms(shapeOf(fields, name)),
    biases: attentionBiases(fields.attention_bias),
  }),
);

export const qwen3Moe = reader(
  llamaFields({ ...qwenDefaults, dModel: 2048, dFf: 6144, layers: 24, kvHeads: 4 }).extend({
    attention_bias: flag.default(false),
    moe_intermediate_size: size.default(768),
    num_experts: size.default(128),
    num_experts_per_tok: size.default(8),
    decoder_sparse_step: size.default(1),
    mlp_only_layers: z.array(z.int()).nullish(),
  }),
  (fields, name) => {
    only(name, 'decoder_sparse_step', fields.decoder_sparse_step, 1, 'some layers without experts');
    if (fields.mlp_only_layers?.length) {
      throw refusal(name, 'mlp_only_layers', fields.mlp_only_layers, 'some layers without experts; only [] is counted');
    }
    const shape = shapeOf(fields, name, {
      dFf: fields.moe_intermediate_size,
      experts: { count: fields.num_experts, active: fields.num_experts_per_tok },
    });
    return { ...withQueryKeyNorms(shape), biases: attentionBiases(fields.attention_bias) };
  },
);

function gemmaReader(defaults: Defaults, norms: Partial<Shape['norms']>): Read {
  return reader(llamaFields(defaults).extend({ attention_bias: flag.default(false) }), (fields, name) => {
    const shape = shapeOf(fields, name);
    return { ...shape, norms: { ...shape.norms, ...norms }, biases: attentionBiases(fields.attention_bias) };
  });
}

export const gemma = gemmaReader(
  { vocab: 256000, dModel: 3072, dFf: 24576, layers: 28, heads: 16, kvHeads: 16, dKv: 256, tied: true },
  {},
);

const gemma2Defaults = {
  vocab: 256000,
  dModel: 2304,
  dFf: 9216,
  layers: 26,
  heads: 8,
  kvHeads: 4,
  dKv: 256,
  tied: true,
};

export const gemma2 = gemmaReader(gemma2Defaults, { perSublayer: 2 });

export const gemma3Text = gemmaReader({ ...gemma2Defaults, vocab: 262208 }, { perSublayer: 2, queryKey: true });
