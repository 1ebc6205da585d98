import { randomUUID } from 'node:crypto';
import { type FileHandle, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ShapelawError } from '../../errors.js';
import { writeProblem } from './make-folder.js';

/**
 * A rename is on the disk once its folder is. Not every system syncs a folder (Windows doesn't); without it a power cut may
 * bring back what the name held before, whole as well.
 */
async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(path);
    await folder.sync().finally(() => folder.close());
  } catch {}
}

async function fillAndSync(path: string, fill: (file: FileHandle) => Promise<void>): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await fill(file);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function isOther(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => !found.isFile(),
    () => false,
  );
}

/**
 * Writes a file aside in the same folder, syncs it to the disk and renames it, so that its name never holds a part of it:
 * after a failure or a crash it holds what it held before. A link stays one.
 *
 * @param fill writes the content; what it throws counts as a failure to write, but for a ShapelawError, which is thrown on.
 * @throws ShapelawError `write-failed`; what was written aside is removed.
 */
export async function writeAside(path: string, fill: (file: FileHandle) => Promise<void>): Promise<void> {
  const target = await realpath(path).catch(() => path);
  const aside = `${target}.${randomUUID().slice(0, 8)}.partial`;
  try {
    if (await isOther(target)) throw new Error('it is a folder or a device; name a file');
    await fillAndSync(aside, fill);
    await rename(aside, target);
    await syncFolder(dirname(target));
  } catch (error) {
    await rm(aside, { force: true }).catch(() => {});
    if (error instanceof ShapelawError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    throw new ShapelawError('write-failed', `can't write ${path}: ${writeProblem(error)}`, {
      path,
      cause: code ?? message,
    });
  }
}
