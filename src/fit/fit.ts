import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { quantileSorted } from 'simple-statistics';
import { ShapelawError } from '../errors.js';
import type { RunTable } from '../runs/index.js';
import { version } from '../version.js';
import { bootstrapRuns } from './bootstrap.js';
import { type CheckedColumns, checkTable, mean, valuesNeeded } from './checks.js';
import { domainOf } from './domain.js';
import type { Law } from './law.js';
import type { LawColumn, LawForm } from './law-form.js';
import { scaledConditionNumber } from './linear-algebra.js';
import { lawForms } from './power-terms.js';
import { centralInterval, requireDraws, requireLevel } from './predict.js';
import { createWorkspace, type FitData, type Solution, solve } from './solve.js';

export interface FitOptions {
  /** The law: `chinchilla`, of params and tokens, or `power`, of one column. */
  readonly law: 'chinchilla' | 'power';
  /** The column of a power law. Defaults to `flops`. */
  readonly variable?: LawColumn;
  /** Huber's delta on residuals of log loss. Defaults to 1e-3. */
  readonly delta?: number;
  /** Bootstrap refits; 0 for no intervals. Defaults to 1000. */
  readonly draws?: number;
  /** Seed of the bootstrap, a 32-bit integer. Defaults to 0. */
  readonly seed?: number;
  /** Level of the intervals, in (0, 1). Defaults to 0.95. */
  readonly level?: number;
}

/** Condition number beyond which the coordinates have lost half of a double's digits. */
const illConditioned = 1e7;
/** Scale-free gradient up to which a solve counts as converged though it ran out of iterations. */
const acceptableGradient = 1e-6;
const residualQuantiles = 201;
const flatNote =
  'hardly a row lies within delta of the law, so that a range of parameters fits equally well: there are no intervals; try a larger delta';
/** Runs below which resamples repeat each other so often that their percentiles mislead. */
const fewestRuns = 6;
/** Share of refits beyond which their trouble is worth a warning. */
const fewRefits = 0.05;

/**
 * Fits a law to a run table: the summed Huber loss of log-loss residuals, minimised from starts by variable projection,
 * with a bootstrap over runs (Hoffmann et al. 2022, equation 3; delta 1e-3 as there).
 *
 * @throws ShapelawError `missing-column`, `non-finite`, `bad-rows`, `too-few-configurations`, `no-variation` or `collinear`, in this
 * order, where the table can't support the law, or `bad-usage` for an option out of range.
 */
