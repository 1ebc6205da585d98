import { ShapelawError } from '../../errors.js';
import type { RunTable } from '../../runs/index.js';
import { columnValue } from '../columns.js';
import type { LawColumn } from '../law-form.js';
import type { RegionData } from './rows.js';

/** The rows of a table as regions see them, and which run each is of. */
export interface RegionSample extends RegionData {
  readonly source: string;
  /** Means of the logs, which `x` and the regressors count from. */
  readonly centre: number;
  readonly regressorCentres: readonly number[];
  /** Index of each row's run, from 0 on. */
  readonly runOfRow: Int32Array;
  readonly runIds: readonly string[];
}

/**
 * The rows of a table by ascending variable, then loss, then run: whatever is made of them does not depend on their order.
 *
 * @param regressors - Columns with an exponent in each region.
 * @throws ShapelawError `missing-column`, `non-finite`, `bad-rows`.
 */
export function regionSample(
  table: RunTable,
  variable: LawColumn,
  regressors: readonly LawColumn[] = [variable],
): RegionSample {
  const place = logColumn(table, variable);
  const loss = logColumn(table, 'loss');
  const id = (row: number) => table.rows[row]!.runId;
  const order = [...table.rows.keys()].sort(
    (a, b) => place[a]! - place[b]! || loss[a]! - loss[b]! || (id(a) < id(b) ? -1 : Number(id(a) > id(b))),
  );
  const index = new Map<string, number>();
  for (const row of order) if (!index.has(id(row))) index.set(id(row), index.size);
  const ordered = (column: Float64Array) => Float64Array.from(order, (row) => column[row]!);
  const centred = (column: Float64Array) => {
    const mean = column.reduce((sum, value) => sum + value, 0) / column.length;
    return { mean, values: column.map((value) => value - mean) };
  };
  const x = centred(ordered(place));
  const others = regressors.map((name) => (name === variable ? x : centred(ordered(logColumn(table, name)))));
  return {
    source: table.source,
    centre: x.mean,
    regressorCentres: others.map(({ mean }) => mean),
    x: x.values,
    regressors: others.map(({ values }) => values),
    logLoss: ordered(loss),
    weights: Float64Array.from(order, (row) => table.rows[row]!.weight ?? 1),
    runOfRow: Int32Array.from(order, (row) => index.get(id(row))!),
    runIds: [...index.keys()],
  };
}

/** Logs of a column, in the order of the table. */
export function logColumn(table: RunTable, name: LawColumn | 'loss'): Float64Array {
  return Float64Array.from(table.rows, (run) => {
    const value = name === 'loss' ? run.loss : columnValue(run, name);
    if (value === undefined) {
      throw new ShapelawError(
        'missing-column',
        `${table.source}, row ${run.row}: the region law needs ${name}, which is absent. Map a column with --map ${name === 'layers' ? 'decoderLayers' : name}=COLUMN.`,
        { row: run.row, column: name },
      );
    }
    if (value > 0 && Number.isFinite(value)) return Math.log(value);
    throw new ShapelawError(
      Number.isFinite(value) ? 'bad-rows' : 'non-finite',
      `${table.source}, row ${run.row}: ${name} is ${value}, but must be positive and finite; drop the row or correct it`,
      { row: run.row, column: name, value: String(value) },
    );
  });
}
