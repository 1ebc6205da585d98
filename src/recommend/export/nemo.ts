import type { Shape } from '../../flops/shape.js';
import {
  type Demand,
  type ExportedConfiguration,
  type ExportTraining,
  megatronDemands,
  plainNumber,
  requireAll,
  slug,
} from './configuration.js';

// Names are those that nemo_toolkit 1.23.0 reads: megatron_gpt_model.py, megatron_base_model.py, megatron_t5_model.py and
// megatron_lm_encoder_decoder_model.py of nemo/collections/nlp/models/language_modeling, and token_level_encoder_decoder.py,
// transformer.py and mlp.py of nemo/collections/nlp/modules/common/megatron.

const trainer = 'NeMo 1.23';

/** Share of the text that its T5 data set masks; the targets must hold as many tokens (megatron_t5_model.py). */
const maskedShare = 0.15;

function bothDemands(shape: Shape): readonly Demand[] {
  const { biases, experts, norms } = shape;
  return [
    {
      holds: biases.queryKeyValue === biases.attentionOutput && biases.queryKeyValue === biases.feedForward,
      field: 'biases',
      value: biases,
      reason: 'all matrix products have biases or none has',
    },
    {
      holds: !norms.queryKey,
      field: 'norms.queryKey',
      value: true,
      reason: 'norms on queries and keys were not checked',
    },
    { holds: experts === null, field: 'experts', value: experts, reason: 'mixtures of experts were not checked' },
  ];
}

function decoderDemands({ positions }: Shape, { decoderTokens }: ExportTraining): readonly Demand[] {
  return [
    {
      holds: positions.kind !== 'relative',
      field: 'positions',
      value: positions,
      reason: 'its decoder knows learned and rotary positions, or none',
    },
    {
      holds: positions.kind !== 'learned' || positions.rows === decoderTokens,
      field: 'positions',
      value: positions,
      reason: `the table has a row for each token of a sequence, ${decoderTokens}`,
    },
  ];
}

function t5Demands(shape: Shape, { encoderTokens, decoderTokens }: ExportTraining): readonly Demand[] {
  const { positions, kvHeads, heads } = shape;
  return [
    {
      holds: positions.kind === 'relative',
      field: 'positions',
      value: positions,
      reason: 'its T5 has one learned table for both stacks; take relative positions',
    },
    {
      holds: kvHeads === heads,
      field: 'kvHeads',
      value: kvHeads,
      reason: `every head has keys and values of its own, ${heads}`,
    },
    {
      holds: decoderTokens >= encoderTokens * maskedShare,
      field: 'decoderTokens',
      value: decoderTokens,
      reason: `the targets of ${encoderTokens} tokens hold at least ${maskedShare} of them`,
    },
  ];
}

type Value = string | number | boolean | null | Section;
interface Section {
  readonly [key: string]: Value;
}

function yaml(section: Section, indent = ''): readonly string[] {
  return Object.entries(section).flatMap(([key, value]) =>
    value !== null && typeof value === 'object'
      ? [`${indent}${key}:`, ...yaml(value, `${indent}  `)]
      : [`${indent}${key}: ${scalar(value)}`],
  );
}

function scalar(value: string | number | boolean | null): string {
  if (typeof value === 'string') return `'${value}'`;
  return typeof value === 'number' ? plainNumber(value) : String(value);
}

/** What its decoder and both stacks of its T5 state alike. */
function stack(shape: Shape, layers: number): Section {
  const gated = shape.feedForward === 'gated';
  const biased = shape.biases.feedForward;
  return {
    num_layers: layers,
    hidden_size: shape.dModel,
    ffn_hidden_size: shape.dFf,
    num_attention_heads: shape.heads,
    kv_channels: shape.dKv,
    normalization: shape.norms.kind === 'rms' ? 'rmsnorm' : 'layernorm',
    bias: biased,
    // Both raise an error without biases, the first for some gated activations too.
    bias_activation_fusion: biased && !gated,
    bias_dropout_add_fusion: biased,
    transformer_block_type: 'pre_ln',
  };
}

function t5Stack(shape: Shape, layers: number): Section {
  return {
    arch: 'transformer',
    ...stack(shape, layers),
    activation: shape.feedForward === 'gated' ? 'geglu' : 'gelu',
    position_embedding_type: 'relative',
    relative_attention_num_buckets: shape.positions.kind === 'relative' ? shape.positions.buckets : 32,
    relative_attention_max_distance: 128,
    relative_position_bias_self_attention_only: true,
  };
}

