import type { Shape } from '../shape.js';
import { bertFamily } from './bert.js';
import { closest } from './closest.js';
import type { PresetFamily } from './family.js';
import { gemmaFamilies } from './gemma.js';
import { gptNeoxFamily } from './gpt-neox.js';
import { gpt2Family } from './gpt2.js';
import { llamaFamily } from './llama.js';
import { mistralFamily } from './mistral.js';
import { optFamily } from './opt.js';
import { qwenFamilies } from './qwen.js';
import { t5Families } from './t5.js';
import { t5EfficientFamily } from './t5-efficient.js';

export { type T5EfficientSize, t5EfficientSizes } from './t5.js';

const families: readonly PresetFamily[] = [
  ...t5Families,
  t5EfficientFamily,
  gpt2Family,
  gptNeoxFamily,
  optFamily,
  llamaFamily,
  ...qwenFamilies,
  ...gemmaFamilies,
  mistralFamily,
  bertFamily,
];

/** Other names of a preset. */
const aliases: Readonly<Record<string, string>> = {
  'llama-33b': 'llama-30b',
  'bert-tiny-uncased': 'bert-tiny',
  'bert-mini-uncased': 'bert-mini',
  'bert-small-uncased': 'bert-small',
  'bert-medium-uncased': 'bert-medium',
  'bert-base': 'bert-base-uncased',
  'bert-large': 'bert-large-uncased',
};

/** Lower case, without an organisation (`google/`), aliases resolved, and `v1_1` as Hugging Face spells it as `v1.1`. */
function canonical(name: string): string {
  const plain = name
    .trim()
    .toLowerCase()
    .replace(/^\w[^/]*\//, '')
    .replace(/^t5-v1_1-/, 't5-v1.1-');
  return Object.hasOwn(aliases, plain) ? aliases[plain]! : plain;
}

/**
 * The shape of a published model by its name, such as `t5-base`, `google/t5-efficient-small-nl16` or `Qwen3-8B`.
 * Case doesn't matter and an organisation before a slash is ignored. Undefined where no preset has the name.
 *
 * @throws ShapelawError `unknown-shape` where a `t5-efficient-*` name has an operator that is malformed, out of range,
 * or sets what another one has set.
 */
export function presetShape(name: string): Shape | undefined {
  const wanted = canonical(name);
  for (const family of families) {
    const shape = family.shape(wanted);
    if (shape !== undefined) return shape;
  }
  return undefined;
}

/** The names of all presets, by family; of `t5-efficient-*`, the seven sizes that its rule starts from. */
export function presetNames(): readonly string[] {
  return families.flatMap((family) => family.names);
}

/** Up to three presets that an unknown name may have meant, the closest first. */
export function closestPresets(name: string): readonly string[] {
  return closest(canonical(name), presetNames(), 3);
}
