import { ShapelawError } from '../../errors.js';
import { type T5Dimensions, t5Shape } from '../shape.js';
import type { PresetFamily } from './family.js';
import { type T5EfficientSize, t5EfficientSizes } from './t5.js';

/** What each operator of a name sets, and its largest sensible value. */
const operators = {
  nl: { sets: ['encoderLayers', 'decoderLayers'], most: 512 },
  el: { sets: ['encoderLayers'], most: 512 },
  dl: { sets: ['decoderLayers'], most: 512 },
  ff: { sets: ['dFf'], most: 1_048_576 },
  dm: { sets: ['dModel'], most: 65_536 },
  nh: { sets: ['heads'], most: 512 },
  kv: { sets: ['dKv'], most: 512 },
} as const satisfies Record<string, { readonly sets: readonly (keyof T5Dimensions)[]; readonly most: number }>;

type Operator = keyof typeof operators;

/** Released checkpoints whose configuration contradicts their name. */
const exceptions: Readonly<Record<string, Partial<T5Dimensions>>> = {
  't5-efficient-tiny-el12': { decoderLayers: 12 },
  't5-efficient-xxl-nl4': { dKv: 64, heads: 32 },
};

const namePattern = new RegExp(`^t5-efficient-(${Object.keys(t5EfficientSizes).join('|')})((?:-.*)?)$`);
const operatorPattern = new RegExp(`^(${Object.keys(operators).join('|')})(\\d+)(k?)$`);

/** Names write 1024 as 1000 or 1k: ff9000 and ff9k are 9216. */
function operatorValue(digits: string, suffix: string): number {
  const value = Number(digits);
  if (suffix === 'k') return value * 1024;
  return value % 1000 === 0 ? (value / 1000) * 1024 : value;
}

function shapeByRule(name: string): ReturnType<PresetFamily['shape']> {
  const parts = namePattern.exec(name);
  if (parts === null) return undefined;
  const size = parts[1] as T5EfficientSize;
  const set: { -readonly [Field in keyof T5Dimensions]?: number } = {};
  for (const token of parts[2]!.split('-').slice(1)) {
    const match = operatorPattern.exec(token);
    if (match === null) {
      throw refusal(name, token, `expected one of ${Object.keys(operators).join(', ')} and a whole number, as in nl16`);
    }
    const { sets, most } = operators[match[1] as Operator];
    const value = operatorValue(match[2]!, match[3]!);
    if (!(value >= 1 && value <= most)) throw refusal(name, token, `its value must lie from 1 to ${most}`);
    for (const field of sets) {
      if (set[field] !== undefined) throw refusal(name, token, `an operator before it has already set ${field}`);
      set[field] = value;
    }
  }
  return t5Shape(name, { ...t5EfficientSizes[size], ...set, ...exceptions[name] } as T5Dimensions);
}

function refusal(name: string, operator: string, reason: string): ShapelawError {
  return new ShapelawError('unknown-shape', `${name}: operator "${operator}": ${reason}`, { name, operator });
}

/**
 * `t5-efficient-*` by the rule of its name: a size, then operators in any order. `nl` sets the layers of both stacks,
 * `el` and `dl` of one, `ff` dFf, `dm` dModel, `nh` heads, `kv` dKv. Any shape by the rule is valid, not only released ones.
 */
export const t5EfficientFamily: PresetFamily = {
  names: Object.keys(t5EfficientSizes).map((size) => `t5-efficient-${size}`),
  shape: shapeByRule,
};
