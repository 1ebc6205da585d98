import { ShapelawError } from '../../errors.js';
import { spanCounts } from '../../flops/index.js';
import type { Random } from './random.js';
import type { Tokenizer } from './tokenizer.js';

/** A text with spans removed, and the spans. */
export interface CorruptedText {
  /** Kept text with a sentinel for each removed span, and the end of the sequence. */
  readonly encoder: Int32Array;
  /** Each removed span behind its sentinel, and the end of the sequence. */
  readonly decoder: Int32Array;
}

/** Whether a segment begins at each item: of all ways to cut the items into so many segments each is equally likely. */
function segmentStarts(items: number, segments: number, random: Random): Uint8Array {
  const starts = new Uint8Array(items);
  starts[0] = 1;
  let needed = segments - 1;
  // Selection sampling: each item is taken with the chance needed / left (Knuth, volume 2, algorithm 3.4.2 S).
  for (let item = 1; item < items && needed > 0; item++) {
    if (random() * (items - item) < needed) {
      starts[item] = 1;
      needed -= 1;
    }
  }
  return starts;
}

/**
 * Tokens removed from a text and the spans they make.
 *
 * @throws ShapelawError `bad-usage` where the text can't be cut so, or the tokenizer has fewer sentinels than there are spans.
 */
export function spansOf(
  textTokens: number,
  tokenizer: Tokenizer,
  density: number,
  meanSpan: number,
): { readonly removed: number; readonly spans: number } {
  const { removed, spans } = spanCounts(textTokens, density, meanSpan);
  if (spans > textTokens - removed || removed < 1) {
    throw new ShapelawError(
      'bad-usage',
      `${textTokens} tokens at density ${density} and mean span ${meanSpan} lose ${removed} in ${spans} spans, with ${textTokens - removed} left to stand between: give a lower density, a longer mean span or more tokens`,
      { textTokens, removed, spans },
    );
  }
  if (spans > tokenizer.sentinels) {
    throw new ShapelawError(
      'bad-usage',
      `${textTokens} tokens lose ${spans} spans, and the tokenizer ${tokenizer.name} has ${tokenizer.sentinels} sentinels: give fewer --encoder-tokens or a longer --mean-span`,
      { spans, sentinels: tokenizer.sentinels },
    );
  }
  return { removed, spans };
}

/**
 * Span corruption as T5 has it (Raffel et al. 2020, section 3.3.4; `random_spans_noise_mask` and
 * `noise_span_to_unique_sentinel` in t5/data/preprocessors.py): the numbers of removed tokens and of spans are fixed by
 * the length, where they lie is random, and the text begins with a kept span.
 *
 * @param density - Share of the tokens removed, in (0, 0.99].
 * @param meanSpan - Mean length of a removed span in tokens, at least 1.
 * @throws ShapelawError `bad-usage`; see `spansOf`.
 */
export function corruptSpans(
  tokens: Int32Array,
  tokenizer: Tokenizer,
  random: Random,
  density: number,
  meanSpan: number,
): CorruptedText {
  const { removed, spans } = spansOf(tokens.length, tokenizer, density, meanSpan);
  const removedStarts = segmentStarts(removed, spans, random);
  const keptStarts = segmentStarts(tokens.length - removed, spans, random);
  const encoder = new Int32Array(tokens.length - removed + spans + 1);
  const decoder = new Int32Array(removed + spans + 1);
  let at = 0;
  let kept = 0;
  let gone = 0;
  let inEncoder = 0;
  let inDecoder = 0;
  for (let span = 0; span < spans; span++) {
    do {
      encoder[inEncoder++] = tokens[at++]!;
      kept += 1;
    } while (kept < keptStarts.length && keptStarts[kept] === 0);
    const sentinel = tokenizer.sentinel(span);
    encoder[inEncoder++] = sentinel;
    decoder[inDecoder++] = sentinel;
    do {
      decoder[inDecoder++] = tokens[at++]!;
      gone += 1;
    } while (gone < removedStarts.length && removedStarts[gone] === 0);
  }
  encoder[inEncoder] = tokenizer.eos;
  decoder[inDecoder] = tokenizer.eos;
  return { encoder, decoder };
}

/**
 * The text before its corruption.
 *
 * @param corrupted - Of a text without sentinels of its own.
 * @throws ShapelawError `bad-usage` where the encoder has a sentinel that the decoder lacks.
 */
export function restoreText({ encoder, decoder }: CorruptedText, tokenizer: Tokenizer): Int32Array {
  const sentinels = new Set(Array.from({ length: tokenizer.sentinels }, (_, index) => tokenizer.sentinel(index)));
  const spans = new Map<number, number[]>();
  let current: number[] = [];
  for (const id of decoder.subarray(0, -1)) {
    if (sentinels.has(id)) {
      current = [];
      spans.set(id, current);
    } else current.push(id);
  }
  const restored: number[] = [];
  for (const id of encoder.subarray(0, -1)) {
    if (!sentinels.has(id)) {
      restored.push(id);
      continue;
    }
    const span = spans.get(id);
    if (span === undefined) {
      throw new ShapelawError('bad-usage', `the decoder's ids have no sentinel ${id}, which the encoder's have`, {
        id,
      });
    }
    for (const removed of span) restored.push(removed);
  }
  return Int32Array.from(restored);
}
