import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import models from '../../../fixtures/parameters/models.json' with { type: 'json' };
import { countParameters } from '../parameters.js';
import { parseShape } from '../shape-schema.js';
import { closestPresets, presetNames, presetShape, t5EfficientSizes } from './index.js';

function total(name: string): number {
  const shape = presetShape(name);
  if (shape === undefined) throw new Error(`no preset ${name}`);
  return countParameters(shape).total;
}

/** The fixture marks language models without their vision tower by a word, presets by a suffix. */
const counted = models.models.map(({ name, allocated }) => ({ name: name.replace(' text', '-text'), allocated }));

describe('presets', () => {
  it.each(counted.filter(({ name }) => presetShape(name) !== undefined))(
    '$name counts $allocated parameters, as transformers allocates',
    ({ name, allocated }) => {
      expect(total(name)).toBe(allocated);
    },
  );

  // medgemma-27b-text has no preset: it is gemma-3-27b-text with another vocabulary.
  it('cover the counted models', () => {
    expect(counted.map(({ name }) => name).filter((name) => presetShape(name) === undefined)).toEqual([
      'medgemma-27b-text',
    ]);
  });

  // Releases that kept the shape of their predecessors, so that no count of their own stands in the fixture.
  it.each([
    ['llama-3.1-8b', 'llama-3-8b'],
    ['llama-3.1-70b', 'llama-3-70b'],
    ['qwen2.5-0.5b', 'qwen2-0.5b'],
    ['qwen2.5-1.5b', 'qwen2-1.5b'],
    ['qwen2.5-7b', 'qwen2-7b'],
    ['qwen2.5-72b', 'qwen2-72b'],
  ])('%s counts as %s', (later, earlier) => {
    expect(total(later)).toBe(total(earlier));
  });

  // 96 layers of width 12288 (Zhang et al. 2022, table 1): 12 L d^2 = 173.9e9, and V d = 0.6e9.
  it('opt-175b has 175 billion parameters', () => {
    expect(Math.round(total('opt-175b') / 1e9)).toBe(175);
  });

  // Encoder and head of BertForPreTraining: the uncased count less the rows that the vocabulary lacks (28996 of 30522)
  // in the table and in the bias of the projection.
  it('bert-large-cased differs from the uncased model by its vocabulary', () => {
    expect(total('bert-large-uncased') - total('bert-large-cased')).toBe((30522 - 28996) * (1024 + 1));
  });

  it('are valid shapes under their own, distinct names', () => {
    const names = presetNames();
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(parseShape(presetShape(name))).toMatchObject({ name });
  });

  it('are found in any case, with an organisation and by aliases', () => {
    for (const [written, name] of [
      ['google-t5/t5-small', 't5-small'],
      ['google/t5-v1_1-base', 't5-v1.1-base'],
      ['google/T5-Efficient-Small-NL16', 't5-efficient-small-nl16'],
      ['Qwen/Qwen3-30B-A3B', 'qwen3-30b-a3b'],
      ['mistralai/Mixtral-8x7B', 'mixtral-8x7b'],
      ['llama-33b', 'llama-30b'],
      ['bert-base', 'bert-base-uncased'],
      ['bert-tiny-uncased', 'bert-tiny'],
    ] as const) {
      expect(presetShape(written)?.name).toBe(name);
    }
  });

  it.each(['', 't5', 'gpt2-huge', 'google/', 'a/b/t5-small', 'constructor', 't5-constructor', '__proto__'])(
    'do not know "%s"',
    (name) => {
      expect(presetShape(name)).toBeUndefined();
    },
  );

  it('list the seven sizes of t5-efficient', () => {
    const listed = presetNames().filter((name) => name.startsWith('t5-efficient-'));
    expect(listed).toEqual(Object.keys(t5EfficientSizes).map((size) => `t5-efficient-${size}`));
  });
});

describe('closestPresets', () => {
  it('offers what was meant', () => {
    expect(closestPresets('t5-smal')).toContain('t5-small');
    expect(closestPresets('google/t5-eficient-base')[0]).toBe('t5-efficient-base');
    expect(closestPresets('Lama-2-7b')[0]).toBe('llama-2-7b');
    expect(closestPresets('gemma-3-4b')).toContain('gemma-3-4b-text');
  });

  it('offers nothing for what is like no preset', () => {
    expect(closestPresets('my-own-model')).toEqual([]);
    expect(closestPresets('')).toEqual([]);
  });

  it('has a preset first after any one character of it was mistyped', () => {
    const name = fc.constantFrom(...presetNames().filter((preset) => preset.length > 5));
    fc.assert(
      fc.property(name, fc.nat(), (preset, at) => {
        const index = at % preset.length;
        expect(closestPresets(`${preset.slice(0, index)}#${preset.slice(index + 1)}`)).toContain(preset);
      }),
    );
  });
});
