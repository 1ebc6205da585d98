import { ShapelawError } from '../errors.js';

function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/**
 * The cells of a record that may hold `scores` as an object: a cell `scores.TASK` for each task.
 *
 * @param place the file and the record, as messages name them.
 * @throws ShapelawError `unreadable` where any other value is an object or a list, or scores are given twice.
 */
export function flatCells(record: Readonly<Record<string, unknown>>, place: string): Record<string, unknown> {
  const cells = new Map<string, unknown>();
  const put = (column: string, value: unknown) => {
    if (cells.has(column)) {
      throw new ShapelawError('unreadable', `${place} gives "${column}" twice: keep one`, { place, column });
    }
    if (value instanceof Date) {
      cells.set(column, Number.isNaN(value.getTime()) ? 'invalid date' : value.toISOString());
    } else if (typeof value === 'object' && value !== null) {
      throw new ShapelawError(
        'unreadable',
        `${place}: "${column}" is ${Array.isArray(value) ? 'a list' : 'an object'}; only scores may be nested, as numbers by ` +
          'task. Remove it, or give each of its values a column',
        { place, column },
      );
    } else cells.set(column, value);
  };
  for (const [column, value] of Object.entries(record)) {
    if (column === 'scores' && isPlainObject(value)) {
      for (const [task, score] of Object.entries(value)) put(`scores.${task}`, score);
    } else put(column, value);
  }
  return Object.fromEntries(cells);
}
