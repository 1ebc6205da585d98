import { setImmediate } from 'node:timers/promises';
import { ShapelawError } from '../../errors.js';
import { spanCorruptionLengths } from '../../flops/index.js';
import type { Corpus } from './corpus.js';
import { type Random, randomStream } from './random.js';
import { corruptSpans, spansOf } from './span-corruption.js';
import { type Split, uniqueDocuments } from './split.js';
import { textParts } from './text-parts.js';
import type { Tokenizer } from './tokenizer.js';

/** Examples side by side, each of full length: there is no padding. */
export interface Batch {
  /** [batch, encoder tokens]. */
  readonly encoderIds: Int32Array;
  /** [batch, decoder tokens]. */
  readonly targetIds: Int32Array;
}

/** How text becomes batches. */
export interface TextOptions {
  readonly corpus: Corpus;
  readonly tokenizer: Tokenizer;
  /** Tokens that an encoder's input has at most; see `spanCorruptionLengths`. */
  readonly encoderTokens: number;
  /** Examples of a batch. */
  readonly batch: number;
  readonly seed: number;
  /** Share of the text removed. Defaults to 0.15. */
  readonly density?: number;
  /** Mean length of a removed span in tokens. Defaults to 3. */
  readonly meanSpan?: number;
  /** Share of the documents for validation. Defaults to 0.05. */
  readonly validationFraction?: number;
  /** Pieces of text among which the next example is drawn. Defaults to 4096. */
  readonly shuffleBuffer?: number;
}

function requireInteger(name: string, value: number, least: number): void {
  if (!(Number.isSafeInteger(value) && value >= least)) {
    throw new ShapelawError('bad-usage', `${name} must be an integer of at least ${least}, not ${value}`, { value });
  }
}

function settings(options: TextOptions) {
  const { density = 0.15, meanSpan = 3, validationFraction = 0.05, shuffleBuffer = 4096 } = options;
  requireInteger('the batch', options.batch, 1);
  requireInteger('the shuffle buffer', shuffleBuffer, 1);
  requireInteger('the seed', options.seed, Number.MIN_SAFE_INTEGER);
  if (!(validationFraction > 0 && validationFraction < 1)) {
    throw new ShapelawError(
      'bad-usage',
      `the share of documents for validation must lie between 0 and 1, not ${validationFraction}`,
      { validationFraction },
    );
  }
  const { textTokens, encoderTokens, decoderTokens } = spanCorruptionLengths(options.encoderTokens, density, meanSpan);
  const { removed, spans } = spansOf(textTokens, options.tokenizer, density, meanSpan);
  // T5 pads and trims what is left over: with a few tokens, where rounding leaves no span, and at times at density 0.5.
  if (textTokens - removed + spans + 1 !== encoderTokens || removed + spans + 1 !== decoderTokens) {
    throw new ShapelawError(
      'bad-usage',
      `no text fills ${options.encoderTokens} encoder tokens at density ${density} and mean span ${meanSpan} without padding: give more --encoder-tokens`,
      { encoderTokens: options.encoderTokens, density, meanSpan },
    );
  }
  return { density, meanSpan, validationFraction, shuffleBuffer, textTokens, removed };
}

/** Milliseconds of tokenizing after which the thread's other work has its turn; a step on an engine takes some 100. */
const patienceMs = 10;

/** A pass over a split: its documents joined and cut into pieces of equal length, the rest dropped (T5's `reduce_concat_tokens` and `split_tokens`). */
async function* pieces(
  options: TextOptions,
  split: Split,
  measured = { bytes: 0, tokens: 0 },
): AsyncGenerator<Int32Array, void> {
  const { textTokens, validationFraction } = settings(options);
  let piece = new Int32Array(textTokens);
  let filled = 0;
  let since = performance.now();
  for await (const { text } of uniqueDocuments(options.corpus, split, validationFraction)) {
    for (const part of textParts(text)) {
      if (performance.now() - since > patienceMs) {
        await setImmediate();
        since = performance.now();
      }
      const ids = options.tokenizer.encode(part);
      measured.bytes += Buffer.byteLength(part);
      measured.tokens += ids.length;
      for (let from = 0; from < ids.length; ) {
        const fitting = ids.subarray(from, from + textTokens - filled);
        piece.set(fitting, filled);
        filled += fitting.length;
        from += fitting.length;
        if (filled === textTokens) {
          yield piece;
          piece = new Int32Array(textTokens);
          filled = 0;
        }
      }
    }
  }
}

/** An index below `length`. */
function randomIndex(random: Random, length: number): number {
  return Math.floor(random() * length);
}

/** Pieces in a random order: each time one of the `size` next. */
async function* shuffled(
  source: AsyncIterable<Int32Array>,
  size: number,
  random: Random,
): AsyncGenerator<Int32Array, void> {
  const buffer: Int32Array[] = [];
  for await (const piece of source) {
    if (buffer.length < size) {
      buffer.push(piece);
      continue;
    }
    const index = randomIndex(random, size);
    yield buffer[index]!;
    buffer[index] = piece;
  }
  shuffle(buffer, random);
  yield* buffer;
}

/** Every order is equally likely (Fisher and Yates). */
function shuffle(list: Int32Array[], random: Random): void {
  for (let end = list.length - 1; end > 0; end--) {
    const index = randomIndex(random, end + 1);
    [list[index], list[end]] = [list[end]!, list[index]!];
  }
}

