import { ShapelawError } from '../errors.js';
import type { RunTable } from '../runs/index.js';
import { boundsOf } from './bounds.js';
import { type CheckedColumns, checkTable } from './checks.js';
import type { LawForm, LawOptions } from './law-form.js';
import { lawDefinition } from './laws/registry.js';
import { scaledConditionNumber } from './linear-algebra.js';
import { curvature } from './objective.js';
import type { CompleteOptions } from './options.js';
import { type PriorKnowledge, priorKnowledge } from './prior.js';
import { indexRuns } from './run-index.js';
import { createWorkspace, type Problem, type Solution, solve } from './solve.js';
import { findStarts, pickRows } from './starts.js';
import { mean } from './statistics.js';

/** A law fitted to a table, before any draws. */
export interface FittedLaw {
  readonly table: RunTable;
  readonly options: CompleteOptions;
  readonly form: LawForm;
  readonly checked: CheckedColumns;
  readonly centres: readonly number[];
  readonly problem: Problem;
  readonly prior: PriorKnowledge | undefined;
  readonly solution: Solution;
  readonly starts: number;
  /** Log loss by the law, row by row. */
  readonly fitted: Float64Array;
  readonly jacobian: Float64Array;
  /** Of log loss: measured less the law's. */
  readonly residuals: Float64Array;
  /** Index of each row's run, from 0 on. */
  readonly runOfRow: Int32Array;
  readonly runs: number;
  /** Infinite where a column of the Jacobian is zero. */
  readonly condition: number;
  /** Whether the objective has no curvature in some direction. */
  readonly flat: boolean;
  readonly notes: readonly string[];
}

/** Condition number beyond which the coordinates have lost half of a double's digits. */
export const illConditioned = 1e7;
/** Starts of a law of one or two free coordinates, and of one of more. */
const [fewStarts, manyStarts] = [4, 48];
/** Steps from each start, after which the better third goes on; those left in the end are followed to theirs. */
const rounds = [6, 30];

/** A law and a table made ready for the solver. */
export type PosedLaw = Pick<
  FittedLaw,
  'table' | 'options' | 'form' | 'checked' | 'centres' | 'problem' | 'prior' | 'notes'
>;

/**
 * Chooses the form of a law for a table, and checks the table.
 *
 * @throws ShapelawError as {@link checkTable}, and where the law can't take what was asked.
 */
export function poseLaw(table: RunTable, options: CompleteOptions): PosedLaw {
  const definition = lawDefinition(options.law);
  const extra = (Object.keys(options.asked) as (keyof LawOptions)[]).filter(
    (name) => options.asked[name] !== undefined && !definition.takes.includes(name),
  );
  if (extra.length > 0) {
    throw new ShapelawError(
      'bad-usage',
      `the ${options.law} law takes no ${extra.join(', ')}${definition.takes.length > 0 ? `; it takes ${definition.takes.join(', ')}` : ''}`,
      { law: options.law, extra },
    );
  }
  const chosen = definition.choose(options.asked, table);
  const form = definition.form(chosen.options);
  const known = options.prior === undefined ? 0 : (options.priorOn?.length ?? form.parameters.length);
  const checked = checkTable(table, form, options.force, known);
  const centres = centresOf(form, checked.columns);
  const data = {
    columns: checked.columns.map((column, k) =>
      form.columnScale === 'raw' ? column : column.map((value) => Math.log(value) - centres[k]!),
    ),
    logLoss: checked.loss.map(Math.log),
  };
  const { objective } = options;
  if (options.prior !== undefined && form.estimate !== undefined) {
    throw new ShapelawError('bad-usage', `the ${form.law} law is found in a way of its own, which takes no prior`, {
      law: form.law,
    });
  }
  const prior = options.prior && priorKnowledge(options.prior, form, centres, options.priorOn, table, objective);
  const problem: Problem = {
    ...{ form, data, weights: checked.weights, objective, bounds: boundsOf(form, data) },
    ...(prior === undefined ? {} : { prior: prior.quadratic }),
  };
  return { table, options, form, checked, centres, problem, prior, notes: chosen.notes };
}

/**
 * Fits a law to a table of runs.
 *
 * @throws ShapelawError as {@link poseLaw}.
 */
