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

// Names are those of megatron/training/arguments.py and the classes it takes its arguments from, as released in
// megatron-core 0.19.2; fixtures/exports/megatron.py gives its parser the arguments and builds the models.

const trainer = 'Megatron-LM';

/** An argument and its value, or an argument that stands for itself. */
type Argument = readonly [name: string, value?: string | number];

function sharedDemands({ biases }: Shape, reason: string, holds: boolean): Demand {
  return { holds, field: 'biases', value: biases, reason };
}

function decoderDemands(shape: Shape, { decoderTokens }: ExportTraining): readonly Demand[] {
  const { biases, positions, experts } = shape;
  const all = biases.queryKeyValue && biases.attentionOutput && biases.feedForward;
  const reason = 'all matrix products have biases, none has, or those of queries, keys and values have';
  return [
    sharedDemands(shape, reason, all || !(biases.attentionOutput || biases.feedForward)),
    {
      holds: positions.kind !== 'relative',
      field: 'positions',
      value: positions,
      reason: 'its decoder knows learned and rotary positions, or none',
    },
    {
      holds: positions.kind !== 'learned' || positions.rows >= decoderTokens,
      field: 'positions',
      value: positions,
      reason: `sequences of ${decoderTokens} tokens need a row for each`,
    },
    {
      holds: experts === null || !biases.feedForward,
      field: 'experts',
      value: experts,
      reason: 'experts with biases were not checked',
    },
  ];
}

function t5Demands(shape: Shape): readonly Demand[] {
  const { biases, positions, kvHeads, heads, encoderLayers, decoderLayers } = shape;
  const alike = biases.queryKeyValue === biases.attentionOutput && biases.queryKeyValue === biases.feedForward;
  return [
    {
      holds: encoderLayers === decoderLayers,
      field: 'decoderLayers',
      value: decoderLayers,
      reason: `pretrain_t5.py gives both stacks --encoder-num-layers, ${encoderLayers}`,
    },
    {
      holds: !shape.tiedEmbeddings,
      field: 'tiedEmbeddings',
      value: true,
      reason: `its T5 adds a bias of ${shape.vocab} to a tied output projection; untie it`,
    },
    {
      holds: positions.kind === 'relative' || positions.kind === 'rotary',
      field: 'positions',
      value: positions,
      reason: 'its T5 has one learned table for both stacks; take relative or rotary positions',
    },
    {
      holds: kvHeads === heads,
      field: 'kvHeads',
      value: kvHeads,
      reason: `its cross-attention has keys and values for every head, ${heads}`,
    },
    {
      holds: !shape.norms.queryKey,
      field: 'norms.queryKey',
      value: true,
      reason: 'its T5 has no norms on queries and keys',
    },
    { holds: shape.experts === null, field: 'experts', value: shape.experts, reason: 'its T5 has none' },
    sharedDemands(shape, 'all matrix products have biases or none has', alike),
  ];
}

function modelArguments(shape: Shape): readonly Argument[] {
  const { biases, positions, experts } = shape;
  const position =
    positions.kind === 'learned' ? 'learned_absolute' : positions.kind === 'rotary' ? 'rope' : positions.kind;
  return [
    ['hidden-size', shape.dModel],
    ['ffn-hidden-size', shape.dFf],
    ['num-attention-heads', shape.heads],
    ['kv-channels', shape.dKv],
    ...(shape.kvHeads === shape.heads
      ? []
      : ([['group-query-attention'], ['num-query-groups', shape.kvHeads]] satisfies Argument[])),
    ['padded-vocab-size', shape.vocab],
    ['position-embedding-type', position],
    ...(positions.kind === 'relative'
      ? ([['relative-attention-num-buckets', positions.buckets]] satisfies Argument[])
      : []),
    ['normalization', shape.norms.kind === 'rms' ? 'RMSNorm' : 'LayerNorm'],
    ...flags({
      swiglu: shape.feedForward === 'gated',
      'disable-bias-linear': !biases.feedForward,
      'add-qkv-bias': biases.queryKeyValue && !biases.feedForward,
      'qk-layernorm': shape.norms.queryKey,
      'untie-embeddings-and-output-weights': !shape.tiedEmbeddings,
    }),
    ...(experts === null
      ? []
      : ([
          ['num-experts', experts.count],
          ['moe-router-topk', experts.active],
          ['moe-ffn-hidden-size', shape.dFf],
        ] satisfies Argument[])),
  ];
}

function flags(set: Readonly<Record<string, boolean>>): readonly Argument[] {
  return Object.entries(set)
    .filter(([, on]) => on)
    .map(([name]) => [name] as const);
}

