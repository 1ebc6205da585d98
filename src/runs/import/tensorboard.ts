import { readdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { readBytes, unreadable } from '../bytes.js';
import { readEventFile, type Scalar } from './event-file.js';
import { groupBy } from './group-by.js';
import type { LogEntry, LoggedValue, ReadLogs, RunLog } from './log.js';

/** Whether a file's name is that of an event file, as all writers form it: `events.out.tfevents.TIME.HOST…`. */
export function isEventFile(name: string): boolean {
  return name.includes('tfevents');
}

/** Event files beneath a folder, by folder, both in the order of their names, which hold the time they were begun. */
export async function eventFilesBeneath(folder: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = found
    .filter((entry) => entry.isFile() && isEventFile(entry.name))
    .map(({ parentPath, name }) => join(parentPath, name))
    .sort();
  return groupBy(paths, dirname);
}

/**
 * Reads an event file, or a folder of them: as in TensorBoard each folder that holds event files is a run, and its files are
 * read one after the other.
 *
 * @throws ShapelawError `unreadable`, with the file and the offset.
 */
export async function readTensorBoard(path: string, isFolder: boolean): Promise<ReadLogs> {
  const folders = isFolder ? await eventFilesBeneath(path) : new Map([[dirname(path), [path]]]);
  if (folders.size === 0) throw unreadable(path, 'holds no event files (events.out.tfevents.*); name their folder');
  const logs: RunLog[] = [];
  const warnings: string[] = [];
  for (const [folder, files] of folders) {
    const entries: LogEntry[] = [];
    for (const file of files) {
      const { scalars, cutAt } = readEventFile(await readBytes(file), file);
      if (cutAt !== null) {
        warnings.push(
          `${file}, offset ${cutAt}: the last record is cut off, as a writer that was killed leaves it: left out`,
        );
      }
      for (const entry of entriesOf(scalars, file)) entries.push(entry);
    }
    logs.push({ name: null, path: resolve(folder), unit: 'offset', entries, notes: new Map() });
  }
  return { files: [...folders.values()].flat(), logs, warnings };
}

/** Scalars that follow each other at one step, together. */
function entriesOf(scalars: readonly Scalar[], file: string): LogEntry[] {
  const entries: LogEntry[] = [];
  let entry = new Map<string, LoggedValue>();
  let entryStep: number | undefined;
  for (const { tag, step, value, offset } of scalars) {
    if (step !== entryStep || entry.has(tag)) {
      entry = new Map([['step', { value: step, file, at: offset }]]);
      entries.push(entry);
      entryStep = step;
    }
    // A scalar of this name would hide the step of the event.
    if (tag !== 'step') entry.set(tag, { value, file, at: offset });
  }
  return entries;
}
