import { createReadStream } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { ShapelawError } from '../../errors.js';
import type { Corpus, Document } from './corpus.js';

export interface CorpusOptions {
  /** Field of a line of JSON that holds its text. Defaults to `text`. */
  readonly textField?: string;
}

/** Characters of plain text after which a document ends at a blank line. */
const documentLength = 4096;
/** Characters of plain text that a document has at most. */
const longestDocument = 4 * documentLength;
/** Characters of a line of JSON beyond which it is none. */
const longestLine = 64e6;

const inFolder = /\.(txt|jsonl|ndjson)(\.gz)?$/i;
const fileName = /\.(txt|jsonl|ndjson|json)(\.gz)?$/i;

function bad(file: string, problem: string, details: Record<string, unknown> = {}): ShapelawError {
  return new ShapelawError('bad-corpus', `${file} ${problem}`, { file, ...details });
}

/**
 * Text files as a corpus, streamed at each reading: `.txt`, and lines of JSON named `.jsonl`, `.ndjson` or (as C4's files
 * are) `.json`, each also with `.gz`, and folders of them but `.json`, by name, empty files left out. A document of lines of JSON is a line's text. One of a
 * `.txt` ends at the first blank line after 4,096 characters or, where there is none up to 16,384, at the last white space
 * before; a file that is shorter is one document.
 *
 * @throws ShapelawError `unreadable` where a path can't be read; `bad-corpus` for an empty file or folder, binary content, a
 *   name of another ending, and while it is read for a line that is no JSON with a text, or a broken gzip.
 */
export async function openCorpus(paths: readonly string[], options: CorpusOptions = {}): Promise<Corpus> {
  const { textField = 'text' } = options;
  const files = (await Promise.all(paths.map(filesAt))).flat();
  for (const file of files) await checkStart(file);
  return {
    name: paths.map((path) => basename(path)).join('+'),
    async *documents() {
      for (const file of files)
        yield* /\.txt(\.gz)?$/i.test(file) ? plainDocuments(file) : jsonDocuments(file, textField);
    },
  };
}

async function filesAt(path: string): Promise<readonly string[]> {
  const found = await stat(path).catch((error: Error) => {
    throw new ShapelawError('unreadable', `can't read ${path}: ${error.message}`, { path });
  });
  if (!found.isDirectory()) {
    if (!found.isFile()) {
      throw new ShapelawError('unreadable', `${path} is neither a file nor a folder: text is read more than once`, {
        path,
      });
    }
    if (!fileName.test(path)) {
      throw bad(path, 'is of no format that is read here: name it .txt, .jsonl, .ndjson or .json, each also with .gz');
    }
    return [path];
  }
  const entries = await readdir(path, { withFileTypes: true });
  const names = entries
    .filter((entry) => !entry.isDirectory() && inFolder.test(entry.name))
    .map(({ name }) => join(path, name))
    .sort();
  const sizes = await Promise.all(names.map(async (name) => (await stat(name)).size));
  const filled = names.filter((_, index) => sizes[index]! > 0);
  if (filled.length === 0)
    throw bad(path, 'holds no file with text named .txt, .jsonl or .ndjson, also with .gz: name a folder with text');
  return filled;
}

/** Whether the file has content and its first bytes are what its name says. */
async function checkStart(file: string): Promise<void> {
  const handle = await open(file).catch((error: Error) => {
    throw new ShapelawError('unreadable', `can't read ${file}: ${error.message}`, { path: file });
  });
  const start = Buffer.alloc(4096);
  const { bytesRead } = await handle.read(start, 0, start.length, 0).finally(() => handle.close());
  if (bytesRead === 0) throw bad(file, 'is empty: give a file with text');
  const zipped = /\.gz$/i.test(file);
  if (zipped && !(start[0] === 0x1f && start[1] === 0x8b)) throw bad(file, 'is named .gz and is no gzip file');
  if (!zipped && start.subarray(0, bytesRead).includes(0)) throw binary(file, start.indexOf(0));
}

function binary(file: string, byte: number): ShapelawError {
  return bad(file, `holds binary data (byte ${byte}): give plain text in UTF-8`, { byte });
}

