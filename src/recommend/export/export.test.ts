import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import recorded from '../../../fixtures/exports/configurations.json' with { type: 'json' };
import { shapeFromHuggingFace } from '../../flops/huggingface.js';
import { countParameters } from '../../flops/parameters.js';
import { presetNames, presetShape } from '../../flops/presets/index.js';
import type { Shape } from '../../flops/shape.js';
import { parseShape } from '../../flops/shape-schema.js';
import { type ExportFormat, type ExportTraining, exportConfiguration, exportFormats } from './index.js';

const training: ExportTraining = {
  steps: 10_000,
  batch: 128,
  encoderTokens: 512,
  decoderTokens: 114,
  learningRate: 0.001,
  optimizer: 'adamw',
  precision: 'mixed-bf16',
};

function shape(name: string, fields: Partial<Shape> = {}): Shape {
  return parseShape({ ...presetShape(name), ...fields });
}

function text(format: ExportFormat, of: Shape, run: Partial<ExportTraining> = {}): string {
  return exportConfiguration(format, of, { ...training, ...run }).text;
}

function refusal(field: string, message = '') {
  return expect.objectContaining({
    code: 'unsupported-config',
    message: expect.stringContaining(message),
    details: expect.objectContaining({ field }),
  });
}

const biased = { queryKeyValue: true, attentionOutput: true, feedForward: true };
const unbiased = { queryKeyValue: false, attentionOutput: false, feedForward: false };

/** Dimensions that every family may take, key-value heads and widths of a head besides. */
const dimensions = fc
  .record({
    layers: fc.integer({ min: 1, max: 40 }),
    kvHeads: fc.integer({ min: 1, max: 8 }),
    group: fc.integer({ min: 1, max: 4 }),
    dKv: fc.integer({ min: 1, max: 128 }),
    dModel: fc.integer({ min: 1, max: 4096 }),
    dFf: fc.integer({ min: 1, max: 8192 }),
    vocab: fc.integer({ min: 1, max: 300_000 }),
    other: fc.integer({ min: 1, max: 40 }),
  })
  .map(({ layers, kvHeads, group, dKv, dModel, dFf, vocab, other }) => ({
    layers,
    other,
    fields: { kvHeads, heads: kvHeads * group, dKv, dModel, dFf, vocab, dEmbedding: dModel },
  }));

const oneOf = fc.constantFrom<string[]>;

const encoderDecoder = fc
  .tuple(dimensions, fc.boolean(), oneOf('plain', 'gated'), fc.integer({ min: 1, max: 64 }))
  .map(([{ layers, other, fields }, tiedEmbeddings, feedForward, buckets]) =>
    shape('t5-small', {
      ...fields,
      kvHeads: fields.heads,
      encoderLayers: layers,
      decoderLayers: other,
      tiedEmbeddings,
      feedForward: feedForward as Shape['feedForward'],
      positions: { kind: 'relative', buckets },
    }),
  );

/** Decoders with a width of a head of their own: those of Llama's lineage. */
const gatedDecoder = fc
  .tuple(
    dimensions,
    fc.boolean(),
    oneOf(
      'llama-2-7b',
      'mistral-7b-v0.1',
      'mixtral-8x7b',
      'qwen2-7b',
      'qwen3-8b',
      'qwen3-30b-a3b',
      'gemma-2b',
      'gemma-2-2b',
      'gemma-3-1b',
    ),
  )
  .map(([{ layers, fields }, tiedEmbeddings, name]) =>
    shape(name, { ...fields, decoderLayers: layers, tiedEmbeddings }),
  );

/** Those whose heads share the width of the model. */
const plainShape = fc
  .tuple(
    dimensions,
    fc.boolean(),
    oneOf('gpt2', 'pythia-70m', 'opt-350m', 'bert-tiny'),
    fc.integer({ min: 512, max: 4096 }),
  )
  .map(([{ layers, fields }, tiedEmbeddings, name, rows]) => {
    const of = presetShape(name)!;
    const dModel = fields.heads * fields.dKv;
    return shape(name, {
      ...fields,
      kvHeads: fields.heads,
      dModel,
      dEmbedding: name === 'opt-350m' ? fields.dModel : dModel,
      encoderLayers: of.kind === 'encoder' ? layers : 0,
      decoderLayers: of.kind === 'encoder' ? 0 : layers,
      tiedEmbeddings: tiedEmbeddings || of.kind === 'encoder',
      positions: of.positions.kind === 'learned' ? { kind: 'learned', rows } : of.positions,
    });
  });

