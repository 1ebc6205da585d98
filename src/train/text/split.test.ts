import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Corpus } from './corpus.js';
import { type Split, splitOf, textHash, uniqueDocuments } from './split.js';

const corpusOf = (texts: readonly string[]): Corpus => ({
  name: 'test',
  async *documents() {
    for (const [index, text] of texts.entries()) yield { text, source: `${index}` };
  },
});

async function textsOf(texts: readonly string[], split: Split, fraction: number): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { text } of uniqueDocuments(corpusOf(texts), split, fraction)) found.push(text);
  return found;
}

const texts = fc.array(fc.oneof(fc.string(), fc.constantFrom('a', 'b', 'c')), { maxLength: 60 });
const fractions = fc.double({ min: 0.01, max: 0.99, noNaN: true });

describe('splits', () => {
  // The test vector of SHA-256 in FIPS 180-2: the digest of "abc" begins with ba7816bf 8f01cfea.
  test('are decided by SHA-256', () => {
    expect(textHash('abc')).toBe(0xba7816bf8f01cfean);
    const share = 0xba7816bf8f01 / 2 ** 48;
    expect(splitOf('abc', share)).toBe('train');
    expect(splitOf('abc', share + 1e-12)).toBe('validation');
  });

  test('hold each text once, in one of them, in its first place', async () => {
    await fc.assert(
      fc.asyncProperty(texts, fractions, async (all, fraction) => {
        const train = await textsOf(all, 'train', fraction);
        const validation = await textsOf(all, 'validation', fraction);
        const distinct = [...new Set(all)];
        expect(train).toEqual(distinct.filter((text) => splitOf(text, fraction) === 'train'));
        expect(validation).toEqual(distinct.filter((text) => splitOf(text, fraction) === 'validation'));
      }),
    );
  });

  test('take the share asked for', () => {
    const count = 20_000;
    const taken = Array.from({ length: count }, (_, index) => splitOf(`document ${index}`, 0.05)).filter(
      (split) => split === 'validation',
    ).length;
    // Four standard deviations of a binomial count; texts are fixed.
    expect(Math.abs(taken - 0.05 * count)).toBeLessThan(4 * Math.sqrt(count * 0.05 * 0.95));
  });

  test('grow with their share: what is held out at 5% is so at 10%', () => {
    fc.assert(
      fc.property(fc.string(), fractions, fractions, (text, a, b) => {
        if (splitOf(text, Math.min(a, b)) === 'validation') {
          expect(splitOf(text, Math.max(a, b))).toBe('validation');
        }
      }),
    );
  });
});
