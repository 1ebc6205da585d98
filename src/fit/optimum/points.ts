import { ShapelawError } from '../../errors.js';
import type { Run, RunTable } from '../../runs/index.js';
import type { ComputeSource } from './estimate.js';

/** A row as these methods see it. */
export interface ComputePoint {
  readonly row: number;
  readonly runId: string;
  readonly params: number;
  readonly tokens: number;
  readonly flops: number;
  readonly loss: number;
  readonly weight: number;
}

/** Points of a table, and how their FLOPs and tokens came about. */
export interface ComputePoints {
  readonly points: readonly ComputePoint[];
  readonly compute: ComputeSource;
  readonly notes: readonly string[];
}

/**
 * The rows of a table with FLOPs and tokens: those of its columns, else by C = 6 N D.
 *
 * @param flops - `table` for the column of FLOPs where every row has one, `6ND` for 6 params tokens in any case.
 * @throws ShapelawError `no-rows`, `missing-column`, `mixed-conventions`, `non-finite`, `bad-rows`.
 */
export function computePoints(table: RunTable, flops: 'table' | '6ND'): ComputePoints {
  const { source, rows, conventions } = table;
  if (rows.length === 0) throw new ShapelawError('no-rows', `${source} has no rows`, { file: source });
  const has = (name: 'flops' | 'tokens') => rows.every((row) => row[name] !== undefined);
  const fromColumn = flops === 'table' && has('flops');
  if (!has('tokens')) {
    const { row } = rows.find((run) => run.tokens === undefined)!;
    if (!fromColumn) {
      throw new ShapelawError(
        'missing-column',
        `${source}, row ${row}: the compute of a run needs flops, or tokens for 6 params tokens. Map a column with --map flops=COLUMN or --map tokens=COLUMN.`,
        { row, column: 'tokens' },
      );
    }
    if (conventions.flops === 'exact') {
      throw new ShapelawError(
        'mixed-conventions',
        `${source}, row ${row}: its FLOPs are exact counts, and tokens = flops / (6 params) holds for 6ND alone; give a column of tokens`,
        { row, column: 'tokens', flops: 'exact' },
      );
    }
  }
  const notes: string[] = [];
  if (!fromColumn) {
    notes.push(
      `C is 6 params tokens${flops === '6ND' ? ', as asked' : `: not every row of ${source} states its FLOPs`}; for small models that is up to 10% off the exact count`,
    );
  }
  if (!has('tokens')) notes.push(`D is flops / (6 params): not every row of ${source} states its tokens`);
  const points = rows.map((row): ComputePoint => {
    const params = readPositive(source, row, 'params');
    const tokens = has('tokens')
      ? readPositive(source, row, 'tokens')
      : readPositive(source, row, 'flops') / 6 / params;
    return {
      row: row.row,
      runId: row.runId,
      params,
      tokens,
      flops: fromColumn ? readPositive(source, row, 'flops') : 6 * params * tokens,
      loss: readPositive(source, row, 'loss'),
      weight: row.weight ?? 1,
    };
  });
  return {
    points,
    compute: { from: fromColumn ? 'column' : '6ND', convention: fromColumn ? conventions.flops : '6ND' },
    notes,
  };
}

function readPositive(source: string, row: Run, column: 'params' | 'tokens' | 'flops' | 'loss'): number {
  const value = row[column]!;
  if (value > 0 && Number.isFinite(value)) return value;
  const where = `${source}, row ${row.row}: ${column} is ${value}`;
  if (Number.isFinite(value)) {
    throw new ShapelawError('bad-rows', `${where}, but must be positive; drop the row or correct it`, {
      row: row.row,
      column,
      value,
    });
  }
  throw new ShapelawError('non-finite', `${where}; drop the row or correct it`, {
    row: row.row,
    column,
    value: String(value),
  });
}
