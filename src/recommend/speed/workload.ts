import { countFlops, type SequenceLengths } from '../../flops/flops.js';
import { trainingMemory } from '../../flops/memory.js';
import { countParameters } from '../../flops/parameters.js';
import type { Shape } from '../../flops/shape.js';

/** What one training step asks of one device. */
export interface Workload {
  /** Exact training FLOPs. */
  readonly flops: number;
  /** Bytes that the layers keep for the backward pass in 16 bits, the attention core computed again (Korthikanti et al. 2022); what else is moved is taken to grow with them. */
  readonly activationBytes: number;
  /** Bytes of the last norm, the projection's input and the logits. */
  readonly outputBytes: number;
  /** All parameters: what is updated and, over several devices, exchanged. */
  readonly parameters: number;
}

/** Names of the parts of a step's time, in the order of a model's coefficients. */
export const workloadNames = [
  'flops',
  'activationBytes',
  'outputBytes',
  'parameters',
] as const satisfies readonly (keyof Workload)[];

/**
 * The work of one step.
 *
 * @param sequences - On one device; may be a fraction.
 */
export function workloadOf(shape: Shape, lengths: SequenceLengths, sequences: number): Workload {
  const { activations } = trainingMemory(shape, { ...lengths, batch: 1, precision: 'bf16', optimizer: 'sgd' });
  const layers = Object.values(activations).reduce((sum, bytes) => sum + bytes, 0) - activations.output;
  return {
    flops: countFlops(shape, lengths).training * sequences,
    activationBytes: layers * sequences,
    outputBytes: activations.output * sequences,
    parameters: countParameters(shape).total,
  };
}
