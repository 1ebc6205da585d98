import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Batch } from '../text/index.js';
import { batchSource } from './batches.js';

/** Batches that hold their own number, and a count of those drawn. */
function numbered(first: number) {
  let drawn = first;
  async function* stream(): AsyncGenerator<Batch, never> {
    for (;;) {
      yield { encoderIds: Int32Array.of(drawn), targetIds: Int32Array.of(-drawn) };
      drawn += 1;
    }
  }
  return { source: batchSource(stream, first), drawn: () => drawn };
}

test('gives the batch of a number in any order from the last forget on, each drawn once', async () => {
  const reads = fc.array(fc.record({ forget: fc.nat(6), ahead: fc.array(fc.nat(20), { maxLength: 6 }) }), {
    maxLength: 12,
  });
  await fc.assert(
    fc.asyncProperty(fc.nat(1000), reads, async (first, rounds) => {
      const { source, drawn } = numbered(first);
      let lowest = first;
      let highest = first - 1;
      for (const { forget, ahead } of rounds) {
        lowest += forget;
        source.forget(lowest);
        for (const index of ahead.map((offset) => lowest + offset)) {
          expect([...(await source.at(index)).encoderIds]).toEqual([index]);
          highest = Math.max(highest, index);
        }
      }
      // The stream stands behind its last batch until the next is asked for.
      expect(drawn()).toBe(highest < first ? first : highest);
    }),
  );
});

test('a trunk goes on where its branch began, with the same batches', async () => {
  const { source } = numbered(40);
  const batchOf = async (step: number) => source.at(step);
  const trunk = [await batchOf(40), await batchOf(41)];
  source.forget(42);
  const branch = [await batchOf(42), await batchOf(43), await batchOf(44)];
  const again = [await batchOf(42), await batchOf(43), await batchOf(44), await batchOf(45)];
  expect(again.slice(0, 3)).toEqual(branch);
  for (const [index, batch] of branch.entries()) expect(again[index]).toBe(batch);
  expect([...trunk, ...again].map(({ targetIds }) => targetIds[0])).toEqual([-40, -41, -42, -43, -44, -45]);
});

test('what the stream fails by reaches the caller', async () => {
  async function* broken(): AsyncGenerator<Batch, never> {
    yield { encoderIds: Int32Array.of(0), targetIds: Int32Array.of(0) };
    throw new Error('row 3 is not JSON');
  }
  const source = batchSource(broken, 0);
  await source.at(0);
  await expect(source.at(1)).rejects.toThrow('row 3 is not JSON');
});

test('beyond its bytes keeps no batch and reads the text once more', async () => {
  const opened: number[] = [];
  async function* from(first: number): AsyncGenerator<Batch, never> {
    opened.push(first);
    for (let number = first; ; number++) yield { encoderIds: Int32Array.of(number), targetIds: Int32Array.of(-number) };
  }
  // Eight bytes a batch: three of them.
  const source = batchSource(from, 10, 24);
  const numberAt = async (index: number) => (await source.at(index)).encoderIds[0];
  for (let index = 10; index < 20; index++) expect(await numberAt(index)).toBe(index);
  expect(opened).toEqual([10]);
  for (let index = 10; index < 30; index++) {
    source.forget(index);
    expect(await numberAt(index)).toBe(index);
  }
  expect(opened).toEqual([10, 13]);
});
