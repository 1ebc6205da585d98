import type { Conventions } from '../conventions.js';
import { ShapelawError } from '../errors.js';
import type { RawRow } from './cells.js';
import { type ColumnPlan, planColumns, requireColumns } from './columns.js';
import { checkConventions, resolveConventions } from './conventions.js';
import { parseFilter } from './filter.js';
import type { Run } from './record.js';
import { badRowCount, badRowsError, type ReadRun } from './rows.js';
import { nameRuns } from './run-ids.js';
import { type DroppedRow, selectRows } from './select.js';
import { checkTokensFrom } from './tokens-from.js';

/** How a file's rows become a table of runs. */
export interface RunTableOptions {
  /** Column by field, over what the layout says; `scores.TASK` is a field too. Defaults to none. */
  readonly map?: Readonly<Record<string, string>> | undefined;
  /** Conventions that the caller knows. Defaults to what the columns and the layout state. */
  readonly conventions?: Partial<Conventions> | undefined;
  /** `6ND` sets tokens = flops / (6 params). Defaults to no such derivation. */
  readonly tokensFrom?: '6ND' | undefined;
  /** Conditions that rows must meet, such as `params>1e7`, `schedule=wsd`, `split!=train`. Defaults to none. */
  readonly where?: readonly string[] | undefined;
  /** Rows of highest loss to leave out, after `where`; of equal losses the earlier row goes. Defaults to 0. */
  readonly dropHighest?: number | undefined;
  /** Whether rows with bad values are left out instead of refused. Defaults to false. */
  readonly dropBadRows?: boolean | undefined;
}

/** The measured runs that a law is fitted to, and where they came from. */
export interface RunTable {
  /** The file's name, as given. */
  readonly source: string;
  /** Of the file's bytes, in hexadecimal. */
  readonly sha256: string;
  /** The layout that was recognised; null where the caller's map alone made sense of the columns. */
  readonly layout: string | null;
  /** In the file's order. */
  readonly rows: readonly Run[];
  /** In the file's order. */
  readonly dropped: readonly DroppedRow[];
  readonly conventions: Conventions;
  /** The options that made this table of the file, those left to their defaults absent. */
  readonly options: RunTableOptions;
  readonly warnings: readonly string[];
}

/**
 * Builds a table of runs from the rows of a file.
 *
 * In this order: rows that fail a condition of `where` are left out; of the rest every bad value is reported, or its row left out
 * with `dropBadRows`; conventions are checked; the `dropHighest` rows of highest loss are left out; runs without ids are
 * named. A cell that a condition cannot read (no number where it needs one, or an empty required cell) leaves its row in
 * and is reported as bad.
 *
 * @param rawRows rows in the file's order.
 * @param options with `source`, the name that messages use, and `sha256` of the file's bytes.
 * @throws ShapelawError `bad-usage`, `missing-column`, `bad-rows`, `non-finite` (any bad value is NaN or infinite),
 *   `mixed-conventions` (losses of several splits too), `no-rows`.
 */
