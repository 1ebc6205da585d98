/** The least number of inserted, deleted and replaced characters between two strings (Levenshtein 1966). */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}

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
