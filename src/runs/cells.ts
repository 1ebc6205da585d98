/** A row as a file holds it: cells by column name, nothing interpreted. */
export interface RawRow {
  /** Of CSV and JSONL the 1-based number of the line that the record begins on; of Parquet and JSON the 1-based number of the record. */
  readonly row: number;
  readonly cells: Readonly<Record<string, unknown>>;
}

/** What a cell turned out to hold. `nonFinite` marks NaN and the infinities, which are never a mere slip of format. */
export type Reading<T> =
  | { readonly kind: 'value'; readonly value: T }
  | { readonly kind: 'empty' }
  | { readonly kind: 'bad'; readonly reason: string; readonly nonFinite: boolean };

/** A cell by column name; undefined where the row lacks the column. Never a property that every object inherits. */
export function cellOf(raw: RawRow, column: string): unknown {
  return Object.hasOwn(raw.cells, column) ? raw.cells[column] : undefined;
}

const empty = { kind: 'empty' } as const;
const notNumber = { kind: 'bad', reason: 'is not a number', nonFinite: false } as const;
const notFinite = { kind: 'bad', reason: 'is not finite', nonFinite: true } as const;

const decimal = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const nonFiniteWord = /^[+-]?(nan|inf|infinity)$/i;

/**
 * Reads a cell as a number: a number, or text in decimal or exponent notation with any spaces around it. Not hexadecimal, no
 * thousands separators.
 */
export function readNumber(cell: unknown): Reading<number> {
  if (cell === undefined || cell === null) return empty;
  if (typeof cell === 'number') return Number.isFinite(cell) ? { kind: 'value', value: cell } : notFinite;
  // A 64-bit integer takes the nearest double, as the same digits in CSV or JSON do; whole-number fields refuse what is not exact.
  if (typeof cell === 'bigint') return { kind: 'value', value: Number(cell) };
  if (typeof cell !== 'string') return notNumber;
  const text = cell.trim();
  if (text === '') return empty;
  if (nonFiniteWord.test(text)) return notFinite;
  if (!decimal.test(text)) return notNumber;
  const value = Number(text);
  return Number.isFinite(value) ? { kind: 'value', value } : notFinite;
}

/** Reads a cell as text without the spaces around it; numbers are taken by their digits. */
export function readText(cell: unknown): Reading<string> {
  if (cell === undefined || cell === null) return empty;
  if (typeof cell === 'number' || typeof cell === 'bigint') return { kind: 'value', value: String(cell) };
  if (typeof cell !== 'string') return { kind: 'bad', reason: 'is not text', nonFinite: false };
  const value = cell.trim();
  return value === '' ? empty : { kind: 'value', value };
}

/** A cell as a message shows it, cut where it is long. */
export function showCell(cell: unknown): string {
  const text = cell === undefined || cell === null ? '' : String(cell);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
