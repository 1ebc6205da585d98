import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { ShapelawError } from '../errors.js';
import { type RefitMap, type RefitTask, refitRange } from '../fit/refit.js';
import { type RefitPart, takeParts } from './refit-parts.js';
import type { RefitAnswer } from './refit-worker.js';

/** Rows times refits below which threads take longer to start than they save. */
const worthThreads = 150_000;

const workerFile = fileURLToPath(new URL('./refit-worker.js', import.meta.url));

/** Refits shared out over worker threads; small tasks, and those where threads can't be had, stay in this one. */
export function refitWorkers(threads = availableParallelism()): RefitMap {
  return async (task, count) => {
    if (threads < 2 || task.source.logLoss.length * count < worthThreads || !existsSync(workerFile)) {
      return [refitRange(task, 0, count)];
    }
    const next = new SharedArrayBuffer(4);
    const others = Array.from({ length: threads - 1 }, () => partsOfThread(task, count, next));
    // Threads start while this one is at work, after a turn in which they can be made.
    await new Promise((turn) => setImmediate(turn));
    const parts = [...takeParts(task, count, next), ...(await Promise.all(others)).flat()];
    return parts.sort((a, b) => a.index - b.index).map(({ refits }) => refits);
  };
}

function partsOfThread(task: RefitTask, count: number, next: SharedArrayBuffer): Promise<readonly RefitPart[]> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(workerFile, { workerData: { task, count, next } });
    worker.once('message', (answer: RefitAnswer) => {
      if ('parts' in answer) resolve(answer.parts);
      else reject(new ShapelawError(answer.code, answer.message, answer.details));
    });
    worker.once('error', reject);
  });
}
