import { ShapelawError } from '../errors.js';
import type { RawRow } from './cells.js';

const lineFeed = 0x0a;
const carriageReturn = 0x0d;

/**
 * Counts lines along bytes that are visited from left to right. CSV needs it because the parser's own line numbers count a
 * quoted CRLF twice, and name the last line of a record where a reader looks for the first.
 */
function lineCounter(bytes: Uint8Array) {
  let position = 0;
  let line = 1;
  const breakLength = () => {
    const byte = bytes[position];
    if (byte === lineFeed) return 1;
    if (byte === carriageReturn) return bytes[position + 1] === lineFeed ? 2 : 1;
    return 0;
  };
  return {
    /** The line of the next byte that is not a line break. */
    nextLine(): number {
      for (let length = breakLength(); length > 0; length = breakLength()) {
        position += length;
        line++;
      }
      return line;
    },
    advanceTo(end: number): void {
      while (position < end) {
        const length = breakLength();
        if (length > 0) line++;
        position += Math.max(length, 1);
      }
    },
  };
}

function headerOf(cells: readonly string[], source: string): readonly string[] {
  const header = cells.map((name) => name.trim());
  const twice = header.find((name, index) => header.indexOf(name) !== index);
  if (twice !== undefined) {
    throw new ShapelawError('unreadable', `${source} has two columns named "${twice}": rename or remove one`, {
      file: source,
      column: twice,
    });
  }
  return header;
}

/**
 * Reads delimited text: a header, then one record a line (quoted cells may hold line breaks). Blank lines are skipped, and
 * spaces around the header's names.
 *
 * @throws ShapelawError `unreadable` where there is no header, two columns have one name, a record has another number of cells
 *   than the header, or quotes are broken.
 */
export async function parseDelimited(text: string, delimiter: ',' | '\t', source: string): Promise<RawRow[]> {
  const { parse, CsvError } = await import('csv-parse/sync');
  const bytes = Buffer.from(text);
  const lines = lineCounter(bytes);
  const rows: RawRow[] = [];
  let header: readonly string[] | undefined;

  const onRecord = (record: string[], { bytes: end }: { readonly bytes: number }) => {
    const row = lines.nextLine();
    lines.advanceTo(end);
    if (header === undefined) {
      header = headerOf(record, source);
    } else if (record.length !== header.length) {
      throw new ShapelawError(
        'unreadable',
        `${source}, line ${row}: ${record.length} cells under a header of ${header.length}; correct the line, and quote cells ` +
          `that hold ${delimiter === ',' ? 'a comma' : 'a tab'}`,
        { file: source, row, cells: record.length, expected: header.length },
      );
    } else {
      rows.push({ row, cells: Object.fromEntries(header.map((name, index) => [name, record[index]])) });
    }
    return null;
  };
  try {
    parse(bytes, {
      delimiter,
      record_delimiter: ['\r\n', '\n', '\r'],
      skip_empty_lines: true,
      relax_column_count: true,
      on_record: onRecord,
    });
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const row = lines.nextLine();
    throw new ShapelawError(
      'unreadable',
      `${source}, record that begins on line ${row}: ${error.message}; quote a cell as "..." and write a quote in it as ""`,
      { file: source, row },
    );
  }
  if (header === undefined) {
    throw new ShapelawError('unreadable', `${source} has no header: its first line must name the columns`, {
      file: source,
    });
  }
  return rows;
}