export function fitLaw(table: RunTable, options: FitOptions): Law {
  const { delta = 1e-3, draws: drawCount = 1000, seed = 0, level = 0.95 } = options;
  if (!(delta > 0 && Number.isFinite(delta)))
    throw new ShapelawError('bad-usage', `delta must be positive, not ${delta}`);
  if (!(Number.isInteger(drawCount) && drawCount >= 0 && drawCount <= 1e6)) {
    throw new ShapelawError('bad-usage', `draws must be an integer from 0 to 1,000,000, not ${drawCount}`);
  }
  if (!(Number.isInteger(seed) && Math.abs(seed) < 2 ** 31))
    throw new ShapelawError('bad-usage', `the seed must be a 32-bit integer, not ${seed}`);
  requireLevel(level);
  if (drawCount > 0) requireDraws(drawCount, level);

  const form = formOf(options);
  const checked = checkTable(table, form);
  const centres = checked.columns.map((column) => mean(column.map(Math.log)));
  const data: FitData = {
    columns: checked.columns.map((column, k) => column.map((value) => Math.log(value) - centres[k]!)),
    logLoss: checked.loss.map(Math.log),
  };
  const bounds = form.bounds(data.logLoss.reduce((low, value) => Math.min(low, value)));
  const size = form.parameters.length;
  const workspace = createWorkspace(data.logLoss.length, size);
  const ones = new Float64Array(data.logLoss.length).fill(1);

  const starts = form.starts(data.columns, checked.loss);
  const best = starts
    .map((start) => solve(form, data, ones, delta, start, bounds, workspace))
    .reduce((a, b) => (b.value < a.value ? b : a));
  form.evaluate(best.theta, data.columns, data.logLoss.length, workspace.fitted, workspace.jacobian);
  const condition = scaledConditionNumber(workspace.jacobian, size);
  const residuals = data.logLoss.map((value, row) => value - workspace.fitted[row]!);

  const flat = isFlat(workspace.jacobian, residuals, delta, size);
  const { runOfRow, runs } = indexRuns(table);
  const parameters = form.toParameters(best.theta, centres);
  const { refits, redrawn } =
    drawCount > 0 && runs >= fewestRuns && !flat
      ? bootstrapRuns(
          runOfRow,
          runs,
          drawCount,
          seed,
          (weights) => supportsLaw(checked, weights, size),
          (weights) => solve(form, data, weights, delta, best.theta, bounds, workspace),
        )
      : { refits: [], redrawn: 0 };
  const draws = refits.map(({ theta }) => form.toParameters(theta, centres));
  const notConverged = refits.filter(({ converged }) => !converged).length;
  const atBound = refits.filter((refit) => refit.atBound).length;
  const drawKind = `bootstrap over ${runs} runs`;
  const named = (values: readonly number[]) => Object.fromEntries(form.parameters.map((name, k) => [name, values[k]!]));
  const interval = (values: readonly number[]): [number, number] =>
    [...centralInterval(values, level)] as [number, number];
  /** Null where a draw at a bound takes an end beyond the numbers. */
  const finiteInterval = (values: readonly number[]) => {
    if (values.length === 0) return null;
    const ends = interval(values.map((value) => (Number.isNaN(value) ? Number.POSITIVE_INFINITY : value)));
    return ends.every(Number.isFinite) ? ends : null;
  };
  const derived = Object.entries(form.derive(parameters));
  const derivedDraws = draws.map((draw) => form.derive(draw));

  return {
    format: 'shapelaw-law/1',
    name: `${form.name} fitted to ${table.source}`,
    law: options.law,
    formula: form.formula,
    variables: [...form.columns],
    parameters: named(parameters),
    objective: { kind: 'huber-log-loss-sum', delta, value: best.value },
    status: statusOf(best, condition, flat),
    solver: {
      gradientNorm: best.gradientNorm,
      conditionNumber: Number.isFinite(condition) ? condition : null,
      iterations: best.iterations,
      starts: starts.length,
    },
    rows: {
      used: table.rows.length,
      runs,
      configurations: checked.configurations,
      dropped: table.dropped.map((dropped) => ({ ...dropped })),
    },
    intervals:
      draws.length > 0
        ? {
            level,
            kind: `percentile, ${drawKind}`,
            parameters: Object.fromEntries(
              form.parameters.map((name, k) => [name, interval(draws.map((draw) => draw[k]!))]),
            ),
          }
        : null,
    derived: Object.fromEntries(
      derived.map(([name, value]) => [
        name,
        {
          value: Number.isFinite(value) ? value : null,
          interval: finiteInterval(derivedDraws.map((draw) => draw[name]!)),
        },
      ]),
    ),
    draws:
      draws.length > 0
        ? { kind: drawKind, seed, notConverged, atBound, redrawn, parameters: [...form.parameters], values: [...draws] }
        : null,
    residuals: { quantiles: quantilesOf(residuals, runs, size) },
    conventions: { ...table.conventions },
    domain: domainOf(form.columns, checked.columns),
    provenance: {
      source: table.source,
      fileSha256: table.sha256,
      rowsSha256: hashRows(table),
      options: { layout: table.layout, ...table.options, delta, draws: drawCount, seed, level },
      rounded: false,
      notes: [
        ...table.warnings,
        ...(flat ? [flatNote] : fewRuns(runs, drawCount)),
        ...doubtfulRefits(draws.length, notConverged, atBound),
      ],
      version,
    },
  };
}

