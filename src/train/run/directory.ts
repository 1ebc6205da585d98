import { open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ShapelawError } from '../../errors.js';
import { type RunRecord, runRecordSchema } from '../../runs/record.js';
import { makeFolder, writeAside, writeProblem, writeSafetensors } from '../checkpoint/index.js';
import { type CheckpointFile, checkpointFile } from './checkpoint.js';
import { takeLock } from './lock.js';
import { parseRecipe, type Recipe } from './recipe.js';
import type { LazyStates } from './trainer.js';

/** One line of `metrics.jsonl`: a run record, and what else was measured. */
export interface MetricsLine extends RunRecord {
  /** Whether the schedule of the learning rate had ended: its loss is that of a finished run of so many tokens. */
  readonly finished: boolean;
  /** Nats of the targets over the bytes of text that they hold, in bits; sentinels cost nats and hold none. */
  readonly bitsPerByte: number;
  /** Share of the target tokens predicted as the most likely. */
  readonly tokenAccuracy: number;
  /** Mean training loss since the line before, nats per token. */
  readonly trainLoss?: number;
  readonly gradientNorm?: number;
  readonly learningRate?: number;
  /** Share of the device's measured peak. */
  readonly mfu?: number;
  /** Seconds of training and evaluation so far, over all resumptions. */
  readonly elapsedSeconds: number;
  readonly peakMemoryBytes: number;
  readonly engine: string;
  readonly device: string;
}

/** The files of a run. One process at a time holds a directory. */
export interface RunDirectory {
  readonly path: string;
  /** The lines written so far. */
  readonly metrics: readonly MetricsLine[];
  /** Appends a line and flushes it to the disk. */
  append(line: MetricsLine): Promise<void>;
  /** The last checkpoint of the trunk. */
  readonly last: CheckpointFile;
  /** That of a cool-down off the trunk which a stop left half-way. */
  readonly branch: CheckpointFile;
  /** Writes the parameters with the lowest held-out loss. */
  saveBest(parameters: LazyStates, step: number, loss: number): Promise<void>;
  close(): Promise<void>;
}

const configName = 'config.json';
const metricsName = 'metrics.jsonl';
const lockName = 'lock';

/** The configuration of a run as its directory has it. */
export interface RunConfig {
  readonly version: string;
  readonly runId: string;
  readonly recipe: Recipe;
  /** Hash of the validation examples: another corpus, tokenizer or split has another. */
  readonly validationHash: string;
  /** The engine that the run was last trained with. */
  readonly engine?: string;
  /** What each session of the run ran with, from the first on. */
  readonly sessions?: readonly Readonly<Record<string, unknown>>[];
  readonly [more: string]: unknown;
}

function badDirectory(path: string, problem: string, details: Record<string, unknown> = {}): ShapelawError {
  return new ShapelawError('bad-run-directory', `${path}: ${problem}`, { path, ...details });
}

/**
 * The configuration of the run in a directory; undefined where there is none.
 *
 * @throws ShapelawError `bad-run-directory`.
 */
export async function readConfig(path: string): Promise<RunConfig | undefined> {
  const file = join(path, configName);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    if (code === 'ENOTDIR') throw badDirectory(path, 'is a file and no folder; name a folder');
    throw badDirectory(file, `can't be read: ${message}`);
  }
  try {
    const config = JSON.parse(text) as RunConfig;
    return { ...config, recipe: parseRecipe(config.recipe) };
  } catch (error) {
    throw badDirectory(file, `is not the configuration of a run (${(error as Error).message}); name another directory`);
  }
}

/** What holds a run's directory beside its lock, such as the claim of a sweep. */
export interface Claim {
  /** @throws ShapelawError where it was lost, so that nothing more may be written. */
  require(): Promise<void>;
}

/**
 * Opens the directory of a run, and makes it where it is missing. A line of metrics that a crash cut off is dropped: the
 * run writes it again.
 *
 * @param claim - Asked before each line and checkpoint that is written; with it a lock of another machine is that of a process that has ended. Defaults to none.
 *
 * @throws ShapelawError `bad-run-directory` where another process holds it, or its files are of another kind of thing;
 *   `write-failed`.
 */
