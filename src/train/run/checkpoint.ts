import { rm, stat } from 'node:fs/promises';
import { z } from 'zod';
import { ShapelawError } from '../../errors.js';
import {
  type LazyTensor,
  openSafetensors,
  requireChecksum,
  type StoredTensor,
  toFloat32,
  writeSafetensors,
} from '../checkpoint/index.js';
import type { Slot } from '../graph/index.js';
import type { LossScale } from '../model/loss-scale.js';
import type { StepMeter } from './step-meter.js';
import type { LazyStates } from './trainer.js';

/** Where a run stands: what resumes it beside the states of the engine. */
export interface Position {
  /** Steps done, of the trunk or on a branch off it. */
  readonly step: number;
  /** Last step of the branch; none on the trunk. */
  readonly branchEnd?: number | undefined;
  /** Seconds spent so far. */
  readonly elapsedSeconds: number;
  /** Scale of the loss in fp16. */
  readonly lossScale: LossScale;
  /** Of the steps since the last evaluation. */
  readonly meter: StepMeter;
}

const positionSchema = z.object({
  step: z.int().nonnegative(),
  branchEnd: z.int().positive().optional(),
  elapsedSeconds: z.number().nonnegative(),
  lossScale: z.object({ scale: z.number().positive(), steps: z.int().nonnegative() }),
  meter: z.object({
    steps: z.int().nonnegative(),
    seconds: z.number().nonnegative(),
    losses: z.number(),
    gradientNorm: z.number().optional(),
    learningRate: z.number().optional(),
  }),
});

/** A checkpoint, whose states are read when they are asked for. */
export interface Checkpoint {
  readonly position: Position;
  readonly states: LazyStates;
}

/** A file of a run that it is resumed from. */
export interface CheckpointFile {
  save(position: Position, states: LazyStates): Promise<void>;
  /**
   * What was saved; undefined where nothing was.
   *
   * @param slots - The states that it has to hold.
   * @throws ShapelawError `bad-checkpoint`, `unreadable`.
   */
  load(slots: readonly Slot[]): Promise<Checkpoint | undefined>;
  remove(): Promise<void>;
}

const checkpointVersion = '2';

/** @param remedy - What removing the file leads to, for messages. */
export function checkpointFile(path: string, runId: string, remedy: string): CheckpointFile {
  const bad = (problem: string, details: Record<string, unknown> = {}) =>
    new ShapelawError('bad-checkpoint', `${problem}; remove it to ${remedy}`, { path, ...details });

  return {
    save: (position, states) =>
      writeSafetensors(
        path,
        states,
        {
          format: 'shapelaw-checkpoint',
          version: checkpointVersion,
          run: runId,
          position: JSON.stringify(position),
        },
        true,
      ),
    async load(slots) {
      if ((await stat(path).catch(() => undefined)) === undefined) return undefined;
      const checked = <T>(reading: Promise<T>): Promise<T> =>
        reading.catch((error: unknown) => {
          const isBad = error instanceof ShapelawError && error.code === 'bad-checkpoint';
          throw isBad ? bad(error.message, error.details) : error;
        });
      const { tensors, metadata } = await checked(openSafetensors(path));
      if (metadata.format !== 'shapelaw-checkpoint') throw bad(`${path} is not a checkpoint of a run here`);
      if (metadata.version !== checkpointVersion) {
        throw bad(
          `${path} has version ${metadata.version} of checkpoints, and this program reads ${checkpointVersion}`,
        );
      }
      await checked(requireChecksum(path));
      if (metadata.run !== runId) throw bad(`${path} is of run ${metadata.run}, not ${runId}`, metadata);
      const position = parsePosition(metadata.position);
      if (position === undefined) throw bad(`${path} does not say its position in the run (${metadata.position})`);
      const problem = differenceFrom(slots, tensors);
      if (problem !== undefined) throw bad(`${path} is of another shape or optimizer: ${problem}`);
      return { position, states: new Map([...tensors].map(([name, tensor]) => [name, asFloat32(name, tensor)])) };
    },
    remove: () => rm(path, { force: true }),
  };
}

function parsePosition(text: string | undefined): Position | undefined {
  try {
    return positionSchema.parse(JSON.parse(text!));
  } catch {
    return undefined;
  }
}

/** Where tensors are not the states expected. */
function differenceFrom(slots: readonly Slot[], tensors: ReadonlyMap<string, LazyTensor>): string | undefined {
  for (const { name, dims } of slots) {
    const found = tensors.get(name);
    if (found === undefined) return `it has no ${name}`;
    if (found.shape.join() !== dims.join()) return `${name} is [${found.shape.join(', ')}], not [${dims.join(', ')}]`;
  }
  return tensors.size === slots.length ? undefined : `it has ${tensors.size} tensors, not ${slots.length}`;
}

function asFloat32(name: string, { dtype, shape, load }: LazyTensor): LazyTensor {
  return {
    dtype: 'F32',
    shape,
    load: async () => toFloat32({ dtype, shape, data: await load() } as StoredTensor, name),
  };
}
