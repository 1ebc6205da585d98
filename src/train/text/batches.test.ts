import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { spanCorruptionLengths } from '../../flops/index.js';
import { type Batch, type TextOptions, trainBatches, validationSet } from './batches.js';
import type { Corpus } from './corpus.js';
import { embeddedCorpus } from './embedded-corpus.js';
import { restoreText } from './span-corruption.js';
import { splitOf } from './split.js';
import { byteTokenizer, type Tokenizer } from './tokenizer.js';

const corpusOf = (texts: readonly string[]): Corpus => ({
  name: 'test',
  async *documents() {
    for (const [index, text] of texts.entries()) yield { text, source: `${index}` };
  },
});

/** Documents of different words and lengths. */
const stories = (count: number) =>
  Array.from({ length: count }, (_, index) =>
    Array.from({ length: 5 + (index % 40) }, (_, word) => `w${(index * 7919 + word * 104_729) % 1_000_003}`).join(' '),
  );

const options = (changes: Partial<TextOptions> = {}): TextOptions => ({
  corpus: corpusOf(stories(300)),
  tokenizer: byteTokenizer,
  encoderTokens: 64,
  batch: 4,
  seed: 1,
  shuffleBuffer: 32,
  ...changes,
});
const { textTokens, decoderTokens } = spanCorruptionLengths(64);

async function take(count: number, from: TextOptions, skip?: number): Promise<readonly Batch[]> {
  const stream = trainBatches(from, skip);
  const taken: Batch[] = [];
  while (taken.length < count) taken.push((await stream.next()).value);
  await stream.return(undefined as never);
  return taken;
}

/** The texts of batches before their corruption. */
function textsOf(batches: readonly Batch[], batch: number): readonly string[] {
  return batches.flatMap(({ encoderIds, targetIds }) => {
    const [encoder, decoder] = [encoderIds.length / batch, targetIds.length / batch];
    return Array.from({ length: batch }, (_, row) =>
      byteTokenizer.decode(
        restoreText(
          {
            encoder: encoderIds.subarray(row * encoder, (row + 1) * encoder),
            decoder: targetIds.subarray(row * decoder, (row + 1) * decoder),
          },
          byteTokenizer,
        ),
      ),
    );
  });
}

/** The training text of a corpus cut into pieces in order. */
function piecesOf(texts: readonly string[]): readonly string[] {
  const joined = texts.filter((text) => splitOf(text, 0.05) === 'train').join('');
  return Array.from({ length: Math.floor(joined.length / textTokens) }, (_, i) =>
    joined.slice(i * textTokens, (i + 1) * textTokens),
  );
}

const refusal = (code: string, message: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });

