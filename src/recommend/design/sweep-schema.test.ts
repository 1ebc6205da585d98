import { describe, expect, test } from 'vitest';
import { presetShape } from '../../flops/presets/index.js';
import { engineKinds } from '../../train/engines/engine.js';
import { completeRecipe, type RecipeOptions, stepSizes, stepsFor } from '../../train/run/recipe.js';
import { expandSweep, stepOf } from './expand-sweep.js';
import {
  parseSweep,
  type Sweep,
  sweepEngines,
  sweepOptimizers,
  sweepPrecisions,
  sweepSchedules,
  sweepSchema,
} from './sweep-schema.js';

const sweep: Sweep = { format: 'shapelaw-sweep/1', shapes: [{ shape: 't5-small' }], tokens: [1e6] };
const shape = presetShape('t5-efficient-tiny')!;

function codeAndProblems(value: unknown) {
  try {
    parseSweep(value, 'sweep.json');
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    return `${code}: ${message}`;
  }
  return 'taken';
}

describe('a sweep file', () => {
  test('is taken as it is, shapes as text or as data', () => {
    const full: Sweep = {
      ...sweep,
      shapes: [{ shape, tokens: [1, 2], seeds: [3] }],
      engine: 'cpu',
      schedule: 'cosine',
    };
    expect(parseSweep(JSON.parse(JSON.stringify(full)))).toEqual(full);
  });

  test.each([
    [{ ...sweep, format: 'shapelaw-sweep/2' }, /^bad-sweep: sweep\.json is no sweep: format is "shapelaw-sweep\/2": /],
    [{ ...sweep, toknes: [1] }, /toknes/],
    [{ ...sweep, tokens: [1e6, -1] }, /tokens\.1 is -1: /],
    [{ ...sweep, tokens: [] }, /tokens is \[\]: /],
    [{ ...sweep, seeds: [0.5] }, /seeds\.0 is 0\.5: /],
    [{ ...sweep, seeds: [-1] }, /seeds\.0 is -1: /],
    [{ ...sweep, engine: 'gpu' }, /engine is "gpu": .*webgpu/],
    [{ ...sweep, shapes: [{ shape: 7 }] }, /shapes\.0\.shape is 7: expected a text or a shape/],
    [{ ...sweep, shapes: [{ tokens: [1] }] }, /shapes\.0\.shape is missing: /],
    [{ ...sweep, shapes: [{ shape: { ...shape, heads: 0 } }] }, /shapes\.0\.shape\.heads is 0: /],
    [{ ...sweep, grid: { operators: { XX: [1] } } }, /XX/],
    [{ ...sweep, grid: { operators: { NL: [0] } } }, /grid\.operators\.NL\.0 is 0: /],
    [7, /the file is 7: /],
    [null, /the file is null: /],
  ])('%j is refused, with the field and its value', (value, message) => {
    expect(codeAndProblems(value)).toMatch(message);
    expect(codeAndProblems(value)).toMatch(/^bad-sweep: sweep\.json is no sweep: /);
  });
});

describe('a sweep says what the trainer knows', () => {
  test('its engines, schedules, optimizers and precisions', () => {
    expect(sweepEngines).toEqual(['auto', ...engineKinds]);
    const recipe = (options: Partial<RecipeOptions>) => completeRecipe({ shape, tokens: 1e6, ...options });
    for (const schedule of sweepSchedules) expect(recipe({ schedule }).schedule.kind).toBe(schedule);
    for (const kind of sweepOptimizers) expect(recipe({ optimizer: { kind } }).optimizer.kind).toBe(kind);
    for (const precision of sweepPrecisions) expect(recipe({ precision }).precision).toBe(precision);
    // Any other is named with those that there are, which are these and no more.
    const refusal = (options: object) => {
      try {
        recipe(options);
      } catch (error) {
        return (error as Error).message;
      }
      return 'taken';
    };
    const named = (text: string) => [...text.matchAll(/"([a-z0-9-]+)"/g)].map(([, name]) => name!).sort();
    expect(named(refusal({ schedule: 'linear' }))).toEqual([...sweepSchedules].sort());
    expect(named(refusal({ precision: 'fp8' }))).toEqual([...sweepPrecisions].sort());
  });

  test('every option of a recipe, but the shape, tokens and seed that it spreads', () => {
    const spread = ['format', 'name', 'base', 'shapes', 'grid', 'flops', 'seeds', 'engine', 'vocab', 'weightDecay'];
    const options: Record<keyof RecipeOptions, true> = {
      ...{ shape: true, tokens: true, corpus: true, textField: true, tokenizer: true, encoderTokens: true },
      ...{ density: true, meanSpan: true, batch: true, accumulate: true, seed: true, optimizer: true, schedule: true },
      ...{ learningRate: true, warmupSteps: true, cooldown: true, clipNorm: true, dropout: true, precision: true },
      ...{ recompute: true, evaluations: true, validationExamples: true, validationFraction: true },
    };
    const known = Object.keys(sweepSchema.shape).filter((name) => !spread.includes(name));
    expect([...known, 'shape', 'seed'].sort()).toEqual(Object.keys(options).sort());
  });

  test.each([{}, { encoderTokens: 64, batch: 8, accumulate: 2 }, { density: 0.3, meanSpan: 5 }])(
    'steps and FLOPs are those of a recipe with %j',
    (setting) => {
      const sizes = stepSizes(completeRecipe({ shape, tokens: 1e6, ...setting }));
      expect(stepOf(setting)(shape)).toEqual({ tokens: sizes.tokens, flops: sizes.flops });
      const [run] = expandSweep({ format: 'shapelaw-sweep/1', shapes: [{ shape, tokens: [1e6] }], ...setting });
      expect(run!.steps).toBe(stepsFor(1e6, sizes));
      expect(run!.flops).toBe(run!.steps * sizes.flops);
    },
  );
});
