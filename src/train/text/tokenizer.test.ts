import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import expected from '../../../fixtures/tokenizers/expected.json' with { type: 'json' };
import { openTokenizer } from './open-tokenizer.js';
import { byteTokenizer, type Tokenizer } from './tokenizer.js';

const fixture = (name: string) => fileURLToPath(new URL(`../../../fixtures/tokenizers/${name}.json`, import.meta.url));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tokenizer-'));
});
afterAll(() => rm(folder, { recursive: true }));

interface EditableTokenizer {
  normalizer: unknown;
  pre_tokenizer: unknown;
  model: { type: string; vocab: unknown; unk_id?: number | null; unk_token?: string | null };
  added_tokens: { id: number; content: string; special: boolean }[];
}

/** A fixture with changes, as a file of its own. */
async function edited(name: string, file: string, edit: (value: EditableTokenizer) => void): Promise<string> {
  const value = JSON.parse(await readFile(fixture(name), 'utf8')) as EditableTokenizer;
  edit(value);
  await writeFile(join(folder, file), JSON.stringify(value));
  return join(folder, file);
}

const refusal = (code: string, message: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });

describe('byteTokenizer', () => {
  // ByT5: three special ids, 256 bytes, 125 sentinels that count down from the last (google-research/byt5; sentinel_id in
  // t5/data/preprocessors.py).
  test("has ByT5's ids", () => {
    expect(byteTokenizer).toMatchObject({ name: 'bytes', vocab: 384, pad: 0, eos: 1, sentinels: 125 });
    expect([0, 1, 124].map((index) => byteTokenizer.sentinel(index))).toEqual([383, 382, 259]);
    expect([...byteTokenizer.encode('a€')]).toEqual([97 + 3, 0xe2 + 3, 0x82 + 3, 0xac + 3]);
  });

  test('gives every text back, a token a byte', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const ids = byteTokenizer.encode(text);
        expect(ids.length).toBe(Buffer.byteLength(text));
        expect(byteTokenizer.decode([...ids, byteTokenizer.eos, byteTokenizer.sentinel(0)])).toBe(text);
      }),
    );
  });
});