describe('trainBatches', () => {
  test('fills each example to the last token', async () => {
    for (const { encoderIds, targetIds } of await take(50, options())) {
      expect(encoderIds.length).toBe(4 * 64);
      expect(targetIds.length).toBe(4 * decoderTokens);
      for (let row = 0; row < 4; row++) {
        expect(encoderIds[row * 64 + 63]).toBe(byteTokenizer.eos);
        expect(targetIds[(row + 1) * decoderTokens - 1]).toBe(byteTokenizer.eos);
      }
      expect(encoderIds).not.toContain(byteTokenizer.pad);
      expect(targetIds).not.toContain(byteTokenizer.pad);
    }
  });

  test('each pass has every piece of the training text once, in an order of its own', async () => {
    const corpus = stories(300);
    const pieces = piecesOf(corpus);
    // One example a batch, so that passes end with batches.
    const all = textsOf(await take(2 * pieces.length, options({ batch: 1 })), 1);
    const [first, second] = [all.slice(0, pieces.length), all.slice(pieces.length)];
    expect(first.toSorted()).toEqual(pieces.toSorted());
    expect(second.toSorted()).toEqual(pieces.toSorted());
    expect(first).not.toEqual(pieces);
    expect(first).not.toEqual(second);
    // Within the buffer only: no piece comes before the buffer has reached it.
    for (const [place, text] of first.entries()) expect(pieces.indexOf(text)).toBeLessThan(place + 32);
  });

  test('a pass removes other spans than the one before', async () => {
    const pieces = piecesOf(stories(300)).length;
    const byText = new Map<string, Set<string>>();
    for (const batch of await take(2 * pieces, options({ batch: 1 }))) {
      const [text] = textsOf([batch], 1);
      byText.set(text!, (byText.get(text!) ?? new Set()).add(batch.encoderIds.join()));
    }
    const changed = [...byText.values()].filter((masks) => masks.size === 2).length;
    expect(changed).toBeGreaterThan(0.99 * pieces);
  });

  test('carries a batch over from one pass to the next', async () => {
    const pieces = piecesOf(stories(300));
    const batch = 16;
    expect(pieces.length % batch).not.toBe(0);
    const count = Math.ceil((2 * pieces.length) / batch);
    const twice = textsOf(await take(count, options({ batch })), batch).slice(0, 2 * pieces.length);
    expect(twice.toSorted()).toEqual([...pieces, ...pieces].toSorted());
  });

  test('is a function of its options', async () => {
    const once = await take(30, options());
    expect(await take(30, options())).toEqual(once);
    expect(await take(30, options({ seed: 2 }))).not.toEqual(once);
  });

  test('skipping is dropping, within a pass and beyond', async () => {
    const perPass = Math.floor(piecesOf(stories(300)).length / 4);
    const whole = await take(3 * perPass, options());
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 3 * perPass - 3 }), async (skip) => {
        expect(await take(3, options(), skip)).toEqual(whole.slice(skip, skip + 3));
      }),
      { numRuns: 20, examples: [[0], [1], [perPass], [2 * perPass + 1]] },
    );
  });

  test('never shows a validation document', async () => {
    const held = stories(300).filter((text) => splitOf(text, 0.05) === 'validation' && text.length > 3 * textTokens);
    expect(held.length).toBeGreaterThan(2);
    const pieces = textsOf(await take(200, options()), 4);
    for (const text of held) {
      const middle = text.slice(textTokens, textTokens + 12);
      expect(pieces.some((piece) => piece.includes(middle))).toBe(false);
    }
  });

  test('hands other work its turn, and a tokenizer no long text', async () => {
    let longest = 0;
    const slow: Tokenizer = {
      ...byteTokenizer,
      encode(text) {
        longest = Math.max(longest, text.length);
        const until = performance.now() + 3;
        while (performance.now() < until);
        return byteTokenizer.encode(text);
      },
    };
    let turns = 0;
    let done = false;
    const other = (async () => {
      while (!done) {
        await setImmediate();
        turns += 1;
      }
    })();
    const corpus = corpusOf([0, 1, 2].map((index) => `${index} words `.repeat(40_000)));
    // All of the text is read before the first batch: 230 parts of 3 ms, in turns of 10 ms and a part.
    await take(1, options({ corpus, tokenizer: slow, shuffleBuffer: 1e6 }));
    done = true;
    await other;
    expect(longest).toBeLessThanOrEqual(4096);
    expect(turns).toBeGreaterThan(20);
  });

  test('tells a corpus that makes no whole batch', async () => {
    const corpus = corpusOf(['a'.repeat(100), 'b'.repeat(100)]);
    await expect(take(1, options({ corpus }))).rejects.toThrow(
      refusal(
        'bad-corpus',
        /test: its training text has 200 tokens and its held-out text \d+, and one batch takes 280 \(4 examples of 70\).*--batch/,
      ),
    );
    expect(await take(1, options({ corpus, batch: 2 }))).toHaveLength(1);
  });

  test.each([
    [{ batch: 0 }, /the batch must be an integer of at least 1, not 0/],
    [{ shuffleBuffer: 0.5 }, /the shuffle buffer must be an integer/],
    [{ seed: Number.NaN }, /the seed must be an integer/],
    [{ validationFraction: 1 }, /must lie between 0 and 1, not 1/],
    [{ validationFraction: Number.NaN }, /must lie between 0 and 1, not NaN/],
    [{ encoderTokens: 1 }, /encoder tokens must be an integer/],
    [{ density: 0 }, /the share of text removed/],
    // T5 at these lengths: no span by random_spans_helper, one by random_spans_noise_mask.
    [{ encoderTokens: 3 }, /no text fills 3 encoder tokens at density 0.15 and mean span 3 without padding/],
    // Its texts at density 0.5 are cut for the targets, and leave one token over: 510 tokens make 511 inputs.
    [
      { encoderTokens: 512, density: 0.5, meanSpan: 1, tokenizer: { ...byteTokenizer, sentinels: 400 } },
      /no text fills 512/,
    ],
    [{ encoderTokens: 4096 }, /lose 227 spans, and the tokenizer bytes has 125 sentinels/],
  ])('refuses %j at once', (changes, message) => {
    expect(() => trainBatches(options(changes))).toThrow(refusal('bad-usage', message));
  });

  test('refuses a number of batches to skip that is none', () => {
    expect(() => trainBatches(options(), -1)).toThrow(refusal('bad-usage', /skip must be an integer of at least 0/));
  });
});

