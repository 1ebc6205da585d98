import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { ShapelawError } from '../../errors.js';
import { type Shape, shapeFromHuggingFace } from '../../flops/index.js';
import { makeFolder } from './make-folder.js';
import { type LazyTensor, readSafetensors, writeSafetensors } from './safetensors.js';
import { badFile } from './safetensors-header.js';
import { type StoredTensor, toFloat32 } from './stored-tensor.js';
import { type NamedShape, requireT5, type T5Shape, t5Tensors } from './t5-tensors.js';
import { writeAside } from './write-aside.js';

/** A parameter: the lengths of its axes and its elements in row-major order. */
export interface Weight {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** A T5 model: its shape and its parameters by Hugging Face name, in the order of `t5Tensors`. */
export interface T5Checkpoint {
  readonly shape: Shape;
  readonly tensors: ReadonlyMap<string, Weight>;
}

export interface ReadT5Options {
  /** The shape that the model must have. Defaults to whichever its configuration states. */
  readonly expected?: Shape;
}

export interface WriteT5Options {
  /** `dropout_rate` of the configuration, for those who train on. Defaults to 0.1, as in transformers. */
  readonly dropoutRate?: number;
}

const configName = 'config.json';
const weightsName = 'model.safetensors';

/** What every T5 computes with and no shape states. */
const layerNormEpsilon = 1e-6;
const maxDistance = 128;

function activation(shape: Shape): string {
  return shape.feedForward === 'gated' ? 'gated-gelu' : 'relu';
}

/**
 * Copies of the embedding table in old checkpoints, and a table that transformers never reads.
 * `lm_head.weight` is such a copy where the embeddings are tied.
 */
function isIgnored(name: string, shape: Shape): boolean {
  return (
    name === 'encoder.embed_tokens.weight' ||
    name === 'decoder.embed_tokens.weight' ||
    name === 'decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight' ||
    (name === 'lm_head.weight' && shape.tiedEmbeddings)
  );
}

async function readConfig(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    const problem = error instanceof SyntaxError ? 'is not JSON' : "can't be read";
    const advice = 'name a folder that save_pretrained wrote';
    throw new ShapelawError('unreadable', `${path} ${problem}: ${(error as Error).message}; ${advice}`, { path });
  }
}

/** The shape of a configuration whose model computes what a T5 of that shape does here. */
function shapeOf(config: unknown, path: string, folder: string): T5Shape {
  const shape = shapeFromHuggingFace(config, basename(resolve(folder)));
  requireT5(shape);
  const fields = config as Record<string, unknown>;
  const computed = {
    feed_forward_proj: activation(shape),
    layer_norm_epsilon: layerNormEpsilon,
    relative_attention_max_distance: maxDistance,
  };
  for (const [field, value] of Object.entries(computed)) {
    if (fields[field] !== undefined && fields[field] !== value) {
      const message = `${path}: ${field} ${JSON.stringify(fields[field])} is not covered; only ${JSON.stringify(value)} is`;
      throw new ShapelawError('unsupported-config', message, { path, field, value: fields[field] });
    }
  }
  return shape;
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((length, axis) => length === b[axis]);
}

/** What tensors are held against. */
interface Reference {
  readonly tensors: readonly NamedShape[];
  /** Names the model in messages. */
  readonly model: string;
  readonly advice: string;
}

/** Refuses tensors that are not those of the reference, naming the first one that differs. */
function requireTensors(
  path: string,
  found: ReadonlyMap<string, { readonly shape: readonly number[] }>,
  { tensors, model, advice }: Reference,
): void {
  const expected = byName(tensors);
  for (const { name, shape } of tensors) {
    const tensor = found.get(name);
    if (tensor === undefined) {
      const problem = `is missing; in ${model} it is of shape [${shape}]; ${advice}`;
      throw badFile(path, problem, { tensor: name, expected: shape });
    }
    if (!sameShape(tensor.shape, shape)) {
      const problem = `is of shape [${tensor.shape}]; in ${model} it is of shape [${shape}]; ${advice}`;
      throw badFile(path, problem, { tensor: name, shape: tensor.shape, expected: shape });
    }
  }
  for (const name of found.keys()) {
    if (!expected.has(name)) throw badFile(path, `is not in ${model}; ${advice}`, { tensor: name });
  }
}

