import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { ShapelawError } from '../../errors.js';
import { unreadable } from '../bytes.js';
import { type ImportFormat, importFormats } from './formats.js';
import type { ReadLogs } from './log.js';
import { eventFilesBeneath, isEventFile, readTensorBoard } from './tensorboard.js';
import { readTrainerState, trainerStateIn } from './trainer-state.js';
import { isWandbFile, readWandb } from './wandb.js';

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw unreadable(path, code === 'ENOENT' ? 'does not exist; check the path' : `could not be read: ${message}`);
  }
}

async function recognise(path: string): Promise<ImportFormat> {
  if (await isFolder(path)) {
    const [events, state] = [await eventFilesBeneath(path), await trainerStateIn(path)];
    if (events.size > 0 && state !== undefined) {
      throw new ShapelawError(
        'bad-usage',
        `${path} holds event files of TensorBoard and a trainer_state.json: say which with --from tensorboard or --from trainer-state`,
        { path },
      );
    }
    if (events.size > 0) return 'tensorboard';
    if (state !== undefined) return 'trainer-state';
    throw unreadable(path, 'holds neither event files of TensorBoard (events.out.tfevents.*) nor a trainer_state.json');
  }
  const name = basename(path);
  if (isEventFile(name)) return 'tensorboard';
  if (name.endsWith('.json')) return 'trainer-state';
  if (isWandbFile(name)) return 'wandb';
  throw unreadable(
    path,
    'is of no format that is imported by its name: events.out.tfevents.*, trainer_state.json, or an export of Weights & Biases as ' +
      '.csv, .jsonl or .parquet; say which it is with --from',
  );
}

/**
 * The format of paths.
 *
 * @throws ShapelawError `unreadable` where a path is missing or of no format; `bad-usage` for no paths, another format, or
 *   paths of several.
 */
export async function formatOf(paths: readonly string[], from: ImportFormat | undefined): Promise<ImportFormat> {
  if (paths.length === 0) throw new ShapelawError('bad-usage', 'name a file or a folder to import', {});
  if (from !== undefined) {
    if (importFormats.includes(from)) return from;
    throw new ShapelawError('bad-usage', `no format ${from}; there are ${importFormats.join(', ')}`, { from });
  }
  const [first, ...others] = await Promise.all(paths.map(async (path) => ({ path, format: await recognise(path) })));
  const other = others.find(({ format }) => format !== first!.format);
  if (other === undefined) return first!.format;
  throw new ShapelawError(
    'bad-usage',
    `${first!.path} is of ${first!.format}, ${other.path} of ${other.format}: import each format by itself, and join the JSON Lines`,
    { paths: [first!.path, other.path] },
  );
}

/** @throws ShapelawError `unreadable`, `bad-usage`. */
export async function readLogs(paths: readonly string[], format: ImportFormat): Promise<ReadLogs> {
  const read: ReadLogs[] = [];
  for (const path of paths) {
    const folder = await isFolder(path);
    if (format === 'tensorboard') read.push(await readTensorBoard(path, folder));
    else if (format === 'trainer-state') read.push(await readTrainerState(path, folder));
    else read.push(await readWandb(path));
  }
  return {
    files: read.flatMap(({ files }) => files),
    logs: read.flatMap(({ logs }) => logs),
    warnings: read.flatMap(({ warnings }) => warnings),
  };
}
