import { availableMemory } from 'node:process';
import { ShapelawError } from '../../errors.js';
import type { Executor } from '../engines/executor.js';
import { bytesOf, input, matMul, mul, peakBytes, reduceMax, reshape, type Slot, state } from '../graph/index.js';
import { accumulatorSlots, stateSlots } from '../model/step.js';
import { keptBytes } from './batches.js';
import { planRun } from './plan.js';
import { type Recipe, stepSizes } from './recipe.js';
import { readBytes, type TrainingPrograms } from './trainer.js';

/** The best rate seen of a square fp32 matrix product. */
export interface MeasuredPeak {
  /** FLOPs a second. */
  readonly flopsPerSecond: number;
  /** Rows of the largest matrix tried. */
  readonly size: number;
}

/** Measures the fastest matrix product on an executor, doubling its size until one takes long enough to time. */
export async function measurePeak(executor: Executor): Promise<MeasuredPeak> {
  let best = 0;
  let size = 256;
  for (; size <= 8192; size *= 2) {
    const product = matMul(state('peak a', 'float32', [size, size]), state('peak b', 'float32', [size, size]));
    const program = await executor.prepare({
      name: 'peak',
      outputs: { largest: reshape(reduceMax(mul(product, input('one', 'float32', []))), []) },
      updates: { 'peak c': product },
    });
    for (const name of ['peak a', 'peak b', 'peak c']) {
      const values = new Float32Array(size * size).fill(1 / size);
      await executor.writeStates(new Map([[name, { dtype: 'float32', dims: [size, size], values }]]), true);
    }
    const feeds = new Map([['one', { dtype: 'float32', dims: [], values: Float32Array.of(1) } as const]]);
    await program.run(feeds);
    let fastest = Number.POSITIVE_INFINITY;
    for (let turn = 0; turn < 20; turn++) {
      const start = performance.now();
      await program.run(feeds);
      fastest = Math.min(fastest, (performance.now() - start) / 1000);
    }
    await program.dispose();
    best = Math.max(best, (2 * size ** 3) / fastest);
    if (fastest > 0.01) break;
  }
  const nothing = { dtype: 'float32', dims: [1], values: new Float32Array(1) } as const;
  await executor.writeStates(new Map(['a', 'b', 'c'].map((name) => [`peak ${name}`, nothing])));
  return { flopsPerSecond: best, size: Math.min(size, 8192) };
}

/** What the process takes beside the model: two threads of Node, the engine's library and reserves, the text in flight. */
const baseBytes = 270e6;

/** What the system's allocator takes for memory that comes and goes, measured up to 1.35 with large vocabularies. */
const reserve = 1.25;

/**
 * Estimated bytes of memory of a run: its states, the fullest moment of a step, states on their way between engine and
 * disk, batches kept for the trunk while a branch goes on, and the program itself.
 */
export function estimateMemory(recipe: Recipe, programs: TrainingPrograms): number {
  const bytes = (slots: readonly Slot[]) => slots.reduce((sum, slot) => sum + bytesOf(slot), 0);
  const sums = programs.accumulation === undefined ? [] : accumulatorSlots(recipe.shape);
  const states = bytes(stateSlots(recipe.shape, recipe.optimizer));
  const sizes = stepSizes(recipe);
  const branchSteps = planRun(recipe, sizes).branches.map(({ start, end }) => end - start);
  return (
    states +
    bytes(sums) +
    // States read as the engine gives them, and as they are written.
    reserve * (Math.max(peakBytes(programs.step), peakBytes(programs.evaluation)) + 2 * Math.min(states, readBytes)) +
    Math.min(Math.max(0, ...branchSteps) * sizes.tokens * Int32Array.BYTES_PER_ELEMENT, keptBytes) +
    baseBytes
  );
}

/**
 * Refuses a run that this machine's free memory can't hold.
 *
 * @param available - Bytes. Defaults to what the system says a process may still take, limits of its container included.
 * @throws ShapelawError `out-of-memory`, with the estimate.
 */
export function requireMemory(estimate: number, available = availableMemory()): void {
  if (estimate <= available) return;
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(2)} GB`;
  throw new ShapelawError(
    'out-of-memory',
    `the run needs about ${gigabytes(estimate)} of memory and ${gigabytes(available)} are free: lower --batch (and raise --accumulate), give --recompute, or take a smaller shape`,
    { estimateBytes: estimate, availableBytes: available },
  );
}
