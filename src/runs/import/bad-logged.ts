import { ShapelawError } from '../../errors.js';
import type { BadLogged } from './evaluations.js';
import { placeOf } from './log.js';

/** A bad value with its place, as in `runs.csv, line 3, eval/loss: "NaN" is not finite`. */
export function describeLogged({ file, at, unit, runId, tag, value, reason }: BadLogged): string {
  return `${placeOf({ file, at }, unit)} (${runId}), ${tag}${value === '' ? '' : `: "${value}"`} ${reason}`;
}

/**
 * The error for the bad values of imported logs: the first ten, those that are not finite ahead. Its code is `non-finite`
 * where any is NaN or infinite, otherwise `bad-rows`.
 */
export function badLoggedError(source: string, bad: readonly BadLogged[]): ShapelawError {
  const ordered = bad.toSorted((a, b) => Number(b.nonFinite) - Number(a.nonFinite));
  const lines = ordered.slice(0, 10).map((value) => `  ${describeLogged(value)}`);
  if (bad.length > 10) lines.push(`  and ${bad.length - 10} more`);
  return new ShapelawError(
    bad.some(({ nonFinite }) => nonFinite) ? 'non-finite' : 'bad-rows',
    `${source} has ${bad.length} bad ${bad.length === 1 ? 'value' : 'values'}:\n${lines.join('\n')}\n` +
      'Correct them, name another tag, take the last evaluation of each run alone with --last where only that one has a value, or leave ' +
      'the evaluations out with --drop-bad-rows',
    { file: source, count: bad.length, values: ordered.slice(0, 10) },
  );
}