describe('hf-config', () => {
  it('reads back as the same shape, for any of a family that transformers knows', () => {
    fc.assert(
      fc.property(fc.oneof(encoderDecoder, gatedDecoder, plainShape), (of) => {
        expect(shapeFromHuggingFace(JSON.parse(text('hf-config', of)), of.name)).toEqual(of);
      }),
      { numRuns: 400 },
    );
  });

  it('holds every preset, under the model type of its release', () => {
    for (const name of presetNames()) {
      const of = presetShape(name)!;
      const config = JSON.parse(text('hf-config', of));
      expect(shapeFromHuggingFace(config, name)).toEqual(of);
    }
    const types = [
      'mt5-base',
      'flan-t5-xl',
      'opt-1.3b',
      'gemma-7b',
      'mistral-nemo-12b',
      'mixtral-8x22b',
      'qwen3-0.6b',
    ].map((name) => JSON.parse(text('hf-config', presetShape(name)!)).model_type);
    expect(types).toEqual(['mt5', 't5', 'opt', 'gemma', 'mistral', 'mixtral', 'qwen3']);
  });

  // What transformers 4.57.6 allocated for these files: fixtures/exports/check.py.
  it.each(recorded['hf-config'].map((entry) => [entry.shape.name, entry] as const))(
    'of %s allocates what is counted',
    (_, entry) => {
      const of = parseShape(entry.shape);
      expect(recorded.verified['hf-config'].transformers).toBe('4.57.6');
      expect(text('hf-config', of)).toBe(entry.text);
      expect(countParameters(of).total).toBe(entry.allocated);
    },
  );

  it('leaves the run to TrainingArguments, and says so', () => {
    const { fileName, notes } = exportConfiguration('hf-config', shape('t5-small'), training);
    expect(fileName).toBe('config.json');
    expect(notes.join('\n')).toContain('max_steps 10000, 128 sequences a step');
    expect(notes.join('\n')).toContain('learning_rate 0.001, optimizer adamw');
  });

  it.each([
    ['gpt2', { positions: { kind: 'none' } }, 'positions.kind'],
    ['gpt2', { feedForward: 'gated' }, 'feedForward'],
    ['gpt2', { positions: { kind: 'learned', rows: 100 } }, 'positions.rows'],
    ['llama-2-7b', { feedForward: 'plain' }, 'feedForward'],
    ['t5-small', { kvHeads: 4 }, 'kvHeads'],
    ['t5-small', { biases: biased }, 'biases.queryKeyValue'],
    ['t5-small', { dEmbedding: 64 }, 'dEmbedding'],
    ['bert-tiny', { head: 'none' }, 'head'],
    ['bert-tiny', { dModel: 129, dEmbedding: 129 }, 'dKv'],
  ] as const)('refuses %s with %j, naming %s', (name, fields, field) => {
    expect(() => text('hf-config', shape(name, fields as Partial<Shape>))).toThrow(refusal(field));
  });
});

