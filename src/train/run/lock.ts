import { open, readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { ShapelawError } from '../../errors.js';

/** A file that says which process holds a directory. */
export interface Lock {
  release(): Promise<void>;
}

/** Start of a process in its system's own clock, so that a number used again is told from the process that had it; undefined of one that has ended. */
export async function startOf(pid: number): Promise<string | undefined> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return undefined;
  }
  // Elsewhere than on Linux a number in use is taken for the same process.
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (stat === undefined) return 'unknown';
  // After the name, which may hold anything, in parentheses: the state, and 19 fields later the start (proc(5)).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // A zombie has ended; only its parent has not asked how.
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
}

/**
 * Takes a lock; that of a process of this machine which has ended is taken over.
 *
 * @param what - What is held, for the message.
 * @param othersEnded - Whether processes of other machines are known to have ended, which nobody can see from here. Defaults to false.
 * @throws ShapelawError `bad-run-directory` where another process holds it; whatever the file system throws.
 */
export async function takeLock(file: string, what: string, othersEnded = false): Promise<Lock> {
  for (let attempt = 0; attempt < 3; attempt++) {
    const handle = await open(file, 'wx').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return undefined;
      throw error;
    });
    if (handle !== undefined) {
      const mine = JSON.stringify({ pid: process.pid, host: hostname(), start: await startOf(process.pid) });
      await handle.writeFile(mine).finally(() => handle.close());
      return {
        release: async () => {
          // Where it was taken over it is another's.
          if ((await readFile(file, 'utf8').catch(() => mine)) === mine) await rm(file, { force: true });
        },
      };
    }
    const holder = await holderOf(file, othersEnded);
    if (typeof holder === 'object') {
      const where = holder.host === hostname() ? '' : ` on ${holder.host}`;
      throw new ShapelawError(
        'bad-run-directory',
        `${what}: process ${holder.pid}${where} is training in it; wait for it, name another directory, or remove ${file} if that process has ended`,
        { ...holder },
      );
    }
    if (holder === 'ended') await removeEnded(file, what, othersEnded);
  }
  throw new ShapelawError('bad-run-directory', `${what}: other processes take it; name another directory`, { file });
}

/** Removes the lock of a process that has ended: one remover at a time, or a late one would remove the lock of who was first. */
async function removeEnded(file: string, what: string, othersEnded: boolean): Promise<void> {
  const removal = await takeLock(`${file}.removal`, what, othersEnded);
  try {
    if ((await holderOf(file, othersEnded)) === 'ended') await rm(file, { force: true });
  } finally {
    await removal.release();
  }
}

/** How often a lock that does not say its holder is looked at, and the milliseconds between: it may have been made just now. */
const looks = 50;
const lookMilliseconds = 10;

/** The living holder of a lock; `ended` where it has, or where the file does not come to say one. */
async function holderOf(
  file: string,
  othersEnded: boolean,
): Promise<{ readonly pid: number; readonly host: string } | 'ended' | 'none'> {
  for (let look = 0; look < looks; look++) {
    const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (text === undefined) return 'none';
    const { pid, host, start } = parsed(text);
    if (typeof pid === 'number' && typeof host === 'string') {
      if (host !== hostname()) return othersEnded ? 'ended' : { pid, host };
      return (await startOf(pid)) === start ? { pid, host } : 'ended';
    }
    await setTimeout(lookMilliseconds);
  }
  return 'ended';
}

function parsed(text: string): { readonly pid?: unknown; readonly host?: unknown; readonly start?: unknown } {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}
