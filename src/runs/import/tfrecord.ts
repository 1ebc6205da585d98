import { ShapelawError } from '../../errors.js';
import { maskedCrc32c } from './crc32c.js';

/** One record of a TFRecord file. */
export interface TfRecord {
  /** Bytes of the file before it. */
  readonly offset: number;
  readonly data: Uint8Array;
}

const headerBytes = 12;
const footerBytes = 4;

/**
 * Reads the records of a TFRecord file: for each a length (uint64, little-endian), its masked CRC-32C, the data, and theirs
 * (tensorflow/core/lib/io/record_writer.h; TensorBoard's `tensorflow_stub/pywrap_tensorflow.py` reads the same).
 *
 * @returns the whole records, and the offset of a last one that is cut off, as a writer that was killed leaves it; null
 *   where none is.
 * @throws ShapelawError `unreadable`, with the offset of a record whose length or data is not what its checksum says.
 */
export function readTfRecords(
  bytes: Uint8Array,
  source: string,
): { readonly records: readonly TfRecord[]; readonly cutAt: number | null } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const records: TfRecord[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    if (bytes.length - offset < headerBytes) return { records, cutAt: offset };
    requireChecksum(bytes.subarray(offset, offset + 8), view.getUint32(offset + 8, true), 'length', offset, source);
    const length = Number(view.getBigUint64(offset, true));
    const start = offset + headerBytes;
    if (length > bytes.length - start - footerBytes) return { records, cutAt: offset };
    const data = bytes.subarray(start, start + length);
    requireChecksum(data, view.getUint32(start + length, true), 'data', offset, source);
    records.push({ offset, data });
    offset = start + length + footerBytes;
  }
  return { records, cutAt: null };
}

function requireChecksum(bytes: Uint8Array, stored: number, part: string, offset: number, source: string): void {
  if (maskedCrc32c(bytes) === stored) return;
  throw new ShapelawError(
    'unreadable',
    `${source}, offset ${offset}: the ${part} of this record is not what its checksum says, so that the file is damaged ` +
      'from here on, or no file of TensorBoard; copy it again',
    { file: source, offset, part },
  );
}
