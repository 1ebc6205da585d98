import type { Batch } from '../text/index.js';

/** Batches by their number in the run, for a trunk that goes on where a branch began. */
export interface BatchSource {
  /** The batch of a number; not lower than the last `forget`. */
  at(index: number): Promise<Batch>;
  /** Lets go of the batches below a number. */
  forget(below: number): void;
}

/** Bytes of batches kept for the trunk while a branch goes on. */
export const keptBytes = 2 ** 26;

/**
 * Batches are kept up to a number of bytes; beyond it the trunk reads its text once more.
 *
 * @param open - The batches of the run from a number on, endless.
 * @param limit - Bytes. Defaults to 64 MB.
 */
export function batchSource(
  open: (first: number) => AsyncIterator<Batch>,
  first: number,
  limit = keptBytes,
): BatchSource {
  const kept = new Map<number, Batch>();
  let bytes = 0;
  let stream = open(first);
  let next = first;
  let lowest = first;
  const forget = (index: number) => {
    bytes -= bytesOf(kept.get(index));
    kept.delete(index);
  };
  return {
    async at(index) {
      const held = kept.get(index);
      if (held !== undefined) return held;
      if (index < next) {
        await stream.return?.();
        stream = open(index);
        next = index;
      }
      for (;;) {
        const batch = (await stream.next()).value as Batch;
        next += 1;
        if (next > lowest && bytes + bytesOf(batch) <= limit && !kept.has(next - 1)) {
          kept.set(next - 1, batch);
          bytes += bytesOf(batch);
        }
        if (next > index) return batch;
      }
    },
    forget(below) {
      for (; lowest < below; lowest++) forget(lowest);
    },
  };
}

function bytesOf(batch: Batch | undefined): number {
  return batch === undefined ? 0 : batch.encoderIds.byteLength + batch.targetIds.byteLength;
}
