/** Text to ids and back. Ids of special tokens are none that `encode` gives. */
export interface Tokenizer {
  /** As run records name it: losses per token compare within one tokenizer only. */
  readonly name: string;
  /** Number of ids, sentinels included: a model's vocabulary has at least as many rows. */
  readonly vocab: number;
  readonly pad: number;
  /** End of a sequence. */
  readonly eos: number;
  /** How many sentinels there are. */
  readonly sentinels: number;
  /** The id of `<extra_id_INDEX>`, which stands for a removed span. */
  sentinel(index: number): number;
  /** Ids of a text, without special tokens. */
  encode(text: string): Int32Array;
  /** The text of ids; special tokens give none. */
  decode(ids: Iterable<number>): string;
}

const firstByte = 3;
const byteSentinels = 125;
const byteVocab = firstByte + 256 + byteSentinels;

/**
 * ByT5's tokens (Xue et al. 2022): ids 0 to 2 are padding, end of sequence and unknown, byte b is b + 3, and 125 sentinels
 * fill the vocabulary up to 384. Sentinels count down from the last id, as T5's preprocessing takes them
 * (`sentinel_id` in t5/data/preprocessors.py).
 */
export const byteTokenizer: Tokenizer = {
  name: 'bytes',
  vocab: byteVocab,
  pad: 0,
  eos: 1,
  sentinels: byteSentinels,
  sentinel: (index) => byteVocab - 1 - index,
  encode(text) {
    const bytes = Buffer.from(text, 'utf8');
    const ids = new Int32Array(bytes.length);
    for (let index = 0; index < bytes.length; index++) ids[index] = bytes[index]! + firstByte;
    return ids;
  },
  decode(ids) {
    const bytes: number[] = [];
    for (const id of ids) if (id >= firstByte && id < firstByte + 256) bytes.push(id - firstByte);
    return Buffer.from(bytes).toString('utf8');
  },
};
