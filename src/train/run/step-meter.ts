import type { StepResult } from './trainer.js';

/** What the steps since the last evaluation gave, as plain data that a checkpoint holds. */
export interface StepMeter {
  readonly steps: number;
  readonly seconds: number;
  /** Sum of their losses. */
  readonly losses: number;
  /** The last that was finite: a step in fp16 that was skipped has none. */
  readonly gradientNorm?: number | undefined;
  /** Of the last step. */
  readonly learningRate?: number | undefined;
}

export const noSteps: StepMeter = { steps: 0, seconds: 0, losses: 0 };

export function withStep(
  meter: StepMeter,
  { loss, gradientNorm }: StepResult,
  seconds: number,
  learningRate: number,
): StepMeter {
  return {
    steps: meter.steps + 1,
    seconds: meter.seconds + seconds,
    losses: meter.losses + loss,
    gradientNorm: Number.isFinite(gradientNorm) ? gradientNorm : meter.gradientNorm,
    learningRate,
  };
}

/** What a line of metrics says of the steps; undefined after none. */
export function measuredOf({ steps, seconds, losses, gradientNorm, learningRate }: StepMeter) {
  if (steps === 0) return undefined;
  return {
    stepSeconds: seconds / steps,
    trainLoss: losses / steps,
    ...(gradientNorm === undefined ? {} : { gradientNorm }),
    ...(learningRate === undefined ? {} : { learningRate }),
  };
}
