import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PbfWriter } from 'pbf';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import expected from '../../../fixtures/tokenizers/spiece.json' with { type: 'json' };
import { openTokenizer } from './open-tokenizer.js';
import type { Tokenizer } from './tokenizer.js';

const fixture = fileURLToPath(new URL('../../../fixtures/tokenizers/spiece.model', import.meta.url));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sentencepiece-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('a unigram model', () => {
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    tokenizer = await openTokenizer(fixture);
  });

  // Ids by SentencePiece itself; see fixtures/tokenizers.
  test.each(expected.texts.map((text, index) => [text, expected.ids[index]!]))(
    'encodes %j as SentencePiece does',
    (text, ids) => {
      expect([...tokenizer.encode(text)]).toEqual(ids);
    },
  );

  test('has the special ids of T5, sentinels above its pieces', () => {
    expect(tokenizer).toMatchObject({ vocab: 500, pad: 0, eos: 1, sentinels: 100 });
    expect([tokenizer.sentinel(0), tokenizer.sentinel(99)]).toEqual([499, 400]);
    expect(tokenizer.name).toMatch(/^spiece-[0-9a-f]{8}$/);
  });

  test('gives a text back', () => {
    const index = expected.texts.length - 1;
    expect(tokenizer.decode(tokenizer.encode(expected.texts[index]!))).toBe(expected.decoded[index]);
  });
});

describe('refused, with what to give instead, is', () => {
  /** A model of two pieces, with fields of its trainer and of its normaliser. */
  function modelWith(
    trainer: (pbf: PbfWriter) => void,
    normalizer: (pbf: PbfWriter) => void,
    kinds = [2, 1],
  ): Uint8Array {
    const pbf = new PbfWriter();
    for (const [index, kind] of kinds.entries()) {
      pbf.writeMessage(
        1,
        () => {
          pbf.writeStringField(1, `piece ${index}`);
          pbf.writeFloatField(2, -index);
          pbf.writeVarintField(3, kind);
        },
        undefined,
      );
    }
    pbf.writeMessage(2, () => trainer(pbf), undefined);
    pbf.writeMessage(3, () => normalizer(pbf), undefined);
    return pbf.finish();
  }
  const nothing = () => {};
  const nfkc = (pbf: PbfWriter) => pbf.writeStringField(1, 'nmt_nfkc');

  test.each<[string, Uint8Array, RegExp]>([
    ['a BPE model', modelWith((pbf) => pbf.writeVarintField(3, 2), nfkc), /no unigram model/],
    ['one with bytes', modelWith((pbf) => pbf.writeBooleanField(35, true), nfkc), /falls back to bytes/],
    [
      'one that keeps spaces',
      modelWith(nothing, (pbf) => {
        nfkc(pbf);
        pbf.writeBooleanField(4, false);
      }),
      /treats spaces otherwise/,
    ],
    ['one of other rules', modelWith(nothing, (pbf) => pbf.writeStringField(1, 'nmt_nfkc_cf')), /"nmt_nfkc_cf"/],
    ['one with symbols of its user', modelWith(nothing, nfkc, [2, 4]), /symbols of its user/],
    ['one without the unknown', modelWith(nothing, nfkc, [1, 1]), /0 pieces for the unknown/],
    ['an empty file', new Uint8Array(), /no pieces/],
    ['another kind of file', new TextEncoder().encode('hello, this is a text'), /SentencePiece model/],
  ])('%s', async (_, bytes, message) => {
    const path = join(folder, 'other.model');
    await writeFile(path, bytes);
    const refused = expect(openTokenizer(path)).rejects;
    await refused.toMatchObject({ code: 'bad-tokenizer', message: expect.stringMatching(message) });
    await expect(openTokenizer(path)).rejects.toThrow(/give the tokenizer\.json of the same model/);
  });

  test('one that is cut off', async () => {
    const path = join(folder, 'cut.model');
    const whole = await readFile(fixture);
    await writeFile(path, whole.subarray(0, whole.length / 2));
    await expect(openTokenizer(path)).rejects.toMatchObject({ code: 'bad-tokenizer' });
  });
});
