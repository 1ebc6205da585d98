import { describe, expect, test } from 'vitest';
import { countParameters, parseInlineShape, presetShape } from '../../flops/index.js';
import { initialDeviation, initialParameters } from './initial.js';

// Sides that are no two alike, so that no fan-in is taken for another; 63 and 45 make tensors of odd sizes.
const t5 = parseInlineShape('enc=2,dec=2,d=63,ff=100,kv=9,h=5,vocab=501');
const gated = parseInlineShape('enc=1,dec=1,d=63,ff=100,kv=9,h=5,vocab=501,ffn=gated,tied=no');
const valuesOf = (shape: typeof t5, seed: number) =>
  new Map([...initialParameters(shape, seed)].map(([name, { values }]) => [name, values as Float32Array]));

/** Standard deviations by the end of the name, from `_init_weights` of transformers' modeling_t5.py with a factor of 1. */
const deviations: [RegExp, number][] = [
  [/^shared\.weight$/, 1],
  [/\.q\.weight$/, (63 * 9) ** -0.5],
  [/\.[kv]\.weight$/, 63 ** -0.5],
  [/\.o\.weight$/, (5 * 9) ** -0.5],
  [/\.wi(_[01])?\.weight$/, 63 ** -0.5],
  [/\.wo\.weight$/, 100 ** -0.5],
  [/\.relative_attention_bias\.weight$/, 63 ** -0.5],
  // T5X's fan-in; transformers has 1 here.
  [/^lm_head\.weight$/, 63 ** -0.5],
];

/** Five standard errors: by chance in one of 1.7 million numbers, and these are fixed. */
const errors = 5;

function expectNormal(values: ArrayLike<number>, deviation: number, what: string): void {
  const z = Array.from(values, (value) => value / deviation);
  const mean = (power: number) => z.reduce((sum, value) => sum + value ** power, 0) / z.length;
  const moments = { mean: mean(1), square: mean(2), cube: mean(3), fourth: mean(4) };
  // The moments of the standard normal are 0, 1, 0 and 3, their estimates' variances 1, 2, 15 and 96 over the count.
  const root = Math.sqrt(z.length);
  expect(Math.abs(moments.mean) * root, `${what}: mean`).toBeLessThan(errors);
  expect((Math.abs(moments.square - 1) * root) / Math.sqrt(2), `${what}: square`).toBeLessThan(errors);
  expect((Math.abs(moments.cube) * root) / Math.sqrt(15), `${what}: cube`).toBeLessThan(errors);
  if (z.length > 500)
    expect((Math.abs(moments.fourth - 3) * root) / Math.sqrt(96), `${what}: fourth`).toBeLessThan(errors);
}

describe('initialParameters', () => {
  test.each([
    ['T5', t5],
    ['T5 v1.1', gated],
  ])('are normal with the standard deviations of %s, and norms are 1', (_, shape) => {
    const met = new Set<RegExp>();
    for (const [name, values] of valuesOf(shape, 0)) {
      if (/layer_norm/.test(name)) {
        expect(values).toEqual(new Float32Array(63).fill(1));
        expect(initialDeviation(shape, name)).toBeUndefined();
        continue;
      }
      const [pattern, deviation] = deviations.find(([pattern]) => pattern.test(name))!;
      met.add(pattern);
      expect(initialDeviation(shape, name), name).toBeCloseTo(deviation, 12);
      expectNormal(values, deviation, name);
    }
    expect(met.size).toBe(shape.tiedEmbeddings ? deviations.length - 1 : deviations.length);
  });

  test('are as many as the shape has', () => {
    for (const shape of [
      t5,
      gated,
      parseInlineShape('enc=1,dec=3,d=8,ff=8,kv=8,h=1,vocab=10'),
      presetShape('t5-efficient-tiny')!,
    ]) {
      const count = [...valuesOf(shape, 0).values()].reduce((sum, { length }) => sum + length, 0);
      expect(count).toBe(countParameters(shape).total);
    }
  });

  test('are a function of seed and name', () => {
    expect(valuesOf(t5, 7)).toEqual(valuesOf(t5, 7));
    const drawn = [0, 1, -1, 2 ** 31].flatMap((seed) =>
      [...valuesOf(t5, seed)].filter(([name]) => !name.includes('norm')).map(([, values]) => values.slice(0, 8).join()),
    );
    expect(new Set(drawn.map((values) => values.split(',')[0])).size).toBe(drawn.length);
  });

  test('of a tensor do not depend on the layers beside it', () => {
    const deeper = valuesOf(parseInlineShape('enc=3,dec=2,d=63,ff=100,kv=9,h=5,vocab=501'), 7);
    for (const [name, values] of valuesOf(t5, 7)) expect(deeper.get(name)).toEqual(values);
  });

  test('are independent over seeds and names, down to the first numbers of a stream', () => {
    const small = parseInlineShape('enc=1,dec=1,d=4,ff=4,kv=2,h=2,vocab=5');
    const seeds = Array.from({ length: 1500 }, (_, seed) => valuesOf(small, seed));
    const [one, other] = ['shared.weight', 'encoder.block.0.layer.0.SelfAttention.k.weight'];
    for (const index of [0, 1, 2, 3]) {
      const at = (name: string) => seeds.map((values) => values.get(name)![index]! / initialDeviation(small, name)!);
      const [a, b] = [at(one!), at(other!)];
      expectNormal(a, 1, `number ${index}`);
      const products: [string, number[]][] = [
        ['seeds in a row', a.slice(1).map((value, k) => value * a[k]!)],
        ['two names', a.map((value, k) => value * b[k]!)],
      ];
      for (const [what, values] of products) {
        const correlation = values.reduce((sum, value) => sum + value, 0) / Math.sqrt(values.length);
        expect(Math.abs(correlation), `${what}, number ${index}`).toBeLessThan(errors);
      }
    }
  });

  test('are all finite, with a few beyond three standard deviations', () => {
    const values = [...valuesOf(t5, 3).get('shared.weight')!];
    expect(values.every(Number.isFinite)).toBe(true);
    const far = values.filter((value) => Math.abs(value) > 3).length;
    // 0.27% of 31,563.
    expect(Math.abs(far - 85.2)).toBeLessThan(errors * Math.sqrt(85.2));
  });
});
