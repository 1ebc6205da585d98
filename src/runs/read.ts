import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { ShapelawError } from '../errors.js';
import type { RawRow } from './cells.js';
import { parseDelimited } from './csv.js';
import { parseJsonLines, parseJsonList } from './json.js';
import { parseParquet } from './parquet.js';
import { buildPoints, type PointOptions, type PointTable } from './points.js';
import { buildRunTable, type RunTable, type RunTableOptions } from './table.js';

type TextParser = (text: string, source: string) => RawRow[] | Promise<RawRow[]>;

const textFormats: ReadonlyMap<string, TextParser> = new Map<string, TextParser>([
  ['csv', (text, source) => parseDelimited(text, ',', source)],
  ['tsv', (text, source) => parseDelimited(text, '\t', source)],
  ['jsonl', parseJsonLines],
  ['ndjson', parseJsonLines],
  ['json', parseJsonList],
]);

function unreadable(file: string, message: string): ShapelawError {
  return new ShapelawError('unreadable', `${file} ${message}`, { file });
}

async function decodeText(bytes: Uint8Array, zipped: boolean, source: string): Promise<string> {
  let plain = bytes;
  if (zipped) {
    try {
      plain = await promisify(gunzip)(bytes);
    } catch (error) {
      throw unreadable(source, `is not a whole gzip file (${(error as Error).message}); write or copy it again`);
    }
  }
  if (!isUtf8(plain)) throw unreadable(source, 'is not UTF-8 text; save it as UTF-8');
  return new TextDecoder().decode(plain);
}

async function parseRows(bytes: Uint8Array, source: string): Promise<RawRow[]> {
  const [, extension, zip] = /\.([a-z]+)(\.gz)?$/i.exec(source) ?? [];
  const format = extension?.toLowerCase() ?? '';
  const parseText = textFormats.get(format);
  if (parseText === undefined && (format !== 'parquet' || zip !== undefined)) {
    throw unreadable(
      source,
      `is of no format that is read here: name it ${[...textFormats.keys()].map((name) => `.${name}`).join(', ')} (each also with .gz) or .parquet`,
    );
  }
  if (bytes.length === 0) throw unreadable(source, 'is empty; write or copy it again');
  if (parseText === undefined) return parseParquet(bytes, source);
  return parseText(await decodeText(bytes, zip !== undefined, source), source);
}

/**
 * Reads a table of runs from the bytes of a file.
 *
 * @param fileName decides the format by its ending: .csv, .tsv, .jsonl, .ndjson, .json (a list), each also with .gz, or .parquet.
 * @throws ShapelawError `unreadable`, and all that `buildRunTable` throws.
 */
export async function parseRunTable(
  bytes: Uint8Array,
  fileName: string,
  options: RunTableOptions = {},
): Promise<RunTable> {
  const rows = await parseRows(bytes, fileName);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return buildRunTable(rows, { ...options, source: fileName, sha256 });
}

const fileProblems: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist; check the path',
  EISDIR: 'is a folder; name the file of runs in it',
  EACCES: 'may not be read; check its permissions',
};

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw unreadable(path, fileProblems[code ?? ''] ?? `could not be read: ${message}`);
  }
}

/**
 * Reads a table of runs from a file.
 *
 * @param path of the file; see `parseRunTable` for its ending.
 * @throws ShapelawError `unreadable`, and all that `buildRunTable` throws.
 */
export async function readRunTable(path: string, options: RunTableOptions = {}): Promise<RunTable> {
  return parseRunTable(await readBytes(path), path, options);
}

/**
 * Reads points from a file of the same formats and columns as a table of runs; see `buildPoints`.
 *
 * @throws ShapelawError `unreadable`, and all that `buildPoints` throws.
 */
export async function readPoints(path: string, options: PointOptions): Promise<PointTable> {
  return buildPoints(await parseRows(await readBytes(path), path), { ...options, source: path });
}
