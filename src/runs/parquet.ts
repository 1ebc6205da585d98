import { ShapelawError } from '../errors.js';
import type { RawRow } from './cells.js';
import { flatCells } from './flat-cells.js';

/**
 * Reads a Parquet file, under any compression.
 *
 * @throws ShapelawError `unreadable` where it is not a whole Parquet file, two columns have one name, or a column but `scores`
 *   is nested.
 */
export async function parseParquet(bytes: Uint8Array, source: string): Promise<RawRow[]> {
  const { parquetMetadata, parquetReadObjects, parquetSchema } = await import('hyparquet');
  const { compressors } = await import('hyparquet-compressors');
  const file = new Uint8Array(bytes).buffer;
  let names: readonly string[];
  let records: readonly Record<string, unknown>[];
  try {
    const metadata = parquetMetadata(file);
    names = parquetSchema(metadata).children.map(({ element }) => element.name);
    records = await parquetReadObjects({ file, metadata, compressors });
  } catch (error) {
    throw new ShapelawError(
      'unreadable',
      `${source} is not a whole Parquet file (${(error as Error).message}); write or copy it again`,
      { file: source },
    );
  }
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    throw new ShapelawError('unreadable', `${source} has two columns named "${twice}": rename or remove one`, {
      file: source,
      column: twice,
    });
  }
  return records.map((record, index) => ({ row: index + 1, cells: flatCells(record, `${source}, row ${index + 1}`) }));
}