export function fitToTable(table: RunTable, options: CompleteOptions): FittedLaw {
  const posed = poseLaw(table, options);
  const { form, problem, prior } = posed;
  const { solution, starts } = solveFromStarts(problem);
  const { fitted, jacobian } = evaluateAt(problem, solution.theta);
  const residuals = problem.data.logLoss.map((value, row) => value - fitted[row]!);
  const { runOfRow, runs } = indexRuns(table.rows);
  return {
    ...{ ...posed, solution, starts, fitted, jacobian, residuals, runOfRow, runs },
    condition: conditionOf(form, jacobian),
    flat: prior === undefined && isFlat(problem, jacobian, residuals),
  };
}

/** The least objective that is reached from the best of many starts. */
export function solveFromStarts(problem: Problem): { readonly solution: Solution; readonly starts: number } {
  const { form, data, weights, objective } = problem;
  if (form.estimate !== undefined) return { solution: form.estimate(data, weights, objective), starts: 1 };
  const workspace = createWorkspace(data.logLoss.length, form.parameters.length);
  const free = form.coordinates.filter(({ kind }) => kind === 'free').length;
  const starts = findStarts(form, data, free <= 2 ? fewStarts : manyStarts);
  if (problem.prior !== undefined) starts.push(problem.prior.mean);
  const solution = pruned(problem, starts)
    .map(({ theta, iterations }) => {
      const end = solve(problem, theta, workspace);
      return { ...end, iterations: iterations + end.iterations };
    })
    .reduce((a, b) => (b.value < a.value ? b : a));
  return { solution, starts: starts.length };
}

/** The starts that lead lowest, after some steps on as many rows as it takes to tell. */
function pruned(problem: Problem, starts: readonly Float64Array[]): readonly Pick<Solution, 'theta' | 'iterations'>[] {
  const picked = pickRows(problem.weights.length);
  const columns = problem.data.columns.map(picked);
  const data = { columns, logLoss: picked(problem.data.logLoss) };
  const sketch = { ...problem, data, weights: picked(problem.weights) };
  const workspace = createWorkspace(sketch.weights.length, problem.form.parameters.length);
  let left: readonly Pick<Solution, 'theta' | 'iterations'>[] = starts.map((theta) => ({ theta, iterations: 0 }));
  for (const steps of rounds) {
    left = left
      .map(({ theta, iterations }) => {
        const led = solve(sketch, theta, workspace, steps);
        return { ...led, iterations: iterations + led.iterations };
      })
      .sort((a, b) => a.value - b.value)
      .slice(0, Math.ceil(left.length / 3));
  }
  return left;
}

export function evaluateAt(
  { form, data }: Problem,
  theta: Float64Array,
): { fitted: Float64Array; jacobian: Float64Array } {
  const fitted = new Float64Array(data.logLoss.length);
  const jacobian = new Float64Array(data.logLoss.length * theta.length);
  form.evaluate(theta, data.columns, data.logLoss.length, fitted, jacobian);
  return { fitted, jacobian };
}

export function centresOf(form: LawForm, columns: readonly Float64Array[]): readonly number[] {
  if (form.columnScale === 'raw') return columns.map(() => 0);
  const own = columns.map((column) => mean(column.map(Math.log)));
  return own.map((_, k) => own[form.centredWith?.[k] ?? k]!);
}

/**
 * Whether the objective has no curvature in some direction: only rows within delta of the law give it any, so that where
 * they are too few, a whole range of parameters can fit equally well.
 */
function isFlat({ form, objective }: Problem, jacobian: Float64Array, residuals: Float64Array): boolean {
  const size = form.parameters.length;
  const within: number[] = [];
  residuals.forEach((residual, row) => {
    if (curvature(objective, residual) === 0) return;
    for (let j = 0; j < size; j++) within.push(jacobian[row * size + j]!);
  });
  if (within.length < size * size) return true;
  return conditionOf(form, Float64Array.from(within)) > illConditioned;
}

/** A coordinate that a law finds by a way of its own may have no derivative, such as the place of a jump; it counts for nothing here. */
function conditionOf(form: LawForm, jacobian: Float64Array): number {
  const size = form.parameters.length;
  if (form.estimate === undefined) return scaledConditionNumber(jacobian, size);
  const moving = form.parameters.flatMap((_, j) =>
    jacobian.some((value, at) => at % size === j && value !== 0) ? [j] : [],
  );
  const rows = jacobian.length / size;
  const kept = new Float64Array(rows * moving.length);
  for (let row = 0; row < rows; row++) {
    moving.forEach((j, k) => {
      kept[row * moving.length + k] = jacobian[row * size + j]!;
    });
  }
  return scaledConditionNumber(kept, moving.length);
}