/** The text of a file in pieces, checked to be UTF-8 without NUL. */
async function* textOf(file: string): AsyncGenerator<string, void> {
  const source = createReadStream(file, { highWaterMark: 1 << 18 });
  const stream = /\.gz$/i.test(file) ? pipeline(source, createGunzip(), () => {}) : source;
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let at = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      const nul = chunk.indexOf(0);
      if (nul >= 0) throw binary(file, at + nul);
      try {
        yield decoder.decode(chunk, { stream: true });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ERR_ENCODING_INVALID_ENCODED_DATA') throw error;
        const byte = at + invalidByte(chunk);
        throw bad(file, `is not UTF-8 at byte ${byte}: save it as UTF-8`, { byte });
      }
      at += chunk.length;
    }
    decoder.decode();
  } catch (error) {
    if (error instanceof ShapelawError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code?.startsWith('Z_')) throw bad(file, `is no whole gzip file (${message}): write or copy it again`);
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA')
      throw bad(file, 'ends within a character: it is no UTF-8, or cut off');
    throw new ShapelawError('unreadable', `can't read ${file}: ${message}`, { path: file });
  }
}

/** Where a chunk stops being UTF-8; it may begin within a character. */
function invalidByte(chunk: Buffer): number {
  let start = 0;
  while (start < 3 && (chunk[start]! & 0xc0) === 0x80) start += 1;
  // Encoded again, invalid bytes come out as the replacement character's.
  const again = Buffer.from(chunk.subarray(start).toString('utf8'));
  for (let index = 0; start + index < chunk.length; index++) {
    if (again[index] !== chunk[start + index]) return start + index;
  }
  return 0;
}

async function* linesOf(file: string): AsyncGenerator<string, void> {
  // The pieces of a line that has not ended: joined once, for to search a growing text again takes quadratic time.
  let pending: string[] = [];
  let length = 0;
  for await (const text of textOf(file)) {
    const lines = text.split('\n');
    const last = lines.pop()!;
    if (lines.length > 0) {
      yield pending.join('') + lines[0]!;
      for (let index = 1; index < lines.length; index++) yield lines[index]!;
      pending = [];
      length = 0;
    }
    pending.push(last);
    length += last.length;
    if (length > longestLine) throw bad(file, `has a line of over ${longestLine} characters: is it lines of JSON?`);
  }
  if (length > 0) yield pending.join('');
}

async function* jsonDocuments(file: string, textField: string): AsyncGenerator<Document, void> {
  let row = 0;
  for await (const line of linesOf(file)) {
    row += 1;
    if (line.trim() === '') continue;
    const shown = line.length > 60 ? `${line.slice(0, 60)}…` : line;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch (error) {
      throw bad(file, `row ${row} is not JSON (${(error as Error).message}): ${shown}`, { row });
    }
    const text =
      value !== null && typeof value === 'object' ? (value as Record<string, unknown>)[textField] : undefined;
    if (typeof text !== 'string') {
      throw bad(
        file,
        `row ${row} has no text in its field "${textField}": ${shown}; name the field with --text-field`,
        { row },
      );
    }
    if (text.trim() !== '') yield { text, source: `${file}, row ${row}` };
  }
}

async function* plainDocuments(file: string): AsyncGenerator<Document, void> {
  let rest = '';
  let count = 0;
  const document = (text: string): Document => ({ text, source: `${file}, document ${++count}` });
  for await (const text of textOf(file)) {
    rest += text;
    for (let end = documentEnd(rest); end !== undefined; end = documentEnd(rest)) {
      if (rest.slice(0, end).trim() !== '') yield document(rest.slice(0, end));
      rest = rest.slice(end);
    }
  }
  if (rest.trim() !== '') yield document(rest);
}

/** Where a document ends; undefined where more text decides it. Only the first 16,384 characters count, however text comes. */
function documentEnd(text: string): number | undefined {
  if (text.length < documentLength) return undefined;
  const blank = /\r?\n[ \t]*\r?\n/g;
  blank.lastIndex = documentLength;
  const found = blank.exec(text);
  if (found !== null && blank.lastIndex <= longestDocument) return blank.lastIndex;
  if (text.length <= longestDocument) return undefined;
  const space = text.slice(0, longestDocument).search(/\s\S*$/);
  if (space > 0) return space + 1;
  // Not between the halves of a character outside the basic plane.
  return /[\uDC00-\uDFFF]/.test(text[longestDocument]!) ? longestDocument - 1 : longestDocument;
}
