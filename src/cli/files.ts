import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { ShapelawError } from '../errors.js';

/**
 * Reads a text file.
 *
 * @throws ShapelawError `unreadable`.
 */
export async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new ShapelawError('unreadable', `can't read ${path}: ${(error as Error).message}`, { path });
  }
}

/**
 * Writes a file aside and renames it, so that its name never holds a part of it.
 *
 * @throws ShapelawError `write-failed`.
 */
export async function writeWhole(path: string, text: string): Promise<void> {
  const aside = `${path}.${process.pid}.partial`;
  try {
    await writeFile(aside, text, { flag: 'wx' });
    await rename(aside, path);
  } catch (error) {
    await rm(aside, { force: true });
    throw new ShapelawError('write-failed', `can't write ${path}: ${(error as Error).message}`, { path });
  }
}
