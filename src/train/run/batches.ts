import type { Batch } from '../text/index.js';

/** Batches by their number in the run, for a trunk that goes on where a branch began. */
export interface BatchSource {
  /** The batch of a number; not lower than the last `forget`. */
  at(index: number): Promise<Batch>;
  /** Lets go of the batches below a number. */
  forget(below: number): void;
}

/**
 * @param stream - The batches of a run from number `first` on, endless.
 */
export function batchSource(stream: AsyncIterator<Batch>, first: number): BatchSource {
  const kept = new Map<number, Batch>();
  let next = first;
  let lowest = first;
  return {
    async at(index) {
      while (next <= index) {
        const { value } = await stream.next();
        if (next >= lowest) kept.set(next, value as Batch);
        next += 1;
      }
      return kept.get(index)!;
    },
    forget(below) {
      for (; lowest < below; lowest++) kept.delete(lowest);
    },
  };
}
