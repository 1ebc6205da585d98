import { mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { ShapelawError } from '../../errors.js';

const problems: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full; free space on it, and run the same command again',
  EDQUOT: 'the quota of disk space is used up; free space, and run the same command again',
  EROFS: 'its file system can only be read; name a place that can be written',
  EACCES: 'its permissions forbid it; change them, or name another place',
  EPERM: 'the system forbids it; name another place',
  ENOENT: 'its parent takes no files; name another place',
  ENOTDIR: 'a part of its path is a file; name another place',
  ENAMETOOLONG: 'its name is too long; give a shorter one',
};

/** Why something can't be written, and what to do. */
export function writeProblem(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const problem = problems[code ?? ''];
  return problem === undefined ? message : `${problem} (${code})`;
}

/**
 * Makes a folder and those above it, where they are missing. (Node's own recursive `mkdir` never ends where a folder takes
 * no others, such as /proc.)
 *
 * @throws ShapelawError `write-failed`.
 */
export async function makeFolder(path: string): Promise<void> {
  const missing: string[] = [];
  for (let at = resolve(path); ; at = dirname(at)) {
    const found = await stat(at).catch(() => undefined);
    if (found?.isDirectory()) break;
    if (found !== undefined) throw failure(path, `${at} is a file and no folder; name another place`, 'ENOTDIR');
    missing.push(at);
    if (at === dirname(at)) break;
  }
  for (const folder of missing.reverse()) {
    await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
      // Made by another process just now.
      if (error.code !== 'EEXIST') throw failure(path, writeProblem(error), error.code ?? error.message);
    });
  }
}

function failure(path: string, problem: string, cause: string): ShapelawError {
  return new ShapelawError('write-failed', `can't make the folder ${path}: ${problem}`, { path, cause });
}
