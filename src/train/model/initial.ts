import type { Shape } from '../../flops/index.js';
import type { HostTensor } from '../engines/executor.js';
import { type Slot, sizeOf } from '../graph/index.js';
import { type Random, randomStream } from '../text/index.js';
import { parameterSlots } from './step.js';

/**
 * Standard deviation of a parameter at the start, as in T5's code: 1 for the embedding; (dModel dKv)^-0.5 for queries,
 * which holds the scale of attention; the fan-in to -0.5 elsewhere. An output projection of its own has its fan-in too, as
 * in T5X. Undefined for the weights of norms, which start at 1.
 */
export function initialDeviation(shape: Shape, name: string): number | undefined {
  const { dModel, dFf, dKv, heads } = shape;
  if (name.includes('norm')) return undefined;
  if (name === 'shared.weight') return 1;
  if (name.endsWith('.q.weight')) return (dModel * dKv) ** -0.5;
  if (name.endsWith('.o.weight')) return (heads * dKv) ** -0.5;
  if (name.endsWith('.wo.weight')) return dFf ** -0.5;
  return dModel ** -0.5;
}

/** A number from a text that differs for every text, near enough: FNV-1a. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}

/** Streams below are those of examples and dropout masks. */
const firstStream = 2 ** 41;

/** A parameter at the start of a run; each has a random stream of its own, by the seed and its name. */
export function initialValues(shape: Shape, { name, dims }: Pick<Slot, 'name' | 'dims'>, seed: number): Float32Array {
  const values = new Float32Array(sizeOf(dims));
  const deviation = initialDeviation(shape, name);
  if (deviation === undefined) values.fill(1);
  else fillNormal(values, deviation, randomStream(seed, firstStream + hashOf(name)));
  return values;
}

/** All parameters at the start of a run. */
export function initialParameters(shape: Shape, seed: number): ReadonlyMap<string, HostTensor> {
  return new Map(
    parameterSlots(shape).map((slot) => [
      slot.name,
      { dtype: 'float32', dims: slot.dims, values: initialValues(shape, slot, seed) },
    ]),
  );
}

/** Normal numbers by the method of Box and Muller. */
function fillNormal(values: Float32Array, deviation: number, random: Random): void {
  for (let index = 0; index < values.length; index += 2) {
    // In (0, 1], so that its logarithm is finite.
    const radius = Math.sqrt(-2 * Math.log(1 - random()));
    const angle = 2 * Math.PI * random();
    values[index] = deviation * radius * Math.cos(angle);
    if (index + 1 < values.length) values[index + 1] = deviation * radius * Math.sin(angle);
  }
}
