import { readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
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
 * Reads a file of JSON.
 *
 * @throws ShapelawError `unreadable`.
 */
export async function readJson(path: string): Promise<unknown> {
  const text = await readText(path);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ShapelawError('unreadable', `${path} is not JSON: ${(error as Error).message}`, { path });
  }
}

/**
 * Writes a file aside and renames it, so that its name never holds a part of it. A link stays one, and a device or a pipe
 * such as /dev/stdout, which a rename would replace, takes the text itself.
 *
 * @throws ShapelawError `write-failed`.
 */
export async function writeWhole(path: string, text: string): Promise<void> {
  const target = await realpath(path).catch(() => path);
  const aside = `${target}.${process.pid}.partial`;
  try {
    const isFile = await stat(target).then(
      (found) => found.isFile(),
      () => true,
    );
    if (!isFile) return await writeFile(target, text);
    await writeFile(aside, text, { flag: 'wx' });
    await rename(aside, target);
  } catch (error) {
    await rm(aside, { force: true });
    throw new ShapelawError('write-failed', `can't write ${path}: ${(error as Error).message}`, { path });
  }
}
