import type { Conventions } from '../conventions.js';
import { ShapelawError } from '../errors.js';
import { cellOf, type RawRow, readNumber, readText, showCell } from './cells.js';
import { type ColumnPlan, planColumns, requireColumns } from './columns.js';
import { conventionColumns, resolveConventions, type StatingRow } from './conventions.js';
import { shapeFields } from './record.js';
import { type BadValue, badRowsError } from './rows.js';
import { checkTokensFrom } from './tokens-from.js';

/** What a point may have. */
export type PointField = 'params' | 'tokens' | 'flops' | 'uniqueTokens' | 'loss' | (typeof shapeFields)[number];

const fields: readonly PointField[] = ['params', 'tokens', 'flops', 'uniqueTokens', 'loss', ...shapeFields];

/** A point to predict at, and the loss measured there, where the file has them; each positive, but for the layers of a stack that is not there. */
export type Point = { readonly row: number } & { readonly [Field in PointField]?: number };

/** The points of a file and how their numbers are counted. */
export interface PointTable {
  readonly points: readonly Point[];
  readonly conventions: Conventions;
}

export interface PointOptions {
  /** Fields that every row must have. */
  readonly required: readonly PointField[];
  /** `6ND` sets tokens = flops / (6 params) in every row. Defaults to no such derivation. */
  readonly tokensFrom?: '6ND' | undefined;
  /** Column by field, over what the layout says. Defaults to none. */
  readonly map?: Readonly<Record<string, string>> | undefined;
}

/**
 * Reads the points of a file's rows. A run table serves as it is; other columns, and rows of untrained models, are ignored.
 *
 * @throws ShapelawError `missing-column`, `bad-usage`, `no-rows`, `bad-rows`, `non-finite`, `mixed-conventions`.
 */
export function buildPoints(
  rawRows: readonly RawRow[],
  options: PointOptions & { readonly source: string },
): PointTable {
  const { source, tokensFrom, map = {} } = options;
  if (rawRows.length === 0) throw new ShapelawError('no-rows', `${source} has no rows`, { file: source });
  const plan = planColumns(new Set(rawRows.flatMap(({ cells }) => Object.keys(cells))), map, source);
  const deriveTokens = checkTokensFrom(tokensFrom, plan);
  const required = deriveTokens
    ? ([...options.required.filter((field) => field !== 'tokens'), 'params', 'flops'] as const)
    : options.required;
  requireColumns(plan, required);

  const untrained = (raw: RawRow) => {
    const column = plan.columnOf.get('tokens');
    const reading = column === undefined ? undefined : readNumber(cellOf(raw, column));
    return reading?.kind === 'value' && reading.value === 0;
  };
  const bad: BadValue[] = [];
  const stating: Record<string, unknown>[] = [];
  const trained = rawRows.filter((raw) => !untrained(raw));
  if (trained.length === 0) throw new ShapelawError('no-rows', `${source} has only rows of 0 tokens`, { file: source });
  const points = trained.map((raw) => {
    const point: Record<string, number> & { row: number } = { row: raw.row };
    for (const field of fields) {
      const column = plan.columnOf.get(field);
      if (column === undefined) continue;
      const reading = readNumber(cellOf(raw, column));
      const note = (reason: string, nonFinite: boolean) =>
        bad.push({ row: raw.row, column, value: showCell(cellOf(raw, column)), reason, nonFinite });
      if (reading.kind === 'bad') note(reading.reason, reading.nonFinite);
      else if (reading.kind === 'value' && (reading.value > 0 || isAbsentStack(field, reading.value)))
        point[field] = reading.value;
      else if (reading.kind === 'value') note('must be greater than 0', false);
      else if (required.includes(field)) note('is empty', false);
    }
    stating.push({ row: raw.row, ...statedBy(raw, plan) });
    if (deriveTokens) point.tokens = point.flops! / (6 * point.params!);
    return point;
  });
  if (bad.length > 0) throw badRowsError(source, bad);
  const { conventions } = resolveConventions(stating as unknown as StatingRow[], plan, {}, new Set());
  return { points, conventions };
}

/** 0 layers: the stack is not there. */
function isAbsentStack(field: PointField, layers: number): boolean {
  return layers === 0 && (field === 'encoderLayers' || field === 'decoderLayers');
}

/** The cells that state conventions, as they stand. */
function statedBy(raw: RawRow, plan: ColumnPlan): Readonly<Record<string, string>> {
  const stated: Record<string, string> = {};
  for (const field of conventionColumns) {
    const column = plan.columnOf.get(field);
    const reading = column === undefined ? undefined : readText(cellOf(raw, column));
    if (reading?.kind === 'value') stated[field] = reading.value;
  }
  return stated;
}