describe('validationSet', () => {
  test('is fixed, whatever the seed of the run', async () => {
    const set = await validationSet(options(), 12);
    expect(set.batches).toHaveLength(3);
    expect(set).toMatchObject({ examples: 12, texts: 12, bytesPerToken: 1 });
    expect(await validationSet(options({ seed: 2 }), 12)).toEqual(set);
  });

  test('depends on the batch only where it is rounded up to batches, and a larger set holds the smaller', async () => {
    const ids = async (batch: number, examples: number) => {
      const { batches } = await validationSet(options({ batch }), examples);
      return batches.flatMap(({ encoderIds }) => [...encoderIds]);
    };
    const twelve = await ids(4, 12);
    expect(await ids(1, 12)).toEqual(twelve);
    expect(await ids(6, 12)).toEqual(twelve);
    expect((await ids(5, 12)).length).toBe(15 * 64);
    expect((await ids(5, 12)).slice(0, twelve.length)).toEqual(twelve);
    expect((await ids(4, 8)).join()).toBe(twelve.slice(0, 8 * 64).join());
  });

  test('comes from validation documents, each piece once', async () => {
    const joined = stories(300)
      .filter((text) => splitOf(text, 0.05) === 'validation')
      .join('');
    const count = Math.floor(joined.length / textTokens);
    const set = await validationSet(options({ batch: 1 }), count);
    const texts = textsOf(set.batches, 1);
    expect(new Set(texts).size).toBe(count);
    for (const text of texts) expect(joined).toContain(text);
    // Not in the order in which they stand.
    expect(texts.map((text) => joined.indexOf(text))).not.toEqual(
      texts.map((text) => joined.indexOf(text)).toSorted((a, b) => a - b),
    );
  });

  test('uses a short text again, with other spans removed', async () => {
    const corpus = corpusOf(['only one text, of which there is little, yet enough to make a single example.']);
    const set = await validationSet(options({ corpus, validationFraction: 0.9999 }), 16);
    expect(set).toMatchObject({ examples: 16, texts: 1 });
    expect(new Set(textsOf(set.batches, 4)).size).toBe(1);
    const masks = set.batches.flatMap(({ encoderIds }) =>
      [0, 1, 2, 3].map((row) => encoderIds.slice(row * 64, row * 64 + 64).join()),
    );
    expect(new Set(masks).size).toBeGreaterThan(14);
  });

  test('counts what an example holds', async () => {
    const pairs: Tokenizer = {
      ...byteTokenizer,
      encode: (text) => byteTokenizer.encode(text).filter((_, index) => index % 2 === 0),
    };
    // 10 of 70 tokens, in 3 spans: 14 targets with 3 sentinels and the end.
    expect(await validationSet(options(), 4)).toMatchObject({ removedTokens: decoderTokens - 3 - 1 });
    const { bytesPerToken } = await validationSet(options({ tokenizer: pairs }), 4);
    // Texts of odd length have half a pair more.
    expect(bytesPerToken).toBeGreaterThan(1.98);
    expect(bytesPerToken).toBeLessThanOrEqual(2);
  });

  test('has all of the embedded corpus to draw from', async () => {
    const set = await validationSet(
      { corpus: embeddedCorpus(), tokenizer: byteTokenizer, encoderTokens: 128, batch: 16, seed: 0 },
      256,
    );
    expect(set).toMatchObject({ examples: 256, texts: 256, bytesPerToken: 1 });
    expect(set.batches).toHaveLength(16);
  });

  test('tells a corpus without validation text', async () => {
    const corpus = corpusOf(['a', 'b', 'c'].map((letter) => letter.repeat(500)));
    await expect(validationSet(options({ corpus, validationFraction: 1e-6 }), 4)).rejects.toThrow(
      refusal(
        'bad-corpus',
        /held-out documents have 0 tokens and its training text \d+, and one example takes 70: give more documents, a larger/,
      ),
    );
  });

  test('refuses no examples', async () => {
    await expect(validationSet(options(), 0)).rejects.toThrow(refusal('bad-usage', /examples must be an integer/));
  });
});
