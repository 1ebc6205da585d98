import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { spanCorruptionLengths, spanCounts } from '../../flops/index.js';
import { randomStream } from './random.js';
import { corruptSpans, restoreText } from './span-corruption.js';
import { byteTokenizer, type Tokenizer } from './tokenizer.js';

/** A tokenizer with sentinels enough for any length here. */
const many: Tokenizer = { ...byteTokenizer, name: 'many', sentinels: 4000, sentinel: (index) => 1e6 - index };
const counting = (length: number) => Int32Array.from({ length }, (_, index) => 10 + index);
const refusal = (message: RegExp) =>
  expect.objectContaining({ code: 'bad-usage', message: expect.stringMatching(message) });

const encoderTokens = fc.integer({ min: 24, max: 2048 });
const densities = fc.double({ min: 0.1, max: 0.45, noNaN: true });
const meanSpans = fc.double({ min: 1, max: 10, noNaN: true });
const seeds = fc.maxSafeInteger();

describe('corruptSpans', () => {
  // By hand, in the form of figure 2 of Raffel et al. 2020: of 10 tokens at density 0.3, 3 go in 2 spans. A number of 0 starts
  // a segment at once, one next to 1 only where it must.
  test('replaces each removed span by a sentinel of its own', () => {
    const draws = [0, 0.99, 0.99, 0.99, 0.99, 0.99, 0.99];
    const { encoder, decoder } = corruptSpans(counting(10), byteTokenizer, () => draws.shift()!, 0.3, 1.5);
    // Removed: 1 + 2 tokens; kept: 6 + 1. ByT5's sentinels count down from 383.
    expect([...encoder]).toEqual([10, 11, 12, 13, 14, 15, 383, 17, 382, 1]);
    expect([...decoder]).toEqual([383, 16, 382, 18, 19, 1]);
  });

  test('has the lengths that were counted on, and gives the text back', () => {
    fc.assert(
      fc.property(encoderTokens, densities, meanSpans, seeds, (asked, density, meanSpan, seed) => {
        const lengths = spanCorruptionLengths(asked, density, meanSpan);
        const { removed, spans } = spanCounts(lengths.textTokens, density, meanSpan);
        // With less, the count of spans is rounded to none, which T5 makes one.
        fc.pre(removed > meanSpan / 2);
        const text = counting(lengths.textTokens);
        const corrupted = corruptSpans(text, many, randomStream(seed, 0), density, meanSpan);
        expect(corrupted.encoder.length).toBe(lengths.encoderTokens);
        expect(corrupted.decoder.length).toBe(lengths.decoderTokens);
        expect(restoreText(corrupted, many)).toEqual(text);
        // Kept text first; on both sides the same sentinels in order, none next to another.
        expect(corrupted.encoder[0]).toBe(10);
        for (const side of [corrupted.encoder, corrupted.decoder]) {
          expect(side.at(-1)).toBe(many.eos);
          const places = [...side.keys()].filter((place) => side[place]! > 900_000);
          expect(places.map((place) => side[place])).toEqual(Array.from({ length: spans }, (_, i) => 1e6 - i));
          expect(places.every((place, i) => i === 0 || place > places[i - 1]! + 1)).toBe(true);
        }
      }),
    );
  });

  test('removes the last token always, and the share asked for', () => {
    fc.assert(
      fc.property(encoderTokens, densities, meanSpans, seeds, (asked, density, meanSpan, seed) => {
        const { textTokens } = spanCorruptionLengths(asked, density, meanSpan);
        const { decoder } = corruptSpans(counting(textTokens), many, randomStream(seed, 1), density, meanSpan);
        expect(decoder.at(-2)).toBe(9 + textTokens);
        const removed = decoder.filter((id) => id >= 10 && id < 900_000).length;
        expect(Math.abs(removed - density * textTokens)).toBeLessThanOrEqual(0.5);
      }),
    );
  });

  // T5's _random_segmentation shuffles the starts of segments: all ways to cut are equally likely. 10 tokens at density 0.5
  // make 2 spans of 5 tokens in 4 ways and as many of those kept, which makes 16 examples.
  test('cuts in every way equally often', () => {
    const counts = new Map<string, number>();
    const draws = 16_000;
    for (let index = 0; index < draws; index++) {
      const { encoder } = corruptSpans(counting(10), byteTokenizer, randomStream(3, index), 0.5, 2.5);
      counts.set(encoder.join(), (counts.get(encoder.join()) ?? 0) + 1);
    }
    expect(counts.size).toBe(16);
    const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - draws / 16) ** 2 / (draws / 16), 0);
    // The quantile of 15 degrees of freedom that one in 10,000 exceeds; the seed is fixed.
    expect(chiSquare).toBeLessThan(45);
  });

  test('spans are as long on average as asked for, and vary as cuts at random do', () => {
    const { removed, spans } = spanCounts(568, 0.15, 3);
    const firsts = Array.from({ length: 4000 }, (_, index) => {
      const { decoder } = corruptSpans(counting(568), byteTokenizer, randomStream(5, index), 0.15, 3);
      return decoder.indexOf(byteTokenizer.sentinel(1)) - 1;
    });
    const mean = firsts.reduce((sum, length) => sum + length, 0) / firsts.length;
    const variance = firsts.reduce((sum, length) => sum + (length - mean) ** 2, 0) / firsts.length;
    // A part of a uniform composition of n in k: mean n / k, variance (n - k) n (k - 1) / (k^2 (k + 1)).
    const expected = ((removed - spans) * removed * (spans - 1)) / (spans ** 2 * (spans + 1));
    // Four standard errors: 4 sqrt(variance / 4000); of a variance, with a kurtosis near 9, 4 sqrt(8 / 4000) of it.
    expect(Math.abs(mean - removed / spans)).toBeLessThan(4 * Math.sqrt(expected / 4000));
    expect(Math.abs(variance / expected - 1)).toBeLessThan(4 * Math.sqrt(8 / 4000));
  });

  test('is the same for the same numbers', () => {
    const once = () => corruptSpans(counting(568), byteTokenizer, randomStream(9, 4), 0.15, 3);
    expect(once()).toEqual(once());
    expect(once()).not.toEqual(corruptSpans(counting(568), byteTokenizer, randomStream(9, 5), 0.15, 3));
  });

  test.each([
    ['more spans than sentinels', 5000, 0.15, 3, /5000 tokens lose 250 spans.*bytes has 125 sentinels.*--mean-span/],
    ['more spans than text between', 100, 0.9, 1, /lose 90 in 90 spans, with 10 left.*lower density/],
    ['nothing to remove', 1, 0.15, 3, /1 tokens at density 0.15/],
  ] as const)('refuses %s', (_, length, density, meanSpan, message) => {
    expect(() => corruptSpans(counting(length), byteTokenizer, randomStream(0, 0), density, meanSpan)).toThrow(
      refusal(message),
    );
  });
});

test('restoreText refuses sides that do not belong together', () => {
  const { encoder, decoder } = corruptSpans(counting(100), byteTokenizer, randomStream(0, 0), 0.15, 3);
  const other = corruptSpans(counting(10), byteTokenizer, randomStream(0, 0), 0.15, 3).decoder;
  expect(restoreText({ encoder, decoder }, byteTokenizer)).toEqual(counting(100));
  expect(() => restoreText({ encoder, decoder: other }, byteTokenizer)).toThrow(refusal(/no sentinel 382/));
});
