import { type MetricsLine, readRunMetrics } from '../run/directory.js';
import { linesProblem, planRun } from '../run/plan.js';
import { stepSizes } from '../run/recipe.js';
import type { SweepFolder } from './folder.js';
import type { PlannedRun } from './plan-sweep.js';

/** The final losses of runs, and the runs whose lines are no longer those of a finished run. */
export interface Collected {
  /** A line for each run that is whole, in the order of the runs. */
  readonly lines: readonly MetricsLine[];
  readonly damaged: readonly { readonly run: PlannedRun; readonly problem: string }[];
}

/** Reads the lines of runs that are done, and checks that none is missing or doubled. */
export async function collectRuns(folder: SweepFolder, done: readonly PlannedRun[]): Promise<Collected> {
  const lines: MetricsLine[] = [];
  const damaged: { run: PlannedRun; problem: string }[] = [];
  for (const run of done) {
    const { runId, recipe } = run;
    try {
      const read = await readRunMetrics(folder.runPath(runId));
      const plan = planRun(recipe, stepSizes(recipe));
      const problem = linesProblem(read, plan, plan.steps);
      if (problem === undefined) lines.push(...read.filter(({ finished }) => finished));
      else damaged.push({ run, problem });
    } catch (error) {
      damaged.push({ run, problem: (error as Error).message });
    }
  }
  return { lines, damaged };
}
