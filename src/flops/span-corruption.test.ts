import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { spanCorruptionLengths } from './span-corruption.js';

describe('spanCorruptionLengths', () => {
  it('gives T5 its 114 targets of 568 tokens of text', () => {
    expect(spanCorruptionLengths(512)).toEqual({ textTokens: 568, encoderTokens: 512, decoderTokens: 114 });
  });

  // sequence_length = {'inputs': 1024, 'targets': 189} at mean_noise_span_length = 20, README of google-research/byt5.
  it('gives ByT5 its 189 targets', () => {
    expect(spanCorruptionLengths(1024, 0.15, 20)).toMatchObject({ encoderTokens: 1024, decoderTokens: 189 });
  });

  // A transcription of random_spans_helper (google-research/text-to-text-transfer-transformer, t5/data/preprocessors.py) run
  // under Python 3.11, whose round takes halves to the even neighbour.
  it.each([
    [2, 0.15, 3, 1, 1],
    [3, 0.15, 3, 2, 1],
    [128, 0.15, 3, 141, 29],
    [256, 0.15, 3, 284, 58],
    [1024, 0.15, 3, 1137, 229],
    [2048, 0.15, 3, 2274, 456],
    // Halves: a rule that takes them up ends elsewhere; 64 inputs at the defaults would have 16 targets.
    [64, 0.15, 3, 70, 14],
    [10, 0.25, 2, 10, 4],
    [18, 0.25, 2, 20, 8],
    [34, 0.25, 4, 41, 13],
    [256, 0.25, 3, 306, 102],
    [64, 0.5, 4, 101, 63],
    // The denoisers of UL2 (Tay et al. 2022, table 1); at density 0.5 targets are cut to the inputs' length.
    [512, 0.15, 8, 588, 100],
    [512, 0.15, 64, 600, 92],
    [512, 0.5, 3, 766, 512],
    [512, 0.5, 8, 908, 512],
    [512, 0.5, 64, 1006, 512],
    [512, 0.5, 1, 510, 512],
    [511, 0.5, 1, 510, 511],
  ] as const)('%d inputs at density %d and mean span %d', (inputs, density, span, textTokens, decoderTokens) => {
    expect(spanCorruptionLengths(inputs, density, span)).toEqual({ textTokens, encoderTokens: inputs, decoderTokens });
  });

  const inputs = fc.integer({ min: 2, max: 4096 });
  const spans = fc.double({ min: 1, max: 64, noNaN: true });
  const densities = fc.double({ min: 0.01, max: 0.95, noNaN: true }).filter((density) => density !== 0.5);

  it('keeps the length asked for, and every token of the text on one side', () => {
    fc.assert(
      fc.property(inputs, densities, spans, (asked, density, meanSpan) => {
        const { textTokens, encoderTokens, decoderTokens } = spanCorruptionLengths(asked, density, meanSpan);
        expect(encoderTokens).toBe(asked);
        // Either side has a sentinel for each span and one end of sequence besides the text.
        const sentinels = (encoderTokens + decoderTokens - 2 - textTokens) / 2;
        const removed = decoderTokens - 1 - sentinels;
        expect(Number.isInteger(sentinels)).toBe(true);
        expect(Math.abs(removed - textTokens * density)).toBeLessThanOrEqual(0.5);
        expect(Math.abs(sentinels - removed / meanSpan)).toBeLessThanOrEqual(0.5);
      }),
    );
  });

  it('takes the longest text: one more input takes more text', () => {
    fc.assert(
      fc.property(inputs, densities, spans, (asked, density, meanSpan) => {
        const { textTokens } = spanCorruptionLengths(asked, density, meanSpan);
        expect(spanCorruptionLengths(asked + 1, density, meanSpan).textTokens).toBeGreaterThan(textTokens);
        expect(textTokens).toBeGreaterThanOrEqual(asked - 1);
      }),
    );
  });

  it('never makes targets longer than inputs at density 0.5', () => {
    fc.assert(
      fc.property(inputs, spans, (asked, meanSpan) => {
        const { encoderTokens, decoderTokens } = spanCorruptionLengths(asked, 0.5, meanSpan);
        expect(encoderTokens).toBe(asked);
        expect(decoderTokens).toBeLessThanOrEqual(asked);
      }),
      { examples: [[512, 1]] },
    );
  });

  it.each([
    [[1], 'encoder tokens must be an integer from 2 to 4294967296, not 1'],
    [[512.5], 'not 512.5'],
    [[Number.NaN], 'not NaN'],
    [[512, 0], 'the share of text removed must lie between 0 and 0.99, not 0'],
    [[512, 1], 'not 1'],
    [[512, Number.NaN], 'not NaN'],
    [[512, 0.15, 0.5], 'the mean span must be at least 1, not 0.5'],
    [[512, 0.15, Number.NaN], 'not NaN'],
  ] as const)('refuses %j', (values, message) => {
    const [encoderTokens, density, meanSpan] = values as readonly [number, number?, number?];
    expect(() => spanCorruptionLengths(encoderTokens, density, meanSpan)).toThrow(
      expect.objectContaining({ code: 'bad-usage', message: expect.stringContaining(message) }),
    );
  });
});
