import { readdir, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ShapelawError } from '../../errors.js';
import { parseSweep, type Sweep } from '../../recommend/design/index.js';
import { version } from '../../version.js';
import { makeFolder, writeAside } from '../checkpoint/index.js';
import { type EngineKind, engineKinds } from '../engines/engine.js';
import type { MeasuredPeak } from '../run/measure.js';
import { type Claims, openClaims } from './claims.js';
import { whereMissing } from './missing.js';
import type { PlannedRun } from './plan-sweep.js';

/** An attempt at a run that did not end it. */
export interface Attempt {
  /** Time at which it ended, ISO 8601. */
  readonly at: string;
  readonly host: string;
  readonly code: string;
  readonly message: string;
  /** How far the run was; an attempt that got further than the one before is no failure to get on. */
  readonly mark: string;
}

const attemptsSchema: z.ZodType<Attempt[]> = z.array(
  z.object({ at: z.string(), host: z.string(), code: z.string(), message: z.string(), mark: z.string() }),
);

/** What a run came to. */
export interface RunEnd {
  /** Held-out loss at its end, nats per token. */
  readonly loss: number;
  /** Seconds of training and evaluation, over all attempts. */
  readonly seconds: number;
}

const endSchema: z.ZodType<RunEnd> = z.object({ loss: z.number(), seconds: z.number() });

/** Why a run has failed for good. */
export interface RunFailure {
  readonly code: string;
  readonly message: string;
}

const failureSchema: z.ZodType<RunFailure> = z.object({ code: z.string(), message: z.string() });

/** Where a run stood when its worker last said so. */
export interface RunProgress {
  readonly step: number;
  readonly steps: number;
  /** Of the last batch, nats per token. */
  readonly loss: number;
  readonly tokensPerSecond: number;
  readonly secondsLeft: number;
}

const progressSchema: z.ZodType<RunProgress> = z.object({
  step: z.number(),
  steps: z.number(),
  loss: z.number(),
  tokensPerSecond: z.number(),
  secondsLeft: z.number(),
});

/** How the runs of a sweep are made: the same for all of them. */
export interface SweepSetup {
  /** Of this package. */
  readonly version: string;
  readonly engine: EngineKind;
  /** Of the CPU engine. */
  readonly threads: number;
  /** Attempts at a run, one after the other, that get no further, after which it has failed. */
  readonly retries: number;
  /** The engine's peak as it was measured at the start of the sweep, for the MFU of its runs; each run measures its own where there is none. */
  readonly peak?: MeasuredPeak | undefined;
}

const setupSchema: z.ZodType<SweepSetup> = z.object({
  version: z.string(),
  engine: z.enum(engineKinds),
  threads: z.int().positive(),
  retries: z.int().positive(),
  peak: z.object({ flopsPerSecond: z.number().positive(), size: z.int().positive() }).optional(),
});

/** The ids of runs by how they ended. */
export interface Endings {
  readonly done: ReadonlySet<string>;
  readonly failed: ReadonlySet<string>;
}

const markSeparator = ' ';

/** The mark of a run that has written nothing. */
export const nothingDone = [0, 0, 0].join(markSeparator);

/** The folder of a sweep, which is all the state that there is: any number of processes on any machines may work in it. */
export interface SweepFolder {
  readonly path: string;
  readonly claims: Claims;
  runPath(runId: string): string;
  readSweep(): Promise<Sweep | undefined>;
  /** @throws ShapelawError `bad-run-directory` where there is none. */
  requireSweep(): Promise<Sweep>;
  writeSweep(sweep: Sweep): Promise<void>;
  readSetup(): Promise<SweepSetup | undefined>;
  writeSetup(setup: Omit<SweepSetup, 'version'>): Promise<void>;
  endings(): Promise<Endings>;
  readEnd(runId: string): Promise<RunEnd | undefined>;
  writeEnd(runId: string, end: RunEnd): Promise<void>;
  readFailure(runId: string): Promise<RunFailure | undefined>;
  writeFailure(runId: string, failure: RunFailure): Promise<void>;
  /** Lets a run that has failed, or counts as done and is not, be tried again. */
  reopen(runId: string): Promise<void>;
  readAttempts(runId: string): Promise<readonly Attempt[]>;
  writeAttempts(runId: string, attempts: readonly Attempt[]): Promise<void>;
  readProgress(runId: string): Promise<RunProgress | undefined>;
  writeProgress(runId: string, progress: RunProgress): Promise<void>;
  /** How far a run is, as a text that changes when it gets further. */
  mark(runId: string): Promise<string>;
  /** Moves the files of a run aside, damaged as they are; the run begins anew. */
  setAside(runId: string): Promise<string>;
}

