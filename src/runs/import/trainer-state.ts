import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { decodeText, readBytes, unreadable } from '../bytes.js';
import { parseLenient } from '../json.js';
import type { LogEntry, ReadLogs } from './log.js';

const fileName = 'trainer_state.json';
const checkpointName = /^checkpoint-(\d+)$/;

/**
 * The `trainer_state.json` of a folder that transformers' Trainer wrote: its own, or that of the checkpoint of most steps,
 * whichever has gone further; undefined where there is none.
 */
export async function trainerStateIn(folder: string): Promise<string | undefined> {
  const own = join(folder, fileName);
  const checkpoints = (await readdir(folder))
    .flatMap((name) => {
      const steps = checkpointName.exec(name)?.[1];
      return steps === undefined ? [] : [{ steps: Number(steps), path: join(folder, name, fileName) }];
    })
    .filter(({ path }) => existsSync(path))
    .sort((a, b) => b.steps - a.steps);
  const last = checkpoints[0];
  if (!existsSync(own)) return last?.path;
  if (last === undefined) return own;
  const { global_step: steps } = await readState(own);
  return typeof steps === 'number' && steps >= last.steps ? own : last.path;
}

type State = Readonly<Record<string, unknown>> & { readonly log_history: readonly unknown[] };

async function readState(path: string): Promise<State> {
  const text = await decodeText(await readBytes(path), false, path);
  let state: unknown;
  try {
    state = parseLenient(text);
  } catch (error) {
    throw unreadable(path, `is not JSON (${(error as Error).message}); copy it again`);
  }
  const history = (state as { readonly log_history?: unknown } | null)?.log_history;
  if (!Array.isArray(history)) {
    throw unreadable(path, "has no list log_history, so that it is no trainer_state.json of transformers' Trainer");
  }
  return state as State;
}

/**
 * Reads a `trainer_state.json`, or the last one of a Trainer's output folder and its `checkpoint-*`: each entry of
 * `log_history` (`step`, `epoch`, `eval_loss`, `loss`, `num_input_tokens_seen` where it is counted, …), then `total_flos` and
 * `num_input_tokens_seen` of the whole state, which hold at its `global_step` (transformers/trainer_callback.py, TrainerState).
 *
 * @throws ShapelawError `unreadable`.
 */
export async function readTrainerState(path: string, isFolder: boolean): Promise<ReadLogs> {
  const file = isFolder ? await trainerStateIn(path) : path;
  if (file === undefined) throw unreadable(path, `holds no ${fileName}, nor does a checkpoint-* in it`);
  const state = await readState(file);
  const entries: LogEntry[] = state.log_history.map((logged, index) => {
    const at = index + 1;
    if (typeof logged !== 'object' || logged === null || Array.isArray(logged)) {
      throw unreadable(`${file}, entry ${at} of log_history`, 'is no object; copy it again');
    }
    return new Map(Object.entries(logged).map(([tag, value]) => [tag, { value, file, at }]));
  });
  entries.push(ofState(state, file, entries.length + 1));
  const folder = dirname(resolve(file));
  const named = checkpointName.test(basename(folder)) ? dirname(folder) : folder;
  return { files: [file], logs: [{ name: null, path: named, unit: 'entry', entries, notes: new Map() }], warnings: [] };
}

/** Totals of the whole state; 0 where Trainer did not count. */
function ofState(state: State, file: string, at: number): LogEntry {
  const totals = ['total_flos', 'num_input_tokens_seen'].filter((tag) => state[tag] !== 0 && state[tag] !== undefined);
  return new Map(
    ['global_step', ...totals].map((tag) => [tag === 'global_step' ? 'step' : tag, { value: state[tag], file, at }]),
  );
}