export function buildRunTable(
  rawRows: readonly RawRow[],
  options: RunTableOptions & { readonly source: string; readonly sha256: string },
): RunTable {
  const {
    source,
    sha256,
    map = {},
    conventions: stated = {},
    where = [],
    dropHighest = 0,
    dropBadRows = false,
  } = options;
  checkConventions(stated);
  if (!(Number.isInteger(dropHighest) && dropHighest >= 0)) {
    throw new ShapelawError(
      'bad-usage',
      `the rows of highest loss to drop must be a whole number from 0, not ${dropHighest}`,
      { dropHighest },
    );
  }
  if (rawRows.length === 0) throw new ShapelawError('no-rows', `${source} has no rows`, { file: source });

  const plan = planColumns(columnsOf(rawRows), map, source);
  const deriveTokens = checkTokensFrom(options.tokensFrom, plan);
  const needed = deriveTokens ? ['params', 'flops', 'loss'] : ['params', 'loss'];
  requireColumns(plan, needed);
  const required = new Set(plan.columnOf.has('runId') ? ['runId', ...needed] : needed);
  const filters = where.map((text) => parseFilter(text, plan, new Set(deriveTokens ? ['tokens'] : [])));

  const { runs: read, dropped, bad } = selectRows(rawRows, plan, required, filters, deriveTokens);
  const warnings: string[] = [];
  if (bad.length > 0) {
    if (!dropBadRows) throw badRowsError(source, bad);
    const count = badRowCount(bad);
    warnings.push(`${source}: ${count} ${count === 1 ? 'row' : 'rows'} with bad values dropped, of ${rawRows.length}`);
  }

  const fields = new Set([...plan.columnOf.keys(), ...(deriveTokens ? ['tokens'] : [])]);
  requireOneSplit(read, source);
  const { conventions, warnings: conventionWarnings } = resolveConventions(read, plan, stated, fields);
  if (deriveTokens) {
    if (conventions.flops === 'exact') {
      throw new ShapelawError(
        'mixed-conventions',
        `${source}: its FLOPs are exact counts, and tokens = flops / (6 params) holds for 6ND alone; give a column of tokens`,
        { file: source, tokensFrom: '6ND', flops: 'exact' },
      );
    }
    warnings.push(`${source}: tokens are not measured but derived, as flops / (6 params)`);
  }
  warnings.push(...layoutNotes(plan), ...conventionWarnings);

  const highest = highestLosses(read, dropHighest);
  const outliers = [...highest].map(({ row, runId, loss }) => ({
    row,
    ...(runId === undefined ? {} : { runId }),
    column: plan.columnOf.get('loss')!,
    value: String(loss),
    reason: `one of the ${dropHighest} highest losses`,
  }));
  const allDropped = [...dropped, ...outliers].sort((a, b) => a.row - b.row);
  const kept = read.filter((run) => !highest.has(run));
  if (kept.length === 0) throw nothingLeft(source, rawRows.length, allDropped);

  const named = nameRuns(kept, source);
  return {
    source,
    sha256,
    layout: plan.layout?.name ?? null,
    rows: named.runs,
    dropped: allDropped,
    conventions,
    options: givenOptions(options),
    warnings: [...warnings, ...named.warnings],
  };
}

function givenOptions(options: RunTableOptions): RunTableOptions {
  const { map, conventions, tokensFrom, where, dropHighest, dropBadRows } = options;
  const all = { map, conventions, tokensFrom, where, dropHighest, dropBadRows };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

function columnsOf(rawRows: readonly RawRow[]): ReadonlySet<string> {
  const columns = new Set<string>();
  for (const { cells } of rawRows) for (const column in cells) columns.add(column);
  return columns;
}

function requireOneSplit(rows: readonly ReadRun[], source: string): void {
  const splits = [...new Set(rows.map((row) => row.split ?? 'unstated'))];
  if (splits.length <= 1) return;
  throw new ShapelawError(
    'mixed-conventions',
    `${source} mixes losses of several splits: ${splits.join(', ')}; keep one with --where split=${splits.find((split) => split !== 'unstated')}`,
    { file: source, splits },
  );
}

function layoutNotes({ source, layout, asLaidOut }: ColumnPlan): string[] {
  return Object.entries(layout?.notes ?? {})
    .filter(([field]) => asLaidOut.has(field))
    .map(([, note]) => `${source}: ${note}`);
}

/** The runs of highest loss; the sort is stable, so that of equal losses the earlier row comes first. */
function highestLosses(runs: readonly ReadRun[], count: number): ReadonlySet<ReadRun> {
  if (count === 0) return new Set();
  return new Set(runs.toSorted((a, b) => b.loss - a.loss).slice(0, count));
}

function nothingLeft(source: string, total: number, dropped: readonly DroppedRow[]): ShapelawError {
  const counts = new Map<string, number>();
  for (const { reason } of dropped) {
    const kind = reason.startsWith('bad value') ? 'with bad values' : reason;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  const reasons = [...counts].map(([reason, count]) => `${count} ${reason}`).join('; ');
  return new ShapelawError(
    'no-rows',
    `${source}: none of its ${total} rows is left (${reasons}); loosen --where, --drop-highest or --drop-bad-rows`,
    { file: source, dropped: Object.fromEntries(counts) },
  );
}
