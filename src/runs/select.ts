import { cellOf, type RawRow, readNumber, readText, showCell } from './cells.js';
import type { ColumnPlan } from './columns.js';
import { type Filter, testCell } from './filter.js';
import { type BadValue, describeBad, type ReadRun, rowReader } from './rows.js';

/** A row that was left out of a table, and why. */
export interface DroppedRow {
  readonly row: number;
  readonly runId?: string;
  readonly column?: string;
  /** The offending cell's text. */
  readonly value?: string;
  readonly reason: string;
}

/**
 * Sorts the rows of a file into runs, rows that a filter leaves out and rows with bad values.
 *
 * @param deriveTokens whether tokens = flops / (6 params).
 * @returns the runs; the rows left out, those with bad values among them; and the bad values.
 */
export function selectRows(
  rawRows: readonly RawRow[],
  plan: ColumnPlan,
  required: ReadonlySet<string>,
  filters: readonly Filter[],
  deriveTokens: boolean,
): { readonly runs: readonly ReadRun[]; readonly dropped: readonly DroppedRow[]; readonly bad: readonly BadValue[] } {
  const runs: ReadRun[] = [];
  const dropped: DroppedRow[] = [];
  const bad: BadValue[] = [];
  const readRow = rowReader(plan, required);
  for (const raw of rawRows) {
    const verdict = applyFilters(filters, raw, plan, required);
    if (verdict.droppedBy !== undefined) {
      dropped.push({ row: raw.row, ...idOf(raw, plan), reason: `filtered: ${verdict.droppedBy}` });
      continue;
    }
    const result = readRow(raw);
    const inFields = 'bad' in result ? result.bad : [];
    const inFilters = verdict.bad.filter(({ column }) => !inFields.some((value) => value.column === column));
    const [first] = [...inFields, ...inFilters];
    if (first !== undefined) {
      bad.push(...inFields, ...inFilters);
      const { column, value } = first;
      dropped.push({ row: raw.row, ...idOf(raw, plan), column, value, reason: `bad value: ${describeBad(first)}` });
    } else if ('run' in result) {
      const { run } = result;
      if (run.tokens === 0 || run.flops === 0) {
        dropped.push({ row: raw.row, ...idOf(raw, plan), reason: 'untrained: 0 tokens' });
        continue;
      }
      runs.push(deriveTokens ? { ...run, tokens: run.flops! / (6 * run.params) } : run);
    }
  }
  return { runs, dropped, bad };
}

function applyFilters(
  filters: readonly Filter[],
  raw: RawRow,
  plan: ColumnPlan,
  required: ReadonlySet<string>,
): { readonly droppedBy?: string; readonly bad: readonly BadValue[] } {
  const bad: BadValue[] = [];
  for (const filter of filters) {
    const column = plan.columnOf.get(filter.name) ?? (plan.columns.has(filter.name) ? filter.name : undefined);
    const cell = column === undefined ? derivedTokens(raw, plan) : cellOf(raw, column);
    // An empty required cell, or what cannot be derived from one, is left to the check of bad rows.
    if ((required.has(filter.name) || column === undefined) && readText(cell).kind === 'empty') continue;
    const verdict = testCell(filter, cell);
    if (verdict === 'dropped') return { droppedBy: filter.text, bad: [] };
    if (verdict !== 'kept') {
      const { reason, nonFinite } = verdict;
      bad.push({ row: raw.row, column: column ?? filter.name, value: showCell(cell), reason, nonFinite });
    }
  }
  return { bad };
}

/** tokens = flops / (6 params); undefined where either is no number. */
function derivedTokens(raw: RawRow, plan: ColumnPlan): number | undefined {
  const flops = readNumber(cellOf(raw, plan.columnOf.get('flops')!));
  const params = readNumber(cellOf(raw, plan.columnOf.get('params')!));
  return flops.kind === 'value' && params.kind === 'value' ? flops.value / (6 * params.value) : undefined;
}

function idOf(raw: RawRow, plan: ColumnPlan): { runId?: string } {
  const column = plan.columnOf.get('runId');
  if (column === undefined) return {};
  const reading = readText(cellOf(raw, column));
  return reading.kind === 'value' ? { runId: reading.value } : {};
}