/** @param options - Of the claims. */
export function sweepFolder(path: string, options: Parameters<typeof openClaims>[1] = {}): SweepFolder {
  const stateFile = (state: string, runId: string) => join(path, state, `${runId}.json`);
  const write = async (file: string, value: unknown) => {
    const text = `${JSON.stringify(value, null, 2)}\n`;
    await writeAside(file, (handle) => handle.writeFile(text));
  };
  const writeState = async (state: string, runId: string, value: unknown) => {
    await makeFolder(join(path, state));
    await write(stateFile(state, runId), value);
  };
  const readState = async <T>(state: string, runId: string, schema: z.ZodType<T>): Promise<T | undefined> => {
    const text = await textOf(stateFile(state, runId));
    return text === undefined ? undefined : parsed(text, schema);
  };
  const runPath = (runId: string) => join(path, 'runs', runId);

  const readSweep = async (): Promise<Sweep | undefined> => {
    const file = join(path, 'sweep.json');
    const text = await textOf(file);
    if (text === undefined) return undefined;
    const value = parsed(text, z.unknown());
    if (value === undefined) throw badFolder(file, 'is not JSON');
    return parseSweep(value, file);
  };

  return {
    path,
    claims: openClaims(join(path, 'claims'), options),
    runPath,
    readSweep,
    async requireSweep() {
      const sweep = await readSweep();
      if (sweep !== undefined) return sweep;
      throw new ShapelawError('bad-run-directory', `${path} holds no sweep: it has no sweep.json`, { path });
    },
    writeSweep: async (sweep) => {
      await makeFolder(path);
      await write(join(path, 'sweep.json'), sweep);
    },
    async readSetup() {
      const file = join(path, 'setup.json');
      const text = await textOf(file);
      if (text === undefined) return undefined;
      const setup = parsed(text, setupSchema);
      if (setup === undefined) throw badFolder(file, 'does not say how runs are made');
      return setup;
    },
    writeSetup: (setup) => write(join(path, 'setup.json'), { version, ...setup }),
    async endings() {
      const [done, failed] = await Promise.all([idsIn(join(path, 'done')), idsIn(join(path, 'failed'))]);
      return { done, failed };
    },
    readEnd: (runId) => readState('done', runId, endSchema),
    writeEnd: (runId, end) => writeState('done', runId, end),
    readFailure: (runId) => readState('failed', runId, failureSchema),
    writeFailure: (runId, failure) => writeState('failed', runId, failure),
    async reopen(runId) {
      for (const state of ['failed', 'done', 'attempts']) {
        await makeFolder(join(path, 'set-aside'));
        await rename(stateFile(state, runId), join(path, 'set-aside', `${runId}.${state}.json`)).catch(
          whereMissing(undefined),
        );
      }
    },
    readAttempts: async (runId) => (await readState('attempts', runId, attemptsSchema)) ?? [],
    writeAttempts: (runId, attempts) => writeState('attempts', runId, attempts),
    readProgress: (runId) => readState('progress', runId, progressSchema),
    writeProgress: (runId, progress) => writeState('progress', runId, progress),
    async mark(runId) {
      const folder = runPath(runId);
      const [metrics, ...checkpoints] = await Promise.all(
        ['metrics.jsonl', 'last.safetensors', 'branch.safetensors'].map((name) =>
          stat(join(folder, name)).catch(() => undefined),
        ),
      );
      return [metrics?.size ?? 0, ...checkpoints.map((file) => file?.mtimeMs ?? 0)].join(markSeparator);
    },
    async setAside(runId) {
      const folder = join(path, 'set-aside');
      await makeFolder(folder);
      const taken = new Set(await readdir(folder));
      let count = 1;
      while (taken.has(`${runId}.${count}`)) count++;
      const target = join(folder, `${runId}.${count}`);
      await rename(runPath(runId), target).catch(whereMissing(undefined));
      return target;
    },
  };
}

/**
 * The runs with an ending of each, and those without.
 *
 * @param runs - Those of the sweep; endings of others are not counted.
 */
export function byEnding(runs: readonly PlannedRun[], { done, failed }: Endings) {
  return {
    done: runs.filter(({ runId }) => done.has(runId)),
    failed: runs.filter(({ runId }) => failed.has(runId) && !done.has(runId)),
    open: runs.filter(({ runId }) => !failed.has(runId) && !done.has(runId)),
  };
}

function badFolder(file: string, problem: string): ShapelawError {
  return new ShapelawError('bad-run-directory', `${file} ${problem}; restore it, or name another folder`, {
    path: file,
  });
}

async function idsIn(folder: string): Promise<ReadonlySet<string>> {
  const names = await readdir(folder).catch(whereMissing<string[]>([]));
  return new Set(names.filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -'.json'.length)));
}

async function textOf(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch(whereMissing(undefined));
}

function parsed<T>(text: string, schema: z.ZodType<T>): T | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
