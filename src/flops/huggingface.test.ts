import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import models from '../../fixtures/parameters/models.json' with { type: 'json' };
import { shapeFromHuggingFace } from './huggingface.js';
import { countParameters } from './parameters.js';
import { presetShape } from './presets/index.js';

function total(config: unknown): number {
  return countParameters(shapeFromHuggingFace(config, 'model')).total;
}

function refusal(code: string, message: string) {
  return expect.objectContaining({ code, message: expect.stringContaining(message) });
}

describe('shapeFromHuggingFace', () => {
  it.each(models.models)(
    '$name counts $allocated parameters, as transformers allocates',
    ({ config, name, allocated }) => {
      const shape = shapeFromHuggingFace(config, name);
      expect(shape.name).toBe(name);
      expect(countParameters(shape).total).toBe(allocated);
    },
  );

  it('equals the preset of the same name in every field', () => {
    for (const { config, name } of models.models) {
      const preset = presetShape(name);
      if (preset !== undefined) expect(shapeFromHuggingFace(config, preset.name)).toEqual(preset);
    }
  });

  // The defaults of these configuration classes in transformers 4.57.6 are those of a released model.
  it.each([
    ['t5', 't5-small'],
    ['mt5', 'mt5-small'],
    ['gpt2', 'gpt2'],
    ['gpt_neox', 'gpt-neox-20b'],
    ['opt', 'opt-125m'],
    ['llama', 'llama-7b'],
    ['gemma', 'gemma-7b'],
    ['gemma2', 'gemma-2-2b'],
    ['mistral', 'mistral-7b-v0.1'],
    ['mixtral', 'mixtral-8x7b'],
    ['bert', 'bert-base-uncased'],
  ])('an empty %s is %s', (type, preset) => {
    expect(shapeFromHuggingFace({ model_type: type }, preset)).toEqual(presetShape(preset));
  });

  // google/gemma-3-4b-it leaves heads, head width and vocabulary of its text_config to the class.
  it('fills in what a file leaves out', () => {
    const config = { model_type: 'gemma3_text', hidden_size: 2560, intermediate_size: 10240, num_hidden_layers: 34 };
    expect(shapeFromHuggingFace(config, 'gemma-3-4b-text')).toEqual(presetShape('gemma-3-4b-text'));
  });

  it('derives what a field leaves null', () => {
    const llama = { model_type: 'llama', num_key_value_heads: null, head_dim: null };
    expect(shapeFromHuggingFace(llama, 'llama-7b')).toEqual(presetShape('llama-7b'));
    expect(shapeFromHuggingFace({ model_type: 't5', num_layers: 7, num_decoder_layers: null }, 'a').decoderLayers).toBe(
      7,
    );
    expect(shapeFromHuggingFace({ model_type: 'gpt2', n_embd: 96, n_inner: null }, 'a').dFf).toBe(384);
  });

  it('reads the fields that change a count', () => {
    const narrow = { hidden_size: 64, intermediate_size: 256, num_hidden_layers: 2, num_attention_heads: 4 };
    const difference = (type: string, field: string, on: unknown, off: unknown) =>
      total({ model_type: type, ...narrow, num_key_value_heads: 2, head_dim: 16, [field]: on }) -
      total({ model_type: type, ...narrow, num_key_value_heads: 2, head_dim: 16, [field]: off });
    // Two layers of 64 + 2 * 32 for queries, keys and values, 64 for the output.
    expect(difference('llama', 'attention_bias', true, false)).toBe(2 * (128 + 64));
    expect(difference('qwen3', 'attention_bias', true, false)).toBe(2 * (128 + 64));
    expect(difference('gemma2', 'attention_bias', true, false)).toBe(2 * (128 + 64));
    expect(difference('llama', 'mlp_bias', true, false)).toBe(2 * (2 * 256 + 64));
    expect(difference('llama', 'tie_word_embeddings', false, true)).toBe(32000 * 64);
    expect(difference('gpt_neox', 'attention_bias', true, false)).toBe(2 * (3 * 64 + 64));
    expect(difference('bert', 'type_vocab_size', 4, 2)).toBe(2 * 64);
    const opt = { model_type: 'opt', ...narrow, ffn_dim: 256 };
    expect(total(opt) - total({ ...opt, enable_bias: false })).toBe(2 * (4 * 64 + 256 + 64));
    expect(total(opt) - total({ ...opt, do_layer_norm_before: false })).toBe(2 * 64);
    expect(total(opt) - total({ ...opt, _remove_final_layer_norm: true })).toBe(2 * 64);
    expect(shapeFromHuggingFace({ model_type: 'gpt2', n_ctx: 512 }, 'a').positions).toMatchObject({ rows: 512 });
    expect(shapeFromHuggingFace({ model_type: 't5', relative_attention_num_buckets: 16 }, 'a').positions).toEqual({
      kind: 'relative',
      buckets: 16,
    });
  });

  it.each([
    [{ model_type: 'mamba' }, 'model_type "mamba" is not covered: covered are t5, mt5, gpt2'],
    [{ model_type: 'constructor' }, 'model_type "constructor"'],
    [{ model_type: 7 }, 'model_type 7'],
    [{}, 'no model_type; covered are t5'],
    [{ model_type: 'gemma3', text_config: {} }, 'give the object under its text_config'],
    [{ model_type: 't5', is_encoder_decoder: false }, 'is_encoder_decoder false'],
    [{ model_type: 't5', architectures: ['T5EncoderModel'] }, 'architecture "T5EncoderModel"'],
    [{ model_type: 'llama', architectures: ['LlamaForSequenceClassification'] }, 'LlamaForSequenceClassification'],
    [{ model_type: 'gpt2', add_cross_attention: true }, 'add_cross_attention true'],
    [{ model_type: 'opt', layer_norm_elementwise_affine: false }, 'layer_norm_elementwise_affine false'],
    [{ model_type: 'bert', position_embedding_type: 'relative_key' }, 'position_embedding_type "relative_key"'],
    [{ model_type: 'bert', tie_word_embeddings: false }, 'tie_word_embeddings false'],
    [{ model_type: 'bert', add_cross_attention: true }, 'add_cross_attention true'],
    [{ model_type: 'qwen3_moe', decoder_sparse_step: 2 }, 'decoder_sparse_step 2'],
    [{ model_type: 'qwen3_moe', mlp_only_layers: [0] }, 'mlp_only_layers [0]'],
  ])('refuses %j as not covered', (config, message) => {
    expect(() => total(config)).toThrow(refusal('unsupported-config', message));
  });

  it.each([
    [{ model_type: 't5', d_model: '512' }, 'd_model is "512"'],
    [{ model_type: 't5', num_layers: 0 }, 'num_layers is 0'],
    [{ model_type: 't5', feed_forward_proj: 'swish-gelu' }, 'feed_forward_proj is "swish-gelu"'],
    [{ model_type: 'gpt2', n_embd: 769 }, 'n_embd is 769: it must be a multiple of n_head, which is 12'],
    [{ model_type: 'llama', hidden_size: 100 }, 'hidden_size is 100: it must be a multiple of num_attention_heads'],
    [{ model_type: 'llama', num_key_value_heads: 3 }, 'a multiple of num_key_value_heads, which is 3'],
    [{ model_type: 'llama', hidden_size: null }, 'hidden_size is null'],
    [{ model_type: 'llama', vocab_size: 32000.5 }, 'vocab_size is 32000.5'],
    [{ model_type: 'mixtral', num_experts_per_tok: 9 }, 'experts.active is 9'],
    [null, 'a JSON object, not null'],
    [[], 'a JSON object, not []'],
    ['t5', 'a JSON object, not "t5"'],
  ])('refuses %j as wrong', (config, message) => {
    expect(() => total(config)).toThrow(refusal('bad-shape', message));
  });

  it('ignores fields that change no count', () => {
    fc.assert(
      fc.property(fc.constantFrom(...models.models), fc.jsonValue(), ({ config, name }, value) => {
        const more = { ...config, dropout_rate: value, rope_theta: value, torch_dtype: value, use_cache: value };
        expect(shapeFromHuggingFace(more, name)).toEqual(shapeFromHuggingFace(config, name));
      }),
    );
  });
});
