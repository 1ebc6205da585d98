/** Name of the scalar that a step in float16 is fed: what the loss is multiplied by before its gradient is taken. */
export const lossScaleName = 'loss scale';

/** The scale of the loss at a step (Micikevicius et al. 2018, section 3.2), a power of 2, so that scaling rounds nothing. */
export interface LossScale {
  readonly scale: number;
  /** Steps with a finite gradient since the scale changed. */
  readonly steps: number;
}

export const firstLossScale: LossScale = { scale: 2 ** 16, steps: 0 };

const stepsToDouble = 1000;
const largestScale = 2 ** 24;

/**
 * The scale of the next step: half after a step that was skipped, double after 1000 that were not, within 1 and 2^24.
 *
 * @param finite - Whether the gradient was; where it was not, the step changed nothing.
 */
export function nextLossScale({ scale, steps }: LossScale, finite: boolean): LossScale {
  if (!finite) return { scale: Math.max(1, scale / 2), steps: 0 };
  if (steps + 1 < stepsToDouble) return { scale, steps: steps + 1 };
  return { scale: Math.min(largestScale, scale * 2), steps: 0 };
}
