import { createHash } from 'node:crypto';
import type { Corpus, Document } from './corpus.js';

export type Split = 'train' | 'validation';

/** The first eight bytes of the SHA-256 of a text in UTF-8, the first byte highest. */
export function textHash(text: string): bigint {
  return createHash('sha256').update(text).digest().readBigUInt64BE();
}

function splitOfHash(hash: bigint, validationFraction: number): Split {
  return Number(hash >> 16n) < validationFraction * 2 ** 48 ? 'validation' : 'train';
}

/**
 * The split of a text, by a hash of the text alone: the same on every machine and in every order, so that no copy of a
 * text trained on is evaluated on. Texts that differ in a single character count as two.
 *
 * @param validationFraction - Share of the documents for validation, in (0, 1).
 */
export function splitOf(text: string, validationFraction: number): Split {
  return splitOfHash(textHash(text), validationFraction);
}

/**
 * The documents of a split, each text once. The 64-bit hashes of the split's texts are kept, some 50 bytes of memory a
 * document; the chance that any of ten million documents is lost to a collision is one in 370,000.
 *
 * @param validationFraction - Share of the documents for validation, in (0, 1).
 */
export async function* uniqueDocuments(
  corpus: Corpus,
  split: Split,
  validationFraction: number,
): AsyncGenerator<Document, void> {
  const seen = new Set<bigint>();
  for await (const document of corpus.documents()) {
    const hash = textHash(document.text);
    if (splitOfHash(hash, validationFraction) !== split || seen.has(hash)) continue;
    seen.add(hash);
    yield document;
  }
}
