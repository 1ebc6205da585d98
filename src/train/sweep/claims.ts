import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, readlink, rename, rm, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { ShapelawError } from '../../errors.js';
import { startOf } from '../run/lock.js';
import { whereMissing } from './missing.js';

// A claim is a folder of the run's name, moved into place whole: a rename onto a folder that holds something fails, so that of
// many claimers one succeeds. It holds one file, whose name says the holder. A claim whose holder has ended is taken over by renaming
// that file, in which again one succeeds. No clock is compared with another's: a lease has run out where the file was seen unchanged for so
// long on the observer's own steady clock.

/** Who holds a claim. */
export interface Holder {
  readonly host: string;
  /** What tells a boot of a machine, and a container on it, from others of the same name. */
  readonly machine: string;
  readonly pid: number;
  /** Start of the process in its machine's clock, which tells it from another of the same number. */
  readonly start: string;
  /** A name under which the same task comes again after it was interrupted, such as that of a Slurm task; '' for none. */
  readonly task: string;
  readonly nonce: string;
}

/** A run that this process may work on until it is released or lost. */
export interface RunClaim {
  readonly runId: string;
  /** Whether it was taken over from a worker that ended without a word. */
  readonly isTakenOver: boolean;
  /** Says that the holder lives. */
  beat(): Promise<void>;
  /** @throws ShapelawError `claim-lost`. */
  require(): Promise<void>;
  release(): Promise<void>;
}

/** A claim as others see it. */
export interface SeenClaim {
  readonly runId: string;
  readonly holder: Holder;
}

/** The claims on the runs of one sweep, in a folder that all its workers share. */
export interface Claims {
  /** Claims a run; undefined where another holds it. A claim of the same task is taken over. */
  take(runId: string): Promise<RunClaim | undefined>;
  /** Takes over a claim that is seen, whose holder has ended; undefined where another was first. */
  takeOver(seen: SeenClaim): Promise<RunClaim | undefined>;
  seen(): Promise<readonly SeenClaim[]>;
  /** The claim on one run; undefined where nobody holds it. */
  seenOn(runId: string): Promise<SeenClaim | undefined>;
  /** Whether the holder has ended: at once for a process of this machine that is no more, for any after `leaseSeconds` without a sign of life. */
  hasEnded(seen: SeenClaim): Promise<boolean>;
  /** Waits until the holder has ended or gives a sign of life; whether it has ended. */
  endsInTime(seen: SeenClaim, signal: AbortSignal): Promise<boolean>;
}

/** Seconds without a sign of life after which the holder on another machine counts as ended. */
export const leaseSeconds = 120;

/** Seconds between signs of life. */
export const beatSeconds = 10;