/** Layers and lengths, the schedule and the tokenizer of the project's own example for this kind of model. */
function kindArguments(shape: Shape, { encoderTokens, decoderTokens }: ExportTraining) {
  if (shape.kind === 'encoder-decoder') {
    return {
      script: 'pretrain_t5.py',
      layers: [
        ['encoder-num-layers', shape.encoderLayers],
        ['decoder-num-layers', shape.decoderLayers],
        ['encoder-seq-length', encoderTokens],
        ['decoder-seq-length', decoderTokens],
        ['max-position-embeddings', Math.max(encoderTokens, decoderTokens)],
      ] satisfies Argument[],
      // examples/t5/train_t5_220m_distributed.sh at commit 157006d6.
      schedule: { style: 'linear', warmup: 0.01 },
      tokenizer: { type: 'BertWordPieceCase', argument: 'vocab-file', variable: 'VOCAB_FILE' },
      sentinels: [['vocab-extra-ids', 100]] satisfies Argument[],
    };
  }
  return {
    script: 'pretrain_gpt.py',
    layers: [
      ['num-layers', shape.decoderLayers],
      ['seq-length', decoderTokens],
      ['max-position-embeddings', shape.positions.kind === 'learned' ? shape.positions.rows : decoderTokens],
    ] satisfies Argument[],
    // examples/gpt3/train_gpt3_175b_distributed.sh at commit 157006d6.
    schedule: { style: 'cosine', warmup: 0.001 },
    tokenizer: { type: 'HuggingFaceTokenizer', argument: 'tokenizer-model', variable: 'TOKENIZER_MODEL' },
    sentinels: [],
  };
}

function required(variable: string, what: string): string {
  return `"\${${variable}:?${what}}"`;
}

function defaulted(variable: string, value: string): string {
  return `"\${${variable}:-${value}}"`;
}

/**
 * A bash script that starts Megatron-LM's `pretrain_gpt.py` or `pretrain_t5.py` with the shape and the run.
 *
 * @throws ShapelawError `unsupported-config` for the first field that Megatron-LM has no place for.
 */
export function megatronConfiguration(shape: Shape, training: ExportTraining): ExportedConfiguration {
  requireAll(trainer, shape, [
    ...megatronDemands(shape, training),
    ...(shape.kind === 'decoder' ? decoderDemands(shape, training) : t5Demands(shape)),
  ]);
  const { steps, batch, learningRate, precision } = training;
  const { script, layers, schedule, tokenizer, sentinels } = kindArguments(shape, training);
  const rate =
    learningRate === null ? required('LEARNING_RATE', 'the highest learning rate') : plainNumber(learningRate);
  const run: readonly Argument[] = [
    ['micro-batch-size', defaulted('MICRO_BATCH_SIZE', '1')],
    ['global-batch-size', batch],
    ['train-iters', steps],
    ['optimizer', 'adam'],
    ['lr', rate],
    ['lr-decay-style', schedule.style],
    ['lr-warmup-fraction', schedule.warmup],
    ...flags({ bf16: precision === 'mixed-bf16', fp16: precision === 'mixed-fp16' }),
  ];
  const data: readonly Argument[] = [
    ['data-path', required('DATA_PATH', 'prefix of the preprocessed data')],
    ['split', '949,50,1'],
    ['tokenizer-type', tokenizer.type],
    [tokenizer.argument, required(tokenizer.variable, 'of the tokenizer that preprocessed the data')],
    ...sentinels,
  ];
  const output: readonly Argument[] = [
    ['save', required('CHECKPOINT_PATH', 'folder of the checkpoints')],
    ['load', required('CHECKPOINT_PATH', 'folder of the checkpoints')],
    ['save-interval', 1000],
    ['eval-interval', 1000],
    ['eval-iters', 10],
    ['log-interval', 100],
  ];
  const name = slug(shape.name);
  const lines = [
    '#!/usr/bin/env bash',
    `# ${name}: run it in the folder of Megatron-LM.`,
    'set -euo pipefail',
    'export CUDA_DEVICE_MAX_CONNECTIONS=1',
    '',
    'ARGUMENTS=(',
    ...[...layers, ...modelArguments(shape), ...run, ...data, ...output].map(
      ([argument, value]) => `  --${argument}${value === undefined ? '' : ` ${value}`}`,
    ),
    ')',
    '',
    `torchrun --nproc_per_node ${defaulted('GPUS', '1')} ${defaulted('PRETRAIN', script)} "\${ARGUMENTS[@]}" "$@"`,
  ];
  const variables = [
    'DATA_PATH',
    tokenizer.variable,
    'CHECKPOINT_PATH',
    ...(learningRate === null ? ['LEARNING_RATE'] : []),
  ];
  return {
    fileName: `pretrain-${name}.sh`,
    text: `${lines.join('\n')}\n`,
    notes: [
      `Megatron-LM: ${variables.map((variable) => `${variable}=...`).join(' ')} GPUS=8 bash pretrain-${name}.sh; it does not start without ${variables.join(', ')}.`,
      `Names were checked with the parser of megatron-core 0.19.2. PRETRAIN names the script where a version keeps ${script} elsewhere; further arguments are passed on.`,
      `MICRO_BATCH_SIZE times the devices of data parallelism must divide ${batch}; the rows of the embedding, ${shape.vocab}, must hold the tokenizer's.`,
      `Schedule ${schedule.style} with a warm-up of ${schedule.warmup} of the steps, as in the project's own example; what the script leaves out has Megatron's defaults, dropout among them.`,
      shape.feedForward === 'gated'
        ? 'A gated feed-forward is SwiGLU there, a plain one GELU; a shape does not know its activation.'
        : 'A plain feed-forward has GELU there; a shape does not know its activation.',
      ...(shape.kind === 'decoder'
        ? []
        : ["Attention is scaled by the root of the head's width there, which T5's is not."]),
    ],
  };
}
