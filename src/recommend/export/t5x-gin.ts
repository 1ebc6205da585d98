import type { Shape } from '../../flops/shape.js';
import {
  type Demand,
  type ExportedConfiguration,
  type ExportTraining,
  plainNumber,
  requireAll,
  slug,
} from './configuration.js';

// Names are those of google-research/t5x: t5x/examples/t5/network.py at commit f7978d63 (T5Config; 32 buckets are fixed there),
// t5x/examples/t5/t5_1_1/base.gin at 247e27ef, t5_1_0/base.gin at 11abdae7, t5x/configs/runs/pretrain.gin at 0858c1a2 and, for
// AdamW, t5_1_1/examples/base_wmt_from_scratch_adamw.gin at 6a93e62c.

/** Rows of the embedding table for the vocabulary that base.gin names. */
const t5Vocab = 32128;
/** pretrain.gin's `warmup_steps`: the rate is base_learning_rate / sqrt(max(step, 10000)). */
const warmupSteps = 10_000;

function demands(shape: Shape, training: ExportTraining): readonly Demand[] {
  const { positions, norms, biases } = shape;
  const only = (field: keyof Shape, holds: boolean, reason: string): Demand => ({
    holds,
    field,
    value: shape[field],
    reason,
  });
  return [
    only('kind', shape.kind === 'encoder-decoder', 'its T5 has an encoder and a decoder'),
    only('head', shape.head === 'lm', 'the output projection stands on top'),
    only('kvHeads', shape.kvHeads === shape.heads, `every head has keys and values of its own, ${shape.heads}`),
    only('dEmbedding', shape.dEmbedding === shape.dModel, `only dModel, ${shape.dModel}`),
    only('positions', positions.kind === 'relative' && positions.buckets === 32, '32 relative buckets a stack'),
    only(
      'norms',
      norms.kind === 'rms' && norms.perSublayer === 1 && norms.final && !norms.embedding && !norms.queryKey,
      'RMS norms stand before each sublayer and at the end of a stack, nowhere else',
    ),
    only(
      'biases',
      !(biases.queryKeyValue || biases.attentionOutput || biases.feedForward),
      'its matrix products have no biases',
    ),
    only('experts', shape.experts === null, 'its T5 has none'),
    only('tokenTypes', shape.tokenTypes === 0, 'its T5 has none'),
    {
      holds: training.optimizer === 'adafactor' || training.optimizer === 'adamw',
      field: 'optimizer',
      value: training.optimizer,
      reason: 'only adafactor and adamw are written',
    },
    {
      holds: training.precision === 'fp32' || training.precision === 'mixed-bf16',
      field: 'precision',
      value: training.precision,
      reason: 'activations are bfloat16 or float32, weights float32; take mixed-bf16 or fp32',
    },
  ];
}

/** T5's schedule at its own height, or at the height given. */
function adafactorLines(learningRate: number | null): readonly string[] {
  if (learningRate === null) return [];
  return [
    '',
    `# ${plainNumber(learningRate)} for ${warmupSteps} steps, then the inverse square root.`,
    'utils.create_learning_rate_scheduler:',
    "  factors = 'constant * rsqrt_decay'",
    `  base_learning_rate = ${gin(learningRate * Math.sqrt(warmupSteps))}`,
    `  warmup_steps = ${warmupSteps}`,
  ];
}

function adamwLines(learningRate: number | null, steps: number): readonly string[] {
  return [
    '',
    'OPTIMIZER = @optimizers.chain()',
    'optimizers.chain:',
    '  transformations = [@optax.clip(), @optax.adamw()]',
    'optax.clip:',
    '  max_delta = 1.0',
    'optax.adamw:',
    '  learning_rate = @optax.warmup_cosine_decay_schedule()',
    'optax.warmup_cosine_decay_schedule:',
    '  init_value = 0.0',
    `  peak_value = ${learningRate === null ? '%gin.REQUIRED' : gin(learningRate)}`,
    `  warmup_steps = ${Math.floor(steps / 100)}`,
    '  decay_steps = %TRAIN_STEPS',
    '  end_value = 0.0',
  ];
}

