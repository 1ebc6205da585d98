import { ShapelawError } from '../../errors.js';
import type { RunTable } from '../../runs/index.js';
import { columnValue } from '../columns.js';
import type { LawColumn } from '../law-form.js';
import { inverseColumn } from '../linear-algebra.js';
import { mean } from '../statistics.js';
import { logColumn } from './sample.js';

/** Dimensions by which a shape is scaled, as columns. */
export const scalingOperators = [
  'encoderLayers',
  'decoderLayers',
  'layers',
  'dModel',
  'dFf',
  'heads',
  'dKv',
] as const satisfies readonly LawColumn[];

/** Distinct values of an operator that an exponent needs. */
const valuesNeeded = 3;
/** Multiple correlation of an operator with the others beyond which its exponent hardly shows. */
const doubtfulCorrelation = 0.95;
/** And beyond which it is refused: the variance of its exponent is 50 times what the operator alone would have. */
const collinearCorrelation = 0.99;

/** Columns that have an exponent in each region, and notes on those that have not. */
export interface Operators {
  readonly operators: readonly LawColumn[];
  readonly notes: readonly string[];
}

/**
 * The scaling operators that a table varies enough, and apart enough, for exponents of their own; `layers` where it does not
 * vary both stacks apart. Tokens join them where they vary apart from the operators, since a loss falls with tokens too.
 */
export function variedOperators(table: RunTable): Operators {
  const notes: string[] = [];
  const kept: LawColumn[] = [];
  const usable = (name: LawColumn): boolean => {
    if (!isThere(table, name)) return false;
    const values = distinctValues(table, name);
    if (values < 2) return false;
    if (values < valuesNeeded) {
      notes.push(`${name} is no operator of the regions: it takes ${values} values, and ${valuesNeeded} are needed`);
      return false;
    }
    const strongest = strongestTie(table, [...kept, name]);
    if (strongest.correlation <= doubtfulCorrelation) return true;
    notes.push(
      `${name} is no operator of the regions: it moves with ${kept.join(', ')} (multiple correlation of logs ${strongest.correlation.toFixed(3)})`,
    );
    return false;
  };
  const stacks = (['encoderLayers', 'decoderLayers'] as const).filter((name) => {
    const varies = isThere(table, name) && distinctValues(table, name) >= valuesNeeded;
    return varies;
  });
  const bothApart = stacks.length === 2 && strongestTie(table, stacks).correlation <= doubtfulCorrelation;
  const depth: readonly LawColumn[] = bothApart ? stacks : ['layers'];
  for (const name of [...depth, 'dModel', 'dFf', 'heads', 'dKv'] as const) if (usable(name)) kept.push(name);
  if (kept.length > 0 && usable('tokens')) kept.push('tokens');
  return { operators: kept, notes };
}

/**
 * Checks operators that a user asked for, and adds tokens where the table varies them apart from the operators.
 *
 * @throws ShapelawError `missing-column`, `no-variation`, `collinear`.
 */
export function askedOperators(table: RunTable, asked: readonly LawColumn[]): Operators {
  for (const name of asked) {
    logColumn(table, name);
    const values = distinctValues(table, name);
    if (values >= valuesNeeded) continue;
    throw new ShapelawError(
      'no-variation',
      `${table.source}: the operator ${name} takes ${values} ${values === 1 ? 'value' : 'values'}, and an exponent of it needs ${valuesNeeded}. Add runs at other values of ${name}, or leave it out of the operators.`,
      { column: name, values },
    );
  }
  const notes: string[] = [];
  const { columns, correlation } = strongestTie(table, asked);
  if (correlation > collinearCorrelation) {
    throw new ShapelawError(
      'collinear',
      `${table.source}: the operators ${columns.join(', ')} move together (multiple correlation of logs ${correlation.toFixed(4)}, beyond ${collinearCorrelation}), so that their exponents can't be told apart. Add runs that vary one of them alone, or leave one out.`,
      { columns, correlation, limit: collinearCorrelation },
    );
  }
  if (correlation > doubtfulCorrelation) {
    notes.push(
      `exponents of ${columns.join(', ')} are hard to tell apart: their logs have a multiple correlation of ${correlation.toFixed(3)}`,
    );
  }
  const operators = [...asked];
  if (!asked.includes('tokens') && isThere(table, 'tokens') && distinctValues(table, 'tokens') >= valuesNeeded) {
    const withTokens = strongestTie(table, [...asked, 'tokens']);
    if (withTokens.correlation <= Math.max(doubtfulCorrelation, correlation)) {
      operators.push('tokens');
      notes.push('tokens are an operator too, since the table varies them');
    } else {
      notes.push(
        `tokens move with the operators (multiple correlation of logs ${withTokens.correlation.toFixed(3)}): the exponents are at tokens that grow with them as in the table`,
      );
    }
  }
  return { operators, notes };
}

function isThere(table: RunTable, name: LawColumn): boolean {
  return table.rows.every((run) => (columnValue(run, name) ?? 0) > 0);
}

function distinctValues(table: RunTable, name: LawColumn): number {
  return new Set(table.rows.map((run) => columnValue(run, name))).size;
}

/**
 * The highest multiple correlation of one column's log with those of the others, and the columns for which it is as high or
 * nearly so. By the inverse of the correlation matrix: its diagonal is 1 / (1 - R^2).
 */
function strongestTie(
  table: RunTable,
  names: readonly LawColumn[],
): { readonly columns: readonly LawColumn[]; readonly correlation: number } {
  const size = names.length;
  const columns = names.map((name) => {
    const logs = logColumn(table, name);
    const centre = mean(logs);
    const length = Math.sqrt(logs.reduce((sum, value) => sum + (value - centre) ** 2, 0));
    return logs.map((value) => (value - centre) / length);
  });
  const matrix = Float64Array.from({ length: size * size }, (_, at) => {
    const [one, other] = [columns[Math.floor(at / size)]!, columns[at % size]!];
    // A touch more on the diagonal, so that of columns that are the same it still says which.
    return one.reduce((sum, value, row) => sum + value * other[row]!, one === other ? 1e-9 : 0);
  });
  const correlations = names.map((_, j) => {
    const inverse = inverseColumn(matrix, j, size)![j]!;
    return Math.sqrt(Math.max(0, 1 - 1 / inverse));
  });
  const correlation = Math.max(0, ...correlations);
  return {
    columns: names.filter((_, j) => correlations[j]! > Math.min(correlation, doubtfulCorrelation)),
    correlation,
  };
}
