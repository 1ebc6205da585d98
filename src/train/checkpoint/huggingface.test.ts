import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseInlineShape, presetShape } from '../../flops/index.js';
import { readHuggingFaceT5, type Weight, writeHuggingFaceT5 } from './huggingface.js';
import { readSafetensors, writeSafetensors } from './safetensors.js';
import type { StoredTensor } from './stored-tensor.js';
import { t5Tensors } from './t5-tensors.js';

const fixtures = fileURLToPath(new URL('../../../fixtures/t5/', import.meta.url));
const models = ['t5', 't5-v1.1'];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'huggingface-'));
});
afterAll(() => rm(folder, { recursive: true }));

const refusal = (code: string, message: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });

/** A copy of a genuine checkpoint, changed. */
async function changed(
  name: string,
  change: { config?: Record<string, unknown>; tensors?: (tensors: Map<string, StoredTensor>) => void },
): Promise<string> {
  const copy = await mkdtemp(join(folder, 'copy-'));
  await cp(join(fixtures, name), copy, { recursive: true });
  const config = JSON.parse(await readFile(join(copy, 'config.json'), 'utf8'));
  await writeFile(join(copy, 'config.json'), JSON.stringify({ ...config, ...change.config }));
  const path = join(copy, 'model.safetensors');
  const { tensors, metadata } = await readSafetensors(path);
  const edited = new Map(tensors);
  change.tensors?.(edited);
  await writeSafetensors(path, edited, metadata);
  return copy;
}

