import { resolve } from 'node:path';
import { ShapelawError } from '../../errors.js';
import { decodeText, readBytes, unreadable } from '../bytes.js';
import { type RawRow, readNumber } from '../cells.js';
import { parseDelimited } from '../csv.js';
import { parseJsonLines } from '../json.js';
import { parseParquet } from '../parquet.js';
import { listed } from '../suggest.js';
import { groupBy } from './group-by.js';
import type { LogEntry, LoggedValue, ReadLogs, RunLog } from './log.js';

const fileEnding = /\.(csv|jsonl|ndjson|parquet)(\.gz)?$/i;

/** Whether a file's name is one that an export of Weights & Biases may have. */
export function isWandbFile(name: string): boolean {
  return fileEnding.test(name);
}

/**
 * Reads an export of Weights & Biases, which its columns tell:
 * - a run's history, with `_step`: what `run.history()` and `run.scan_history()` of the public API give, as CSV or JSON Lines,
 *   or the Parquet file of the history artifact (docs.wandb.ai/models/track/public-api-guide). The file's name names the run;
 * - the runs table, with `Name`: a row a run, of its configuration and its last metrics;
 * - a chart, whose first column is the x-axis: `RUN - METRIC`, each with `RUN - METRIC__MIN` and `RUN - METRIC__MAX`
 *   (github.com/wandb/wandb/issues/5349). Cells are empty where a run has no value.
 *
 * @throws ShapelawError `unreadable`.
 */
export async function readWandb(path: string): Promise<ReadLogs> {
  const rows = await rowsOf(path);
  const columns = [...new Set(rows.flatMap(({ cells }) => Object.keys(cells)))];
  const has = (column: string) => columns.includes(column);
  const unit = path.toLowerCase().endsWith('.parquet') ? 'record' : 'line';
  const file = { path, unit } as const;
  if (rows.length === 0) return { files: [path], logs: [], warnings: [`${path} has no rows`] };
  // A runs table may show _step among its metrics, too.
  const isTable = has('Name') && (has('State') || !has('_step'));
  if (has('_step') && !isTable) return { files: [path], logs: [historyLog(rows, file)], warnings: [] };
  if (isTable) return { files: [path], logs: tableLogs(rows, file), warnings: stateWarnings(rows, path) };
  const series = chartSeries(columns);
  if (series.length > 0) return { files: [path], logs: chartLogs(rows, columns[0]!, series, file), warnings: [] };
  throw unreadable(
    path,
    'is no export of Weights & Biases that is read here: a history has a column _step, a runs table a column Name, a chart ' +
      `columns "RUN - METRIC"; its columns are ${listed(columns, 20)}`,
  );
}

async function rowsOf(path: string): Promise<readonly RawRow[]> {
  const [, ending, zip] = fileEnding.exec(path) ?? [];
  if (ending === undefined) {
    throw unreadable(path, 'is no export of Weights & Biases that is read here: name it .csv, .jsonl or .parquet');
  }
  const bytes = await readBytes(path);
  if (ending.toLowerCase() === 'parquet') return parseParquet(bytes, path);
  const text = await decodeText(bytes, zip !== undefined, path);
  return ending.toLowerCase() === 'csv' ? parseDelimited(text, ',', path) : parseJsonLines(text, path, flatScalars);
}

/** The scalars of a row, nested ones under dotted names as Weights & Biases shows them; lists, histograms and media have none. */
function flatScalars(value: unknown, place: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ShapelawError('unreadable', `${place} is not an object: each line must be a row of the history`, {
      place,
    });
  }
  const cells = new Map<string, unknown>();
  const add = (object: object, prefix: string) => {
    for (const [key, cell] of Object.entries(object)) {
      if (typeof cell !== 'object' || cell === null) cells.set(prefix + key, cell);
      else if (!Array.isArray(cell) && !('_type' in cell)) add(cell, `${prefix}${key}.`);
    }
  };
  add(value, '');
  return Object.fromEntries(cells);
}

interface ExportFile {
  readonly path: string;
  readonly unit: RunLog['unit'];
}

