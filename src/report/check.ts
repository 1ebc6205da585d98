import { ShapelawError } from '../errors.js';

/** How an interval was made and what it covers, which stands in the legend. */
export interface IntervalKind {
  /** Level, in (0, 1): 0.95. */
  readonly level: number;
  /** How it was made: `percentile bootstrap over runs`. */
  readonly method: string;
}

export type Ends = readonly [low: number, high: number];

/** `finite` or `positive`, where a logarithm is taken. */
export type Range = 'finite' | 'positive';

/** @throws ShapelawError `non-finite`, or `bad-usage` where it is not positive and has to be. */
export function requireNumber(value: number, where: string, range: Range): void {
  if (!Number.isFinite(value)) {
    throw new ShapelawError('non-finite', `${where} is ${value}; a plot takes finite numbers`, { where, value });
  }
  if (range === 'positive' && !(value > 0)) {
    throw new ShapelawError('bad-usage', `${where} is ${value}; a logarithmic axis takes positive numbers`, {
      where,
      value,
    });
  }
}

/** @throws ShapelawError as of `requireNumber`, or `bad-usage` where the first end lies above the second. */
export function requireEnds(ends: Ends, where: string, range: Range): void {
  ends.forEach((end, k) => {
    requireNumber(end, `${where}[${k}]`, range);
  });
  if (ends[0] > ends[1]) {
    throw new ShapelawError('bad-usage', `${where} goes from ${ends[0]} down to ${ends[1]}; give the lower end first`, {
      where,
      value: ends,
    });
  }
}

/** @throws ShapelawError `bad-usage` for no rows. */
export function requireSome(rows: readonly unknown[], where: string): void {
  if (rows.length === 0) {
    throw new ShapelawError('bad-usage', `${where} is empty: there is nothing to draw`, { where });
  }
}

/** @throws ShapelawError `bad-usage` for no rows, or as of `requireNumber` for a column of a row. */
export function requireRows<Row>(
  rows: readonly Row[],
  where: string,
  columns: Readonly<Partial<Record<keyof Row, Range>>>,
): void {
  requireSome(rows, where);
  rows.forEach((row, k) => {
    for (const [column, range] of Object.entries(columns) as [keyof Row & string, Range][]) {
      requireNumber(row[column] as number, `${where}[${k}].${column}`, range);
    }
  });
}

/** An interval where there may be none. */
export type MaybeEnds = Ends | null | undefined;

/**
 * `95% interval of the mean (percentile bootstrap over runs)`, and the like.
 *
 * @throws ShapelawError `bad-usage` where the kind is not given, or its level lies out of range.
 */
export function intervalLabel(what: string, kind: IntervalKind | undefined): string {
  if (kind === undefined) {
    throw new ShapelawError('bad-usage', `intervals of ${what} are given without their level and method`, {
      where: 'intervals',
    });
  }
  const { level, method } = kind;
  if (!(level > 0 && level < 1)) {
    throw new ShapelawError('bad-usage', `intervals.level is ${level}; it lies between 0 and 1, as 0.95 does`, {
      where: 'intervals.level',
      value: level,
    });
  }
  return `${Number((100 * level).toPrecision(12))}% interval of ${what} (${method})`;
}
