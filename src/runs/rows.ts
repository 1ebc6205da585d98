import { ShapelawError } from '../errors.js';
import { cellOf, type RawRow, readNumber, readText, showCell } from './cells.js';
import type { ColumnPlan } from './columns.js';
import { fieldKind, type Run, runRecordSchema, scoreTask } from './record.js';

/** A value that no run can have, and where it stands. */
export interface BadValue {
  readonly row: number;
  readonly column: string;
  /** The cell's text; '' where it is empty. */
  readonly value: string;
  /** Completes the value to a sentence, as in `is not a number`; `is empty` where there is none. */
  readonly reason: string;
  readonly nonFinite: boolean;
}

/** A run, but for its id where the table has no column of ids. */
export type ReadRun = Omit<Run, 'runId'> & { readonly runId?: string };

const withoutId = runRecordSchema.omit({ runId: true });

/** A function that reads a raw row into a run, or into every bad value of the row. */
export function rowReader(
  plan: ColumnPlan,
  required: ReadonlySet<string>,
): (raw: RawRow) => { readonly run: ReadRun } | { readonly bad: readonly BadValue[] } {
  const schema = plan.columnOf.has('runId') ? runRecordSchema : withoutId;
  const inputs = [...plan.columnOf].map(([field, column]) => ({
    field,
    column,
    task: scoreTask(field),
    required: required.has(field),
    read: fieldKind(field) === 'number' ? readNumber : readText,
  }));

  return (raw) => {
    const bad: BadValue[] = [];
    const note = (column: string, reason: string, nonFinite: boolean) => {
      bad.push({ row: raw.row, column, value: showCell(cellOf(raw, column)), reason, nonFinite });
    };
    const fields: Record<string, unknown> = {};
    const scores: Record<string, number | string> = {};
    for (const { field, column, task, required, read } of inputs) {
      const reading = read(cellOf(raw, column));
      if (reading.kind === 'bad') note(column, reading.reason, reading.nonFinite);
      else if (reading.kind === 'value') {
        if (task === undefined) fields[field] = reading.value;
        else scores[task] = reading.value;
      } else if (required) note(column, 'is empty', false);
    }
    if (Object.keys(scores).length > 0) fields.scores = scores;
    if (bad.length > 0) return { bad };

    const parsed = schema.safeParse(fields);
    if (parsed.success) return { run: { ...parsed.data, row: raw.row } };
    for (const { path, message } of parsed.error.issues) {
      note(plan.columnOf.get(path.join('.')) ?? path.join('.'), message, false);
    }
    return { bad };
  };
}

/** A bad value with its column, as in `"loss": "-1" must be greater than 0`. */
export function describeBad({ column, value, reason }: BadValue): string {
  return value === '' ? `"${column}" ${reason}` : `"${column}": "${value}" ${reason}`;
}

/** How many rows the bad values stand in. */
export function badRowCount(bad: readonly BadValue[]): number {
  return new Set(bad.map(({ row }) => row)).size;
}

/**
 * The error for a table's bad values: the first ten, those that are not finite ahead, and how many more there are.
 * Its code is `non-finite` where any is NaN or infinite, otherwise `bad-rows`.
 */
export function badRowsError(source: string, bad: readonly BadValue[]): ShapelawError {
  const nonFinite = bad.filter((value) => value.nonFinite);
  const ordered = [...nonFinite, ...bad.filter((value) => !value.nonFinite)];
  const rows = badRowCount(bad);
  const lines = ordered.slice(0, 10).map((value) => `  row ${value.row}, column ${describeBad(value)}`);
  if (ordered.length > 10) lines.push(`  and ${ordered.length - 10} more`);
  return new ShapelawError(
    nonFinite.length > 0 ? 'non-finite' : 'bad-rows',
    `${source} has ${bad.length} bad ${bad.length === 1 ? 'value' : 'values'} in ${rows} ${rows === 1 ? 'row' : 'rows'}:\n` +
      `${lines.join('\n')}\nCorrect them, or leave their rows out with --drop-bad-rows`,
    { file: source, count: bad.length, rows, values: ordered.slice(0, 10) },
  );
}
