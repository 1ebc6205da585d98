export { type Batch, type TextOptions, trainBatches, type ValidationSet, validationSet } from './batches.js';
export type { Corpus, Document } from './corpus.js';
export { embeddedCorpus } from './embedded-corpus.js';
export { type CorpusOptions, openCorpus } from './open-corpus.js';
export { openTokenizer } from './open-tokenizer.js';
export { type Random, randomStream, randomWords } from './random.js';
export { type CorruptedText, corruptSpans, restoreText } from './span-corruption.js';
export { type Split, splitOf, uniqueDocuments } from './split.js';
export { byteTokenizer, type Tokenizer } from './tokenizer.js';