/** A float of gin, which would read 1 as an integer. */
function gin(value: number): string {
  const text = plainNumber(value);
  return text.includes('.') ? text : `${text}.0`;
}

/**
 * A gin file for T5X's `train.py`: the T5 of t5x/examples/t5 and the run, over the project's own base files.
 *
 * @throws ShapelawError `unsupported-config` for the first field that T5X's T5 has no place for.
 */
export function t5xConfiguration(shape: Shape, training: ExportTraining): ExportedConfiguration {
  requireAll("T5X's T5", shape, demands(shape, training));
  const { steps, batch, encoderTokens, decoderTokens, learningRate, optimizer, precision } = training;
  const adamw = optimizer === 'adamw';
  const base = shape.feedForward === 'gated' ? 't5_1_1' : 't5_1_0';
  const name = slug(shape.name);
  const lines = [
    `# ${name}`,
    'from __gin__ import dynamic_registration',
    '',
    ...(adamw ? ['import optax'] : []),
    ...(shape.vocab === t5Vocab ? [] : ['import seqio']),
    ...(adamw ? ['from t5x import optimizers'] : []),
    'from t5x import utils',
    'from t5x.examples.t5 import network',
    '',
    `include 't5x/examples/t5/${base}/base.gin'`,
    "include 't5x/configs/runs/pretrain.gin'",
    '',
    'MIXTURE_OR_TASK_NAME = %gin.REQUIRED',
    'MODEL_DIR = %gin.REQUIRED',
    `TASK_FEATURE_LENGTHS = {'inputs': ${encoderTokens}, 'targets': ${decoderTokens}}`,
    `TRAIN_STEPS = ${steps}`,
    'DROPOUT_RATE = 0.0',
    ...(shape.vocab === t5Vocab ? [] : ['seqio.SentencePieceVocabulary.sentencepiece_model_file = %gin.REQUIRED']),
    '',
    'train/utils.DatasetConfig:',
    `  batch_size = ${batch}`,
    'train_eval/utils.DatasetConfig:',
    `  batch_size = ${batch}`,
    '',
    'network.T5Config:',
    `  vocab_size = ${shape.vocab}`,
    `  dtype = '${precision === 'fp32' ? 'float32' : 'bfloat16'}'`,
    `  emb_dim = ${shape.dModel}`,
    `  num_heads = ${shape.heads}`,
    `  num_encoder_layers = ${shape.encoderLayers}`,
    `  num_decoder_layers = ${shape.decoderLayers}`,
    `  head_dim = ${shape.dKv}`,
    `  mlp_dim = ${shape.dFf}`,
    `  mlp_activations = ${shape.feedForward === 'gated' ? "('gelu', 'linear')" : "('relu',)"}`,
    '  dropout_rate = %DROPOUT_RATE',
    `  logits_via_embedding = ${shape.tiedEmbeddings ? 'True' : 'False'}`,
    ...(adamw ? adamwLines(learningRate, steps) : adafactorLines(learningRate)),
  ];
  return {
    fileName: `${name}.gin`,
    text: `${lines.join('\n')}\n`,
    notes: [
      `T5X: python -m t5x.train --gin_file=${name}.gin --gin.MIXTURE_OR_TASK_NAME=\\"your_task\\" --gin.MODEL_DIR=\\"your_folder\\", with --gin.USE_CACHED_TASKS=False for a task that is not cached.`,
      'What the file marks %gin.REQUIRED T5X does not start without; import the module that registers your task.',
      `Everything else is that of ${base}/base.gin and pretrain.gin, which the file includes; names were checked against google-research/t5x at f7978d63 and 0858c1a2.`,
      ...(learningRate === null && !adamw
        ? ["No learning rate is given, so pretrain.gin's holds: 0.01 for 10000 steps, then the inverse square root."]
        : []),
      ...(adamw ? ['Warm-up takes a hundredth of the steps, and the cosine the rest.'] : []),
      ...(shape.vocab === t5Vocab
        ? []
        : [`The vocabulary of base.gin has ${t5Vocab} rows; name a SentencePiece model for yours of ${shape.vocab}.`]),
    ],
  };
}
