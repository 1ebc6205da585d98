import type { Conventions } from '../conventions.js';
import { ShapelawError } from '../errors.js';
import type { Law } from './law.js';

/**
 * Refuses numbers that count differently from a law; what either side leaves unstated is let pass.
 *
 * @param source - Where the numbers come from, for messages.
 * @param keys - The conventions that matter.
 * @throws ShapelawError `mixed-conventions`, with both sides.
 */
export function requireSameConventions(
  law: Law,
  conventions: Conventions,
  source: string,
  keys: readonly (keyof Conventions)[],
): void {
  for (const key of keys) {
    const [ours, theirs] = [law.conventions[key], conventions[key]];
    if (ours === theirs || ours === 'unstated' || theirs === 'unstated') continue;
    throw new ShapelawError(
      'mixed-conventions',
      `${source} counts ${key} as ${theirs}, and ${law.name} as ${ours}; nothing is converted silently: bring the table to the law's convention`,
      { convention: key, law: ours, source: theirs },
    );
  }
}