function isEmpty(cell: unknown): boolean {
  return cell === undefined || cell === null || (typeof cell === 'string' && cell.trim() === '');
}

function entryOf(row: RawRow, file: string, columns: Iterable<readonly [tag: string, column: string]>): LogEntry {
  const entry = new Map<string, LoggedValue>();
  for (const [tag, column] of columns) {
    const value = row.cells[column];
    if (!isEmpty(value)) entry.set(tag, { value, file, at: row.row });
  }
  return entry;
}

const callsNote =
  'counts the calls of wandb.log, and is the optimizer step only where each step logged once or the trainer passed step=; ' +
  'where it logged its own step, name that with --map step=TAG';

function historyLog(rows: readonly RawRow[], { path, unit }: ExportFile): RunLog {
  const entries = rows.map((row) =>
    entryOf(
      row,
      path,
      Object.keys(row.cells).map((name) => [name, name]),
    ),
  );
  return {
    name: null,
    path: resolve(path).replace(fileEnding, ''),
    unit,
    entries,
    notes: new Map([['_step', `_step ${callsNote}`]]),
  };
}

function tableLogs(rows: readonly RawRow[], { path, unit }: ExportFile): RunLog[] {
  return rows.map((row) => {
    const entry = entryOf(
      row,
      path,
      Object.keys(row.cells).map((name) => [name, name]),
    );
    return {
      name: String(entry.get('Name')?.value ?? `line ${row.row}`),
      path: resolve(path),
      unit,
      entries: [entry],
      notes: new Map([['_step', `_step ${callsNote}`]]),
    };
  });
}

/** Runs that did not finish have the metrics of where they stopped. */
function stateWarnings(rows: readonly RawRow[], path: string): string[] {
  const unfinished = rows.filter(({ cells }) => !isEmpty(cells.State) && cells.State !== 'finished');
  if (unfinished.length === 0) return [];
  const names = unfinished.map(({ cells }) => `${cells.Name} (${cells.State})`);
  return [`${path}: not finished, so that their metrics are those of where they stopped: ${listed(names, 10)}`];
}

interface Series {
  readonly run: string;
  readonly metric: string;
  readonly column: string;
}

/** The columns of a chart that are no bands, each split at its last " - ": names of runs hold one more often than those of metrics. */
function chartSeries(columns: readonly string[]): Series[] {
  const all = new Set(columns);
  return columns.slice(1).flatMap((column) => {
    const at = column.lastIndexOf(' - ');
    const isSeries = at > 0 && !isBand(column, all);
    return isSeries ? [{ run: column.slice(0, at), metric: column.slice(at + 3), column }] : [];
  });
}

function isBand(column: string, all: ReadonlySet<string>): boolean {
  return /__(MIN|MAX)$/.test(column) && all.has(column.slice(0, -5));
}

function chartLogs(
  rows: readonly RawRow[],
  axis: string,
  series: readonly Series[],
  { path, unit }: ExportFile,
): RunLog[] {
  return [...groupBy(series, ({ run }) => run)].map(([run, own]) => {
    const columns = own.map(({ metric, column }) => [metric, column] as const);
    const present = rows.filter((row) => own.some(({ column }) => !isEmpty(row.cells[column])));
    const averaged = own.filter(({ column }) => present.some((row) => isAveraged(row, column)));
    return {
      name: run,
      path: resolve(path),
      unit,
      entries: present.map((row) => entryOf(row, path, [...columns, [axis, axis]])),
      notes: new Map([
        ['Step', `Step ${callsNote}`],
        ['_step', `_step ${callsNote}`],
        ...averaged.map(
          ({ metric, column }) =>
            [
              metric,
              `${path}: the least and the greatest of "${column}" differ in some rows, so that its values are means, of a group of runs ` +
                'or of several steps, and no single evaluations; export the history of each run',
            ] as const,
        ),
      ]),
    };
  });
}

function isAveraged({ cells }: RawRow, column: string): boolean {
  const [least, most] = [readNumber(cells[`${column}__MIN`]), readNumber(cells[`${column}__MAX`])];
  return least.kind === 'value' && most.kind === 'value' && least.value !== most.value;
}
