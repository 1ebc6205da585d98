import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { ShapelawError } from '../../errors.js';
import { tokenizerOfSentencePiece } from './sentencepiece.js';
import { textParts } from './text-parts.js';
import { byteTokenizer, type Tokenizer } from './tokenizer.js';

/** Sentinels that a tokenizer without any gets above its vocabulary, as many as T5 has. */
const addedSentinels = 100;

const sentencePieceName = /\.(model|spm)$/i;

const endNames = ['</s>', '<|endoftext|>', '<eos>', '<|end_of_text|>', '[SEP]'];
const padNames = ['<pad>', '[PAD]', '<|padding|>'];

/** What is read of a tokenizer.json here; the library that encodes reads the rest. */
const tokenizerFile = z.looseObject({
  model: z.looseObject({
    unk_token: z.string().nullish(),
    vocab: z.union([z.array(z.tuple([z.string(), z.number()])), z.record(z.string(), z.int().nonnegative())]),
  }),
  added_tokens: z
    .array(z.looseObject({ id: z.int().nonnegative(), content: z.string(), special: z.boolean().optional() }))
    .default([]),
});
type TokenizerFile = z.infer<typeof tokenizerFile>;

function bad(file: string, problem: string): ShapelawError {
  return new ShapelawError('bad-tokenizer', `${file} ${problem}`, { file });
}

async function readTokenizer(file: string): Promise<{ readonly value: TokenizerFile; readonly hash: string }> {
  const bytes = await readFile(file).catch((error: Error) => {
    throw new ShapelawError('unreadable', `can't read ${file}: ${error.message}`, { path: file });
  });
  const json = sentencePieceName.test(file) ? fromSentencePiece(file, bytes) : parsed(file, bytes);
  const { data, error } = tokenizerFile.safeParse(json);
  if (error !== undefined) {
    const issue = error.issues[0]!;
    throw bad(
      file,
      `is no tokenizer (${issue.path.join('.') || 'the file'}: ${issue.message}): give a Hugging Face tokenizer.json`,
    );
  }
  return { value: data, hash: createHash('sha256').update(bytes).digest('hex') };
}

function parsed(file: string, bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw bad(file, `is not JSON (${(error as Error).message}): give a Hugging Face tokenizer.json`);
  }
}

function fromSentencePiece(file: string, bytes: Buffer): unknown {
  const read = tokenizerOfSentencePiece(bytes);
  if ('json' in read) return read.json;
  const advice =
    'give the tokenizer.json of the same model, which AutoTokenizer.from_pretrained(MODEL).save_pretrained(FOLDER) of transformers writes';
  throw bad(file, `is no SentencePiece model that is read here: ${read.problem}; ${advice}`);
}

/** Every token's id. */
function idsOf({ model, added_tokens }: TokenizerFile): ReadonlyMap<string, number> {
  const vocab: readonly (readonly [string, number])[] = Array.isArray(model.vocab)
    ? model.vocab.map(([token], id) => [token, id])
    : Object.entries(model.vocab);
  return new Map([...vocab, ...added_tokens.map(({ content, id }) => [content, id] as const)]);
}

/**
 * The tokenizer with some tokens that no text gives. As the file has it, a text that spells `</s>` or `<extra_id_0>` would end a
 * sequence or mark a span; here it spells them in other tokens.
 */
function withoutTokens(value: TokenizerFile, kept: ReadonlySet<number>): TokenizerFile {
  const { model, added_tokens } = value;
  return {
    ...value,
    added_tokens: added_tokens.filter(({ id }) => !kept.has(id)),
    model: {
      ...model,
      // Half a surrogate pair matches no text, for `encode` makes texts well-formed.
      vocab: Array.isArray(model.vocab)
        ? model.vocab.map(([token, score], id): [string, number] => [kept.has(id) ? `\uD800${token}` : token, score])
        : model.vocab,
    },
  };
}