export async function openRunDirectory(path: string, config: RunConfig, claim?: Claim): Promise<RunDirectory> {
  const writing = async <T>(what: string, action: () => Promise<T>): Promise<T> => {
    try {
      return await action();
    } catch (error) {
      if (error instanceof ShapelawError) throw error;
      const { code, message } = error as NodeJS.ErrnoException;
      throw new ShapelawError('write-failed', `can't write ${what}: ${writeProblem(error)}`, {
        path: what,
        cause: code ?? message,
      });
    }
  };
  await makeFolder(path);
  const before = await readConfig(path);
  if (before === undefined) await requireEmpty(path);
  const lock = await writing(path, () => takeLock(join(path, lockName), path, claim !== undefined));
  const metricsPath = join(path, metricsName);
  const openFiles = async () => {
    for (const name of await readdir(path)) if (name.endsWith('.partial')) await rm(join(path, name), { force: true });
    const sessions = [...(before?.sessions ?? []), ...(config.sessions ?? [])];
    await writeAside(join(path, configName), async (file) => {
      await file.writeFile(`${JSON.stringify({ ...before, ...config, sessions }, null, 2)}\n`);
    });
    return { metrics: [...(await openMetrics(metricsPath))], file: await open(metricsPath, 'a') };
  };
  const { metrics, file } = await writing(metricsPath, openFiles).catch(async (error: unknown) => {
    await lock.release();
    throw error;
  });

  const claimed = (file: CheckpointFile): CheckpointFile => ({
    ...file,
    async save(position, states) {
      await claim?.require();
      await file.save(position, states);
    },
  });
  return {
    path,
    metrics,
    append: (line) =>
      writing(metricsPath, async () => {
        await claim?.require();
        const { size } = await file.stat();
        try {
          await file.appendFile(`${JSON.stringify(line)}\n`);
          await file.datasync();
        } catch (error) {
          await file.truncate(size).catch(() => {});
          throw error;
        }
        metrics.push(line);
      }),
    last: claimed(checkpointFile(join(path, 'last.safetensors'), config.runId, 'train from the start')),
    branch: claimed(checkpointFile(join(path, 'branch.safetensors'), config.runId, 'do its cool-down again')),
    saveBest: async (parameters, step, loss) => {
      await claim?.require();
      await writeSafetensors(join(path, 'best.safetensors'), parameters, {
        format: 'pt',
        run: config.runId,
        step: String(step),
        lossNats: String(loss),
      });
    },
    async close() {
      await file.close();
      await lock.release();
    },
  };
}

/** What a crash before the configuration was written leaves counts for nothing. */
async function requireEmpty(path: string): Promise<void> {
  const names = (await readdir(path)).filter((name) => !name.startsWith(lockName) && !name.endsWith('.partial'));
  if (names.length > 0) {
    throw badDirectory(path, `holds other files (${names.slice(0, 3).join(', ')}) and no run; name an empty directory`);
  }
}

/**
 * The lines of metrics in a run's directory; none where there is no such file.
 *
 * @throws ShapelawError `bad-run-directory` for what is not a line of metrics, a line that was cut off included.
 */
export async function readRunMetrics(path: string): Promise<readonly MetricsLine[]> {
  const file = join(path, metricsName);
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw badDirectory(file, `can't be read: ${error.message}`);
  });
  return parseMetrics(text.endsWith('\n') || text === '' ? text : `${text}\n`, file);
}

async function openMetrics(path: string): Promise<readonly MetricsLine[]> {
  const exists = await stat(path).catch(() => undefined);
  if (exists === undefined) return [];
  const text = await readFile(path, 'utf8');
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  if (whole.length < text.length) {
    const file = await open(path, 'r+');
    await file.truncate(Buffer.byteLength(whole)).finally(() => file.close());
  }
  return parseMetrics(whole, path);
}

function parseMetrics(whole: string, path: string): readonly MetricsLine[] {
  return whole
    .split('\n')
    .slice(0, -1)
    .map((line, index) => {
      const read = metricsLine(line);
      if (read !== undefined) return read;
      const problem = `line ${index + 1} is not a line of metrics (${line.slice(0, 60)}); remove that line and run again`;
      throw badDirectory(path, problem, { row: index + 1 });
    });
}

function metricsLine(text: string): MetricsLine | undefined {
  try {
    const line = JSON.parse(text);
    const isWhole = runRecordSchema.required({ step: true }).safeParse(line).success;
    return isWhole && typeof line.finished === 'boolean' ? line : undefined;
  } catch {
    return undefined;
  }
}