describe('t5x-gin', () => {
  it('binds every field of T5Config and the run', () => {
    const { fileName, text: written } = exportConfiguration(
      't5x-gin',
      shape('t5-efficient-small-el32', { decoderLayers: 5 }),
      { ...training, optimizer: 'adafactor', learningRate: 0.02 },
    );
    expect(fileName).toBe('t5-efficient-small-el32.gin');
    expect(written).toBe(`# t5-efficient-small-el32
from __gin__ import dynamic_registration

from t5x import utils
from t5x.examples.t5 import network

include 't5x/examples/t5/t5_1_0/base.gin'
include 't5x/configs/runs/pretrain.gin'

MIXTURE_OR_TASK_NAME = %gin.REQUIRED
MODEL_DIR = %gin.REQUIRED
TASK_FEATURE_LENGTHS = {'inputs': 512, 'targets': 114}
TRAIN_STEPS = 10000
DROPOUT_RATE = 0.0

train/utils.DatasetConfig:
  batch_size = 128
train_eval/utils.DatasetConfig:
  batch_size = 128

network.T5Config:
  vocab_size = 32128
  dtype = 'bfloat16'
  emb_dim = 512
  num_heads = 8
  num_encoder_layers = 32
  num_decoder_layers = 5
  head_dim = 64
  mlp_dim = 2048
  mlp_activations = ('relu',)
  dropout_rate = %DROPOUT_RATE
  logits_via_embedding = True

# 0.02 for 10000 steps, then the inverse square root.
utils.create_learning_rate_scheduler:
  factors = 'constant * rsqrt_decay'
  base_learning_rate = 2.0
  warmup_steps = 10000
`);
  });

  it('follows T5 v1.1, AdamW, another vocabulary and float32', () => {
    const written = text('t5x-gin', shape('mt5-small'), { precision: 'fp32', steps: 250, learningRate: 3e-7 });
    expect(written).toContain("include 't5x/examples/t5/t5_1_1/base.gin'");
    expect(written).toContain("mlp_activations = ('gelu', 'linear')");
    expect(written).toContain('logits_via_embedding = False');
    expect(written).toContain("dtype = 'float32'");
    expect(written).toContain('vocab_size = 250112');
    expect(written).toContain('import seqio\n');
    expect(written).toContain('sentencepiece_model_file = %gin.REQUIRED');
    expect(written).toContain('transformations = [@optax.clip(), @optax.adamw()]');
    expect(written).toContain('peak_value = 3.0e-7');
    expect(written).toContain('warmup_steps = 2\n');
    expect(written).not.toContain('create_learning_rate_scheduler');
  });

  it('keeps the schedule of T5X, or asks for a rate, where none is known', () => {
    const unknown = { learningRate: null };
    expect(text('t5x-gin', shape('t5-small'), { ...unknown, optimizer: 'adafactor' })).not.toContain('learning_rate');
    expect(text('t5x-gin', shape('t5-small'), unknown)).toContain('peak_value = %gin.REQUIRED');
  });

  it.each([
    ['gpt2', {}, {}, 'kind'],
    ['bert-tiny', {}, {}, 'kind'],
    ['t5-small', { kvHeads: 4 }, {}, 'kvHeads'],
    ['t5-small', { dEmbedding: 64 }, {}, 'dEmbedding'],
    ['t5-small', { positions: { kind: 'relative', buckets: 16 } }, {}, 'positions'],
    ['t5-small', { positions: { kind: 'rotary' } }, {}, 'positions'],
    ['t5-small', { norms: { ...presetShape('t5-small')!.norms, kind: 'layer' } }, {}, 'norms'],
    ['t5-small', { biases: { ...unbiased, feedForward: true } }, {}, 'biases'],
    ['t5-small', { experts: { count: 4, active: 1 } }, {}, 'experts'],
    ['t5-small', { tokenTypes: 2 }, {}, 'tokenTypes'],
    ['t5-small', { head: 'none' }, {}, 'head'],
    ['t5-small', {}, { optimizer: 'sgd' }, 'optimizer'],
    ['t5-small', {}, { precision: 'mixed-fp16' }, 'precision'],
  ] as const)('refuses %s with %j and %j, naming %s', (name, fields, run, field) => {
    expect(() => text('t5x-gin', shape(name, fields as Partial<Shape>), run)).toThrow(refusal(field));
  });
});

/** Arguments of a script, by name. */
function argumentsOf(script: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...script.matchAll(/^ {2}--([\w-]+)(?: (.*))?$/gm)].map(([, name, value]) => [name, value ?? '']),
  );
}

