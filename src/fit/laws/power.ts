import { ShapelawError } from '../../errors.js';
import { type LawColumn, type LawDefinition, lawColumns } from '../law-form.js';
import { powerTerms } from './power-terms.js';

/** `L = E + A x^-a` of one column. */
export const power: LawDefinition = {
  name: 'power',
  summary: 'loss by one column; for compute-optimal runs, or one size or length',
  takes: ['variable'],
  choose: ({ variable }) => ({ options: { variable: requireColumn('power', variable ?? 'flops') }, notes: [] }),
  form: ({ variable = 'flops' }) =>
    powerTerms('power', [{ column: variable, amplitude: 'A', exponent: 'a' }], { options: { variable } }),
};

/** @throws ShapelawError `bad-usage` for what is no column of a law. */
export function requireColumn(law: string, column: LawColumn): LawColumn {
  if (lawColumns.includes(column)) return column;
  throw new ShapelawError(
    'bad-usage',
    `the ${law} law is one of a column: ${lawColumns.join(', ')}; not ${String(column)}`,
    { column },
  );
}
