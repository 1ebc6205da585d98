import { ShapelawError } from '../../errors.js';
import { columnValue } from '../../fit/columns.js';
import { lawLoss } from '../../fit/formulas.js';
import type { Law } from '../../fit/law.js';
import type { LawForm, LawPoint } from '../../fit/law-form.js';
import { lawForm } from '../../fit/laws/registry.js';
import { gramOf, solveSymmetric } from '../../fit/linear-algebra.js';
import { mean } from '../../fit/statistics.js';
import type { Quantity } from './quantities.js';

/** A law at one setting of its parameters: how log losses and quantities move with its coordinates. */
export interface Local {
  readonly parameters: readonly number[];
  /** Derivatives of the log loss of each run to each coordinate, run by run. */
  readonly jacobian: Float64Array;
  /** Derivatives of each quantity to each coordinate. */
  readonly gradients: readonly Float64Array[];
}

/** A law at its own parameters, and at some of its draws. */
export interface LocalLaw {
  readonly form: LawForm;
  /** Coordinates. */
  readonly size: number;
  /** The first is at the law's own parameters. */
  readonly locals: readonly Local[];
}

/** Laws whose coordinates do not place a fit smoothly, or need what a run of a sweep has not. */
const unfit: Readonly<Record<string, string>> = {
  region: 'its breakpoints have no derivative',
  'data-constrained': 'it needs the unique tokens of each run, which a design does not choose',
};

/**
 * The local information of runs about a law.
 *
 * @param draws - Draws of the law to be averaged over, evenly spread over those it has.
 * @throws ShapelawError `bad-usage` for a law that no design can be made for.
 */
export function localLaw(
  law: Law,
  points: readonly LawPoint[],
  quantities: readonly Quantity[],
  draws: number,
): LocalLaw {
  if (unfit[law.law] !== undefined) {
    throw new ShapelawError('bad-usage', `no sweep can be designed for a ${law.law} law: ${unfit[law.law]}`, {
      law: law.law,
    });
  }
  const form = lawForm(law.law, law.form);
  const raw = form.columns.map((column) =>
    Float64Array.from(points, (point) => {
      const value = columnValue(point, column);
      if (value !== undefined && value > 0) return value;
      throw new ShapelawError(
        'bad-usage',
        `the ${law.law} law needs ${column}, which the runs of a sweep do not state`,
        {
          column,
        },
      );
    }),
  );
  const logs = form.columnScale === 'raw' ? null : raw.map((column) => column.map(Math.log));
  const own = logs === null ? raw.map(() => 0) : logs.map(mean);
  const centres = form.columns.map((_, k) => own[form.centredWith?.[k] ?? k]!);
  const columns = logs === null ? raw : logs.map((column, k) => column.map((value) => value - centres[k]!));
  const { parameters, draws: drawn } = lawLoss(law);
  const chosen = spread(drawn ?? [], draws);
  const locals = [parameters, ...chosen]
    .map((at) => localAt(form, at, centres, columns, quantities))
    .filter((local, index) => index === 0 || holds(local));
  if (!holds(locals[0]!)) {
    throw new ShapelawError('bad-usage', `${law.name} has no finite loss or optimum at the runs to choose from`, {
      law: law.name,
    });
  }
  return { form, size: form.parameters.length, locals };
}

function localAt(
  form: LawForm,
  parameters: readonly number[],
  centres: readonly number[],
  columns: readonly Float64Array[],
  quantities: readonly Quantity[],
): Local {
  const theta = form.toCoordinates(parameters, centres);
  const rows = columns[0]!.length;
  const jacobian = new Float64Array(rows * theta.length);
  form.evaluate(theta, columns, rows, new Float64Array(rows), jacobian);
  return {
    parameters,
    jacobian,
    gradients: quantities.map(({ of }) =>
      Float64Array.from(theta, (value, j) => {
        // Central differences: of smooth functions of a handful of coordinates, exact to some nine digits.
        const h = 1e-5 * Math.max(1, Math.abs(value));
        const at = (moved: number) => of(form.toParameters(theta.with(j, moved), centres));
        return (at(value + h) - at(value - h)) / (2 * h);
      }),
    ),
  };
}

function holds({ jacobian, gradients }: Local): boolean {
  return jacobian.every(Number.isFinite) && gradients.every((gradient) => gradient.every(Number.isFinite));
}

function spread<Item>(items: readonly Item[], count: number): readonly Item[] {
  if (items.length <= count) return items;
  return Array.from({ length: count }, (_, k) => items[Math.floor(((k + 0.5) * items.length) / count)]!);
}

/**
 * Standard deviations of the quantities that a fit to some of the runs will have by the delta method, in units of the noise of
 * one run; null where the runs leave a coordinate open.
 *
 * @param rows - Indices of the runs, one for each time that a run is made.
 */
export function standardErrors(local: Local, size: number, rows: readonly number[]): readonly number[] | null {
  const chosen = new Float64Array(rows.length * size);
  rows.forEach((row, at) => {
    chosen.set(local.jacobian.subarray(row * size, (row + 1) * size), at * size);
  });
  const information = gramOf(chosen, size);
  const errors: number[] = [];
  for (const gradient of local.gradients) {
    const solved = solveSymmetric(Float64Array.from(information), gradient);
    if (solved === null) return null;
    errors.push(Math.sqrt(gradient.reduce((sum, value, j) => sum + value * solved[j]!, 0)));
  }
  return errors;
}