function formOf(options: FitOptions): LawForm {
  if (options.law === 'chinchilla') {
    if (options.variable === undefined) return lawForms.chinchilla;
    throw new ShapelawError('bad-usage', 'a variable goes with the power law only; chinchilla uses params and tokens');
  }
  if (options.law === 'power') {
    const variable = options.variable ?? 'flops';
    if (['params', 'tokens', 'flops'].includes(variable)) return lawForms.power(variable);
    throw new ShapelawError('bad-usage', `the power law is one of params, tokens or flops, not ${String(variable)}`);
  }
  throw new ShapelawError('unknown-law', `no law named ${String(options.law)} can be fitted: chinchilla, power`);
}

function statusOf(solution: Solution, condition: number, flat: boolean): Law['status'] {
  if (solution.atBound) return 'bound-hit';
  if (flat) return 'flat';
  if (!(solution.converged || solution.gradientNorm <= acceptableGradient)) return 'max-iterations';
  return condition > illConditioned ? 'ill-conditioned' : 'converged';
}

/**
 * Whether the objective has no curvature in some direction: only rows within delta of the law give it any, so that where
 * they are too few, a whole range of parameters can fit equally well.
 */
function isFlat(jacobian: Float64Array, residuals: Float64Array, delta: number, parameters: number): boolean {
  const within: number[] = [];
  residuals.forEach((residual, row) => {
    if (Math.abs(residual) > delta) return;
    for (let j = 0; j < parameters; j++) within.push(jacobian[row * parameters + j]!);
  });
  if (within.length < parameters * parameters) return true;
  return scaledConditionNumber(Float64Array.from(within), parameters) > illConditioned;
}

function indexRuns(table: RunTable): { runOfRow: Int32Array; runs: number } {
  const index = new Map<string, number>();
  const runOfRow = Int32Array.from(table.rows, (row) => {
    const known = index.get(row.runId);
    if (known !== undefined) return known;
    index.set(row.runId, index.size);
    return index.size - 1;
  });
  return { runOfRow, runs: index.size };
}

/** A resample needs as many distinct points as the law has parameters, and in every column the values that a table needs. */
function supportsLaw(checked: CheckedColumns, weights: Float64Array, parameters: number): boolean {
  const points = new Set<string>();
  const values = checked.columns.map(() => new Set<number>());
  for (let row = 0; row < weights.length; row++) {
    if (weights[row] === 0) continue;
    for (const [k, column] of checked.columns.entries()) values[k]!.add(column[row]!);
    points.add(checked.columns.map((column) => column[row]).join(' '));
    if (points.size >= parameters && values.every((set) => set.size >= valuesNeeded)) return true;
  }
  return false;
}

/**
 * Quantiles of the residuals at evenly spaced probabilities, widened for the parameters that the fit took from them.
 * Checkpoints of one run share its luck, so that runs count here, not rows.
 */
function quantilesOf(residuals: Float64Array, runs: number, parameters: number): number[] {
  const widening = Math.sqrt(runs / Math.max(1, runs - parameters));
  const sorted = Array.from(residuals).sort((a, b) => a - b);
  return Array.from(
    { length: residualQuantiles },
    (_, k) => widening * quantileSorted(sorted, (k + 0.5) / residualQuantiles),
  );
}

function hashRows(table: RunTable): string {
  const lines = table.rows.map((row) =>
    JSON.stringify([row.runId, row.params, row.tokens ?? null, row.flops ?? null, row.loss]),
  );
  return bytesToHex(sha256(utf8ToBytes(lines.join('\n'))));
}

function fewRuns(runs: number, draws: number): string[] {
  if (draws === 0) return [];
  if (runs < fewestRuns) {
    return [
      `${runs} ${runs === 1 ? 'run is' : 'runs are'} too few to bootstrap over, so there are no intervals; ${fewestRuns} are needed`,
    ];
  }
  return runs < 10 ? [`intervals rest on ${runs} runs only`] : [];
}

function doubtfulRefits(draws: number, notConverged: number, atBound: number): string[] {
  const notes: string[] = [];
  if (notConverged > fewRefits * draws) notes.push(`${notConverged} of ${draws} refits ran out of iterations`);
  if (atBound > fewRefits * draws) {
    notes.push(
      `${atBound} of ${draws} refits have a parameter at its bound: its interval ends there, not where the rows say`,
    );
  }
  return notes;
}