function byName(tensors: readonly NamedShape[]): ReadonlyMap<string, NamedShape> {
  return new Map(tensors.map((tensor) => [tensor.name, tensor]));
}

/**
 * Reads a T5 from a folder as `save_pretrained` of transformers writes it: config.json and model.safetensors, in one
 * file, of type F32, F16 or BF16.
 *
 * @throws ShapelawError `unreadable` where a file is missing; `unsupported-config` where the model is not a T5, or
 * computes otherwise than T5 as published; `bad-checkpoint` where the weights are not those of the configuration, or the
 * model is not of the shape expected, naming the first tensor that differs.
 */
export async function readHuggingFaceT5(folder: string, options: ReadT5Options = {}): Promise<T5Checkpoint> {
  const configPath = join(folder, configName);
  const weightsPath = join(folder, weightsName);
  const shape = shapeOf(await readConfig(configPath), configPath, folder);
  const described = t5Tensors(shape);
  if (options.expected !== undefined) {
    const { name } = options.expected;
    requireTensors(configPath, byName(described), {
      tensors: t5Tensors(options.expected),
      model: `${name}, the model asked for,`,
      advice: 'name a checkpoint of that shape',
    });
  }

  const { tensors: stored } = await readSafetensors(weightsPath);
  const parameters = new Map([...stored].filter(([name]) => !isIgnored(name, shape)));
  requireTensors(weightsPath, parameters, {
    tensors: described,
    model: `the model of its ${configName}`,
    advice: 'copy both files of one checkpoint again',
  });
  const tensors = described.map(({ name, shape }): [string, Weight] => [
    name,
    { shape, data: toFloat32(stored.get(name)!, `${weightsPath}: tensor ${JSON.stringify(name)}`) },
  ]);
  return { shape, tensors: new Map(tensors) };
}

function configOf(shape: T5Shape, dropoutRate: number): Record<string, unknown> {
  return {
    architectures: ['T5ForConditionalGeneration'],
    model_type: 't5',
    vocab_size: shape.vocab,
    d_model: shape.dModel,
    d_kv: shape.dKv,
    d_ff: shape.dFf,
    num_layers: shape.encoderLayers,
    num_decoder_layers: shape.decoderLayers,
    num_heads: shape.heads,
    relative_attention_num_buckets: shape.positions.buckets,
    relative_attention_max_distance: maxDistance,
    dropout_rate: dropoutRate,
    layer_norm_epsilon: layerNormEpsilon,
    feed_forward_proj: activation(shape),
    tie_word_embeddings: shape.tiedEmbeddings,
    is_encoder_decoder: true,
    pad_token_id: 0,
    eos_token_id: 1,
    decoder_start_token_id: 0,
    torch_dtype: 'float32',
  };
}

/**
 * Writes a T5 into a folder, made where there is none, as config.json and model.safetensors that
 * `T5ForConditionalGeneration.from_pretrained` of transformers 4 loads. (transformers 5 ties the embeddings of every T5.)
 *
 * @throws ShapelawError `unsupported-config` where the shape is not a T5's; `bad-checkpoint` where the tensors are not
 * those of the shape, naming the first; `write-failed`.
 */
export async function writeHuggingFaceT5(
  folder: string,
  shape: Shape,
  tensors: ReadonlyMap<string, Weight | LazyTensor>,
  options: WriteT5Options = {},
): Promise<void> {
  requireT5(shape);
  const described = t5Tensors(shape);
  const weightsPath = join(folder, weightsName);
  requireTensors(weightsPath, tensors, {
    tensors: described,
    model: shape.name,
    advice: 'give the tensors of that shape',
  });
  const stored = described.map(({ name, shape }): [string, StoredTensor | LazyTensor] => {
    const tensor = tensors.get(name)!;
    return [name, 'data' in tensor ? { dtype: 'F32', shape, data: tensor.data } : tensor];
  });
  await makeFolder(folder);
  // transformers reads no file without a format.
  await writeSafetensors(weightsPath, stored, { format: 'pt' });
  const config = `${JSON.stringify(configOf(shape, options.dropoutRate ?? 0.1), null, 2)}\n`;
  await writeAside(join(folder, configName), (file) => file.writeFile(config));
}
