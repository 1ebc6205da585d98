import { ShapelawError } from '../errors.js';
import { bert } from './huggingface/bert.js';
import { type Read, refusal } from './huggingface/fields.js';
import { gpt2, gptNeox, opt } from './huggingface/gpt.js';
import { gemma, gemma2, gemma3Text, llama, mistral, mixtral, qwen2, qwen3, qwen3Moe } from './huggingface/llama.js';
import { mt5, t5 } from './huggingface/t5.js';
import type { Shape } from './shape.js';
import { parseShape } from './shape-schema.js';

const readers: Readonly<Record<string, Read>> = {
  t5,
  mt5,
  gpt2,
  gpt_neox: gptNeox,
  opt,
  llama,
  qwen2,
  qwen3,
  qwen3_moe: qwen3Moe,
  gemma,
  gemma2,
  gemma3_text: gemma3Text,
  mistral,
  mixtral,
  bert,
};

/** Architectures with another head than the language model's, or with half of its stacks. */
const otherArchitecture = /EncoderModel|Classification|QuestionAnswering|MultipleChoice|DoubleHeads/;

/**
 * The shape that a Hugging Face `config.json` describes, with its language-modelling head (BERT: its pre-training heads).
 * Fields that the file omits have the defaults of `transformers`.
 *
 * @param config the parsed JSON
 * @param name the name that the shape gets
 * @throws ShapelawError `unsupported-config` where the model type, or a field that changes the count, is not covered;
 * `bad-shape` where a field has a wrong value.
 */
export function shapeFromHuggingFace(config: unknown, name: string): Shape {
  if (config === null || typeof config !== 'object' || Array.isArray(config)) {
    throw new ShapelawError('bad-shape', `${name}: a configuration is a JSON object, not ${JSON.stringify(config)}`);
  }
  const { model_type: type, architectures } = config as Record<string, unknown>;
  const covered = `covered are ${Object.keys(readers).join(', ')}`;
  if (type === undefined) {
    throw new ShapelawError('unsupported-config', `${name}: the configuration has no model_type; ${covered}`);
  }
  if (type === 'gemma3') {
    throw refusal(name, 'model_type', type, 'its vision tower is not counted; give the object under its text_config');
  }
  if (typeof type !== 'string' || !Object.hasOwn(readers, type)) throw refusal(name, 'model_type', type, covered);
  for (const architecture of Array.isArray(architectures) ? architectures : []) {
    if (otherArchitecture.test(String(architecture))) {
      throw refusal(
        name,
        'architecture',
        architecture,
        'only the whole model with its language-modelling head is counted',
      );
    }
  }
  return parseShape(readers[type]!(config, name));
}
