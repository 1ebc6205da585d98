import { ShapelawError } from '../errors.js';
import type { Run, RunTable } from '../runs/index.js';
import { columnValue } from './columns.js';
import type { LawColumn, LawForm } from './law-form.js';
import { correlation } from './statistics.js';

/** |correlation| of two log columns beyond which their exponents can't be told apart. */
const collinearCorrelation = 0.95;

/** Distinct values of a column below which E + A x^-a has more parameters than the column has to say. */
export const valuesNeeded = 3;

/** Columns of a table that passed every check, with the number of distinct points. */
export interface CheckedColumns {
  readonly columns: readonly Float64Array[];
  readonly loss: Float64Array;
  readonly weights: Float64Array;
  readonly configurations: number;
  /** Refusals that were overruled. */
  readonly forced: readonly ShapelawError[];
}

/** Refusals that a person may overrule, since the fit can still be made and may mean something. */
const overrulable = ['collinear', 'duplicate-rows', 'mixed-schedules'];

/**
 * Refuses a table that can't support a law, in this order: a column missing, values that are not finite and positive,
 * rows given twice, several schedules, too few distinct points (fewer than the law's parameters and two, or two values of a
 * column), no variation, collinear columns.
 *
 * @param force - Whether what a person may overrule is let pass: duplicate rows, mixed schedules, collinear columns.
 * @param known - Parameters on which a prior has something to say: so many fewer points are needed.
 * @throws ShapelawError with the code of the first refusal.
 */
export function checkTable(table: RunTable, form: LawForm, force = false, known = 0): CheckedColumns {
  for (const name of form.columns) requireColumn(table, name, form.law);
  const columns = form.columns.map((name) => readValues(table, name));
  const loss = readValues(table, 'loss');
  const weights = Float64Array.from(table.rows, (row) => row.weight ?? 1);

  const forced: ShapelawError[] = [];
  const check = (run: () => void) => {
    try {
      run();
    } catch (error) {
      if (!(force && error instanceof ShapelawError && overrulable.includes(error.code))) throw error;
      forced.push(error);
    }
  };
  check(() => requireDistinctRows(table));
  check(() => requireOneSchedule(table));
  const configurations = requireConfigurations(table, form, columns, known);
  // What the rows don't tell apart, a prior may.
  if (known === 0) {
    requireVariation(table, form, columns, loss);
    check(() => requireApart(table, form, columns));
  }
  return { columns, loss, weights, configurations, forced };
}

function requireDistinctRows({ source, rows }: RunTable): void {
  const seen = new Map<string, Run>();
  for (const row of rows) {
    const { row: line, scores: _, ...values } = row;
    const { runId, tokens, flops, step, params, schedule } = values;
    // A checkpoint is a run at a number of tokens; where only the point is known, only the very same values are a repeat.
    const isPlaced = tokens !== undefined || step !== undefined;
    const key = JSON.stringify(isPlaced ? [runId, tokens, step, params, flops, schedule] : values);
    const earlier = seen.get(key);
    if (earlier === undefined) seen.set(key, row);
    else {
      throw new ShapelawError(
        'duplicate-rows',
        `${source}, rows ${earlier.row} and ${line}: run ${runId} at ${describePlace(row)} is there twice, with losses ${earlier.loss} and ${row.loss}. ` +
          'Drop one of them, or name runs of different seeds apart (--map runId=COLUMN); --force keeps both.',
        { rows: [earlier.row, line], runId, losses: [earlier.loss, row.loss] },
      );
    }
  }
}

function describePlace({ step, tokens, flops, params }: Run): string {
  if (step !== undefined) return `step ${step}`;
  if (tokens !== undefined) return `${tokens} tokens`;
  return flops === undefined ? `${params} parameters` : `${flops} FLOPs`;
}

/**
 * Refuses losses of several schedules, or with `force` notes that they were taken.
 *
 * @throws ShapelawError `mixed-schedules`.
 */
export function scheduleNotes(table: RunTable, force: boolean): readonly string[] {
  try {
    requireOneSchedule(table);
    return [];
  } catch (error) {
    if (force && error instanceof ShapelawError) return [overruledNote(error)];
    throw error;
  }
}

/** What is noted of a refusal that a person overruled. */
export function overruledNote({ code, message }: ShapelawError): string {
  return `overruled: [${code}] ${message}`;
}

