import { Worker } from 'node:worker_threads';
import { type ErrorCode, ShapelawError } from '../../errors.js';
import { packProgram } from '../graph/index.js';
import type { EngineOptions } from './engine.js';
import type { Executor, HostTensor, PreparedProgram } from './executor.js';
import type { Answer, Request } from './worker-main.js';

type Call = Request extends infer R ? (R extends { readonly id: number } ? Omit<R, 'id'> : never) : never;

/**
 * The executor of an engine in a thread of its own, so that a step blocks nobody.
 *
 * @throws ShapelawError `engine-unavailable`.
 */
export async function workerExecutor(options: EngineOptions): Promise<Executor> {
  const worker = new Worker(new URL('./worker-main.js', import.meta.url), { workerData: options });
  const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  let calls = 0;
  let failure: Error | undefined;
  const fail = (error: Error) => {
    failure ??= error;
    for (const { reject } of waiting.values()) reject(failure);
    waiting.clear();
  };
  worker.on('message', (answer: Answer) => {
    const caller = waiting.get(answer.id);
    waiting.delete(answer.id);
    if ('error' in answer) caller?.reject(errorFrom(answer.error));
    else caller?.resolve(answer.value);
  });
  worker.on('error', fail);
  worker.on('exit', (code) => fail(new Error(`the engine's thread ended with code ${code}`)));

  const call = <T>(request: Call, given: readonly ArrayBuffer[] = []): Promise<T> => {
    if (failure !== undefined) return Promise.reject(failure);
    const id = calls++;
    return new Promise<T>((resolve, reject) => {
      waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      worker.postMessage({ ...request, id }, given);
    });
  };

  const opened = call<Pick<Executor, 'device' | 'versions'>>({ call: 'open' });
  const { device, versions } = await opened.catch(async (error: unknown) => {
    await worker.terminate();
    throw error;
  });
  return {
    device,
    versions,
    async prepare(program): Promise<PreparedProgram> {
      const handle = await call<number>({ call: 'prepare', program: packProgram(program) });
      return {
        run: (feeds) => call<ReadonlyMap<string, HostTensor>>({ call: 'run', handle, feeds }),
        dispose: () => call<void>({ call: 'release', handle }),
      };
    },
    writeStates: (states, give = false) => call<void>({ call: 'writeStates', states }, give ? buffersOf(states) : []),
    readStates: (names) => call<ReadonlyMap<string, HostTensor>>({ call: 'readStates', names }),
    async dispose() {
      if (failure === undefined) await call<void>({ call: 'close' }).catch(() => {});
      await worker.terminate();
    },
  };
}

/** What moves to another thread instead of being copied. */
export function buffersOf(tensors: ReadonlyMap<string, HostTensor>): readonly ArrayBuffer[] {
  return [...tensors.values()].map(({ values }) => values.buffer as ArrayBuffer);
}

/** An error as it crosses threads. */
export interface SentError {
  readonly code?: ErrorCode;
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

function errorFrom({ code, message, details }: SentError): Error {
  return code === undefined ? new Error(message) : new ShapelawError(code, message, details);
}
