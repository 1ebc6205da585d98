import { ShapelawError } from '../errors.js';
import type { RunTable } from '../runs/index.js';
import { fitLaw, refitTask } from './fit.js';
import type { Law } from './law.js';
import { completeOptions, type FitOptions } from './options.js';
import { type FittedLaw, fitToTable } from './posed.js';
import { refitRange } from './refit.js';
import { mean } from './statistics.js';

/** Parameters and what follows from them, by name; null where a quantity is no number. */
export type Quantities = Readonly<Record<string, number | null>>;

/** What a law comes to at one delta. */
export interface DeltaFit {
  readonly delta: number;
  readonly status: Law['status'];
  /** Of its own delta: values of different deltas can't be compared. */
  readonly objective: number;
  readonly parameters: Law['parameters'];
  readonly derived: Quantities;
}

/** The deltas that are tried unless others are named: from nearly a median to nearly squares. */
const usualDeltas = [1e-4, 1e-3, 1e-2, 1];

/**
 * The law at several deltas, the knob of a robust objective that is seldom stated: an answer that moves with it rests on how much the
 * rows far off are believed.
 *
 * @param deltas - Residuals of log loss, positive. Defaults to 1e-4, 1e-3, 1e-2, 1.
 * @throws ShapelawError `bad-usage` for squared residuals, which have no delta; else as `fitLaw`.
 */
export function deltaSensitivity(
  table: RunTable,
  options: FitOptions,
  deltas: readonly number[] = usualDeltas,
): readonly DeltaFit[] {
  if (options.objective === 'squared')
    throw new ShapelawError('bad-usage', 'squared residuals have no delta to vary; take huber, cauchy or quantile');
  return deltas.map((delta) => {
    const law = fitLaw(table, { ...options, delta, draws: 0 });
    return {
      delta,
      status: law.status,
      objective: law.objective!.value,
      parameters: law.parameters,
      derived: Object.fromEntries(Object.entries(law.derived).map(([name, { value }]) => [name, value])),
    };
  });
}

/** One run, and where the law goes without it. */
export interface RunInfluence {
  readonly runId: string;
  /** Numbers of its rows in the file. */
  readonly rows: readonly number[];
  /** Mean over its rows of log loss less the law's. */
  readonly residual: number;
  /** The quantity that it moves furthest, in standard errors. */
  readonly moves: string;
  /** By how many of its standard errors that quantity moves without the run. */
  readonly shift: number;
  /** All of them. */
  readonly shifts: Quantities;
}

/** Which runs the answer rests on. */
export interface Influence {
  readonly estimate: Quantities;
  /** Standard error of each quantity, of the jackknife over runs. */
  readonly standardErrors: Quantities;
  /** The most influential, first. */
  readonly runs: readonly RunInfluence[];
  /** The law without the rows of highest loss; null where none were to go, or the others can't support the law. */
  readonly withoutHighest: {
    readonly rows: readonly number[];
    readonly estimate: Quantities;
    readonly shifts: Quantities;
  } | null;
}

/** How much of it is told. */
export interface InfluenceOptions {
  /** Runs told, the most influential first. Defaults to 10. */
  readonly top?: number;
  /** Rows of highest loss that are left out together. Defaults to 5. */
  readonly highest?: number;
}

/**
 * Refits the law without each run in turn, from where it stands, and without the rows of highest loss, and tells how far
 * every parameter and derived quantity moves in units of its standard error. Takes as many refits as there are runs.
 *
 * @throws ShapelawError as `fitLaw`.
 */
export function influence(
  table: RunTable,
  options: FitOptions,
  { top = 10, highest = 5 }: InfluenceOptions = {},
): Influence {
  const complete = completeOptions({ ...options, draws: 0 });
  const fit = fitToTable(table, complete);
  const estimate = quantitiesOf(fit, fit.solution.theta);
  const size = fit.form.parameters.length;
  const { theta } = refitRange(refitTask(fit, 'leave-out'), 0, fit.runs);
  const without = Array.from({ length: fit.runs }, (_, run) =>
    quantitiesOf(fit, theta.subarray(run * size, (run + 1) * size)),
  );
  const standardErrors = byName(estimate, (name) => jackknife(without.map((quantities) => quantities[name] ?? null)));
  const shiftsTo = (moved: Quantities) =>
    byName(estimate, (name) => {
      const [from, to, unit] = [estimate[name], moved[name], standardErrors[name]];
      return from == null || to == null || unit == null || unit === 0 ? null : (to - from) / unit;
    });

  const byRun = Array.from({ length: fit.runs }, (): number[] => []);
  fit.runOfRow.forEach((run, row) => {
    byRun[run]!.push(row);
  });
  const runs = byRun.map((rows, run) => {
    const shifts = shiftsTo(without[run]!);
    const [moves, shift] = Object.entries(shifts).reduce<[string, number]>(
      (most, [name, value]) => (Math.abs(value ?? 0) > Math.abs(most[1]) ? [name, value!] : most),
      [fit.form.parameters[0]!, 0],
    );
    return {
      runId: table.rows[rows[0]!]!.runId,
      rows: rows.map((row) => table.rows[row]!.row),
      residual: rows.reduce((sum, row) => sum + fit.residuals[row]!, 0) / rows.length,
      moves,
      shift,
      shifts,
    };
  });
  const cut = withoutHighest(fit, highest);
  return {
    estimate,
    standardErrors,
    runs: runs.sort((a, b) => Math.abs(b.shift) - Math.abs(a.shift)).slice(0, top),
    withoutHighest: cut && { ...cut, shifts: shiftsTo(cut.estimate) },
  };
}

function withoutHighest(
  { table, options }: FittedLaw,
  count: number,
): Omit<NonNullable<Influence['withoutHighest']>, 'shifts'> | null {
  const out = new Set([...table.rows].sort((a, b) => b.loss - a.loss || a.row - b.row).slice(0, count));
  if (out.size === 0) return null;
  const left = { ...table, rows: table.rows.filter((row) => !out.has(row)) };
  try {
    const fit = fitToTable(left, options);
    return { rows: [...out].map(({ row }) => row), estimate: quantitiesOf(fit, fit.solution.theta) };
  } catch (error) {
    if (error instanceof ShapelawError) return null;
    throw error;
  }
}

function quantitiesOf({ form, centres }: FittedLaw, theta: Float64Array): Quantities {
  const parameters = form.toParameters(theta, centres);
  const named = Object.fromEntries(form.parameters.map((name, k) => [name, parameters[k]!]));
  return byName({ ...named, ...renamed(form.derive(parameters), named) }, (_, value) =>
    Number.isFinite(value) ? value : null,
  );
}

/** A derived quantity of a parameter's own name, such as the optimum's a beside the law's, takes a suffix. */
function renamed(
  derived: Readonly<Record<string, number>>,
  taken: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.entries(derived).map(([name, value]) => [name in taken ? `${name} (derived)` : name, value]),
  );
}

function byName<Value>(
  of: Readonly<Record<string, Value>>,
  value: (name: string, own: Value) => number | null,
): Quantities {
  return Object.fromEntries(Object.entries(of).map(([name, own]) => [name, value(name, own)]));
}

/** The jackknife's standard error: of n estimates without one each, sqrt((n - 1) / n sum (estimate - mean)^2). */
function jackknife(values: readonly (number | null)[]): number | null {
  if (values.length < 2 || values.includes(null)) return null;
  const known = values as readonly number[];
  const centre = mean(known);
  const squares = known.reduce((sum, value) => sum + (value - centre) ** 2, 0);
  return Math.sqrt(((known.length - 1) / known.length) * squares);
}
