import type { Bounds } from './bounds.js';
import { valuesNeeded } from './checks.js';
import type { LawColumn, LawForm, LawOptions } from './law-form.js';
import { lawForm } from './laws/registry.js';
import type { Objective } from './objective.js';
import { drawResample, type Resample, type Resampling, type ResamplingSource } from './resample.js';
import { createWorkspace, type Problem, type QuadraticPrior, solve } from './solve.js';

/** Runs below which resamples repeat each other so often that their percentiles mislead. */
export const fewestRuns = 6;

/** All that refits need, in plain data that can be sent to a worker. */
export interface RefitTask {
  readonly law: string;
  readonly options: LawOptions;
  readonly columns: readonly Float64Array[];
  readonly bounds: Bounds;
  readonly objective: Objective;
  readonly source: ResamplingSource;
  /** The coordinates that refits start from: those of the law. */
  readonly theta: Float64Array;
  readonly prior?: QuadraticPrior;
  /** Prior means, one for each draw and coordinate, so that draws spread by what the prior leaves open. */
  readonly priorMeans?: Float64Array;
}

/** Refits of some draws, in their order. */
export interface Refits {
  /** Coordinates, draw by draw. */
  readonly theta: Float64Array;
  readonly notConverged: number;
  readonly atBound: number;
  /** Resamples thrown away because they could not support the law. */
  readonly redrawn: number;
}

/** Refits the draws from `from` up to `to`, `to` excluded. Whoever splits them up gets the same bits. */
export type RefitMap = (task: RefitTask, count: number) => Promise<readonly Refits[]>;

/** Refits the draws of a task from `from` up to `to`, `to` excluded; each is the same, whichever others are asked for. */
export function refitRange(task: RefitTask, from: number, to: number): Refits {
  const form = lawForm(task.law, task.options);
  const size = task.theta.length;
  const rows = task.source.logLoss.length;
  const workspace = createWorkspace(rows, size);
  const room: Resample = { weights: new Float64Array(rows), logLoss: new Float64Array(rows) };
  const supports = supportCheck(form, task.columns, size);
  const theta = new Float64Array((to - from) * size);
  let [notConverged, atBound, redrawn] = [0, 0, 0];
  for (let draw = from; draw < to; draw++) {
    redrawn += drawResample(task.source, draw, supports, room);
    const problem: Problem = {
      form,
      data: { columns: task.columns, logLoss: room.logLoss },
      weights: room.weights,
      objective: task.objective,
      bounds: task.bounds,
      ...(task.prior === undefined ? {} : { prior: priorOf(task, draw, size) }),
    };
    const refit = form.estimate?.(problem.data, room.weights, task.objective) ?? solve(problem, task.theta, workspace);
    theta.set(refit.theta, (draw - from) * size);
    notConverged += Number(!refit.converged);
    atBound += Number(refit.atBound);
  }
  return { theta, notConverged, atBound, redrawn };
}

function priorOf({ prior, priorMeans }: RefitTask, draw: number, size: number): QuadraticPrior {
  if (priorMeans === undefined) return prior!;
  const count = priorMeans.length / size;
  const at = (draw % count) * size;
  return { mean: priorMeans.subarray(at, at + size), precision: prior!.precision };
}

/** Parts of the draws put together. */
export function joinRefits(parts: readonly Refits[]): Refits {
  const theta = new Float64Array(parts.reduce((sum, part) => sum + part.theta.length, 0));
  let at = 0;
  for (const part of parts) {
    theta.set(part.theta, at);
    at += part.theta.length;
  }
  const total = (key: 'notConverged' | 'atBound' | 'redrawn') => parts.reduce((sum, part) => sum + part[key], 0);
  return { theta, notConverged: total('notConverged'), atBound: total('atBound'), redrawn: total('redrawn') };
}

/** A resample needs as many distinct points as the law has parameters, and in every column the values that a table needs. */
function supportCheck(
  form: LawForm,
  columns: readonly Float64Array[],
  parameters: number,
): (weights: Float64Array) => boolean {
  const rows = columns[0]!.length;
  const numbered = (keys: readonly (string | number)[]) => {
    const index = new Map<string | number, number>();
    return Int32Array.from(keys, (key) => {
      const known = index.get(key);
      if (known !== undefined) return known;
      index.set(key, index.size);
      return index.size - 1;
    });
  };
  const points = numbered(Array.from({ length: rows }, (_, row) => columns.map((column) => column[row]).join(' ')));
  const values = (form.apart ?? form.columns).map((name: LawColumn) =>
    numbered(Array.from(columns[form.columns.indexOf(name)]!)),
  );
  const needs = [{ index: points, needed: parameters }, ...values.map((index) => ({ index, needed: valuesNeeded }))];
  return (weights) =>
    needs.every(({ index, needed }) => {
      const seen = new Uint8Array(rows);
      let count = 0;
      for (let row = 0; row < rows && count < needed; row++) {
        if (weights[row]! > 0 && seen[index[row]!] === 0) {
          seen[index[row]!] = 1;
          count += 1;
        }
      }
      return count >= needed;
    });
}

/**
 * Degrees of freedom that the residuals of a fit leave; checkpoints of one run count once. Never under 2: runs fewer than the
 * parameters can carry a law by their checkpoints alone.
 */
export function degreesOf(runs: number, parameters: number): number {
  return Math.max(2, runs - parameters);
}

/** What the residuals of a fit are widened by, for the parameters that it took from them. */
export function wideningOf(runs: number, parameters: number): number {
  return Math.sqrt(runs / Math.min(runs, degreesOf(runs, parameters)));
}

/** What refits gave. */
export interface RefitResults {
  readonly resampling: Exclude<Resampling, 'leave-out'>;
  readonly draws: Refits | undefined;
  readonly leftOut: Refits | undefined;
}