function t5Model(shape: Shape, { encoderTokens, decoderTokens }: ExportTraining): Section {
  return {
    // Pads the tokenizer's vocabulary to a multiple, which is the table itself.
    make_vocab_size_divisible_by: shape.vocab,
    seq_length: encoderTokens,
    max_position_embeddings: Math.max(encoderTokens, decoderTokens),
    share_token_embeddings: true,
    share_decoder_tokens_head_embeddings: shape.tiedEmbeddings,
    tokens_head_bias: false,
    encoder: t5Stack(shape, shape.encoderLayers),
    decoder: t5Stack(shape, shape.decoderLayers),
    data: { data_prefix: '???', seq_length: encoderTokens, seq_length_dec: decoderTokens, masked_lm_prob: maskedShare },
  };
}

function decoderModel(shape: Shape, { decoderTokens }: ExportTraining): Section {
  const { positions } = shape;
  return {
    mcore_gpt: true,
    override_vocab_size: shape.vocab,
    encoder_seq_length: decoderTokens,
    max_position_embeddings: decoderTokens,
    ...stack(shape, shape.decoderLayers),
    num_query_groups: shape.kvHeads,
    activation: shape.feedForward === 'gated' ? 'swiglu' : 'gelu',
    position_embedding_type:
      positions.kind === 'learned' ? 'learned_absolute' : positions.kind === 'rotary' ? 'rope' : 'none',
    rotary_percentage: 1.0,
    share_embeddings_and_output_weights: shape.tiedEmbeddings,
    data: { data_prefix: '???', seq_length: decoderTokens },
  };
}

const precisions: Readonly<Record<string, string>> = {
  'mixed-bf16': 'bf16-mixed',
  'mixed-fp16': '16-mixed',
  fp32: '32',
};

/**
 * A configuration for NeMo 1.23's `megatron_gpt_pretraining.py` or `megatron_t5_pretraining.py`, over the project's own.
 *
 * @throws ShapelawError `unsupported-config` for the first field that NeMo has no place for.
 */
export function nemoConfiguration(shape: Shape, training: ExportTraining): ExportedConfiguration {
  const decoder = shape.kind === 'decoder';
  requireAll(trainer, shape, [
    ...megatronDemands(shape, training),
    ...bothDemands(shape),
    ...(decoder ? decoderDemands(shape, training) : t5Demands(shape, training)),
  ]);
  const { steps, batch, learningRate, precision } = training;
  const family = decoder ? 'gpt' : 't5';
  const name = slug(shape.name);
  const { data, ...model } = decoder ? decoderModel(shape, training) : t5Model(shape, training);
  const configuration: Section = {
    name,
    trainer: { precision: precisions[precision]!, max_steps: steps },
    exp_manager: { name },
    model: {
      micro_batch_size: 1,
      global_batch_size: batch,
      tensor_model_parallel_size: 1,
      pipeline_model_parallel_size: 1,
      ...model,
      tokenizer: { library: '???', type: '???', model: null, vocab_file: null, merge_file: null },
      data: data!,
      optim: {
        name: 'fused_adam',
        lr: learningRate ?? '???',
        sched: decoder
          ? { name: 'CosineAnnealing', warmup_steps: Math.floor(steps / 100), constant_steps: 0, min_lr: 0.0 }
          : { name: 'WarmupAnnealing', warmup_ratio: 0.01, min_lr: 0.0 },
      },
    },
  };
  const lines = ['defaults:', `  - megatron_${family}_config`, '  - _self_', ...yaml(configuration)];
  const open = [
    'model.data.data_prefix',
    'model.tokenizer.library',
    'model.tokenizer.type',
    ...(learningRate === null ? ['model.optim.lr'] : []),
  ];
  return {
    fileName: `${name}.yaml`,
    text: `${lines.join('\n')}\n`,
    notes: [
      `NeMo 1.23: put the file into examples/nlp/language_modeling/conf and start megatron_${family}_pretraining.py --config-name=${name}.`,
      `What is ??? it does not start without: ${open.join(', ')}, and the tokenizer's files.`,
      `Everything else is that of megatron_${family}_config.yaml; names were checked in the code of nemo_toolkit 1.23.0, which later versions replaced by NeMo 2.`,
      `The rows of the embedding, ${shape.vocab}, must hold the tokenizer's${decoder ? '' : ', and are right without tensor parallelism only'}; micro_batch_size times the devices of data parallelism must divide ${batch}.`,
      `The feed-forward is ${decoder ? 'SwiGLU where gated and GELU' : 'GEGLU where gated and GELU, for want of ReLU,'} where plain; a shape does not know its activation.`,
      ...(decoder ? [] : ["Attention is scaled by the root of the head's width there, which T5's is not."]),
    ],
  };
}