function corrupted(texts: readonly Int32Array[], options: TextOptions, random: (row: number) => Random): Batch {
  const { density, meanSpan } = settings(options);
  const examples = texts.map((text, row) => corruptSpans(text, options.tokenizer, random(row), density, meanSpan));
  const joined = (side: 'encoder' | 'decoder') => {
    const ids = new Int32Array(texts.length * examples[0]![side].length);
    examples.forEach((example, row) => {
      ids.set(example[side], row * example[side].length);
    });
    return ids;
  };
  return { encoderIds: joined('encoder'), targetIds: joined('decoder') };
}

/**
 * Training batches without end: each pass over the text in a new order with new spans removed. A function of the options
 * alone: the same at every call.
 *
 * Documents are joined without a separator, as T5 joins them. Pieces are shuffled within `shuffleBuffer` only: the documents
 * of a corpus much larger than it should come in a random order.
 *
 * @param skip - Batches left out at the start, as a resumed run does: their text is read, their spans are not drawn.
 *   Defaults to 0.
 * @throws ShapelawError `bad-usage` at once for options out of their ranges, or lengths that need padding or more sentinels
 *   than there are; at the first batch `bad-corpus` where a pass gives no whole batch, and all that reading throws.
 */
export function trainBatches(options: TextOptions, skip = 0): AsyncGenerator<Batch, never> {
  settings(options);
  requireInteger('the number of batches to skip', skip, 0);
  return batchesFrom(options, skip);
}

async function* batchesFrom(options: TextOptions, skip: number): AsyncGenerator<Batch, never> {
  const { shuffleBuffer, textTokens } = settings(options);
  let texts: Int32Array[] = [];
  let made = 0;
  for (let pass = 0; ; pass++) {
    let count = 0;
    // Examples count from 0 up and passes from -1 down: each has a stream of its own.
    const order = randomStream(options.seed, -1 - pass);
    const measured = { bytes: 0, tokens: 0 };
    for await (const piece of shuffled(pieces(options, 'train', measured), shuffleBuffer, order)) {
      count += 1;
      texts.push(piece);
      if (texts.length < options.batch) continue;
      const first = made * options.batch;
      if (made >= skip) yield corrupted(texts, options, (row) => randomStream(options.seed, first + row));
      made += 1;
      texts = [];
    }
    if (count < options.batch) {
      const needed = options.batch * textTokens;
      const heldOut = await tokensOf(options, 'validation');
      throw new ShapelawError(
        'bad-corpus',
        `${options.corpus.name}: its training text has ${measured.tokens} tokens and its held-out text ${heldOut}, and one batch takes ${needed} (${options.batch} examples of ${textTokens}): give more text, a smaller --batch or fewer --encoder-tokens`,
        { tokens: measured.tokens, heldOut, needed, batch: options.batch, textTokens },
      );
    }
  }
}

/** Tokens of a pass over a split. */
async function tokensOf(options: TextOptions, split: Split): Promise<number> {
  const measured = { bytes: 0, tokens: 0 };
  for await (const _ of pieces(options, split, measured));
  return measured.tokens;
}

/** The examples that a run is evaluated on. */
export interface ValidationSet {
  readonly batches: readonly Batch[];
  /** Examples in all batches. */
  readonly examples: number;
  /** Different texts among them; fewer than the examples where the validation text is short. */
  readonly texts: number;
  /** UTF-8 bytes of a token of text, the mean over the validation text. */
  readonly bytesPerToken: number;
  /** Tokens of text that an example's target holds, without sentinels and end. */
  readonly removedTokens: number;
}

/** The seed of the validation examples, whatever the run's: all runs on a corpus are evaluated on the same. */
const validationSeed = 20211;
/** Tokens of validation text that examples are drawn from; more where more are asked for. */
const validationTokens = 2 ** 20;

/**
 * Fixed examples from the validation documents: the same for the same corpus, tokenizer and lengths, whatever the seed; a
 * larger set holds the smaller. They are drawn from the first million tokens of validation text, or from as many as they take.
 * Where there is less text than that they come from it again, with other spans removed.
 *
 * @param examples - How many, at least 1; rounded up to whole batches.
 * @throws ShapelawError `bad-usage` as `trainBatches`; `bad-corpus` where the validation text makes no example, and all
 *   that reading throws.
 */
export async function validationSet(options: TextOptions, examples: number): Promise<ValidationSet> {
  const { textTokens, removed } = settings(options);
  requireInteger('the number of validation examples', examples, 1);
  const measured = { bytes: 0, tokens: 0 };
  const looked = Math.max(examples, Math.ceil(validationTokens / textTokens));
  const texts: Int32Array[] = [];
  for await (const piece of pieces(options, 'validation', measured)) {
    if (texts.push(piece) === looked) break;
  }
  if (texts.length === 0) {
    const training = await tokensOf(options, 'train');
    throw new ShapelawError(
      'bad-corpus',
      `${options.corpus.name}: its held-out documents have ${measured.tokens} tokens and its training text ${training}, and one example takes ${textTokens}: give more documents, a larger --validation-fraction or fewer --encoder-tokens`,
      { tokens: measured.tokens, training, needed: textTokens },
    );
  }
  shuffle(texts, randomStream(validationSeed, -1));
  const batches = Array.from({ length: Math.ceil(examples / options.batch) }, (_, index) => {
    const first = index * options.batch;
    const rows = Array.from({ length: options.batch }, (_, row) => texts[(first + row) % texts.length]!);
    return corrupted(rows, options, (row) => randomStream(validationSeed, first + row));
  });
  const made = batches.length * options.batch;
  return {
    batches,
    examples: made,
    texts: Math.min(made, texts.length),
    bytesPerToken: measured.bytes / measured.tokens,
    removedTokens: removed,
  };
}
