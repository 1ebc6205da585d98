import type { HostTensor } from '../engines/executor.js';
import { type Slot, sizeOf } from '../graph/index.js';
import { inputNames } from '../model/t5.js';
import { type Batch, randomWords } from '../text/index.js';

/** The decoder's first input, T5's `decoder_start_token_id`. */
const startId = 0;

/** Ids [batch, time] as the graph takes them: time before batch. */
function timeFirst(ids: Int32Array, batch: number): Int32Array {
  const tokens = ids.length / batch;
  const turned = new Int32Array(ids.length);
  for (let row = 0; row < batch; row++) {
    for (let time = 0; time < tokens; time++) turned[time * batch + row] = ids[row * tokens + time]!;
  }
  return turned;
}

/** A batch as a graph's inputs; the decoder reads the targets one step late. */
export function batchFeeds({ encoderIds, targetIds }: Batch, batch: number): Map<string, HostTensor> {
  const targets = timeFirst(targetIds, batch);
  const decoder = new Int32Array(targets.length);
  decoder.fill(startId, 0, batch);
  decoder.set(targets.subarray(0, targets.length - batch), batch);
  const ids = (values: Int32Array): HostTensor => ({ dtype: 'int32', dims: [values.length], values });
  return new Map([
    [inputNames.encoder, ids(timeFirst(encoderIds, batch))],
    [inputNames.decoder, ids(decoder)],
    [inputNames.targets, ids(targets)],
  ]);
}

/** Scalars as a graph's inputs. */
export function scalarFeeds(scalars: Readonly<Record<string, number>>): Map<string, HostTensor> {
  return new Map(
    Object.entries(scalars).map(([name, value]) => [
      name,
      { dtype: 'float32', dims: [], values: Float32Array.of(value) },
    ]),
  );
}

/** Streams below are those of examples. */
const firstStream = 2 ** 40;

/**
 * Dropout masks of one pass: 1 with a chance of 1 - rate, to 1 in 65,536; the same for the same seed and pass.
 *
 * @param pass - Number of the pass in the run.
 */
export function maskFeeds(masks: readonly Slot[], rate: number, seed: number, pass: number): Map<string, HostTensor> {
  const random = randomWords(seed, firstStream + pass);
  const threshold = Math.round(rate * 65536);
  return new Map(
    masks.map(({ name, dims }) => {
      const values = new Uint8Array(sizeOf(dims));
      for (let index = 0; index < values.length; index += 2) {
        const bits = random();
        values[index] = (bits & 0xffff) >= threshold ? 1 : 0;
        if (index + 1 < values.length) values[index + 1] = bits >>> 16 >= threshold ? 1 : 0;
      }
      return [name, { dtype: 'bool', dims, values }];
    }),
  );
}
