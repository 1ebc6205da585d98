import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { presetShape } from '../../flops/presets/index.js';
import { expandSweep, stepOf } from './expand-sweep.js';
import type { Sweep } from './sweep-schema.js';

const format = 'shapelaw-sweep/1';
const small = 'enc=2,dec=2,d=128,ff=512,kv=32,h=4';
const sweep = (fields: Omit<Sweep, 'format'>): Sweep => ({ format, ...fields });
const brief = (fields: Omit<Sweep, 'format'>) =>
  expandSweep(sweep(fields)).map(({ shape, tokens, seed }) => [
    shape.encoderLayers,
    shape.decoderLayers,
    shape.dModel,
    tokens,
    seed,
  ]);
const refusal = (fields: Omit<Sweep, 'format'>) => {
  try {
    expandSweep(sweep(fields));
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    return `${code}: ${message}`;
  }
  return 'taken';
};

describe('a list of shapes', () => {
  test('runs through shapes, lengths and seeds in their order', () => {
    expect(
      brief({ shapes: [{ shape: small }, { shape: 't5-small', tokens: [9e6] }], tokens: [2e6, 1e6], seeds: [1, 0] }),
    ).toEqual([
      [2, 2, 128, 2e6, 1],
      [2, 2, 128, 2e6, 0],
      [2, 2, 128, 1e6, 1],
      [2, 2, 128, 1e6, 0],
      [6, 6, 512, 9e6, 1],
      [6, 6, 512, 9e6, 0],
    ]);
  });

  test('counts parameters, steps and FLOPs as a run of the trainer does', () => {
    const [run] = expandSweep(sweep({ shapes: [{ shape: small, tokens: [2e6] }] }));
    // docs/training.md prints this run: 968,448 parameters, 796 steps of 2,512 tokens and 8.08e9 FLOPs, 6.43e12 in all.
    expect(run).toMatchObject({ params: 968_448, steps: 796, seed: 0, tokens: 2e6 });
    expect(run!.flops).toBe(796 * stepOf({})(run!.shape).flops);
    expect(run!.flops / 6.43e12).toBeCloseTo(1, 2);
    expect(run!.shape.name).toBe(`${small},vocab=384`);
  });

  test('a compute level buys the nearest whole steps', () => {
    const step = stepOf({})(expandSweep(sweep({ shapes: [{ shape: small, tokens: [1] }] }))[0]!.shape);
    const runs = expandSweep(sweep({ shapes: [{ shape: small }], flops: [10.4 * step.flops, 10.6 * step.flops] }));
    expect(runs.map(({ steps, tokens, flops }) => [steps, tokens, flops])).toEqual([
      [10, 10 * step.tokens, 10 * step.flops],
      [11, 11 * step.tokens, 11 * step.flops],
    ]);
    expect(step.tokens).toBe(2512);
  });

  test('an entry with a length of its own leaves those of the sweep', () => {
    expect(brief({ shapes: [{ shape: small, tokens: [3e6], seeds: [7] }], flops: [1e13], tokens: [1e6] })).toEqual([
      [2, 2, 128, 3e6, 7],
    ]);
  });

  test('vocab replaces that of every shape; bytes need 384 rows, another tokenizer what T5 has', () => {
    const vocab = (fields: Omit<Sweep, 'format'>) =>
      expandSweep(sweep({ tokens: [1e6], ...fields })).map(({ shape }) => shape.vocab);
    const shapes = [{ shape: small }, { shape: 't5-small' }, { shape: `${small},vocab=512` }];
    expect(vocab({ shapes })).toEqual([384, 32128, 512]);
    expect(vocab({ shapes, tokenizer: 'tokenizer.json' })).toEqual([32128, 32128, 512]);
    expect(vocab({ shapes, vocab: 1000 })).toEqual([1000, 1000]);
  });
});

describe('a run that comes twice is there once', () => {
  test('by another name, another number of tokens of as many steps, or a level', () => {
    const tiny = { ...presetShape('t5-efficient-tiny')!, name: 'mine' };
    const runs = expandSweep(
      sweep({
        shapes: [{ shape: 't5-efficient-tiny' }, { shape: tiny }],
        tokens: [1e6, 1e6 + 1],
        flops: [(1e6 / 2512) * stepOf({})(tiny).flops],
      }),
    );
    expect(runs.map(({ shape, tokens }) => [shape.name, tokens])).toEqual([['t5-efficient-tiny', 1e6]]);
  });

  test('no two runs of any sweep are the same, and the order does not depend on repeats', () => {
    const few = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(few, few, few, few, (layers, widths, lengths, seeds) => {
        const grid = (NL: number[], DM: number[], tokens: number[], own: number[]) =>
          expandSweep(
            sweep({
              base: small,
              grid: { operators: { NL, DM: DM.map((k) => 32 * k) } },
              tokens: tokens.map((k) => k * 1e6),
              seeds: own,
            }),
          );
        const runs = grid(layers, widths, lengths, seeds);
        const unique = (values: number[]) => [...new Set(values)];
        expect(runs).toEqual(grid(unique(layers), unique(widths), unique(lengths), unique(seeds)));
        expect(runs).toHaveLength(
          [layers, widths, lengths, seeds].reduce((product, values) => product * new Set(values).size, 1),
        );
      }),
      { numRuns: 50 },
    );
  });
});

