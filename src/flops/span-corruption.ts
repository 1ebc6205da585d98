import { ShapelawError } from '../errors.js';

/** Lengths of one example of span corruption, in tokens. */
export interface SpanCorruptionLengths {
  /** Tokens of text before corruption that fill the encoder's input exactly. */
  readonly textTokens: number;
  /** Encoder input: text kept, one sentinel a span, end of sequence. */
  readonly encoderTokens: number;
  /** Decoder target: text removed, one sentinel a span, end of sequence. */
  readonly decoderTokens: number;
}

/** Rounds halves to even, as Python's `round` does in T5's code. */
function roundHalfToEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/** The largest share of the text that may be removed; next to all of it there is no text to keep. */
const densest = 0.99;
/** Tokens of a sequence up to which every length here is an exact integer. */
const longest = 2 ** 32;

/**
 * Tokens that span corruption removes from a text and the spans they make, as T5's `random_spans_noise_mask` rounds them.
 *
 * @param textTokens - Tokens of the text, at least 2.
 * @param density - Share of the text removed, in (0, 0.99].
 * @param meanSpan - Mean length of a removed span in tokens, at least 1.
 */
export function spanCounts(
  textTokens: number,
  density: number,
  meanSpan: number,
): { readonly removed: number; readonly spans: number } {
  const removed = Math.min(textTokens - 1, Math.max(1, roundHalfToEven(textTokens * density)));
  return { removed, spans: Math.max(1, roundHalfToEven(removed / meanSpan)) };
}

function lengthsOf(textTokens: number, density: number, meanSpan: number): SpanCorruptionLengths {
  const noise = roundHalfToEven(textTokens * density);
  const spans = roundHalfToEven(noise / meanSpan);
  return { textTokens, encoderTokens: textTokens - noise + spans + 1, decoderTokens: noise + spans + 1 };
}

/**
 * The target length that goes with an encoder length, as T5's `random_spans_helper` computes it: the longest text whose
 * corrupted form fits the inputs; 512 inputs at density 0.15 and mean span 3 give 568 tokens of text and 114 targets.
 *
 * @param encoderTokens - Encoder tokens, an integer from 2 to 2^32.
 * @param density - Share of the text removed, in (0, 0.99]. Defaults to 0.15.
 * @param meanSpan - Mean length of a removed span in tokens, at least 1. Defaults to 3.
 * @throws ShapelawError `bad-usage` for values out of these ranges.
 */
export function spanCorruptionLengths(encoderTokens: number, density = 0.15, meanSpan = 3): SpanCorruptionLengths {
  if (!(Number.isInteger(encoderTokens) && encoderTokens >= 2 && encoderTokens <= longest)) {
    throw new ShapelawError(
      'bad-usage',
      `encoder tokens must be an integer from 2 to ${longest}, not ${encoderTokens}`,
    );
  }
  if (!(density > 0 && density <= densest)) {
    throw new ShapelawError('bad-usage', `the share of text removed must lie between 0 and ${densest}, not ${density}`);
  }
  if (!(meanSpan >= 1)) throw new ShapelawError('bad-usage', `the mean span must be at least 1, not ${meanSpan}`);

  // Each token of text adds 1 - density + density / meanSpan of a token but for rounding, so that the text can't be shorter.
  const growth = 1 - density + density / meanSpan;
  let text = Math.max(1, Math.floor((encoderTokens - 4) / growth));
  while (lengthsOf(text + 1, density, meanSpan).encoderTokens <= encoderTokens) text += 1;
  const lengths = lengthsOf(text, density, meanSpan);
  // T5 shortens targets that would be one longer than the inputs, at density 0.5, so that both are of one length.
  if (density === 0.5 && lengths.decoderTokens > lengths.encoderTokens) {
    return { textTokens: text - 1, encoderTokens, decoderTokens: lengths.decoderTokens - 1 };
  }
  return lengths;
}
