import { parentPort, workerData } from 'node:worker_threads';
import { type ErrorCode, ShapelawError } from '../errors.js';
import { loadLaw } from '../fit/laws/registry.js';
import type { RefitTask } from '../fit/refit.js';
import { type RefitPart, takeParts } from './refit-parts.js';

/** What the thread answers. */
export type RefitAnswer =
  | { readonly parts: readonly RefitPart[] }
  | { readonly code: ErrorCode; readonly message: string; readonly details: Readonly<Record<string, unknown>> };

const { task, count, next } = workerData as {
  readonly task: RefitTask;
  readonly count: number;
  readonly next: SharedArrayBuffer;
};
await loadLaw(task.law);
let answer: RefitAnswer;
try {
  answer = { parts: takeParts(task, count, next) };
} catch (error) {
  if (!(error instanceof ShapelawError)) throw error;
  answer = { code: error.code, message: error.message, details: error.details };
}
parentPort!.postMessage(answer);
