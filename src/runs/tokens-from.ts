import { ShapelawError } from '../errors.js';
import type { ColumnPlan } from './columns.js';

/**
 * Whether tokens are to be derived, as flops / (6 params).
 *
 * @throws ShapelawError `bad-usage` for any other rule, or where the file has tokens already.
 */
export function checkTokensFrom(tokensFrom: string | undefined, plan: ColumnPlan): boolean {
  if (tokensFrom === undefined) return false;
  if (tokensFrom !== '6ND') {
    throw new ShapelawError('bad-usage', `tokens can be derived from 6ND, not from "${tokensFrom}"`, { tokensFrom });
  }
  const column = plan.columnOf.get('tokens');
  if (column === undefined) return true;
  throw new ShapelawError(
    'bad-usage',
    `${plan.source} has tokens already, in column "${column}": deriving them from 6ND would replace what was measured`,
    { file: plan.source, column },
  );
}
