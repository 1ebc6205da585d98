import type { RunTable } from '../../runs/index.js';
import { readColumn } from '../checks.js';
import type { LawColumn } from '../law-form.js';
import { indexRuns } from '../run-index.js';
import { mean } from '../statistics.js';
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
  const { runOfRow, runIds } = indexRuns(order.map((row) => table.rows[row]!));
  const ordered = (column: Float64Array) => Float64Array.from(order, (row) => column[row]!);
  const centred = (column: Float64Array) => {
    const centre = mean(column);
    return { centre, values: column.map((value) => value - centre) };
  };
  const x = centred(ordered(place));
  const others = regressors.map((name) => (name === variable ? x : centred(ordered(logColumn(table, name)))));
  return {
    source: table.source,
    centre: x.centre,
    regressorCentres: others.map(({ centre }) => centre),
    x: x.values,
    regressors: others.map(({ values }) => values),
    logLoss: ordered(loss),
    weights: Float64Array.from(order, (row) => table.rows[row]!.weight ?? 1),
    runOfRow,
    runIds,
  };
}

/** Logs of a column, in the order of the table. */
export function logColumn(table: RunTable, name: LawColumn | 'loss'): Float64Array {
  return readColumn(table, name, 'region').map(Math.log);
}