describe('megatron', () => {
  // What Megatron-LM of megatron-core 0.19.2 allocated for these scripts: fixtures/exports/check-megatron.py.
  it.each(recorded.megatron.map((entry) => [entry.shape.name, entry] as const))(
    'of %s allocates what is counted',
    (_, entry) => {
      const of = parseShape(entry.shape);
      expect(recorded.verified.megatron['megatron-core']).toBe('0.19.2');
      expect(text('megatron', of)).toBe(entry.text);
      expect(countParameters(of).total).toBe(entry.allocated);
    },
  );

  it('writes the shape and the run of a decoder', () => {
    const of = shape('llama-3-8b');
    const run = { ...training, decoderTokens: 8192, precision: 'mixed-fp16', learningRate: null } as const;
    const { fileName, text: script, notes } = exportConfiguration('megatron', of, run);
    expect(fileName).toBe('pretrain-llama-3-8b.sh');
    expect(argumentsOf(script)).toMatchObject({
      'num-layers': '32',
      'seq-length': '8192',
      'max-position-embeddings': '8192',
      'hidden-size': '4096',
      'ffn-hidden-size': '14336',
      'num-attention-heads': '32',
      'kv-channels': '128',
      'group-query-attention': '',
      'num-query-groups': '8',
      'padded-vocab-size': '128256',
      'position-embedding-type': 'rope',
      normalization: 'RMSNorm',
      swiglu: '',
      'disable-bias-linear': '',
      'untie-embeddings-and-output-weights': '',
      'global-batch-size': '128',
      'train-iters': '10000',
      lr: `"\${LEARNING_RATE:?the highest learning rate}"`,
      fp16: '',
    });
    expect(script).toContain(`"\${PRETRAIN:-pretrain_gpt.py}" "\${ARGUMENTS[@]}" "$@"`);
    expect(notes.join(' ')).toContain(
      'does not start without DATA_PATH, TOKENIZER_MODEL, CHECKPOINT_PATH, LEARNING_RATE',
    );
  });

  it.each([
    ['bert-tiny', {}, {}, 'kind'],
    ['t5-v1.1-small', { decoderLayers: 4 }, {}, 'decoderLayers'],
    ['t5-small', {}, {}, 'tiedEmbeddings'],
    ['t5-v1.1-small', { positions: { kind: 'learned', rows: 512 } }, {}, 'positions'],
    ['t5-v1.1-small', { kvHeads: 2 }, {}, 'kvHeads'],
    ['t5-v1.1-small', { norms: { ...presetShape('t5-small')!.norms, queryKey: true } }, {}, 'norms.queryKey'],
    ['t5-v1.1-small', { experts: { count: 2, active: 1 } }, {}, 'experts'],
    ['t5-v1.1-small', { biases: { ...biased, feedForward: false } }, {}, 'biases'],
    ['t5-v1.1-small', { head: 'none' }, {}, 'head'],
    ['opt-350m', {}, {}, 'dEmbedding'],
    ['gpt2', { tokenTypes: 2 }, {}, 'tokenTypes'],
    ['gpt2', { positions: { kind: 'relative', buckets: 32 } }, {}, 'positions'],
    ['gpt2', {}, { decoderTokens: 1025 }, 'positions'],
    ['gpt2', { biases: { ...biased, queryKeyValue: false } }, {}, 'biases'],
    ['gpt2', { experts: { count: 2, active: 1 } }, {}, 'experts'],
    ['gemma-2-2b', {}, {}, 'norms'],
    ['gpt2', {}, { optimizer: 'adafactor' }, 'optimizer'],
    ['gpt2', {}, { precision: 'bf16' }, 'precision'],
  ] as const)('refuses %s with %j and %j, naming %s', (name, fields, run, field) => {
    expect(() => text('megatron', shape(name, fields as Partial<Shape>), run)).toThrow(refusal(field, 'Megatron-LM'));
  });
});