describe('readHuggingFaceT5', () => {
  test.each(models)('reads %s as transformers wrote it', async (name) => {
    const { shape, tensors } = await readHuggingFaceT5(join(fixtures, name));
    expect(shape).toMatchObject({ name, encoderLayers: 2, decoderLayers: 3, dKv: 8, heads: 4, vocab: 384 });
    expect(shape.tiedEmbeddings).toBe(name === 't5');
    expect([...tensors].map(([name, { shape }]) => ({ name, shape }))).toEqual(t5Tensors(shape));
    const { tensors: stored } = await readSafetensors(join(fixtures, name, 'model.safetensors'));
    for (const [name, { data }] of tensors) expect(data).toEqual(stored.get(name)!.data);
  });

  test('reads half precision', async () => {
    const name = 'encoder.final_layer_norm.weight';
    const copy = await changed('t5', {
      tensors: (tensors) => tensors.set(name, { dtype: 'BF16', shape: [32], data: new Uint16Array(32).fill(0x3f80) }),
    });
    expect((await readHuggingFaceT5(copy)).tensors.get(name)!.data).toEqual(new Float32Array(32).fill(1));
  });

  test('passes over the copies of the embedding that old checkpoints hold', async () => {
    const copy = await changed('t5', {
      tensors: (tensors) => {
        const shared = tensors.get('shared.weight')!;
        for (const name of ['encoder.embed_tokens.weight', 'decoder.embed_tokens.weight', 'lm_head.weight']) {
          tensors.set(name, shared);
        }
        const bias = tensors.get('decoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight')!;
        tensors.set('decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight', bias);
      },
    });
    const { tensors } = await readHuggingFaceT5(copy);
    expect(tensors).toEqual((await readHuggingFaceT5(join(fixtures, 't5'))).tensors);
  });

  test('takes a shape that is expected', async () => {
    const { shape } = await readHuggingFaceT5(join(fixtures, 't5'));
    const read = await readHuggingFaceT5(join(fixtures, 't5'), { expected: { ...shape, name: 'mine' } });
    expect(read.shape).toEqual(shape);
  });

  test.each([
    ['vocab', { vocab: 512 }, /tensor "shared.weight" is of shape \[384,32\]; in mine, .* it is of shape \[512,32\]/],
    [
      'heads',
      { heads: 2, kvHeads: 2, dKv: 16 },
      /"encoder.block.0.*relative_attention_bias.weight" is of shape \[32,4\]/,
    ],
    ['layers', { encoderLayers: 3 }, /"encoder.block.2.layer.0.layer_norm.weight" is missing; in mine/],
    ['fewer layers', { decoderLayers: 2 }, /"decoder.block.2.layer.0.layer_norm.weight" is not in mine/],
    [
      'feed-forward',
      { feedForward: 'gated' as const },
      /"encoder.block.0.layer.1.DenseReluDense.wi_0.weight" is missing/,
    ],
    ['output', { tiedEmbeddings: false }, /"lm_head.weight" is missing/],
  ])('refuses a model of another shape than expected: %s', async (_, difference, message) => {
    const { shape } = await readHuggingFaceT5(join(fixtures, 't5'));
    const expected = { ...shape, ...difference, name: 'mine' };
    await expect(readHuggingFaceT5(join(fixtures, 't5'), { expected })).rejects.toEqual(
      refusal('bad-checkpoint', message),
    );
  });

  const wo = 'encoder.block.1.layer.1.DenseReluDense.wo.weight';
  const tensorCases: [string, (tensors: Map<string, StoredTensor>) => void, RegExp][] = [
    [
      'a missing tensor',
      (tensors) => tensors.delete(wo),
      /wo.weight" is missing; in the model of its config.json it is of/,
    ],
    [
      'a transposed tensor',
      (tensors) => tensors.set(wo, { ...tensors.get(wo)!, shape: [64, 32] } as StoredTensor),
      /wo.weight" is of shape \[64,32\]; .* it is of shape \[32,64\]; copy both files/,
    ],
    [
      'an unknown tensor',
      (tensors) => tensors.set('adapter.weight', { dtype: 'F32', shape: [], data: new Float32Array(1) }),
      /tensor "adapter.weight" is not in the model of its config.json/,
    ],
    [
      'a tensor of integers',
      (tensors) => tensors.set(wo, { dtype: 'I32', shape: [32, 64], data: new Int32Array(2048) }),
      /model.safetensors: tensor ".*wo.weight" is of type I32, which is not read as float32/,
    ],
  ];
  test.each(tensorCases)('refuses %s', async (_, tensors, message) => {
    await expect(readHuggingFaceT5(await changed('t5', { tensors }))).rejects.toEqual(
      refusal('bad-checkpoint', message),
    );
  });

  test('needs an output projection where the embeddings are untied', async () => {
    const copy = await changed('t5-v1.1', { tensors: (tensors) => tensors.delete('lm_head.weight') });
    await expect(readHuggingFaceT5(copy)).rejects.toEqual(refusal('bad-checkpoint', /"lm_head.weight" is missing/));
  });

  test.each([
    [
      'another activation',
      { feed_forward_proj: 'gated-silu' },
      /feed_forward_proj "gated-silu" is not covered; only "gated-gelu"/,
    ],
    ['another epsilon', { layer_norm_epsilon: 1e-5 }, /layer_norm_epsilon 0.00001 is not covered; only 0.000001 is/],
    ['another distance', { relative_attention_max_distance: 64 }, /relative_attention_max_distance 64 is not covered/],
    ['another model', { model_type: 'llama' }, /is not a T5: kind is "decoder"/],
    ['half of a T5', { is_encoder_decoder: false }, /half of a T5/],
  ])('refuses %s', async (_, config, message) => {
    const copy = await changed('t5-v1.1', { config });
    await expect(readHuggingFaceT5(copy)).rejects.toEqual(refusal('unsupported-config', message));
  });

  test('names a file that is missing or is not JSON', async () => {
    const copy = await changed('t5', {});
    await rm(join(copy, 'model.safetensors'));
    await expect(readHuggingFaceT5(copy)).rejects.toEqual(refusal('unreadable', /model.safetensors does not exist/));
    await writeFile(join(copy, 'config.json'), '{');
    await expect(readHuggingFaceT5(copy)).rejects.toEqual(refusal('unreadable', /config.json is not JSON/));
    await rm(join(copy, 'config.json'));
    await expect(readHuggingFaceT5(copy)).rejects.toEqual(refusal('unreadable', /config.json can't be read: ENOENT/));
  });
});

describe('writeHuggingFaceT5', () => {
  test.each(models)('writes %s so that it reads the same', async (name) => {
    const model = await readHuggingFaceT5(join(fixtures, name));
    const target = join(folder, 'written', name);
    await writeHuggingFaceT5(target, model.shape, model.tensors, { dropoutRate: 0 });
    expect(await readHuggingFaceT5(target)).toEqual(model);
    const config = JSON.parse(await readFile(join(target, 'config.json'), 'utf8'));
    const { transformers_version, ...original } = JSON.parse(
      await readFile(join(fixtures, name, 'config.json'), 'utf8'),
    );
    const common = Object.keys(config).filter((key) => key in original);
    expect(common.length).toBeGreaterThan(15);
    for (const key of common) expect([key, config[key]]).toEqual([key, original[key]]);
    const { metadata } = await readSafetensors(join(target, 'model.safetensors'));
    expect(metadata).toEqual({ format: 'pt' });
  });

  test('refuses tensors of another shape, and a shape that is no T5', async () => {
    const { shape, tensors } = await readHuggingFaceT5(join(fixtures, 't5'));
    const target = join(folder, 'refused');
    const other = { ...shape, dFf: 65 };
    await expect(writeHuggingFaceT5(target, other, tensors)).rejects.toEqual(
      refusal('bad-checkpoint', /wi.weight" is of shape \[64,32\]; in t5 it is of shape \[65,32\]/),
    );
    await expect(writeHuggingFaceT5(target, presetShape('gpt2')!, tensors)).rejects.toEqual(
      refusal('unsupported-config', /gpt2 is not a T5/),
    );
  });

  test('says where it cannot write', async () => {
    const shape = parseInlineShape('enc=1,dec=1,d=2,ff=2,kv=1,h=2,vocab=4');
    const tensors = new Map<string, Weight>();
    for (const { name, shape: lengths } of t5Tensors(shape)) {
      tensors.set(name, { shape: lengths, data: new Float32Array(lengths.reduce((a, b) => a * b)) });
    }
    await writeFile(join(folder, 'file'), '');
    await expect(writeHuggingFaceT5(join(folder, 'file', 'model'), shape, tensors)).rejects.toEqual(
      refusal('write-failed', /can't make .*file/),
    );
  });
});
