import { parentPort, workerData } from 'node:worker_threads';
import { ShapelawError } from '../../errors.js';
import { type PackedProgram, unpackProgram } from '../graph/index.js';
import { type EngineOptions, openExecutor } from './engine.js';
import type { Executor, HostTensor, PreparedProgram } from './executor.js';
import { buffersOf, type SentError } from './worker.js';

/** What the engine's thread is asked. */
export type Request =
  | { readonly id: number; readonly call: 'open' | 'close' }
  | { readonly id: number; readonly call: 'prepare'; readonly program: PackedProgram }
  | {
      readonly id: number;
      readonly call: 'run';
      readonly handle: number;
      readonly feeds: ReadonlyMap<string, HostTensor>;
    }
  | { readonly id: number; readonly call: 'release'; readonly handle: number }
  | { readonly id: number; readonly call: 'writeStates'; readonly states: ReadonlyMap<string, HostTensor> }
  | { readonly id: number; readonly call: 'readStates'; readonly names: readonly string[] };

/** What it answers. */
export type Answer = { readonly id: number } & ({ readonly value: unknown } | { readonly error: SentError });

let executor: Executor;
const prepared = new Map<number, PreparedProgram>();

async function answer(request: Request): Promise<unknown> {
  switch (request.call) {
    case 'open': {
      executor = await openExecutor(workerData as EngineOptions);
      return { device: executor.device, versions: executor.versions };
    }
    case 'prepare':
      prepared.set(request.id, await executor.prepare(unpackProgram(request.program)));
      return request.id;
    case 'run':
      return prepared.get(request.handle)!.run(request.feeds);
    case 'release':
      await prepared.get(request.handle)!.dispose();
      prepared.delete(request.handle);
      return undefined;
    case 'writeStates':
      // Copies for this thread, or given to it; two views of one buffer stay that in a copy.
      return executor.writeStates(request.states, new Set(buffersOf(request.states)).size === request.states.size);
    case 'readStates':
      return executor.readStates(request.names);
    case 'close':
      for (const program of prepared.values()) await program.dispose();
      return executor.dispose();
  }
}

function sent(error: unknown): SentError {
  if (error instanceof ShapelawError) return { code: error.code, message: error.message, details: error.details };
  return { message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

// One request after the other, in the order they came.
let before: Promise<unknown> = Promise.resolve();
parentPort!.on('message', (request: Request) => {
  before = before.then(async () => {
    const { id } = request;
    const reply: Answer = await answer(request).then(
      (value) => ({ id, value }),
      (error: unknown) => ({ id, error: sent(error) }),
    );
    const given = request.call === 'readStates' && 'value' in reply ? buffersOf(reply.value as never) : [];
    parentPort!.postMessage(reply, given);
  });
});
