import { ShapelawError } from '../errors.js';
import type { RunTable } from '../runs/index.js';
import type { LawColumn, LawForm } from './law-form.js';

/** |correlation| of log params and log tokens beyond which their exponents can't be told apart. */
const collinearCorrelation = 0.95;

/** Distinct values of a column below which E + A x^-a has more parameters than the column has to say. */
export const valuesNeeded = 3;

/** Columns of a table that passed every check, with the number of distinct points. */
export interface CheckedColumns {
  readonly columns: readonly Float64Array[];
  readonly loss: Float64Array;
  readonly configurations: number;
}

/**
 * Refuses a table that can't support a law, in this order: a column missing, values that are not finite and positive,
 * too few distinct points (fewer than the law's parameters and two, or two values of a column), no variation, collinear columns.
 *
 * @throws ShapelawError with the code of the first refusal.
 */
export function checkTable(table: RunTable, form: LawForm): CheckedColumns {
  for (const name of [...form.columns, 'loss'] as const) requireColumn(table, name, form);
  const columns = form.columns.map((name) => readColumn(table, name));
  const loss = readColumn(table, 'loss');

  const needed = form.parameters.length + 2;
  const points = new Set(table.rows.map((_, row) => columns.map((column) => column[row]).join(' ')));
  if (points.size < needed) {
    throw new ShapelawError(
      'too-few-configurations',
      `${table.source}: the ${form.name} law has ${form.parameters.length} parameters and needs at least ${needed} distinct ` +
        `configurations (${form.columns.join(', ')}), but the ${table.rows.length} rows hold ${points.size}. ` +
        `Add at least ${needed - points.size} runs at other values.`,
      { configurations: points.size, needed },
    );
  }
  columns.forEach((column, k) => {
    const values = new Set(column);
    // A column of one value is a matter of variation.
    if (values.size === 1 || values.size >= valuesNeeded) return;
    throw new ShapelawError(
      'too-few-configurations',
      `${table.source}: ${form.columns[k]} takes ${values.size} values only (${[...values].join(', ')}); an irreducible ` +
        `loss, an amplitude and an exponent need ${valuesNeeded}. Add runs at another value of ${form.columns[k]}.`,
      { column: form.columns[k], values: [...values], needed: valuesNeeded },
    );
  });
  [...columns, loss].forEach((column, k) => {
    const name = form.columns[k] ?? 'loss';
    const [low, high] = extremes(column);
    if (high / low > 1 + 1e-9) return;
    throw new ShapelawError(
      'no-variation',
      `${table.source}: ${name} is ${low} in every row; its effect can't be estimated. Add runs at other values of ${name}.`,
      { column: name, value: low },
    );
  });
  if (columns.length === 2) {
    const correlation = logCorrelation(columns[0]!, columns[1]!);
    if (Math.abs(correlation) > collinearCorrelation) {
      throw new ShapelawError(
        'collinear',
        `${table.source}: log ${form.columns[0]} and log ${form.columns[1]} correlate at ${correlation.toFixed(4)}; beyond ` +
          `${collinearCorrelation} their exponents can't be told apart. Add runs that vary ${form.columns[1]} at a fixed ` +
          `${form.columns[0]}, or fit the power law of one column.`,
        { correlation, limit: collinearCorrelation },
      );
    }
  }
  return { columns, loss, configurations: points.size };
}

function extremes(column: Float64Array): [number, number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of column) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

function requireColumn(table: RunTable, name: LawColumn | 'loss', form: LawForm): void {
  const without = table.rows.find((row) => row[name] === undefined);
  if (without === undefined) return;
  throw new ShapelawError(
    'missing-column',
    `${table.source}, row ${without.row}: the ${form.name} law needs ${name}, which is absent.` +
      (name === 'tokens'
        ? ' Map a column with --map tokens=COLUMN, or derive it with --tokens-from 6ND.'
        : ` Map a column with --map ${name}=COLUMN.`),
    { row: without.row, column: name },
  );
}

function readColumn(table: RunTable, name: LawColumn | 'loss'): Float64Array {
  return Float64Array.from(table.rows, (row) => {
    const value = row[name]!;
    if (!Number.isFinite(value)) {
      throw new ShapelawError(
        'non-finite',
        `${table.source}, row ${row.row}: ${name} is ${value}; drop the row or correct it`,
        { row: row.row, column: name, value: String(value) },
      );
    }
    if (!(value > 0)) {
      throw new ShapelawError(
        'bad-rows',
        `${table.source}, row ${row.row}: ${name} is ${value}, but must be positive`,
        { row: row.row, column: name, value },
      );
    }
    return value;
  });
}

function logCorrelation(x: Float64Array, y: Float64Array): number {
  const [a, b] = [x.map(Math.log), y.map(Math.log)];
  const [meanA, meanB] = [mean(a), mean(b)];
  let [product, squareA, squareB] = [0, 0, 0];
  for (let row = 0; row < a.length; row++) {
    const [da, db] = [a[row]! - meanA, b[row]! - meanB];
    product += da * db;
    squareA += da * da;
    squareB += db * db;
  }
  return product / Math.sqrt(squareA * squareB);
}

export function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
