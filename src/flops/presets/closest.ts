import { editDistance } from '../../edit-distance.js';

/**
 * At most `most` of `candidates` that somebody may have meant by `wanted`, the closest first: those that go on where
 * it stops, and those a third of its length away or less.
 */
export function closest(wanted: string, candidates: readonly string[], most: number): string[] {
  if (wanted === '') return [];
  return candidates
    .map((candidate) => ({
      candidate,
      distance: candidate.startsWith(wanted) ? 1 : editDistance(wanted, candidate),
    }))
    .filter(({ distance }) => distance <= Math.max(1, wanted.length / 3))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, most)
    .map(({ candidate }) => candidate);
}
