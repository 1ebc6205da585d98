import { slug } from '../export/configuration.js';
import type { SweepRun } from './expand-sweep.js';

/** Characters of a shape's name that a file's name takes: with the rest it stays below the 255 that file systems hold. */
const mostCharacters = 120;

/** The names of a run of a sweep. */
export interface SweepRunNames {
  /** Of the shape, the same for every run of it: `enc2-dec2-d128-ff512-kv32-h4-vocab384`. */
  readonly shape: string;
  /** Of the run: that of the shape with its steps and its seed. */
  readonly run: string;
}

/**
 * Names for the files of runs, in their order: readable, unique where letters' case does not count, and the same for a run in
 * whatever sweep it stands, unless other shapes there have the same name.
 */
export function sweepRunNames(runs: readonly SweepRun[]): readonly SweepRunNames[] {
  const nameOf = new Map<string, string>();
  const taken = new Set<string>();
  return runs.map(({ shape, steps, seed }) => {
    const content = JSON.stringify({ ...shape, name: '' });
    let name = nameOf.get(content);
    if (name === undefined) {
      const plain = slug(shape.name.replaceAll('=', '')).slice(0, mostCharacters);
      name = plain;
      for (let k = 2; taken.has(name.toLowerCase()); k++) name = `${plain}-${k}`;
      taken.add(name.toLowerCase());
      nameOf.set(content, name);
    }
    return { shape: name, run: `${name}-steps${steps}-seed${seed}` };
  });
}
