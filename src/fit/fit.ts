import type { RunTable } from '../runs/index.js';
import type { Law } from './law.js';
import { lawOf } from './law-of.js';
import { loadLaw } from './laws/registry.js';
import { noiseComponents } from './noise.js';
import { completeOptions, type FitOptions } from './options.js';
import { evaluateAt, type FittedLaw, fitToTable } from './posed.js';
import { degreesOf, fewestRuns, joinRefits, type RefitMap, type RefitTask, refitRange, wideningOf } from './refit.js';
import type { Resampling } from './resample.js';

/**
 * Runs a parameter below which noise is drawn in place of runs. As measured (docs/validation.md), resamples of fewer runs hold the
 * mean or the optimum in 87 to 92% of intervals of 95%, and drawn noise in 96 to 98%. Mirrored residuals hold less than their level
 * throughout, as medians, which Huber's objective is near, do not move with the size of a residual.
 */
const runsPerParameter = 3;
/** Runs beyond which each can't be left out in turn for what else the refits need. */
const mostLeftOut = 400;

/**
 * Fits a law to a run table: the summed objective of log-loss residuals, minimised from many starts, with refits of the
 * table drawn again by whole runs (Hoffmann et al. 2022, equation 3, with Huber's loss and delta 1e-3).
 *
 * @throws ShapelawError `missing-column`, `non-finite`, `bad-rows`, `duplicate-rows`, `mixed-schedules`, `too-few-configurations`,
 * `no-variation` or `collinear`, in this order, where the table can't support the law, or `bad-usage` for an option out of range.
 */
export function fitLaw(table: RunTable, options: FitOptions): Law {
  const fit = fitToTable(table, completeOptions(options));
  const plan = planRefits(fit);
  const run = ({ task, count }: RefitJob) => refitRange(task, 0, count);
  return lawOf(fit, {
    resampling: plan.resampling,
    draws: plan.draws && run(plan.draws),
    leftOut: plan.leftOut && run(plan.leftOut),
  });
}

/**
 * As {@link fitLaw}, with the refits shared out by `map`; the law has the same bits.
 *
 * @param map - Calls {@link refitRange} for ranges that together are all draws, in order.
 */
export async function fitLawParallel(table: RunTable, options: FitOptions, map: RefitMap): Promise<Law> {
  await loadLaw(options.law);
  const fit = fitToTable(table, completeOptions(options));
  const plan = planRefits(fit);
  const run = async (job: RefitJob | undefined) => job && joinRefits(await map(job.task, job.count));
  return lawOf(fit, {
    resampling: plan.resampling,
    draws: await run(plan.draws),
    leftOut: await run(plan.leftOut),
  });
}

interface RefitJob {
  readonly task: RefitTask;
  readonly count: number;
}

interface RefitPlan {
  readonly resampling: Exclude<Resampling, 'leave-out'>;
  readonly draws: RefitJob | undefined;
  /** One run left out each, for the acceleration of BCa intervals. */
  readonly leftOut: RefitJob | undefined;
}

function planRefits(fit: FittedLaw): RefitPlan {
  const { options, runs, flat } = fit;
  const resampling = chosenResampling(fit);
  const possible = options.draws > 0 && runs >= (fit.prior === undefined ? fewestRuns : 2) && !flat;
  return {
    resampling,
    draws: possible ? { task: refitTask(fit, resampling), count: options.draws } : undefined,
    leftOut:
      possible && options.interval === 'bca'
        ? { task: refitTask(fit, 'leave-out'), count: Math.min(runs, mostLeftOut) }
        : undefined,
  };
}

/** How the tables of a fit are drawn again: as asked, or by the number of its runs. */
export function chosenResampling({ options, runs, form }: FittedLaw): RefitPlan['resampling'] {
  if (options.resampling !== 'auto') return options.resampling;
  return runs < runsPerParameter * form.parameters.length ? 'parametric' : 'cluster';
}

/** The task of refitting a law to tables drawn again. */
export function refitTask(fit: FittedLaw, resampling: Resampling): RefitTask {
  const { form, problem, prior, solution, fitted, residuals, runOfRow, runs, options } = fit;
  // Of the parameters that a prior has a say on, the residuals gave none.
  const taken = form.parameters.length - (prior?.on.length ?? 0);
  const widening = wideningOf(runs, taken);
  const { runSd, rowSd } = noiseComponents(residuals, runOfRow, runs);
  // The noise of rows is known by what checkpoints scatter within their runs, that of runs by the runs.
  const within = residuals.length > runs ? residuals.length - runs : runs;
  const task: RefitTask = {
    law: form.law,
    options: form.options,
    columns: problem.data.columns,
    bounds: problem.bounds,
    objective: problem.objective,
    source: {
      ...{ resampling, seed: options.seed, runOfRow, runs, fitted },
      weights: problem.weights,
      logLoss: problem.data.logLoss,
      residuals: residuals.map((residual) => widening * residual),
      noise: {
        run: { sd: widening * runSd, degrees: degreesOf(runs, taken) },
        row: { sd: wideningOf(within, taken) * rowSd, degrees: degreesOf(within, taken) },
      },
    },
    theta: solution.theta,
    ...(prior === undefined ? {} : { prior: prior.quadratic, priorMeans: prior.draws }),
  };
  if (resampling !== 'wild' || runs > mostLeftOut) return task;
  return { ...task, source: { ...task.source, residuals: residualsLeftOut(fit) } };
}

/**
 * The residuals of each run about the law fitted without it. A robust fit passes through about as many rows as it has parameters:
 * their own residuals are 0, whose mirror images would tie every refit to them.
 */
function residualsLeftOut(fit: FittedLaw): Float64Array {
  const { problem, runOfRow, runs, residuals } = fit;
  const size = fit.form.parameters.length;
  const { theta } = refitRange(refitTask(fit, 'leave-out'), 0, runs);
  const without = Float64Array.from(residuals);
  for (let run = 0; run < runs; run++) {
    const { fitted } = evaluateAt(problem, theta.subarray(run * size, (run + 1) * size));
    fitted.forEach((value, row) => {
      if (runOfRow[row] === run) without[row] = problem.data.logLoss[row]! - value;
    });
  }
  return without;
}