/**
 * The tokenizer of a Hugging Face `tokenizer.json`, of the folder that holds one, or of a unigram model of SentencePiece
 * (`.model`), as T5's `spiece.model`; `bytes` is `byteTokenizer`. Its name is the file's, or its folder's, and eight digits of the hash of the content.
 *
 * Sentinels are `<extra_id_0>` and so on, as T5 names them; a tokenizer without them gets 100 ids above its vocabulary,
 * counted down from the last. Where no token ends a sequence, one more id does; where none pads, the end does.
 *
 * Ids are those of Hugging Face's own library but where a text spells special tokens, which are text here, and for
 * SentencePiece's rules of normalisation (T5's), which @huggingface/tokenizers approximates: zero-width joiners, in emoji for
 * one, become spaces. `encode` takes texts of over 4,096 characters in parts; see `textParts`.
 *
 * @throws ShapelawError `unreadable`; `bad-tokenizer` for a file that is neither, and by `encode` where a text
 *   has a character that the vocabulary lacks without a token for the unknown.
 */
export async function openTokenizer(path: string): Promise<Tokenizer> {
  if (path === 'bytes') return byteTokenizer;
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  const file = isFolder ? join(path, 'tokenizer.json') : path;
  const { value, hash } = await readTokenizer(file);
  const ids = idsOf(value);
  const named = (names: readonly string[]) => names.map((name) => ids.get(name)).find((id) => id !== undefined);
  const own = [...ids.values()].reduce((largest, id) => Math.max(largest, id), -1) + 1;
  if (own === 0) throw bad(file, 'has an empty vocabulary: give one with tokens');

  const foundEos = named(endNames);
  const eos = foundEos ?? own;
  const pad = named(padNames) ?? eos;
  const sentinels: number[] = [];
  for (let id = ids.get('<extra_id_0>'); id !== undefined; id = ids.get(`<extra_id_${sentinels.length}>`)) {
    sentinels.push(id);
  }
  let vocab = foundEos === undefined ? own + 1 : own;
  if (sentinels.length === 0) {
    vocab += addedSentinels;
    for (let index = 0; index < addedSentinels; index++) sentinels.push(vocab - 1 - index);
  }
  const special = new Set([
    // A text that spells the token for the unknown may well give it, and some models have it nowhere else.
    ...value.added_tokens
      .filter(({ special, content }) => special === true && content !== value.model.unk_token)
      .map(({ id }) => id),
    eos,
    pad,
    ...sentinels,
  ]);

  const { Tokenizer: HuggingFaceTokenizer } = await import('@huggingface/tokenizers');
  let inner: InstanceType<typeof HuggingFaceTokenizer>;
  try {
    inner = new HuggingFaceTokenizer(withoutTokens(value, special), {});
    inner.encode('a', { add_special_tokens: false });
  } catch (error) {
    throw bad(file, `is no tokenizer that is read here: ${(error as Error).message}`);
  }
  const encodePart = (part: string): readonly number[] => {
    const encoded = inner.encode(part, { add_special_tokens: false });
    const missing = encoded.ids.findIndex((id: unknown) => !Number.isInteger(id));
    if (missing >= 0) {
      throw bad(
        file,
        `has no id for ${JSON.stringify(encoded.tokens[missing])} and no token for the unknown: give a tokenizer that has one`,
      );
    }
    return encoded.ids;
  };
  // Texts are taken in parts, cut before a space.
  const idsFor = (text: string) => inner.encode(text, { add_special_tokens: false }).ids;
  if (idsFor('one two').join() !== [...idsFor('one'), ...idsFor(' two')].join()) {
    throw bad(
      file,
      'marks the beginning of each text (as that of Llama 2), and texts are cut here: give another tokenizer',
    );
  }
  const folder =
    basename(file) === 'tokenizer.json'
      ? basename(dirname(resolve(file)))
      : basename(file).replace(/\.(json|model|spm)$/i, '');
  return {
    name: `${folder || 'tokenizer'}-${hash.slice(0, 8)}`,
    vocab,
    pad,
    eos,
    sentinels: sentinels.length,
    sentinel: (index) => sentinels[index]!,
    encode(text) {
      const encoded: number[] = [];
      for (const part of textParts(Buffer.from(text, 'utf8').toString('utf8'))) {
        for (const id of encodePart(part)) encoded.push(id);
      }
      return Int32Array.from(encoded);
    },
    decode(tokens) {
      const plain = [...tokens].filter((id) => id < own && !special.has(id));
      return plain.length === 0 ? '' : inner.decode(plain, { clean_up_tokenization_spaces: false });
    },
  };
}
