import { createHash } from 'node:crypto';
import { decodeText, readBytes, unreadable } from './bytes.js';
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
