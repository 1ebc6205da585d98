import { sep } from 'node:path';
import { ShapelawError } from '../../errors.js';
import type { RunLog } from './log.js';

/**
 * The name of each log: the one that its file gives, else the shortest end of its path that no other log's path has
 * (`small`, or `a/eval` and `b/eval`).
 *
 * @throws ShapelawError `bad-usage` where two have the same path.
 */
export function namesOf(logs: readonly RunLog[]): readonly string[] {
  const paths = logs.filter(({ name }) => name === null).map(({ path }) => path.split(sep));
  const twice = paths.find((path, index) => paths.findIndex((other) => other.join(sep) === path.join(sep)) !== index);
  if (twice !== undefined) {
    throw new ShapelawError('bad-usage', `${twice.join(sep)} is given twice, and would be two runs: give it once`, {
      path: twice.join(sep),
    });
  }
  return logs.map(({ name, path }) => name ?? shortestEnd(path.split(sep), paths));
}

function shortestEnd(path: readonly string[], paths: readonly (readonly string[])[]): string {
  for (let length = 1; length < path.length; length++) {
    const end = path.slice(-length).join('/');
    if (paths.filter((other) => other.slice(-length).join('/') === end).length === 1) return end;
  }
  return path.join('/');
}
