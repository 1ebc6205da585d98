import { ShapelawError } from '../errors.js';
import { type Layout, layouts } from './layouts.js';
import { fieldKind, fieldNames } from './record.js';
import { didYouMean, listed } from './suggest.js';

/** Which column of a file each field is read from. */
export interface ColumnPlan {
  readonly source: string;
  /** All columns of the file, in order of first appearance. */
  readonly columns: ReadonlySet<string>;
  /** Column by field, `scores.TASK` included. */
  readonly columnOf: ReadonlyMap<string, string>;
  readonly layout: Layout | null;
  /** Fields that are read where the layout says, so that what its source states holds of them. */
  readonly asLaidOut: ReadonlySet<string>;
}

/**
 * Reads column maps as a command line has them: `FIELD=COLUMN`, split at the first `=`.
 *
 * @throws ShapelawError `bad-usage` where one has no `=` or an empty side, or a field is mapped twice.
 */
export function parseColumnMap(texts: readonly string[]): Record<string, string> {
  const map = new Map<string, string>();
  for (const text of texts) {
    const at = text.indexOf('=');
    const field = text.slice(0, Math.max(at, 0)).trim();
    const column = text.slice(at + 1).trim();
    if (field === '' || column === '') {
      throw new ShapelawError('bad-usage', `--map "${text}" is not FIELD=COLUMN, as in --map loss=val_loss`, { text });
    }
    if (map.has(field)) {
      throw new ShapelawError(
        'bad-usage',
        `--map maps ${field} twice, to "${map.get(field)}" and to "${column}": keep one of them`,
        { field, columns: [map.get(field), column] },
      );
    }
    map.set(field, column);
  }
  return Object.fromEntries(map);
}

function checkMap(map: Readonly<Record<string, string>>, columns: ReadonlySet<string>, source: string): void {
  const fieldOf = new Map<string, string>();
  for (const [field, column] of Object.entries(map)) {
    if (fieldKind(field) === undefined) {
      throw new ShapelawError(
        'bad-usage',
        `--map ${field}=${column}: "${field}" is not a field of a run${didYouMean(field, fieldNames)}; the fields are ` +
          `${fieldNames.join(', ')} and scores.TASK`,
        { field, column },
      );
    }
    if (!columns.has(column)) {
      throw new ShapelawError(
        'missing-column',
        `--map ${field}=${column}: ${source} has no column "${column}"${didYouMean(column, columns)}; ` +
          `its columns are ${listed([...columns], 40)}`,
        { file: source, field, column, columns: [...columns] },
      );
    }
    const other = fieldOf.get(column);
    if (other !== undefined) {
      throw new ShapelawError(
        'bad-usage',
        `--map maps column "${column}" twice, to ${other} and to ${field}: a column holds one field, drop one of the maps`,
        { column, fields: [other, field] },
      );
    }
    fieldOf.set(column, field);
  }
}

/**
 * Finds the column of every field: a column of the field's own name, over it what a recognised layout says, over that the
 * user's map. A column that the user maps holds that field and no other.
 *
 * @throws ShapelawError `bad-usage` for an unknown field or a column mapped twice; `missing-column` for a map to a column that
 *   the file lacks.
 */
export function planColumns(
  columns: ReadonlySet<string>,
  map: Readonly<Record<string, string>>,
  source: string,
): ColumnPlan {
  checkMap(map, columns, source);
  const columnOf = new Map<string, string>();
  for (const column of columns) if (fieldKind(column) !== undefined) columnOf.set(column, column);

  const layout = layouts.find(({ requires }) => requires.every((column) => columns.has(column))) ?? null;
  const asLaidOut = new Set<string>();
  if (layout !== null) {
    const laidOut = Object.entries(layout.columns).filter(([, column]) => columns.has(column));
    const prefix = layout.scoresPrefix;
    if (prefix !== undefined) {
      for (const column of columns) {
        if (column.startsWith(prefix)) laidOut.push([`scores.${column.slice(prefix.length)}`, column]);
      }
    }
    for (const [field, column] of laidOut) {
      columnOf.set(field, column);
      asLaidOut.add(field);
    }
  }

  const claimed = new Set(Object.values(map));
  for (const [field, column] of columnOf) {
    if (!claimed.has(column) || map[field] === column) continue;
    columnOf.delete(field);
    asLaidOut.delete(field);
  }
  for (const [field, column] of Object.entries(map)) {
    if (columnOf.get(field) !== column) asLaidOut.delete(field);
    columnOf.set(field, column);
  }
  return { source, columns, columnOf, layout, asLaidOut };
}

/**
 * Checks that the file has a column for every one of the fields.
 *
 * @throws ShapelawError `missing-column`, with the columns found and the map to write.
 */
export function requireColumns(plan: ColumnPlan, fields: readonly string[]): void {
  const missing = fields.filter((field) => !plan.columnOf.has(field));
  if (missing.length === 0) return;
  const wanted = missing.map((field) => `${field}${didYouMean(field, plan.columns)}`).join(' and ');
  throw new ShapelawError(
    'missing-column',
    `${plan.source} has no column for ${wanted}; its columns are ${listed([...plan.columns], 40)}. ` +
      `Name the column with ${missing.map((field) => `--map ${field}=COLUMN`).join(' ')}`,
    { file: plan.source, missing, columns: [...plan.columns] },
  );
}
