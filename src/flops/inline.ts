import { ShapelawError } from '../errors.js';
import { inlineDefaults } from './inline-text.js';
import { llamaShape, type Shape, t5Shape } from './shape.js';
import { parseShape } from './shape-schema.js';

const encoderDecoderKeys = ['enc', 'dec', 'd', 'ff', 'kv', 'h'] as const;
const decoderKeys = ['layers', 'd', 'ff', 'h'] as const;
const optionalKeys = ['kv', 'kvh', 'vocab', 'ffn', 'tied', 'name'] as const;
const knownKeys: readonly string[] = [...new Set([...encoderDecoderKeys, ...decoderKeys, ...optionalKeys])];

const usage = `write an encoder-decoder as enc=16,dec=16,d=512,ff=2048,kv=64,h=8 or a decoder as layers=12,d=768,ff=3072,h=12; keys are ${knownKeys.join(', ')}`;

function refusal(problem: string, details: Record<string, unknown> = {}): ShapelawError {
  return new ShapelawError('bad-shape', `${problem}; ${usage}`, details);
}

function readPairs(text: string): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>();
  for (const pair of text.split(',')) {
    const at = pair.indexOf('=');
    const key = pair.slice(0, at).trim();
    const value = pair.slice(at + 1).trim();
    if (at < 0 || value === '') throw refusal(`"${pair.trim()}" is not of the form key=value`, { pair });
    if (!knownKeys.includes(key)) throw refusal(`unknown key "${key}" (value "${value}")`, { key, value });
    if (pairs.has(key)) throw refusal(`${key} is given twice, as "${pairs.get(key)}" and "${value}"`, { key, value });
    pairs.set(key, value);
  }
  return pairs;
}

function wholeNumber(key: string, value: string): number {
  const number = Number(value);
  if (/^\d+$/.test(value) && Number.isSafeInteger(number) && number >= 1) return number;
  throw refusal(`${key} is "${value}": expected a whole number of at least 1`, { key, value });
}

function choice<Value>(
  key: string,
  value: string | undefined,
  values: Readonly<Record<string, Value>>,
  fallback: Value,
) {
  if (value === undefined) return fallback;
  if (Object.hasOwn(values, value)) return values[value]!;
  throw refusal(`${key} is "${value}": expected ${Object.keys(values).join(' or ')}`, { key, value });
}

/**
 * The shape that a text such as `enc=16,dec=16,d=512,ff=2048,kv=64,h=8` writes out.
 *
 * `enc` and `dec` are the layers of a T5 encoder-decoder (vocab 32128, plain feed-forward, tied embeddings);
 * `layers` those of a Llama decoder (vocab 32000, gated, untied; `kv` defaults to d / h). `d` is dModel, `ff` dFf,
 * `kv` dKv, `h` heads, `kvh` key-value heads (defaults to h). `vocab`, `ffn` (plain or gated) and `tied` (yes or no)
 * replace what the model type has; `name` names the shape, which else is the text itself.
 *
 * @throws ShapelawError `bad-shape`, naming the key and the value, with the keys there are.
 */
export function parseInlineShape(text: string): Shape {
  const pairs = readPairs(text);
  const isDecoder = pairs.has('layers');
  const usual = inlineDefaults[isDecoder ? 'decoder' : 'encoder-decoder'];
  for (const key of isDecoder ? ['enc', 'dec'] : []) {
    if (pairs.has(key)) throw refusal(`${key} is "${pairs.get(key)}" beside layers, which is a decoder's`, { key });
  }
  for (const key of isDecoder ? decoderKeys : encoderDecoderKeys) {
    if (!pairs.has(key)) throw refusal(`${key} is missing`, { key });
  }
  const optional = (key: string) => (pairs.has(key) ? wholeNumber(key, pairs.get(key)!) : undefined);
  const number = (key: string) => wholeNumber(key, pairs.get(key)!);

  const name = pairs.get('name') ?? text.trim();
  const dModel = number('d');
  const heads = number('h');
  const dFf = number('ff');
  const dKv = optional('kv') ?? dModel / heads;
  if (!Number.isInteger(dKv))
    throw refusal(`kv is missing and d=${dModel} is not a multiple of h=${heads}`, { key: 'kv' });
  const feedForward = choice('ffn', pairs.get('ffn'), { plain: 'plain', gated: 'gated' } as const, usual.feedForward);
  const tiedEmbeddings = choice('tied', pairs.get('tied'), { yes: true, no: false }, usual.tiedEmbeddings);
  const common = { dModel, dFf, dKv, heads, feedForward, tiedEmbeddings };
  const shape = isDecoder
    ? llamaShape(name, { ...common, layers: number('layers'), vocab: optional('vocab') ?? usual.vocab })
    : t5Shape(name, {
        ...common,
        encoderLayers: number('enc'),
        decoderLayers: number('dec'),
        vocab: optional('vocab') ?? usual.vocab,
      });
  return parseShape({ ...shape, feedForward, kvHeads: optional('kvh') ?? heads });
}
