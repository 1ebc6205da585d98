import { ShapelawError } from '../errors.js';
import type { RawRow } from './cells.js';
import { flatCells } from './flat-cells.js';

/**
 * Parses JSON, and what Python's `json` writes for numbers that JSON lacks: `NaN`, `Infinity` and `-Infinity` become texts, so
 * that they are reported as values of a row and a column instead of as a broken file.
 */
export function parseLenient(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const quoted = text.replaceAll(/"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g, (token) =>
      token.startsWith('"') ? token : `"${token}"`,
    );
    try {
      return JSON.parse(quoted);
    } catch {
      throw error;
    }
  }
}

function recordCells(value: unknown, place: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ShapelawError(
      'unreadable',
      `${place} is not an object: each must be a record, as in {"params": 1e8, "loss": 3.1}`,
      {
        place,
      },
    );
  }
  return flatCells(value as Record<string, unknown>, place);
}

/**
 * Reads JSON Lines: one object a line, blank lines skipped.
 *
 * @param cellsOf what makes cells of an object. Defaults to one that refuses nested values, but for scores.
 * @throws ShapelawError `unreadable`, naming the line, where one is not JSON or not a flat object.
 */
export function parseJsonLines(
  text: string,
  source: string,
  cellsOf: (value: unknown, place: string) => Record<string, unknown> = recordCells,
): RawRow[] {
  const rows: RawRow[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const place = `${source}, line ${index + 1}`;
    let value: unknown;
    try {
      value = parseLenient(line);
    } catch (error) {
      throw new ShapelawError(
        'unreadable',
        `${place} is not JSON (${(error as Error).message}); a JSONL file has one whole object on each line`,
        { file: source, row: index + 1 },
      );
    }
    rows.push({ row: index + 1, cells: cellsOf(value, place) });
  }
  return rows;
}

/**
 * Reads a JSON file that is one list of objects.
 *
 * @throws ShapelawError `unreadable` where the file is not JSON or not such a list.
 */
export function parseJsonList(text: string, source: string): RawRow[] {
  let value: unknown;
  try {
    value = parseLenient(text);
  } catch (error) {
    throw new ShapelawError(
      'unreadable',
      `${source} is not JSON (${(error as Error).message}); if it has one object on each line, name it .jsonl`,
      { file: source },
    );
  }
  if (!Array.isArray(value)) {
    throw new ShapelawError('unreadable', `${source} is not a list of records, as in [{"params": 1e8, "loss": 3.1}]`, {
      file: source,
    });
  }
  return value.map((record, index) => ({
    row: index + 1,
    cells: recordCells(record, `${source}, record ${index + 1}`),
  }));
}
