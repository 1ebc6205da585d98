import type { Dims, DType, Program } from '../graph/index.js';

/** Values of one tensor in row-major order; float16 as their bits, bool as 0 and 1. */
export type Values = Float32Array | Uint16Array | Int32Array | BigInt64Array | Uint8Array;

/** A tensor outside of an engine. */
export interface HostTensor {
  readonly dtype: DType;
  readonly dims: Dims;
  readonly values: Values;
}

/**
 * What runs programs and keeps states. Calls follow each other; none overlap.
 */
export interface Executor {
  /** The device's name, for people. */
  readonly device: string;
  /** What ran, by package or library, with versions. */
  readonly versions: Readonly<Record<string, string>>;
  /** Prepares a program for many runs. */
  prepare(program: Program): Promise<PreparedProgram>;
  /**
   * Replaces states, or makes them.
   *
   * @param give - Whether the executor may take the arrays over, which nobody else uses any more: no copy is made. Each
   *   has a buffer of its own. Defaults to false.
   */
  writeStates(states: ReadonlyMap<string, HostTensor>, give?: boolean): Promise<void>;
  /** Copies of states by name, each with a buffer of its own. */
  readStates(names: readonly string[]): Promise<ReadonlyMap<string, HostTensor>>;
  dispose(): Promise<void>;
}

/** A program that an executor can run. */
export interface PreparedProgram {
  /** Runs once: the states are replaced by the program's updates, its outputs returned. */
  run(feeds: ReadonlyMap<string, HostTensor>): Promise<ReadonlyMap<string, HostTensor>>;
  dispose(): Promise<void>;
}
