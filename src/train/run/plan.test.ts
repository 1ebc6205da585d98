import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseInlineShape } from '../../flops/index.js';
import { planRun } from './plan.js';
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