/** @param task - Name of the task that claims; see {@link Holder}. Defaults to none. */
export function openClaims(folder: string, options: { readonly task?: string; readonly lease?: number } = {}): Claims {
  const { task = '', lease = leaseSeconds } = options;
  const sightings = new Map<string, { readonly mark: string; readonly at: number }>();
  const aside = `${folder}.aside`;

  const myName = async () =>
    nameOf({
      host: hostname(),
      machine: await machineId(),
      pid: process.pid,
      start: (await startOf(process.pid))!,
      task,
      nonce: randomUUID().slice(0, 8),
    });

  const claimOf = (runId: string, name: string, isTakenOver = false): RunClaim => {
    const file = join(folder, runId, name);
    const beat = async () => {
      const now = new Date();
      await utimes(file, now, now).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') throw lost(runId);
        throw error;
      });
    };
    return {
      runId,
      isTakenOver,
      beat,
      require: beat,
      async release() {
        const names = await entries(join(folder, runId));
        if (!names.includes(name)) return;
        const gone = join(aside, `${runId}.${name}`);
        await mkdir(aside, { recursive: true });
        await rename(join(folder, runId), gone).catch(whereMissing(undefined));
        await rm(gone, { recursive: true, force: true });
      },
    };
  };

  const replace = async ({ runId, holder }: SeenClaim): Promise<RunClaim | undefined> => {
    const name = await myName();
    try {
      await rename(join(folder, runId, nameOf(holder)), join(folder, runId, name));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    return claimOf(runId, name, true);
  };

  const seenOn = async (runId: string): Promise<SeenClaim | undefined> => {
    const holder = holderIn(await entries(join(folder, runId)));
    return holder && { runId, holder };
  };

  const markOf = async ({ runId, holder }: SeenClaim) => {
    const name = nameOf(holder);
    return `${name} ${await modified(join(folder, runId, name))}`;
  };

  const hasEnded = async (seen: SeenClaim): Promise<boolean> => {
    const { machine, pid, start } = seen.holder;
    if (machine === (await machineId())) {
      const now = await startOf(pid);
      // One that this user may not look at has a number in use, and no start.
      if (now !== start && now !== 'unknown') return true;
    }
    const mark = await markOf(seen);
    const before = sightings.get(seen.runId);
    if (before?.mark !== mark) {
      sightings.set(seen.runId, { mark, at: performance.now() });
      return false;
    }
    return performance.now() - before.at > 1000 * lease;
  };

  const take = async (runId: string): Promise<RunClaim | undefined> => {
    const name = await myName();
    const made = join(aside, `${runId}.${name}`);
    await mkdir(made, { recursive: true });
    await mkdir(folder, { recursive: true });
    await (await open(join(made, name), 'wx')).close();
    try {
      await rename(made, join(folder, runId));
      return claimOf(runId, name);
    } catch (error) {
      await rm(made, { recursive: true, force: true });
      // Systems differ in the code; it may have been released since.
      const { code } = error as NodeJS.ErrnoException;
      const isHeld = code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'ENOTDIR';
      if (!isHeld && !(await entries(folder)).includes(runId)) throw error;
      return undefined;
    }
  };

  return {
    async take(runId) {
      const claim = await take(runId);
      if (claim !== undefined) return claim;
      const names = await entries(join(folder, runId));
      const holder = holderIn(names);
      if (holder !== undefined) return task !== '' && holder.task === task ? replace({ runId, holder }) : undefined;
      // What no worker has left there, such as a file of the system's, holds nothing.
      await mkdir(aside, { recursive: true });
      await rename(join(folder, runId), join(aside, `${runId}.${randomUUID()}`)).catch(whereMissing(undefined));
      return take(runId);
    },
    takeOver: replace,
    async seen() {
      const all = await Promise.all((await entries(folder)).map(seenOn));
      return all.filter((claim) => claim !== undefined);
    },
    seenOn,
    hasEnded,
    async endsInTime(seen, signal) {
      const mark = await markOf(seen);
      while (!(await hasEnded(seen))) {
        if (seen.holder.machine === (await machineId()) || signal.aborted || (await markOf(seen)) !== mark)
          return false;
        await setTimeout(1000);
      }
      return true;
    },
  };
}

/** Of Linux the boot and the numbering of processes, which a container has of its own; elsewhere the machine's name. */
async function machineId(): Promise<string> {
  machine ??= Promise.all([
    readFile('/proc/sys/kernel/random/boot_id', 'utf8').then((text) => text.trim().slice(0, 8)),
    readlink('/proc/self/ns/pid').then((text) => text.replaceAll(/\D/g, '')),
  ]).then(
    (parts) => parts.join('.'),
    () => hostname(),
  );
  return machine;
}

let machine: Promise<string> | undefined;

function lost(runId: string): ShapelawError {
  return new ShapelawError('claim-lost', `another worker has taken over run ${runId}; it goes on there`, { runId });
}

const separator = '~';

function nameOf({ host, machine, pid, start, task, nonce }: Holder): string {
  const parts = [host, machine, pid, start, task, nonce];
  return parts.map((part) => encodeURIComponent(part).replaceAll(separator, '%7E')).join(separator);
}

function holderIn(names: readonly string[]): Holder | undefined {
  for (const name of names) {
    const [host, machine, pid, start, task, nonce, ...rest] = name.split(separator).map(decoded);
    if (nonce !== undefined && rest.length === 0) {
      return { host: host!, machine: machine!, pid: Number(pid), start: start!, task: task!, nonce };
    }
  }
  return undefined;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

async function entries(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
    throw error;
  });
}

async function modified(file: string): Promise<number> {
  const handle = await open(file).catch(() => undefined);
  if (handle === undefined) return Number.NaN;
  // Opening a file asks a network file system for its newest attributes.
  return handle
    .stat()
    .then(
      ({ mtimeMs }) => mtimeMs,
      () => Number.NaN,
    )
    .finally(() => handle.close());
}
