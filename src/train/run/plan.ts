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

/** What says of a line of metrics which evaluation of the plan it is. */
export interface EvaluatedAt {
  readonly step?: number | undefined;
  readonly finished: boolean;
}

/** An evaluation of a plan. */
interface PlannedEvaluation {
  readonly step: number;
  readonly finished: boolean;
}

/** The evaluations of a plan in the order of their lines: those of a branch stand where it leaves the trunk. */
function plannedEvaluations({ steps, evaluations, branches }: Plan): readonly PlannedEvaluation[] {
  return [...new Set([...evaluations, ...branches.map(({ start }) => start)])]
    .sort((a, b) => a - b)
    .flatMap((at) => [
      ...(evaluations.includes(at) ? [{ step: at, finished: at === steps }] : []),
      ...branches.filter(({ start }) => start === at).map(({ end }) => ({ step: end, finished: true })),
    ]);
}

/**
 * What is wrong with the lines of a run, of which a whole one has one for each evaluation, in order; undefined where nothing is.
 *
 * @param reached - Steps of the trunk that are done, so that evaluations before it must be there; those of all steps for a finished run.
 */
export function linesProblem(lines: readonly EvaluatedAt[], plan: Plan, reached: number): string | undefined {
  const keyOf = ({ step, finished }: EvaluatedAt) => `${step} ${finished}`;
  const seen = new Set<string>();
  for (const line of lines) {
    if (seen.has(keyOf(line))) return `the evaluation after step ${line.step} stands there twice`;
    seen.add(keyOf(line));
  }
  const planned = plannedEvaluations(plan);
  const isPast = ({ step, finished }: PlannedEvaluation) => {
    const branch = finished ? plan.branches.find(({ end }) => end === step) : undefined;
    return (branch?.start ?? step) < reached || reached === plan.steps;
  };
  const missing = planned.find((evaluation) => isPast(evaluation) && !seen.has(keyOf(evaluation)));
  return missing === undefined ? undefined : `the evaluation after step ${missing.step} is missing`;
}
