import { ShapelawError } from '../errors.js';
import { type Reading, readNumber, readText } from './cells.js';
import type { ColumnPlan } from './columns.js';
import { type FieldKind, fieldKind, fieldNames } from './record.js';
import { didYouMean, listed } from './suggest.js';

const operators = ['<', '<=', '>', '>=', '=', '!='] as const;
type Operator = (typeof operators)[number];

/** A condition that a row must meet to stay. */
export interface Filter {
  /** As it was written. */
  readonly text: string;
  /** The field or column that it tests. */
  readonly name: string;
  readonly operator: Operator;
  readonly value: string;
  /** The same value where it is a number. */
  readonly number: number | undefined;
  /** What the field holds; undefined for a column that is no field. */
  readonly kind: FieldKind | undefined;
}

/** What a filter says of a cell; a bad reading where it needs a number and the cell holds none. */
export type Verdict = 'kept' | 'dropped' | Extract<Reading<number>, { kind: 'bad' }>;

/** A value without the quotes that a shell or a query language would have taken off. */
function unquoted(value: string): string {
  return /^(['"]).*\1$/.test(value) && value.length >= 2 ? value.slice(1, -1) : value;
}

/** The splits of a filter at each operator in it, from the left, the longer operator first. */
function splits(text: string): { name: string; operator: Operator; value: string }[] {
  return [...text.matchAll(/<=|>=|!=|==|<|>|=/g)].map((match) => ({
    name: text.slice(0, match.index).trim(),
    operator: match[0] === '==' ? '=' : (match[0] as Operator),
    value: unquoted(text.slice(match.index + match[0].length).trim()),
  }));
}

/**
 * Reads a row filter such as `params>1e7`, `schedule=wsd`, `split!=train`. The name is a field, or else a column of the file; a
 * column's name may hold operators itself. `==` means `=`.
 *
 * @param derived fields that have no column but can be tested.
 * @throws ShapelawError `bad-usage` where no operator is in it, or `<`, `<=`, `>`, `>=` meet a value that is no number or a
 *   field of text; `missing-column` where the name is neither a field with a column nor a column.
 */
export function parseFilter(text: string, plan: ColumnPlan, derived: ReadonlySet<string>): Filter {
  const found = splits(text).filter(({ name }) => name !== '');
  const first = found[0];
  if (first === undefined) {
    throw new ShapelawError(
      'bad-usage',
      `--where "${text}" is not NAME OPERATOR VALUE with one of ${operators.join(' ')}, as in --where "params>1e7"`,
      { where: text },
    );
  }
  const isField = (name: string) => plan.columnOf.has(name) || derived.has(name);
  const split = found.find(({ name }) => isField(name)) ?? found.find(({ name }) => plan.columns.has(name));
  if (split === undefined) {
    const known = new Set([...plan.columnOf.keys(), ...derived, ...plan.columns]);
    const why = fieldNames.includes(first.name)
      ? `${plan.source} has no column for the field ${first.name}`
      : `${plan.source} has no field or column "${first.name}"`;
    throw new ShapelawError(
      'missing-column',
      `--where "${text}": ${why}${didYouMean(first.name, known)}; it has ${listed([...known], 40)}`,
      { file: plan.source, where: text, name: first.name },
    );
  }
  const reading = readNumber(split.value);
  const number = reading.kind === 'value' ? reading.value : undefined;
  const kind = isField(split.name) ? fieldKind(split.name) : undefined;
  if (split.operator !== '=' && split.operator !== '!=' && (number === undefined || kind === 'text')) {
    throw new ShapelawError(
      'bad-usage',
      `--where "${text}": ${split.operator} compares numbers, and ` +
        `${kind === 'text' ? `${split.name} holds text` : `"${split.value}" is no number`}; use = or !=`,
      { where: text },
    );
  }
  if (kind === 'number' && number === undefined && split.value !== '') {
    throw new ShapelawError(
      'bad-usage',
      `--where "${text}": ${split.name} holds numbers, and "${split.value}" is no number`,
      { where: text },
    );
  }
  return { text, ...split, number, kind };
}

/**
 * Tests one cell. An empty cell meets no comparison by size, and differs from every value but the empty one (`split=` keeps
 * the rows without a split). Equality is of numbers where both sides are numbers, of text otherwise and in fields of text.
 */
export function testCell(filter: Filter, cell: unknown): Verdict {
  const { operator, number } = filter;
  const reading = readNumber(cell);
  if (operator === '=' || operator === '!=') {
    if (filter.kind === 'number' && reading.kind === 'bad') return reading;
    return equals(filter, cell) === (operator === '=') ? 'kept' : 'dropped';
  }
  if (reading.kind === 'bad') return reading;
  if (reading.kind === 'empty') return 'dropped';
  const limit = number!;
  const holds =
    operator === '<'
      ? reading.value < limit
      : operator === '<='
        ? reading.value <= limit
        : operator === '>'
          ? reading.value > limit
          : reading.value >= limit;
  return holds ? 'kept' : 'dropped';
}

function equals({ kind, number, value }: Filter, cell: unknown): boolean {
  if (kind !== 'text' && number !== undefined) {
    const reading = readNumber(cell);
    if (reading.kind === 'value') return reading.value === number;
  }
  const reading = readText(typeof cell === 'boolean' ? String(cell) : cell);
  return (reading.kind === 'value' ? reading.value : '') === value;
}
