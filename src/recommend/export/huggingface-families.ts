import type { Shape } from '../../flops/shape.js';
import type { ExportTraining } from './configuration.js';

/** A model type of transformers and how it would write a shape, whether or not it has a place for all of it. */
export interface Family {
  readonly architecture: string;
  readonly kind: Shape['kind'];
  /** Names of shapes that are of this family where several hold them. */
  readonly names: RegExp;
  readonly config: (shape: Shape, training: ExportTraining) => Readonly<Record<string, unknown>>;
}

const nobody = /^$/;

/** Rows of a learned position table but for some; undefined where there are none, as JSON leaves out. */
function positionRows({ positions }: Shape, less = 0): number | undefined {
  return positions.kind === 'learned' && positions.rows > less ? positions.rows - less : undefined;
}

function t5({ positions, ...shape }: Shape) {
  return {
    vocab_size: shape.vocab,
    d_model: shape.dModel,
    d_kv: shape.dKv,
    d_ff: shape.dFf,
    num_layers: shape.encoderLayers,
    num_decoder_layers: shape.decoderLayers,
    num_heads: shape.heads,
    relative_attention_num_buckets: positions.kind === 'relative' ? positions.buckets : 32,
    feed_forward_proj: shape.feedForward === 'gated' ? 'gated-gelu' : 'relu',
    tie_word_embeddings: shape.tiedEmbeddings,
    is_encoder_decoder: true,
    pad_token_id: 0,
    eos_token_id: 1,
    decoder_start_token_id: 0,
  };
}

function llama(shape: Shape, { decoderTokens }: ExportTraining) {
  return {
    vocab_size: shape.vocab,
    hidden_size: shape.dModel,
    intermediate_size: shape.dFf,
    num_hidden_layers: shape.decoderLayers,
    num_attention_heads: shape.heads,
    num_key_value_heads: shape.kvHeads,
    head_dim: shape.dKv,
    tie_word_embeddings: shape.tiedEmbeddings,
    max_position_embeddings: decoderTokens,
    bos_token_id: null,
    eos_token_id: null,
    pad_token_id: null,
  };
}

function biasedLlama(shape: Shape, training: ExportTraining) {
  return { ...llama(shape, training), attention_bias: shape.biases.queryKeyValue };
}

function gemma(shape: Shape, training: ExportTraining) {
  return { ...biasedLlama(shape, training), query_pre_attn_scalar: shape.dKv };
}

function decoder(architecture: string, names: RegExp, config: Family['config']): Family {
  return { architecture, kind: 'decoder', names, config };
}

/** By model type; where several hold a shape and its name chooses none, the first does. */
export const families: Readonly<Record<string, Family>> = {
  t5: { architecture: 'T5ForConditionalGeneration', kind: 'encoder-decoder', names: nobody, config: t5 },
  mt5: { architecture: 'MT5ForConditionalGeneration', kind: 'encoder-decoder', names: /^mt5-/, config: t5 },
  llama: decoder('LlamaForCausalLM', nobody, (shape, training) => ({
    ...biasedLlama(shape, training),
    mlp_bias: shape.biases.feedForward,
  })),
  gpt2: decoder('GPT2LMHeadModel', nobody, (shape) => ({
    vocab_size: shape.vocab,
    n_positions: positionRows(shape),
    n_embd: shape.dModel,
    n_layer: shape.decoderLayers,
    n_head: shape.heads,
    n_inner: shape.dFf,
    tie_word_embeddings: shape.tiedEmbeddings,
    bos_token_id: null,
    eos_token_id: null,
  })),
  gpt_neox: decoder('GPTNeoXForCausalLM', nobody, (shape, { decoderTokens }) => ({
    vocab_size: shape.vocab,
    hidden_size: shape.dModel,
    num_hidden_layers: shape.decoderLayers,
    num_attention_heads: shape.heads,
    intermediate_size: shape.dFf,
    tie_word_embeddings: shape.tiedEmbeddings,
    attention_bias: shape.biases.queryKeyValue,
    max_position_embeddings: decoderTokens,
    bos_token_id: null,
    eos_token_id: null,
  })),
  opt: decoder('OPTForCausalLM', /^opt-/, (shape) => ({
    vocab_size: shape.vocab,
    hidden_size: shape.dModel,
    word_embed_proj_dim: shape.dEmbedding,
    num_hidden_layers: shape.decoderLayers,
    num_attention_heads: shape.heads,
    ffn_dim: shape.dFf,
    // Its class adds two rows to the position table.
    max_position_embeddings: positionRows(shape, 2),
    do_layer_norm_before: shape.norms.final,
    enable_bias: shape.biases.queryKeyValue,
    tie_word_embeddings: shape.tiedEmbeddings,
    bos_token_id: null,
    eos_token_id: null,
  })),
  mistral: decoder('MistralForCausalLM', /^mistral-/, llama),
  mixtral: decoder('MixtralForCausalLM', nobody, (shape, training) => ({
    ...llama(shape, training),
    num_local_experts: shape.experts?.count ?? 1,
    num_experts_per_tok: shape.experts?.active ?? 1,
  })),
  qwen2: decoder('Qwen2ForCausalLM', nobody, llama),
  qwen3: decoder('Qwen3ForCausalLM', nobody, biasedLlama),
  qwen3_moe: decoder('Qwen3MoeForCausalLM', nobody, (shape, training) => ({
    ...biasedLlama(shape, training),
    moe_intermediate_size: shape.dFf,
    num_experts: shape.experts?.count ?? 1,
    num_experts_per_tok: shape.experts?.active ?? 1,
    decoder_sparse_step: 1,
    mlp_only_layers: [],
  })),
  gemma: decoder('GemmaForCausalLM', /^gemma-\d+b/, biasedLlama),
  gemma2: decoder('Gemma2ForCausalLM', nobody, gemma),
  gemma3_text: decoder('Gemma3ForCausalLM', nobody, gemma),
  bert: {
    architecture: 'BertForPreTraining',
    kind: 'encoder',
    names: nobody,
    config: (shape) => ({
      vocab_size: shape.vocab,
      hidden_size: shape.dModel,
      num_hidden_layers: shape.encoderLayers,
      num_attention_heads: shape.heads,
      intermediate_size: shape.dFf,
      max_position_embeddings: positionRows(shape),
      type_vocab_size: shape.tokenTypes,
    }),
  },
};
