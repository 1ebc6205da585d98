import { type Conventions, conventionValues } from '../conventions.js';
import { ShapelawError } from '../errors.js';
import type { ColumnPlan } from './columns.js';

import type { ReadRun } from './rows.js';
import { listed } from './suggest.js';

type Key = keyof Conventions;

/** A row with the conventions that it states. */
export type StatingRow = Pick<ReadRun, 'row' | (typeof statedIn)[Key]['column']>;

/** For each convention the column that states it and the field it is about. */
const statedIn = {
  params: { column: 'paramsConvention', about: 'params' },
  flops: { column: 'flopsConvention', about: 'flops' },
  tokens: { column: 'tokensConvention', about: 'tokens' },
  loss: { column: 'lossUnit', about: 'loss' },
  tokenizer: { column: 'tokenizer', about: 'loss' },
} as const;

const keys = Object.keys(statedIn) as Key[];

/** Columns in which a row states its conventions. */
export const conventionColumns = keys.map((key) => statedIn[key].column);

/**
 * Checks that stated conventions are ones that exist.
 *
 * @throws ShapelawError `bad-usage`, with those that do.
 */
export function checkConventions(stated: Partial<Conventions>): void {
  for (const [key, value] of Object.entries(stated)) {
    const allowed: readonly string[] | undefined = conventionValues[key as keyof typeof conventionValues];
    if (value === undefined || (key === 'tokenizer' && value !== '') || allowed?.includes(value)) continue;
    throw new ShapelawError(
      'bad-usage',
      key in statedIn
        ? `the convention of ${key} cannot be "${value}"; it is one of ${allowed?.join(', ') ?? 'the names of tokenizers'}`
        : `there is no convention of "${key}"; there are ${keys.join(', ')}`,
      { convention: key, value },
    );
  }
}

/** Losses of several units have a code of their own. */
function mixedCode(key: Key): 'mixed-units' | 'mixed-conventions' {
  return key === 'loss' ? 'mixed-units' : 'mixed-conventions';
}

/** Rows by the value they state, `unstated` where they state none. */
function rowsByValue(runs: readonly StatingRow[], column: (typeof statedIn)[Key]['column']): Map<string, number[]> {
  const rows = new Map<string, number[]>();
  for (const run of runs) {
    const value = run[column] ?? 'unstated';
    const same = rows.get(value);
    if (same === undefined) rows.set(value, [run.row]);
    else same.push(run.row);
  }
  return rows;
}

function inRows(value: string, rows: readonly number[]): string {
  return `"${value}" in ${rows.length === 1 ? 'row' : 'rows'} ${listed(rows, 5)}`;
}

/**
 * The conventions that a table's rows follow: as the caller states them, else as the table's columns do, else as the source of
 * its layout does, else `unstated`. A cell that states none lets the caller's statement hold, but is not the same as one that does.
 *
 * @returns the conventions, and warnings of those unstated (of fields that the table has) and of a statement that overrules
 *   the layout's.
 * @throws ShapelawError `mixed-conventions`, of losses `mixed-units`, where rows disagree, or the caller and a row do.
 */
export function resolveConventions(
  runs: readonly StatingRow[],
  plan: ColumnPlan,
  stated: Partial<Conventions>,
  fields: ReadonlySet<string>,
): { readonly conventions: Conventions; readonly warnings: readonly string[] } {
  const { source, layout } = plan;
  const warnings: string[] = [];

  const resolve = (key: Key): string => {
    const { column, about } = statedIn[key];
    const rows = plan.columnOf.has(column) ? rowsByValue(runs, column) : new Map<string, number[]>();
    const option = stated[key] === 'unstated' ? undefined : stated[key];
    if (option !== undefined) {
      const other = [...rows].find(([value]) => value !== option && value !== 'unstated');
      if (other !== undefined) {
        throw new ShapelawError(
          mixedCode(key),
          `${source}: ${column} was given as "${option}", but the column "${plan.columnOf.get(column)}" says ` +
            `${inRows(...other)}; drop the option, or leave those rows out with --where ${column}=${option}`,
          { file: source, convention: key, values: [option, other[0]], rows: other[1] },
        );
      }
    } else if (rows.size > 1) {
      const [first, second] = [...rows] as [[string, number[]], [string, number[]]];
      throw new ShapelawError(
        mixedCode(key),
        `${source} mixes conventions: ${column} is ${inRows(...first)}, and ${inRows(...second)}; bring the rows to one ` +
          `convention, or keep one kind with --where ${column}=${first[0] === 'unstated' ? second[0] : first[0]}`,
        { file: source, convention: key, values: [...rows.keys()], rows: Object.fromEntries(rows) },
      );
    }
    const published = plan.asLaidOut.has(about) ? layout?.conventions[key] : undefined;
    if (option !== undefined && published !== undefined && published !== option) {
      warnings.push(
        `${source}: ${column} is taken as "${option}", as given; the source of its layout ${layout?.name} says "${published}"`,
      );
    }
    const inColumn = rows.keys().next().value;
    return option ?? (inColumn === 'unstated' ? undefined : inColumn) ?? published ?? 'unstated';
  };

  const conventions = Object.fromEntries(keys.map((key) => [key, resolve(key)])) as unknown as Conventions;
  const unstated = keys.filter(
    (key) =>
      conventions[key] === 'unstated' &&
      fields.has(statedIn[key].about) &&
      // A loss per byte is the same under every tokenizer.
      !(key === 'tokenizer' && conventions.loss === 'bits-per-byte'),
  );
  if (unstated.length > 0) {
    const names = unstated.map((key) => statedIn[key].column).join(', ');
    warnings.push(
      `${source} does not state ${names}, so that a law fitted to it will not either: add columns of these names, or give the conventions`,
    );
  }
  return { conventions, warnings };
}