describe('openTokenizer', () => {
  test('knows bytes by name', async () => {
    expect(await openTokenizer('bytes')).toBe(byteTokenizer);
  });

  describe.each(['t5', 'byte-level-bpe'] as const)('%s', (name) => {
    let tokenizer: Tokenizer;
    beforeAll(async () => {
      tokenizer = await openTokenizer(fixture(name));
    });

    // Ids by the Python library of Hugging Face; see fixtures/tokenizers.
    test.each(expected.texts.map((text, index) => [text, expected[name].ids[index]!, expected[name].decoded[index]!]))(
      'encodes %j as Hugging Face does',
      (text, ids, decoded) => {
        expect([...tokenizer.encode(text)]).toEqual(ids);
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(decoded);
      },
    );

    test('encodes a long text as its beginnings', () => {
      const sentence = 'We the people of the United States, in order to form a more perfect union. ';
      const long = tokenizer.encode(sentence.repeat(3000).trimEnd());
      const short = tokenizer.encode(sentence.repeat(20));
      expect(long.subarray(0, short.length - 5)).toEqual(short.subarray(0, -5));
      expect(tokenizer.decode(long)).toBe(sentence.repeat(3000).trimEnd());
    });

    test('decodes the spaces that there were', () => {
      const text = "wait , it is n't so .";
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
    });

    test('gives special ids for no text', () => {
      const special = new Set([tokenizer.pad, tokenizer.eos]);
      for (let index = 0; index < tokenizer.sentinels; index++) special.add(tokenizer.sentinel(index));
      for (const text of ['</s>', 'a</s> b', '<pad>', '<extra_id_0> and <extra_id_99>', '<|endoftext|>']) {
        const ids = tokenizer.encode(text);
        expect(ids.filter((id) => special.has(id))).toEqual(new Int32Array());
        expect(ids.length).toBeGreaterThan(3);
      }
      expect(tokenizer.decode([...special])).toBe('');
    });

    test('takes half a surrogate pair for an unknown character', () => {
      expect(tokenizer.encode('a\uD800</s>')).toEqual(tokenizer.encode('a\uFFFD</s>'));
    });
  });

  test("has T5's special ids", async () => {
    const tokenizer = await openTokenizer(fixture('t5'));
    expect(tokenizer).toMatchObject({ vocab: expected.t5.vocab, pad: 0, eos: 1, sentinels: 100 });
    expect(tokenizer.sentinel(0)).toBe(499);
    expect(tokenizer.sentinel(99)).toBe(400);
    expect(tokenizer.name).toMatch(/^t5-[0-9a-f]{8}$/);
  });

  test('puts sentinels above a vocabulary without any', async () => {
    const tokenizer = await openTokenizer(fixture('byte-level-bpe'));
    expect(tokenizer).toMatchObject({ vocab: expected['byte-level-bpe'].vocab + 100, pad: 0, eos: 0, sentinels: 100 });
    expect([tokenizer.sentinel(0), tokenizer.sentinel(99)]).toEqual([599, 500]);
    // The last token of the vocabulary is text still.
    expect(tokenizer.decode([499])).not.toBe('');
  });

  test('adds an id for an end of sequence that is missing', async () => {
    const path = await edited('byte-level-bpe', 'endless.json', (value) => {
      value.added_tokens = [];
      const vocab = value.model.vocab as Record<string, number>;
      delete vocab['<|endoftext|>'];
    });
    expect(await openTokenizer(path)).toMatchObject({ vocab: 601, eos: 500, pad: 500, sentinels: 100 });
  });

  test('reads the folder of a tokenizer.json, and is named after folder and content', async () => {
    await mkdir(join(folder, 'small'));
    await copyFile(fixture('t5'), join(folder, 'small', 'tokenizer.json'));
    const fromFolder = await openTokenizer(join(folder, 'small'));
    const fromFile = await openTokenizer(fixture('t5'));
    expect(fromFolder.name).toBe(fromFile.name.replace('t5', 'small'));
    const other = await edited('t5', 't5.json', (value) => {
      value.added_tokens.pop();
    });
    expect((await openTokenizer(other)).name).not.toBe(fromFile.name);
  });

  test.each([
    ['not JSON', 'text.json', 'hello', 'bad-tokenizer', /text\.json is not JSON/],
    ['without a model', 'config.json', '{"vocab_size": 3}', 'bad-tokenizer', /no tokenizer \(model: /],
    ['of an empty vocabulary', 'empty.json', '{"model": {"vocab": []}}', 'bad-tokenizer', /empty vocabulary/],
    [
      'without a part',
      'part.json',
      '{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}}',
      'bad-tokenizer',
      /is no tokenizer that is read here: .*decoder/,
    ],
  ])('refuses a file %s', async (_, file, content, code, message) => {
    await writeFile(join(folder, file), content);
    await expect(openTokenizer(join(folder, file))).rejects.toThrow(refusal(code, message));
  });

  test('refuses a file that is missing', async () => {
    await expect(openTokenizer(join(folder, 'none.json'))).rejects.toThrow(refusal('unreadable', /none\.json: ENOENT/));
  });

  test('refuses one that marks the beginning of each text, as that of Llama 2', async () => {
    const path = await edited('t5', 'marking.json', (value) => {
      const spaces = { type: 'Replace', pattern: { String: ' ' }, content: '▁' };
      value.normalizer = { type: 'Sequence', normalizers: [{ type: 'Prepend', prepend: '▁' }, spaces] };
      value.pre_tokenizer = null;
    });
    await expect(openTokenizer(path)).rejects.toThrow(refusal('bad-tokenizer', /beginning of each text/));
  });

  test('refuses a character without an id', async () => {
    const path = await edited('t5', 'known.json', (value) => {
      value.model.unk_id = null;
      value.model.vocab = [
        ['</s>', 0],
        ['▁', -1],
        ['a', -2],
      ];
      value.added_tokens = [];
    });
    const tokenizer = await openTokenizer(path);
    expect([...tokenizer.encode('a')]).toEqual([1, 2]);
    expect(() => tokenizer.encode('b')).toThrow(refusal('bad-tokenizer', /no id for "b"/));
  });
});
