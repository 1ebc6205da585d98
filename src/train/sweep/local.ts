import { type ChildProcess, spawn } from 'node:child_process';
import { availableMemory } from 'node:process';
import { ShapelawError } from '../../errors.js';
import type { EndedJob, Job, JobExecutor } from './executor.js';
import type { RunProgress } from './folder.js';
import type { WorkEnding } from './work.js';

/** What a worker tells the process that started it. */
export type WorkerMessage =
  | { readonly kind: 'progress'; readonly progress: RunProgress }
  | { readonly kind: 'ended'; readonly ending: WorkEnding };

/** How many processes run side by side, and as what. */
export interface LocalOptions {
  /** Arguments of Node for the worker of a run. */
  readonly command: (runId: string) => readonly string[];
  /** Processes side by side. */
  readonly slots: number;
  /** Bytes that all jobs together may take. */
  readonly memoryBytes: number;
  /** GPUs that slots are dealt out to, by the numbers that CUDA has for them. Defaults to none. */
  readonly gpus?: number;
}

/** Jobs passed over for want of memory before the rest is left for later: an estimate takes some hundredths of a second. */
const mostPassed = 32;

/** Bytes of a worker's standard error that are kept to say why it ended. */
const keptBytes = 2000;

interface Running {
  readonly job: Job;
  child: ChildProcess | undefined;
  readonly slot: number;
  readonly memory: number;
  progress?: RunProgress;
  ending?: WorkEnding;
  errors: string;
}

/** One process a job, each with signals of its own: a Ctrl-C reaches the controller alone, which then stops them. A worker whose controller has gone stops too. */
export function localExecutor({ command, slots, memoryBytes, gpus }: LocalOptions): JobExecutor {
  const running = new Map<string, Running>();
  let ended: EndedJob[] = [];
  let wake: () => void = () => {};

  const start = (job: Job, memory: number): void => {
    const taken = new Set([...running.values()].map(({ slot }) => slot));
    let slot = 0;
    while (taken.has(slot)) slot++;
    const entry: Running = { job, child: undefined, slot, memory, errors: '' };
    running.set(job.runId, entry);
    const end = (why: string) => {
      if (!running.delete(job.runId)) return;
      const said = [why, entry.errors.trim()].filter(Boolean).join(': ');
      ended.push({ runId: job.runId, ending: entry.ending, why: () => said });
      wake();
    };
    const failed = (error: unknown) => end(`its process could not be started: ${(error as Error).message}`);
    try {
      const child = spawn(process.execPath, [...command(job.runId)], {
        stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
        detached: true,
        windowsHide: true,
        env: gpus === undefined ? process.env : { ...process.env, CUDA_VISIBLE_DEVICES: String(slot % gpus) },
      });
      entry.child = child;
      child.on('error', failed);
      child.on('close', (code, signal) => {
        end(signal === null ? `its process ended with code ${code}` : `its process was ended by ${signal}`);
      });
      child.on('message', (message: WorkerMessage) => {
        if (message.kind === 'progress') entry.progress = message.progress;
        else entry.ending = message.ending;
      });
      // Both are missing of a process that could not be made.
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        entry.errors = (entry.errors + text).slice(-keptBytes);
      });
    } catch (error) {
      failed(error);
    }
  };

  return {
    name: 'local',
    async submit(jobs) {
      const started: string[] = [];
      let passed = 0;
      for (const job of jobs) {
        if (running.size >= slots || passed === mostPassed) break;
        const memory = job.memoryBytes();
        const used = [...running.values()].reduce((sum, entry) => sum + entry.memory, 0);
        // A smaller one may fit beside those that run; one that fits beside none is started alone, and refuses by itself.
        const fits = used + memory <= memoryBytes && memory <= availableMemory() - growthOf(running);
        if (running.size > 0 && !fits) {
          passed += 1;
          continue;
        }
        start(job, memory);
        started.push(job.runId);
      }
      return started;
    },
    async observe() {
      const news = ended;
      ended = [];
      const active = [...running].map(([runId, { progress }]) => [runId, progress ? { progress } : {}] as const);
      return { active: new Map(active), ended: news };
    },
    async cancel(how) {
      for (const { child } of running.values()) child?.kill(how === 'soon' ? 'SIGTERM' : 'SIGKILL');
    },
    changed: (seconds) =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, 1000 * seconds);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
        if (ended.length > 0) wake();
      }),
  };
}

/** Bytes that processes which have just begun are still to take: what free memory does not show yet. */
function growthOf(running: ReadonlyMap<string, Running>): number {
  return [...running.values()]
    .filter(({ progress }) => progress === undefined)
    .reduce((sum, { memory }) => sum + memory, 0);
}

/**
 * Refuses a sweep of which a run needs more memory than there is.
 *
 * @throws ShapelawError `out-of-memory`.
 */
export function requireFitting(jobs: Iterable<Job>, memoryBytes: number): void {
  for (const job of jobs) {
    const bytes = job.memoryBytes();
    if (bytes <= memoryBytes) continue;
    const gigabytes = (value: number) => `${(value / 1e9).toFixed(2)} GB`;
    throw new ShapelawError(
      'out-of-memory',
      `run ${job.runId} needs about ${gigabytes(bytes)} of memory, and the sweep may take ${gigabytes(memoryBytes)}: give the sweep a smaller batch, "recompute": true, or leave its shape out`,
      { runId: job.runId, estimateBytes: bytes, availableBytes: memoryBytes },
    );
  }
}