describe('a grid', () => {
  test('crossed: every combination, the last operator fastest', () => {
    expect(brief({ base: small, grid: { operators: { DM: [64, 96], EL: [1, 3] } }, tokens: [1e6] })).toEqual([
      [1, 2, 64, 1e6, 0],
      [1, 2, 96, 1e6, 0],
      [3, 2, 64, 1e6, 0],
      [3, 2, 96, 1e6, 0],
    ]);
  });

  test('one at a time: the base, then each value by itself', () => {
    const operators = { NL: [4], EL: [2, 6], FF: [1024], NH: [8], KV: [64] };
    const runs = expandSweep(sweep({ base: small, grid: { operators, mode: 'one-at-a-time' }, tokens: [1e6] }));
    expect(runs.map(({ shape }) => shape.name.replace(',vocab=384', ''))).toEqual([
      'enc=2,dec=2,d=128,ff=512,kv=32,h=4',
      'enc=4,dec=4,d=128,ff=512,kv=32,h=4',
      'enc=6,dec=2,d=128,ff=512,kv=32,h=4',
      'enc=2,dec=2,d=128,ff=1024,kv=32,h=4',
      'enc=2,dec=2,d=128,ff=512,kv=32,h=8',
      'enc=2,dec=2,d=128,ff=512,kv=64,h=4',
    ]);
    expect(runs.every(({ shape }) => shape.kvHeads === shape.heads && shape.dEmbedding === shape.dModel)).toBe(true);
  });

  test('its shapes are those of the same dimensions as text', () => {
    const gated = `${small},ffn=gated,tied=no`;
    const [run] = expandSweep(sweep({ base: gated, grid: { operators: { NL: [3] } }, tokens: [1e6] }));
    const [text] = expandSweep(
      sweep({ shapes: [{ shape: gated.replace('enc=2,dec=2', 'enc=3,dec=3') }], tokens: [1e6] }),
    );
    expect(run!.params).toBe(text!.params);
    expect({ ...run!.shape, name: '' }).toEqual({ ...text!.shape, name: '' });
  });
});

test.each([
  [{}, /neither shapes nor a grid/],
  [{ shapes: [{ shape: small }] }, /shapes\.0 of the sweep has no length/],
  [{ grid: { operators: { NL: [2] } }, tokens: [1e6] }, /base of the sweep is missing/],
  [{ base: small, shapes: [{ shape: small }], tokens: [1e6] }, /base of the sweep is "enc=2.*nothing reads it/],
  [
    { base: small, grid: { operators: {} }, tokens: [1e6] },
    /grid\.operators of the sweep is \{\}: give values of one of NL, /,
  ],
  [
    { base: small, grid: { operators: { NL: [2], EL: [3] } }, tokens: [1e6] },
    /grid\.operators\.EL of the sweep is \[3\]: NL sets encoderLayers too/,
  ],
  [{ shapes: [{ shape: 't5-smal' }], tokens: [1e6] }, /shapes\.0\.shape of the sweep is "t5-smal": .*t5-small/],
  [
    { shapes: [{ shape: 'enc=2,dec=2' }], tokens: [1e6] },
    /shapes\.0\.shape of the sweep is "enc=2,dec=2": d is missing/,
  ],
  [
    { shapes: [{ shape: 't5-efficient-tiny-nl0' }], tokens: [1e6] },
    /shapes\.0\.shape of the sweep is "t5-efficient-tiny-nl0": /,
  ],
  [{ shapes: [{ shape: 'gpt2' }], tokens: [1e6] }, /a decoder can't be trained here/],
  [
    { shapes: [{ shape: small, flops: [1e6] }] },
    /shapes\.0\.flops of the sweep is 1000000: it does not pay for one step/,
  ],
  [
    { shapes: [{ shape: small, tokens: [1e300] }] },
    /shapes\.0\.tokens of the sweep is 1e\+300: more than can be counted/,
  ],
  [
    { shapes: [{ shape: small }], tokens: [1e6], seeds: Array.from({ length: 100_001 }, (_, k) => k) },
    /more than 100000 runs, at shapes\.0/,
  ],
  [
    {
      base: small,
      grid: {
        operators: {
          DM: Array.from({ length: 400 }, (_, k) => k + 1),
          FF: Array.from({ length: 400 }, (_, k) => k + 1),
        },
      },
      tokens: [1],
    },
    /160000 shapes are more than 100000/,
  ],
] satisfies [Omit<Sweep, 'format'>, RegExp][])('refusal %#', (fields, message) => {
  expect(refusal(fields)).toMatch(/^bad-sweep: /);
  expect(refusal(fields)).toMatch(message);
});
