import type { Conventions } from '../conventions.js';
import { ShapelawError } from '../errors.js';
import type { Law } from './law.js';

/**
 * Refuses numbers that count differently from a law; what either side leaves unstated is let pass.
 *
 * @param source - Where the numbers come from, for messages.
 * @param keys - The conventions that matter.
 * @throws ShapelawError `mixed-conventions`, of losses `mixed-units`, with both sides.
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
      key === 'loss' ? 'mixed-units' : 'mixed-conventions',
      `${source} counts ${key} as ${theirs}, and ${law.name} as ${ours}; nothing is converted silently: bring the table to the law's convention`,
      { convention: key, law: ours, source: theirs },
    );
  }
}

/** The conventions that a law's variables are counted by. */
export function variableConventions({ variables }: Pick<Law, 'variables'>): ('params' | 'tokens' | 'flops')[] {
  const keys = variables.map((name) => (name === 'uniqueTokens' ? 'tokens' : name));
  return (['params', 'tokens', 'flops'] as const).filter((key) => keys.includes(key));
}
