import type { Range } from '../flops/cost.js';
import { type SequenceLengths, sequenceTokens } from '../flops/flops.js';
import type { Shape } from '../flops/shape.js';
import type { Estimate } from './law-use.js';
import type { Latency } from './limits.js';
import type { LengthsOf, Setting } from './setting.js';
import { measuredStepTime, type ServingSetting, servingTime, stepTime, type Timed } from './speed/index.js';

/** How fast a shape trains and serves, with what the times are made of. */
export interface RowSpeed {
  /** Of one training step of the batch. */
  readonly stepSeconds: Estimate;
  /** Tokens of training a second, from the slowest to the fastest. */
  readonly tokensPerSecond: Range;
  /** For a token that is generated, one sequence at a time on one device; of an encoder for a token that is read. */
  readonly tokenSeconds: Estimate;
  /** For a whole sequence, one at a time on one device. */
  readonly sequenceSeconds: Estimate;
  readonly step: Omit<Timed, 'seconds'>;
  readonly serving: Omit<Timed, 'seconds'>;
}

type SpeedSetting = Pick<Setting, 'batch' | 'devices' | 'peakFlops' | 'mfu' | 'hardware' | 'stepTimes' | 'memory'>;

export function rowSpeed(shape: Shape, lengths: SequenceLengths, setting: SpeedSetting): RowSpeed {
  const { seconds, ...step } = stepOf(shape, lengths, setting);
  const { token, sequence } = servingTime(shape, servingSetting(lengths, setting));
  const { seconds: tokenSeconds, ...serving } = token;
  const tokens = setting.batch * sequenceTokens(shape, lengths);
  return {
    stepSeconds: seconds,
    tokensPerSecond: [tokens / seconds.interval[1], tokens / seconds.interval[0]],
    tokenSeconds,
    sequenceSeconds: sequence.seconds,
    step,
    serving,
  };
}

function stepOf(shape: Shape, lengths: SequenceLengths, setting: SpeedSetting): Timed {
  return setting.stepTimes === null
    ? stepTime(shape, {
        ...setting,
        lengths,
        memoryBandwidth: setting.hardware.memoryBandwidth,
        microBatches: Math.ceil(setting.batch / setting.devices / setting.memory.batch),
      })
    : measuredStepTime(setting.stepTimes, shape, { ...setting, lengths });
}

function servingSetting(lengths: SequenceLengths, { peakFlops, mfu, hardware }: SpeedSetting): ServingSetting {
  return { lengths, batch: 1, peakFlops, mfu, memoryBandwidth: hardware.memoryBandwidth };
}

/** Seconds of a training step. */
export function stepSeconds(shape: Shape, lengths: SequenceLengths, setting: SpeedSetting): Estimate {
  return stepOf(shape, lengths, setting).seconds;
}

/** Latencies by the slow end of their intervals, so that a limit holds. */
export function latencyOf(setting: SpeedSetting, lengthsOf: LengthsOf): Latency {
  return (shape) => {
    const { token, sequence } = servingTime(shape, servingSetting(lengthsOf(shape), setting));
    return { tokenSeconds: token.seconds.interval[1], sequenceSeconds: sequence.seconds.interval[1] };
  };
}
