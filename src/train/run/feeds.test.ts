import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Slot } from '../graph/index.js';
import { inputNames } from '../model/t5.js';
import { batchFeeds, maskFeeds, scalarFeeds } from './feeds.js';

const rows = (batch: number, tokens: number, first: number) =>
  Int32Array.from({ length: batch * tokens }, (_, index) => first + index);

describe('batchFeeds', () => {
  test('turns rows of sequences into times, and lets the decoder read the targets one step late', () => {
    const feeds = batchFeeds({ encoderIds: rows(2, 3, 10), targetIds: rows(2, 2, 50) }, 2);
    expect([...feeds].map(([name, { dtype, dims, values }]) => [name, dtype, dims, [...values]])).toEqual([
      [inputNames.encoder, 'int32', [6], [10, 13, 11, 14, 12, 15]],
      // T5's decoder starts with the padding id, 0.
      [inputNames.decoder, 'int32', [4], [0, 0, 50, 52]],
      [inputNames.targets, 'int32', [4], [50, 52, 51, 53]],
    ]);
  });

  test('does so for every number of sequences and tokens', () => {
    const size = fc.integer({ min: 1, max: 9 });
    fc.assert(
      fc.property(size, size, size, (batch, encoderTokens, decoderTokens) => {
        const given = { encoderIds: rows(batch, encoderTokens, 3), targetIds: rows(batch, decoderTokens, 300) };
        const feeds = batchFeeds(given, batch);
        const at = (name: string, time: number, row: number) => feeds.get(name)!.values[time * batch + row];
        for (let row = 0; row < batch; row++) {
          for (let time = 0; time < encoderTokens; time++) {
            expect(at(inputNames.encoder, time, row)).toBe(given.encoderIds[row * encoderTokens + time]);
          }
          for (let time = 0; time < decoderTokens; time++) {
            const target = given.targetIds[row * decoderTokens + time];
            expect(at(inputNames.targets, time, row)).toBe(target);
            if (time + 1 < decoderTokens) expect(at(inputNames.decoder, time + 1, row)).toBe(target);
          }
          expect(at(inputNames.decoder, 0, row)).toBe(0);
        }
      }),
    );
  });
});

test('scalarFeeds gives scalars of float32', () => {
  expect([...scalarFeeds({ rate: 0.1, 'a b': 2 })]).toEqual([
    ['rate', { dtype: 'float32', dims: [], values: Float32Array.of(0.1) }],
    ['a b', { dtype: 'float32', dims: [], values: Float32Array.of(2) }],
  ]);
});

describe('maskFeeds', () => {
  const masksOf = (...dims: number[][]): Slot[] =>
    dims.map((lengths, index) => ({ name: `mask ${index}`, dtype: 'bool', dims: lengths }));
  const ofOne = (size: number, rate: number, seed: number, pass: number) =>
    maskFeeds(masksOf([size]), rate, seed, pass).get('mask 0')!.values as Uint8Array;
  const kept = (values: Iterable<number>) => [...values].reduce((sum, value) => sum + value, 0);
  /** Standard deviations that a count of independent draws lies off its mean. */
  const deviations = (count: number, draws: number, chance: number) =>
    Math.abs(count - draws * chance) / Math.sqrt(draws * chance * (1 - chance));

  test('are a function of seed and pass, others with another of either', () => {
    const masks = masksOf([7, 9], [3, 3, 3], [64]);
    const passes = fc.record({ seed: fc.integer(), pass: fc.nat(1e6) });
    fc.assert(
      fc.property(passes, passes, (one, other) => {
        const bits = ({ seed, pass }: typeof one) =>
          [...maskFeeds(masks, 0.5, seed, pass).values()].flatMap(({ values }) => [...values]).join('');
        expect(bits(one)).toBe(bits(one));
        if (one.seed !== other.seed || one.pass !== other.pass) expect(bits(one)).not.toBe(bits(other));
        expect(bits(one)).not.toBe(bits({ ...one, pass: one.pass + 1 }));
        expect(bits(one)).not.toBe(bits({ ...one, seed: one.seed + 1 }));
      }),
    );
  });

  test('have the shapes of their inputs, and hold 0 and 1', () => {
    const feeds = maskFeeds(masksOf([5, 3], [], [1]), 0.5, 1, 2);
    expect([...feeds.values()].map(({ dtype, dims, values }) => [dtype, dims, values.length])).toEqual([
      ['bool', [5, 3], 15],
      ['bool', [], 1],
      ['bool', [1], 1],
    ]);
    for (const { values } of feeds.values()) for (const value of values) expect([0, 1]).toContain(value);
  });

  test.each([0.01, 0.1, 0.5, 0.9])('keep a share of 1 - %f', (rate) => {
    for (const size of [99_999, 100_000]) {
      // Five deviations: by chance in one of 1.7 million masks; these are fixed.
      expect(deviations(kept(ofOne(size, rate, 3, 17)), size, 1 - rate)).toBeLessThan(5);
    }
  });

  test('of a rate of 0 keep all', () => {
    expect(kept(ofOne(1001, 0, 5, 6))).toBe(1001);
  });

  test('keep each element as often as others over the passes, also the first and the last of an odd size', () => {
    const [size, passes, rate] = [33, 4000, 0.3];
    const counts = Array<number>(size).fill(0);
    for (let pass = 0; pass < passes; pass++) {
      for (const [index, value] of ofOne(size, rate, 0, pass).entries()) counts[index]! += value;
    }
    for (const [index, count] of counts.entries()) {
      expect(deviations(count, passes, 1 - rate), `element ${index}`).toBeLessThan(5);
    }
  });

  test('are independent: of the pass after, of the seed after, of the next element, and among inputs', () => {
    const size = 20_000;
    const two = maskFeeds(masksOf([size], [size]), 0.5, 0, 0);
    const [first, second] = [...two.values()].map(({ values }) => values as Uint8Array);
    const pairs: [string, Uint8Array, Uint8Array][] = [
      ['the pass after', ofOne(size, 0.5, 0, 0), ofOne(size, 0.5, 0, 1)],
      ['the seed after', ofOne(size, 0.5, 0, 0), ofOne(size, 0.5, 1, 0)],
      ['the next element', first!.subarray(1), first!.subarray(0, -1)],
      ['the next input', first!, second!],
    ];
    for (const [name, a, b] of pairs) {
      const agreeing = a.reduce((sum, value, index) => sum + (value === b[index] ? 1 : 0), 0);
      expect(deviations(agreeing, a.length, 0.5), name).toBeLessThan(5);
    }
    // Over many passes too: the streams' first numbers, where a weak seeding would show.
    for (const index of [0, 1, 2, 31]) {
      let agreeing = 0;
      for (let pass = 0; pass < 2000; pass++) {
        agreeing += ofOne(32, 0.5, 0, pass)[index] === ofOne(32, 0.5, 0, pass + 1)[index] ? 1 : 0;
      }
      expect(deviations(agreeing, 2000, 0.5), `element ${index} of passes in a row`).toBeLessThan(5);
    }
  });
});
