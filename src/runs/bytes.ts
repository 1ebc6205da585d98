import { isUtf8 } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { ShapelawError } from '../errors.js';

/** The error of a file that can't be read; the message completes its name to a sentence. */
export function unreadable(file: string, message: string): ShapelawError {
  return new ShapelawError('unreadable', `${file} ${message}`, { file });
}

const fileProblems: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist; check the path',
  EISDIR: 'is a folder; name the file of runs in it',
  EACCES: 'may not be read; check its permissions',
};

/** @throws ShapelawError `unreadable`. */
export async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw unreadable(path, fileProblems[code ?? ''] ?? `could not be read: ${message}`);
  }
}

/**
 * Text of UTF-8 bytes, unzipped where `zipped`.
 *
 * @throws ShapelawError `unreadable` where they are no whole gzip file or no UTF-8.
 */
export async function decodeText(bytes: Uint8Array, zipped: boolean, source: string): Promise<string> {
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