function requireOneSchedule({ source, rows }: RunTable): void {
  const counts = new Map<string, number>();
  for (const { schedule = 'unstated' } of rows) counts.set(schedule, (counts.get(schedule) ?? 0) + 1);
  if (counts.size <= 1) return;
  const most = [...counts].filter(([name]) => name !== 'unstated').sort((a, b) => b[1] - a[1])[0]![0];
  throw new ShapelawError(
    'mixed-schedules',
    `${source} mixes losses of several schedules: ${[...counts].map(([name, count]) => `${name} (${count} rows)`).join(', ')}. ` +
      `A loss in the middle of a schedule is not that of a finished run. Keep one with --where schedule=${most}, or fit all with --force.`,
    { schedules: Object.fromEntries(counts) },
  );
}

function requireConfigurations(
  table: RunTable,
  form: LawForm,
  columns: readonly Float64Array[],
  known: number,
): number {
  const parameters = form.parameters.length;
  const needed = Math.max(2, parameters + 2 - known);
  const points = new Set(table.rows.map((_, row) => columns.map((column) => column[row]).join(' ')));
  if (points.size < needed) {
    throw new ShapelawError(
      'too-few-configurations',
      `${table.source}: the ${form.law} law has ${parameters} parameters and needs at least ${needed} distinct ` +
        `configurations (${form.columns.join(', ')}), but the ${table.rows.length} rows hold ${points.size}. ` +
        `Add at least ${needed - points.size} runs at other values.`,
      { configurations: points.size, needed },
    );
  }
  if (known > 0) return points.size;
  for (const name of form.apart ?? form.columns) {
    const values = new Set(columns[form.columns.indexOf(name)]);
    // A column of one value is a matter of variation.
    if (values.size === 1 || values.size >= valuesNeeded) continue;
    throw new ShapelawError(
      'too-few-configurations',
      `${table.source}: ${name} takes ${values.size} values only (${[...values].join(', ')}); an irreducible ` +
        `loss, an amplitude and an exponent need ${valuesNeeded}. Add runs at another value of ${name}.`,
      { column: name, values: [...values], needed: valuesNeeded },
    );
  }
  return points.size;
}

function requireVariation(table: RunTable, form: LawForm, columns: readonly Float64Array[], loss: Float64Array): void {
  for (const name of [...(form.apart ?? form.columns), 'loss'] as const) {
    const column = name === 'loss' ? loss : columns[form.columns.indexOf(name)]!;
    const [low, high] = extremes(column);
    if (high / low > 1 + 1e-9) continue;
    throw new ShapelawError(
      'no-variation',
      `${table.source}: ${name} is ${low} in every row; its effect can't be estimated. Add runs at other values of ${name}.`,
      { column: name, value: low },
    );
  }
}

function requireApart(table: RunTable, form: LawForm, columns: readonly Float64Array[]): void {
  const names = form.apart ?? form.columns;
  const logs = (name: LawColumn) => columns[form.columns.indexOf(name)]!.map(Math.log);
  names.forEach((name, k) => {
    for (const other of names.slice(k + 1)) {
      const tie = correlation(logs(name), logs(other));
      if (!(Math.abs(tie) > collinearCorrelation)) continue;
      throw new ShapelawError(
        'collinear',
        `${table.source}: log ${name} and log ${other} correlate at ${tie.toFixed(4)}; beyond ` +
          `${collinearCorrelation} their exponents can't be told apart. Add runs that vary ${other} at a fixed ` +
          `${name}, or fit the power law of one column; --force fits all the same.`,
        { columns: [name, other], correlation: tie, limit: collinearCorrelation },
      );
    }
  });
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

/**
 * A column of a table, finite and positive.
 *
 * @param law - Name of the law that needs it, for messages.
 * @throws ShapelawError `missing-column`, `non-finite`, `bad-rows`.
 */
export function readColumn(table: RunTable, name: LawColumn | 'loss', law: string): Float64Array {
  if (name !== 'loss') requireColumn(table, name, law);
  return readValues(table, name);
}

function requireColumn(table: RunTable, name: LawColumn, law: string): void {
  const without = table.rows.find((row) => columnValue(row, name) === undefined);
  if (without === undefined) return;
  throw new ShapelawError(
    'missing-column',
    `${table.source}, row ${without.row}: the ${law} law needs ${name}, which is absent.` +
      (name === 'tokens'
        ? ' Map a column with --map tokens=COLUMN, or derive it with --tokens-from 6ND.'
        : ` Map a column with --map ${name === 'layers' ? 'decoderLayers' : name}=COLUMN.`),
    { row: without.row, column: name },
  );
}

function readValues(table: RunTable, name: LawColumn | 'loss'): Float64Array {
  return Float64Array.from(table.rows, (row) => {
    const value = name === 'loss' ? row.loss : columnValue(row, name)!;
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