describe('nemo', () => {
  it('writes both stacks of a T5, tied and uneven', () => {
    const { fileName, text: written } = exportConfiguration(
      'nemo',
      shape('t5-efficient-small-el32', { decoderLayers: 5 }),
      training,
    );
    const stack = (layers: number) =>
      `      arch: 'transformer'
      num_layers: ${layers}
      hidden_size: 512
      ffn_hidden_size: 2048
      num_attention_heads: 8
      kv_channels: 64
      normalization: 'rmsnorm'
      bias: false
      bias_activation_fusion: false
      bias_dropout_add_fusion: false
      transformer_block_type: 'pre_ln'
      activation: 'gelu'
      position_embedding_type: 'relative'
      relative_attention_num_buckets: 32
      relative_attention_max_distance: 128
      relative_position_bias_self_attention_only: true
`.replace(/^ {6}/gm, '    ');
    expect(fileName).toBe('t5-efficient-small-el32.yaml');
    expect(written).toBe(`defaults:
  - megatron_t5_config
  - _self_
name: 't5-efficient-small-el32'
trainer:
  precision: 'bf16-mixed'
  max_steps: 10000
exp_manager:
  name: 't5-efficient-small-el32'
model:
  micro_batch_size: 1
  global_batch_size: 128
  tensor_model_parallel_size: 1
  pipeline_model_parallel_size: 1
  make_vocab_size_divisible_by: 32128
  seq_length: 512
  max_position_embeddings: 512
  share_token_embeddings: true
  share_decoder_tokens_head_embeddings: true
  tokens_head_bias: false
  encoder:
${stack(32)}  decoder:
${stack(5)}  tokenizer:
    library: '???'
    type: '???'
    model: null
    vocab_file: null
    merge_file: null
  data:
    data_prefix: '???'
    seq_length: 512
    seq_length_dec: 114
    masked_lm_prob: 0.15
  optim:
    name: 'fused_adam'
    lr: 0.001
    sched:
      name: 'WarmupAnnealing'
      warmup_ratio: 0.01
      min_lr: 0
`);
  });

  it('writes a decoder, and asks for a rate that is not known', () => {
    const written = text('nemo', shape('llama-3-8b'), { decoderTokens: 4096, learningRate: null, steps: 950 });
    for (const line of [
      'mcore_gpt: true',
      'override_vocab_size: 128256',
      'encoder_seq_length: 4096',
      'num_query_groups: 8',
      "activation: 'swiglu'",
      "position_embedding_type: 'rope'",
      'share_embeddings_and_output_weights: false',
      "lr: '???'",
      'warmup_steps: 9',
      'constant_steps: 0',
    ]) {
      expect(written).toContain(`${line}\n`);
    }
    expect(text('nemo', shape('gpt2'), { decoderTokens: 1024, precision: 'fp32' })).toMatch(
      /precision: '32'[\s\S]*bias: true\n {2}bias_activation_fusion: true\n[\s\S]*'learned_absolute'/,
    );
  });

  it.each([
    ['bert-tiny', {}, {}, 'kind'],
    ['qwen2-7b', {}, {}, 'biases'],
    ['qwen3-8b', {}, {}, 'norms.queryKey'],
    ['mixtral-8x7b', {}, {}, 'experts'],
    ['gpt2', {}, {}, 'positions'],
    ['llama-2-7b', { positions: { kind: 'relative', buckets: 32 } }, {}, 'positions'],
    ['t5-small', { positions: { kind: 'rotary' } }, {}, 'positions'],
    ['t5-small', { kvHeads: 4 }, {}, 'kvHeads'],
    ['t5-small', {}, { decoderTokens: 76 }, 'decoderTokens'],
    ['t5-small', {}, { optimizer: 'adafactor' }, 'optimizer'],
    ['t5-small', {}, { precision: 'bf16' }, 'precision'],
  ] as const)('refuses %s with %j and %j, naming %s', (name, fields, run, field) => {
    expect(() => text('nemo', shape(name, fields as Partial<Shape>), run)).toThrow(refusal(field, 'NeMo 1.23'));
  });
});

describe('exportConfiguration', () => {
  it('writes no name that could leave a comment, a string or a folder', () => {
    const name = "../a\"b $(rm)\u2028c: 'd' `e`";
    for (const format of exportFormats) {
      const { fileName, text: written } = exportConfiguration(format, shape('t5-v1.1-small', { name }), training);
      expect(fileName).toMatch(/^[\w.-]+$/);
      expect(written).not.toMatch(/rm\)|`|\u2028/);
      if (format !== 'hf-config') expect(written).toContain('a-b-rm-c-d-e');
    }
    expect(exportConfiguration('nemo', shape('t5-small', { name: '...' }), training).fileName).toBe('model.yaml');
  });

  it.each([
    [{ steps: 0 }, 'steps must be a positive integer, not 0'],
    [{ batch: 1.5 }, 'batch must be a positive integer, not 1.5'],
    [{ learningRate: 0 }, 'the learning rate must be greater than 0 and at most 1, not 0'],
    [{ learningRate: Number.NaN }, 'not NaN'],
    [{ encoderTokens: 0 }, 'encoder tokens must be a positive integer, not 0'],
  ])('refuses %j', (run, message) => {
    for (const format of exportFormats) {
      expect(() => text(format, shape('t5-small'), run)).toThrow(
        expect.objectContaining({ code: 'bad-usage', message: expect.stringContaining(message) }),
      );
    }
  });

  it('refuses another format', () => {
    expect(() => text('keras' as ExportFormat, shape('t5-small'))).toThrow(
      expect.objectContaining({ code: 'bad-usage', message: expect.stringContaining('hf-config, t5x-gin') }),
    );
  });
});
