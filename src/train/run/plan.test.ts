import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseInlineShape } from '../../flops/index.js';
import { linesProblem, type Plan, planRun } from './plan.js';
import { completeRecipe, stepSizes } from './recipe.js';
import { cooldownStart } from './schedule.js';

const shape = parseInlineShape('enc=1,dec=1,d=16,ff=32,kv=8,h=2,vocab=384');

function planOf(steps: readonly number[], more: { evaluations?: number; cooldown?: number } = {}) {
  const options = { shape, encoderTokens: 32, batch: 4 };
  const sizes = stepSizes({ ...options, density: 0.15, meanSpan: 3, accumulate: 1 });
  const recipe = completeRecipe({ ...options, tokens: steps.map((count) => count * sizes.tokens), ...more });
  return { recipe, plan: planRun(recipe, sizes) };
}

test('evaluates evenly, and cools down off the trunk for each smaller budget', () => {
  expect(planOf([50, 20, 100], { evaluations: 5 }).plan).toEqual({
    steps: 100,
    evaluations: [0, 20, 40, 60, 80, 100],
    branches: [
      { start: 16, end: 20 },
      { start: 40, end: 50 },
    ],
  });
});

test('one budget has no branch, nor have two of equally many steps two', () => {
  expect(planOf([30]).plan.branches).toEqual([]);
  expect(planOf([10, 10.2, 30]).plan.branches).toEqual([{ start: 8, end: 10 }]);
});

test('evaluations rise from 0 to the end, and are as many as asked for where there are as many steps', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3000 }), fc.integer({ min: 5, max: 40 }), (steps, evaluations) => {
      const { plan } = planOf([steps], { evaluations });
      expect(plan.steps).toBe(steps);
      expect(plan.evaluations[0]).toBe(0);
      expect(plan.evaluations.at(-1)).toBe(steps);
      expect(plan.evaluations).toEqual([...new Set(plan.evaluations)].toSorted((a, b) => a - b));
      expect(plan.evaluations).toHaveLength(1 + Math.min(steps, evaluations));
    }),
  );
});

test('branches start where their own cool-down does, on the trunk before its own', () => {
  const budgets = fc.uniqueArray(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(budgets, fc.double({ min: 0, max: 1, noNaN: true }), (steps, cooldown) => {
      const { recipe, plan } = planOf(steps, { cooldown });
      const rising = steps.toSorted((a, b) => a - b);
      expect(plan.steps).toBe(rising.at(-1));
      expect(plan.branches.map(({ end }) => end)).toEqual(rising.slice(0, -1));
      for (const { start, end } of plan.branches) {
        expect(start).toBe(cooldownStart(recipe.schedule, end));
        expect(start).toBeGreaterThanOrEqual(0);
        expect(start).toBeLessThanOrEqual(cooldownStart(recipe.schedule, plan.steps));
      }
    }),
  );
});

describe('the lines of a run', () => {
  const plan: Plan = {
    steps: 10,
    evaluations: [0, 5, 10],
    branches: [
      { start: 4, end: 5 },
      { start: 5, end: 7 },
    ],
  };
  const whole = [
    { step: 0, finished: false },
    { step: 5, finished: true },
    { step: 5, finished: false },
    { step: 7, finished: true },
    { step: 10, finished: true },
  ];

  test('that are all there have no problem, at the end and on the way', () => {
    expect(linesProblem(whole, plan, 10)).toBeUndefined();
    for (let count = 0; count <= whole.length; count++)
      expect(linesProblem(whole.slice(0, count), plan, 0)).toBeUndefined();
    expect(linesProblem(whole.slice(0, 2), plan, 5)).toBeUndefined();
  });

  test.each([
    [0, 10, 'the evaluation after step 0 is missing'],
    [1, 5, 'the evaluation after step 5 is missing'],
    [2, 6, 'the evaluation after step 5 is missing'],
    [3, 6, 'the evaluation after step 7 is missing'],
    [4, 10, 'the evaluation after step 10 is missing'],
  ])('without the one at %i, of a run that reached step %i, lack it', (left, reached, problem) => {
    expect(linesProblem(whole.toSpliced(left, 1), plan, reached)).toBe(problem);
  });

  test('of which one stands there twice are refused', () => {
    expect(linesProblem([...whole, whole[3]!], plan, 10)).toBe('the evaluation after step 7 stands there twice');
  });
});
