import type { Recipe, StepSizes } from './recipe.js';
import { stepsFor } from './recipe.js';
import { cooldownStart } from './schedule.js';

/** Steps off the trunk: from a state of the trunk, a cool-down to the end of a smaller token budget. */
export interface Branch {
  /** Steps of the trunk that it starts after. */
  readonly start: number;
  /** Its last step: the budget. */
  readonly end: number;
}

/** What a run does, in steps. */
export interface Plan {
  /** Steps of the trunk: the largest budget. */
  readonly steps: number;
  /** Steps of the trunk after which it is evaluated, 0 and the last among them; rising. */
  readonly evaluations: readonly number[];
  /** Of the smaller budgets, by rising budget. */
  readonly branches: readonly Branch[];
}

/** The plan of a run: evenly spaced evaluations, and a cool-down off the trunk for each budget but the largest. */
export function planRun(recipe: Recipe, sizes: StepSizes): Plan {
  const ends = [...new Set(recipe.tokens.map((tokens) => stepsFor(tokens, sizes)))];
  const steps = ends.at(-1)!;
  const evaluations = Array.from({ length: recipe.evaluations + 1 }, (_, index) =>
    Math.round((index * steps) / recipe.evaluations),
  );
  return {
    steps,
    evaluations: [...new Set(evaluations)],
    branches: ends.slice(0, -1).map((end) => ({ start: cooldownStart(recipe.schedule, end), end })),
  };
}
