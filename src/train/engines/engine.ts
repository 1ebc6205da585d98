import { ShapelawError } from '../../errors.js';
import type { Executor } from './executor.js';

/** What can run a training step. */
export const engineKinds = [
  'cpu',
  'webgpu',
  'cuda',
  'tfjs-node-gpu',
  'tfjs-node',
  'tfjs-webgpu',
  'tfjs-wasm',
  'tfjs-cpu',
] as const;

export type EngineKind = (typeof engineKinds)[number];

export interface EngineOptions {
  readonly kind: EngineKind;
  /** Threads of the CPU engine. Defaults to 1. */
  readonly threads?: number;
}

/**
 * The executor of an engine, in this thread: each step blocks it.
 *
 * @throws ShapelawError `engine-unavailable`, with what to install, where it is missing or can't run here.
 */
export async function openExecutor(options: EngineOptions): Promise<Executor> {
  const { kind } = options;
  if (kind.startsWith('tfjs-')) {
    const { tfjsExecutor } = await import('./tfjs.js');
    return tfjsExecutor({ backend: kind.slice('tfjs-'.length) });
  }
  if (kind !== 'cpu' && kind !== 'webgpu' && kind !== 'cuda') {
    throw new ShapelawError('bad-usage', `no engine "${kind}": ${engineKinds.join(', ')}`, { engine: kind });
  }
  const { onnxExecutor } = await import('./onnx.js');
  return onnxExecutor({ provider: kind, ...(options.threads === undefined ? {} : { threads: options.threads }) });
}
