import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { countFlops, parseInlineShape, presetShape, spanCorruptionLengths } from '../../flops/index.js';
import {
  completeRecipe,
  parametersOf,
  parseRecipe,
  type Recipe,
  type RecipeOptions,
  recipeId,
  stepSizes,
  stepsFor,
} from './recipe.js';

const shape = parseInlineShape('enc=1,dec=1,d=16,ff=32,kv=8,h=2,vocab=384');
const recipeOf = (more: Partial<RecipeOptions> = {}) => completeRecipe({ shape, tokens: 1e6, ...more });

function refused(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was refused');
}
const refusal = (code: string, message: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });

/** A copy whose objects have their keys in the opposite order. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, inner]) => [key, reversed(inner)]),
  );
}

const anyOptions: fc.Arbitrary<RecipeOptions> = fc.record(
  {
    shape: fc.constantFrom(shape, presetShape('t5-small')!, presetShape('t5-v1.1-base')!),
    tokens: fc.array(fc.integer({ min: 1, max: 1e9 }), { minLength: 1, maxLength: 4 }),
    corpus: fc.array(fc.string({ minLength: 1 }), { maxLength: 2 }),
    encoderTokens: fc.integer({ min: 16, max: 512 }),
    density: fc.double({ min: 0.01, max: 0.9, noNaN: true }),
    batch: fc.integer({ min: 1, max: 64 }),
    accumulate: fc.integer({ min: 1, max: 4 }),
    seed: fc.integer(),
    optimizer: fc.constantFrom(
      { kind: 'adamw' as const },
      { kind: 'adamw' as const, beta1: 0.8, weightDecay: 0.1 },
      { kind: 'adafactor' as const, factorFrom: 64 },
    ),
    learningRate: fc.double({ min: 1e-6, max: 10, noNaN: true }),
    clipNorm: fc.double({ min: 0.1, max: 10, noNaN: true }),
    dropout: fc.double({ min: 0, max: 0.9, noNaN: true }),
    evaluations: fc.integer({ min: 5, max: 50 }),
  },
  { requiredKeys: ['shape', 'tokens'] },
);

describe('completeRecipe', () => {
  test('fills in the defaults', () => {
    // A step of 16 examples of 128 and 28 or so tokens: some 400 steps, of which a twentieth is warm-up.
    const steps = stepsFor(1e6, stepSizes(recipeOf()));
    expect(steps).toBeGreaterThan(350);
    expect(recipeOf()).toEqual({
      shape,
      corpus: [],
      textField: 'text',
      tokenizer: 'bytes',
      tokens: [1e6],
      encoderTokens: 128,
      density: 0.15,
      meanSpan: 3,
      batch: 16,
      accumulate: 1,
      seed: 0,
      optimizer: { kind: 'adafactor' },
      schedule: { kind: 'constant', peak: 0.01, warmupSteps: Math.round(steps / 20), ramp: false, cooldown: 0.2 },
      dropout: 0,
      precision: 'fp32',
      evaluations: 10,
      validationExamples: 256,
      validationFraction: 0.05,
    });
  });

  test('takes a learning rate and a ramp after the optimizer, a warm-up and a cool-down after the schedule', () => {
    expect(recipeOf({ optimizer: { kind: 'adamw' } }).schedule).toMatchObject({ peak: 0.001, ramp: true });
    expect(recipeOf({ schedule: 'inverse-sqrt' }).schedule).toMatchObject({ warmupSteps: 10_000, cooldown: 0 });
    expect(recipeOf({ schedule: 'cosine' }).schedule).toMatchObject({ cooldown: 0 });
    expect(recipeOf({ tokens: 1e12 }).schedule.warmupSteps).toBe(1000);
    expect(recipeOf({ warmupSteps: 0, learningRate: 2, cooldown: 0 }).schedule).toEqual({
      ...{ kind: 'constant', peak: 2, warmupSteps: 0, ramp: false, cooldown: 0 },
    });
  });

  test('sorts token budgets', () => {
    expect(recipeOf({ tokens: [3e6, 1e6, 20e6] }).tokens).toEqual([1e6, 3e6, 20e6]);
  });

  const bad: [string, Partial<RecipeOptions>, RegExp][] = [
    ['no tokens', { tokens: [] }, /tokens/],
    ['tokens of 0', { tokens: 0 }, /tokens\.0/],
    ['tokens that are no number', { tokens: Number.NaN }, /tokens\.0/],
    ['a batch of 0', { batch: 0 }, /batch/],
    ['half a pass', { accumulate: 1.5 }, /accumulate/],
    ['fewer encoder tokens than a span takes', { encoderTokens: 8 }, /encoderTokens/],
    ['one encoder token', { encoderTokens: 1 }, /encoder tokens/],
    ['a density of 0', { density: 0 }, /text removed/],
    ['a mean span below 1', { meanSpan: 0.5 }, /mean span/],
    ['a dropout of 1', { dropout: 1 }, /dropout/],
    ['a seed of one half', { seed: 0.5 }, /seed/],
    ['four evaluations', { evaluations: 4 }, /evaluations/],
    ['no validation examples', { validationExamples: 0 }, /validationExamples/],
    ['all text for validation', { validationFraction: 1 }, /validationFraction/],
    ['a learning rate of 0', { learningRate: 0 }, /learning rate/],
    ['a learning rate beyond numbers', { learningRate: Number.POSITIVE_INFINITY }, /schedule\.peak/],
    ['a cool-down of 2', { cooldown: 2 }, /cool-down/],
    ['a clipping norm of 0', { clipNorm: 0 }, /clipNorm/],
    ['an unknown precision', { precision: 'fp8' as never }, /precision/],
    ['an unknown optimizer', { optimizer: { kind: 'sgd' as never } }, /optimizer/],
    ['an unknown schedule', { schedule: 'linear' as never }, /schedule/],
    ['an empty name of a tokenizer', { tokenizer: '' }, /tokenizer/],
  ];
  test.each(bad)('refuses %s', (_, options, message) => {
    expect(refused(() => recipeOf(options))).toEqual(refusal('bad-usage', message));
  });

  test.each(['cosine', 'inverse-sqrt'] as const)('refuses several budgets with the schedule %s', (schedule) => {
    expect(refused(() => recipeOf({ tokens: [1e6, 2e6], schedule }))).toEqual(
      refusal('bad-usage', new RegExp(`several token budgets need the schedule constant, .*, not ${schedule}`)),
    );
    expect(recipeOf({ tokens: [1e6, 2e6], schedule: 'constant' }).tokens).toHaveLength(2);
  });

  test('refuses a shape that is no T5', () => {
    const decoder = parseInlineShape('layers=2,d=16,ff=32,h=2,vocab=384');
    expect(refused(() => recipeOf({ shape: decoder }))).toEqual(refusal('unsupported-config', /is not a T5: kind is/));
  });
});

describe('parseRecipe', () => {
  test('reads back what was written as JSON, in any order of keys, to the same name', () => {
    fc.assert(
      fc.property(anyOptions, (options) => {
        const recipe = completeRecipe(options);
        const written = JSON.parse(JSON.stringify(recipe));
        expect(parseRecipe(written)).toEqual(recipe);
        expect(recipeId(parseRecipe(written))).toBe(recipeId(recipe));
        expect(recipeId(parseRecipe(reversed(written)))).toBe(recipeId(recipe));
      }),
    );
  });

  test.each<[string, (recipe: Recipe) => unknown, string]>([
    ['nothing', () => undefined, 'bad-usage'],
    ['a list', () => [], 'bad-usage'],
    ['a recipe without a seed', ({ seed, ...others }) => others, 'bad-usage'],
    ['a recipe without a shape', ({ shape: _, ...others }) => others, 'bad-usage'],
    ['a shape without a width', (recipe) => ({ ...recipe, shape: { ...shape, dModel: -1 } }), 'bad-shape'],
    ['budgets that fall', (recipe) => ({ ...recipe, tokens: [2e6, 1e6] }), 'bad-usage'],
    [
      'a warm-up of half a step',
      (recipe) => ({ ...recipe, schedule: { ...recipe.schedule, warmupSteps: 0.5 } }),
      'bad-usage',
    ],
  ])('refuses %s', (_, change, code) => {
    expect(refused(() => parseRecipe(change(recipeOf())))).toEqual(refusal(code, /./));
  });
});

describe('recipeId', () => {
  test('is another with any field changed', () => {
    const base = recipeOf();
    const { optimizer, schedule } = base;
    const changes: Partial<Record<keyof Recipe, unknown>>[] = [
      { shape: { ...shape, dFf: 64 } },
      { shape: { ...shape, name: 'another' } },
      { corpus: ['a.txt'] },
      { textField: 'body' },
      { tokenizer: 't.json' },
      { tokens: [2e6] },
      { tokens: [5e5, 1e6] },
      { encoderTokens: 127 },
      { density: 0.16 },
      { meanSpan: 4 },
      { batch: 17 },
      { accumulate: 2 },
      { seed: 1 },
      { optimizer: { kind: 'adamw' } },
      { optimizer: { ...optimizer, weightDecay: 0.1 } },
      { schedule: { ...schedule, kind: 'cosine' } },
      { schedule: { ...schedule, peak: 0.02 } },
      { schedule: { ...schedule, warmupSteps: 1 } },
      { schedule: { ...schedule, ramp: true } },
      { schedule: { ...schedule, cooldown: 0.3 } },
      { clipNorm: 1 },
      { dropout: 0.1 },
      { precision: 'fp16' },
      { evaluations: 11 },
      { validationExamples: 255 },
      { validationFraction: 0.06 },
    ];
    const untouched = Object.keys(base).filter((key) => !changes.some((change) => key in change));
    expect(untouched).toEqual([]);
    const ids = [{}, ...changes].map((change) => recipeId({ ...base, ...change } as Recipe));
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{12}$/);
  });
});

describe('stepSizes', () => {
  test('are the exact counts of as many sequences', () => {
    fc.assert(
      fc.property(anyOptions, (options) => {
        const recipe = completeRecipe({ ...options, tokens: 1e6 });
        const lengths = spanCorruptionLengths(recipe.encoderTokens, recipe.density, recipe.meanSpan);
        const sequences = recipe.batch * recipe.accumulate;
        expect(stepSizes(recipe)).toEqual({
          encoderTokens: lengths.encoderTokens,
          decoderTokens: lengths.decoderTokens,
          tokens: sequences * (lengths.encoderTokens + lengths.decoderTokens),
          flops: sequences * countFlops(recipe.shape, lengths).training,
        });
      }),
    );
  });

  test('stepsFor comes nearest to the tokens, with at least a step', () => {
    const sizes = { encoderTokens: 0, decoderTokens: 0, tokens: 100, flops: 0 };
    expect([1, 149, 150, 1000, 1049].map((tokens) => stepsFor(tokens, sizes))).toEqual([1, 1, 2, 10, 10]);
  });

  test('parametersOf counts all of a shape', () => {
    expect(parametersOf(recipeOf({ shape: presetShape('t5-small')! }))).toBe(60_506_624);
  });
});

describe('the identity of a run', () => {
  const idOf = (more: Partial<RecipeOptions>) => recipeId(completeRecipe({ shape, tokens: 1e5, ...more }));

  test('is the same however a path is typed', () => {
    const recipe = completeRecipe({ shape, tokens: 1e5, corpus: ['text/a.txt'], tokenizer: './b' });
    expect(recipe).toMatchObject({ corpus: [join(process.cwd(), 'text/a.txt')], tokenizer: join(process.cwd(), 'b') });
    for (const corpus of ['./text/a.txt', 'text/../text//a.txt', join(process.cwd(), 'text/a.txt')]) {
      expect(idOf({ corpus: [corpus], tokenizer: 'c/../b' })).toBe(recipeId(recipe));
    }
    expect(idOf({ corpus: ['text/b.txt'] })).not.toBe(idOf({ corpus: ['text/a.txt'] }));
  });

  test('is another with layers computed again, whose sums differ in rounding', () => {
    expect(idOf({ recompute: true })).not.toBe(idOf({}));
    expect(idOf({ recompute: false })).toBe(idOf({}));
    const recipe = completeRecipe({ shape, tokens: 1e5, recompute: true });
    expect(parseRecipe(JSON.parse(JSON.stringify(recipe))).recompute).toBe(true);
  });

  test('is of no more examples than can be counted', () => {
    expect(() => idOf({ tokens: 1e30 })).toThrow(/^1e\+30 tokens are more examples than can be counted/);
    expect(() => idOf({ tokens: 1e17 })).not.toThrow();
  });
});
