import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { countParameters } from '../flops/parameters.js';
import { presetShape } from '../flops/presets/index.js';
import type { Shape } from '../flops/shape.js';
import { deepenedBase, deepNarrowShapes, nearestStandard, standardSizes, tallShape } from './candidates.js';

/** Whether a shape has no more parameters. */
const within = (budget: number) => (shape: Shape) => countParameters(shape).total <= budget;
const shapesFor = (budget: number) => {
  const standard = nearestStandard(budget);
  return deepNarrowShapes(standard, standardSizes, within(budget), standard.parameters * 1.25 <= budget);
};
const namesFor = (budget: number) => shapesFor(budget).map(({ name }) => name);
const isTall = (name: string) => name.includes('-nl');

/** From 20M to 20B, even in the logarithm. */
const budgets = fc.double({ min: Math.log(2e7), max: Math.log(2e10), noNaN: true }).map(Math.exp);

test('the standard sizes by their exact counts', () => {
  // T5: REFERENCE, recomputed from the formula of the reference implementation.
  expect(standardSizes.map(({ shape, parameters }) => [shape.name, parameters])).toEqual([
    ['t5-efficient-tiny', 15_570_688],
    ['t5-efficient-mini', 31_220_480],
    ['t5-small', 60_506_624],
    ['t5-base', 222_903_552],
    ['t5-large', 737_668_096],
    ['t5-3b', 2_851_598_336],
    ['t5-11b', 11_307_321_344],
  ]);
});

describe('the nearest standard size', () => {
  test.each([
    [1, 't5-efficient-tiny'],
    [220e6, 't5-base'],
    // The geometric mean of t5-small and t5-base is 116,134,345; the arithmetic one 141.7M.
    [116_134_000, 't5-small'],
    [116_135_000, 't5-base'],
    [1e15, 't5-11b'],
  ])('of %d is %s', (parameters, name) => {
    expect(nearestStandard(parameters).shape.name).toBe(name);
  });

  test('is nearer in the logarithm than any other', () => {
    fc.assert(
      fc.property(budgets, (budget) => {
        const factor = (parameters: number) => Math.max(parameters / budget, budget / parameters);
        const nearest = factor(nearestStandard(budget).parameters);
        for (const { parameters } of standardSizes) expect(nearest).toBeLessThanOrEqual(factor(parameters));
      }),
    );
  });
});

test('a tall shape is the preset of its name', () => {
  expect(tallShape('small', 16)).toEqual(presetShape('t5-efficient-small-nl16'));
  expect(countParameters(tallShape('base', 36)).total).toBe(
    // 24 layers more in both stacks: 4 d^2 and 8 d^2 of attention, 2 d ff of feed-forward in each, 5 norms of d.
    222_903_552 + 24 * (12 * 768 ** 2 + 4 * 768 * 3072 + 5 * 768),
  );
});

describe('DeepNarrow shapes', () => {
  const tallBases = [36, 32, 24, 16].map((layers) => `t5-efficient-base-nl${layers}`);
  test.each([
    [220e6, ['t5-efficient-small-nl27', 't5-efficient-small-nl24', 't5-efficient-small-nl16']],
    // To the parameter: small-nl27 fits into its own count, and not into one less.
    [214_701_056, ['t5-efficient-small-nl27', 't5-efficient-small-nl24', 't5-efficient-small-nl16']],
    [214_701_055, ['t5-efficient-small-nl26', 't5-efficient-small-nl24', 't5-efficient-small-nl16']],
    // A budget of T5-large: base up to the deepest that the paper saw gains from.
    [737_668_096, tallBases],
    // A third of the room unused by t5-small: it grows too, ahead of the size below.
    [100e6, ['t5-efficient-small-nl11', 't5-efficient-mini-nl18', 't5-efficient-mini-nl16']],
    // Room beyond T5-large, but less than a quarter: only the size below grows.
    [922_000_000, tallBases],
    [923_000_000, ['t5-efficient-large-nl30', ...tallBases]],
    // No room for another layer, and no size below.
    [16e6, []],
  ])('%d parameters', (budget, names) => {
    expect(namesFor(budget).filter(isTall)).toEqual(names);
  });

  test.each([
    // 60,506,624 and 3,146,752 for each encoder layer more.
    [220e6, ['t5-efficient-small-el32']],
    [142_322_175, ['t5-efficient-small-el31']],
    [738e6, ['t5-efficient-base-el32']],
  ])('with a tall encoder alone, of %d parameters', (budget, names) => {
    expect(
      namesFor(budget)
        .filter((name) => !isTall(name))
        .sort(),
    ).toEqual(names);
  });

  test('from a shape of one’s own', () => {
    const base = presetShape('byt5-small')!;
    const shapes = deepenedBase(base, within(6e8));
    // Both stacks are made as deep as each other; an encoder of 12 layers grows to 32.
    expect(shapes.map(({ name, encoderLayers, decoderLayers }) => [name, encoderLayers, decoderLayers])).toEqual([
      ['byt5-small-nl15', 15, 15],
      ['byt5-small-el28', 28, 4],
    ]);
    for (const shape of shapes) {
      const deeper = { ...shape, encoderLayers: shape.encoderLayers + 1 };
      expect(countParameters(deeper).total).toBeGreaterThan(
        shape.decoderLayers === 4 ? 6e8 : countParameters(shape).total,
      );
    }
    expect(deepenedBase(presetShape('llama-7b')!, within(1e9))).toEqual([]);
    expect(deepenedBase(presetShape('gpt2')!, within(2e8)).map(({ name }) => name)).toEqual(['gpt2-nl22', 'gpt2-nl16']);
  });

  test('fill the budget, never exceed it or 36 layers, and are taller than the size that they grow from', () => {
    fc.assert(
      fc.property(budgets, (budget) => {
        const shapes = shapesFor(budget).filter(({ name }) => isTall(name));
        const layersOf = Object.fromEntries(standardSizes.map(({ size, shape }) => [size, shape.encoderLayers]));
        expect(new Set(shapes.map(({ name }) => name)).size).toBe(shapes.length);
        for (const [k, shape] of shapes.entries()) {
          const [, size, layers] = /^t5-efficient-(\w+)-nl(\d+)$/.exec(shape.name)!;
          expect([shape.encoderLayers, shape.decoderLayers]).toEqual([Number(layers), Number(layers)]);
          expect(countParameters(shape).total).toBeLessThanOrEqual(budget);
          expect(shape.encoderLayers).toBeLessThanOrEqual(36);
          expect(shape.encoderLayers).toBeGreaterThan(layersOf[size!]!);
          // The first of each size is the tallest that fits.
          if (k === 0 || !shapes[k - 1]!.name.startsWith(`t5-efficient-${size}-`)) {
            const taller = tallShape(size as 'small', shape.encoderLayers + 1);
            if (taller.encoderLayers <= 36) expect(countParameters(taller).total).toBeGreaterThan(budget);
          }
        }
      }),
    );
  });
});
