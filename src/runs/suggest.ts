import { editDistance } from '../edit-distance.js';

/** Names compare without case, spaces and punctuation: people mistype these first. */
function bare(name: string): string {
  return name.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, '');
}

/** The candidate that a mistyped name most likely means: within a third of its letters, or one that contains the other. */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  const wanted = bare(name);
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const found = bare(candidate);
    const distance = editDistance(wanted, found);
    const contains = Math.min(wanted.length, found.length) >= 3 && (found.includes(wanted) || wanted.includes(found));
    if ((contains || distance <= wanted.length / 3) && distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** ` (did you mean "x"?)`, or nothing where no candidate is near. */
export function didYouMean(name: string, candidates: Iterable<string>): string {
  const near = nearest(name, candidates);
  return near === undefined ? '' : ` (did you mean "${near}"?)`;
}

/** The first `limit` items joined by commas, and how many more there are. */
export function listed(items: readonly (string | number)[], limit: number): string {
  const more = items.length - limit;
  return items.slice(0, limit).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
