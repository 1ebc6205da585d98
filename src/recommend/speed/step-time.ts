import { ShapelawError } from '../../errors.js';
import { type Range, requireMfu } from '../../flops/cost.js';
import { lengthsOfSides, type SequenceLengths } from '../../flops/flops.js';
import type { Shape } from '../../flops/shape.js';
import { requirePositive } from '../require-positive.js';
import { gradientSeconds, tensorSeconds } from './communication.js';
import type { StepTimeFit } from './fit-step-time.js';
import {
  gemstonesDevice,
  gemstonesLengths,
  gemstonesReference,
  gemstonesSequences,
  gemstonesShape,
  gemstonesSource,
  gemstonesStepTime,
} from './gemstones.js';
import { forwardKernels, launchSeconds } from './kernels.js';
import { type Workload, workloadOf } from './workload.js';

/** The machine and the batch that a step runs with. */
export interface StepSetting {
  readonly lengths: SequenceLengths;
  /** Sequences a step, over all devices. */
  readonly batch: number;
  readonly devices: number;
  /** Peak dense FLOP/s of one device. */
  readonly peakFlops: number;
  /** Model FLOPs utilisation of wide layers, lowest and highest. */
  readonly mfu: Range;
  /** Bytes a second of one device's memory. Defaults to as much for its peak as the machine that was measured has. */
  readonly memoryBandwidth?: number;
  /** Parts that a device's sequences are worked on in, one after the other. Defaults to 1. */
  readonly microBatches?: number;
  /** Devices that share each layer. Defaults to 1. */
  readonly tensorParallel?: number;
  /** Bytes a second of one device's link to the next. Defaults to the exchange of gradients as it was measured. */
  readonly linkBandwidth?: number;
}

/** A time with what it is made of, and where that comes from. */
export interface Timed {
  /** Seconds: the middle, geometrically, of the interval. */
  readonly seconds: { readonly value: number; readonly interval: Range };
  /** Seconds of each part; they sum to the value. */
  readonly parts: Readonly<Record<'compute' | 'memory' | 'latency' | 'communication', number>>;
  readonly formula: string;
  readonly source: string;
}

/** Standard deviations of the 95% interval of a step by the fit. */
const spread = 1.96;

/** The machine that was measured, as the ratio of memory time to compute time over its own. */
const measuredBalance = 1;

const reference = workloadOf(
  gemstonesShape(gemstonesReference.dModel, gemstonesReference.layers),
  gemstonesLengths,
  gemstonesSequences(gemstonesReference.nodes),
);

/** Seconds of the work that grows with the batch. */
function workSeconds({ coefficients }: StepTimeFit, workload: Workload) {
  return {
    compute: coefficients.flops * workload.flops,
    memory: coefficients.activationBytes * workload.activationBytes + coefficients.outputBytes * workload.outputBytes,
  };
}

/** Seconds for a FLOP, memory taking `balance` times as long against compute as on the machine that was measured. */
function secondsPerFlop(workload: Workload, balance: number): number {
  const { compute, memory } = workSeconds(gemstonesStepTime, workload);
  return (compute + balance * memory) / workload.flops;
}

/** Seconds for a FLOP over those of the widest run measured; no less than 1. */
function slowdown(workload: Workload, balance: number): number {
  return Math.max(1, secondsPerFlop(workload, balance) / secondsPerFlop(reference, balance));
}

/**
 * Seconds of one training step on any device: its FLOPs at the range of MFU, slowed as narrower layers were on the machine that
 * was measured, and over several devices the exchange of gradients and of activations.
 *
 * Narrow layers move more bytes for each FLOP, which is the price of depth at equal FLOPs. Layers wider than those measured
 * get nothing for it. The runs tell no price of a layer beyond that, at 8k tokens a device and more (at most 3.8 ms a step); at the slow
 * end a step takes no less than the launches of its kernels, three for each of the forward pass, which is the price of a layer in
 * steps of few tokens. Where the device's
 * memory is slower for its peak than that of the machine measured, the slow end has narrow layers lose as much more.
 *
 * @throws ShapelawError `bad-usage` for values out of range, and for tensor parallelism without the bandwidth of a link.
 */
export function stepTime(shape: Shape, setting: StepSetting): Timed {
  const { batch, devices, peakFlops, mfu, microBatches = 1 } = setting;
  requireMfu(mfu);
  requirePositive({ batch, devices, peakFlops, microBatches });
  const workload = workloadOf(shape, setting.lengths, batch / devices);
  const balances = [measuredBalance, balanceOf(setting)];
  const [least, most] = [Math.min(...balances), Math.max(...balances)];
  const atPeak = workload.flops / peakFlops;
  const fast = (atPeak * slowdown(workload, least)) / mfu[1];
  const slow = (atPeak * slowdown(workload, most)) / mfu[0];
  const launches = 3 * microBatches * (forwardKernels(shape).encoder + forwardKernels(shape).decoder);
  const waiting = Math.max(0, launches * launchSeconds[1] - slow);
  const { gradients, activations } = exchanges(shape, setting, workload);
  const error = Math.exp(spread * gemstonesStepTime.leftOutError);
  // Gradients may be exchanged behind the backward pass, or after it; each layer waits for its activations.
  const interval: Range = [fast / error + activations, (slow + waiting + gradients) * error + activations];
  const work = Math.sqrt(fast * slow);
  const { compute, memory } = workSeconds(gemstonesStepTime, workload);
  const share = compute / (compute + memory);
  return {
    ...timedOf(interval, {
      compute: work * share,
      memory: work * (1 - share),
      latency: waiting,
      communication: gradients + activations,
    }),
    formula:
      'max(FLOPs / (devices * peak * MFU) * slowdown, launches of kernels) + exchange of gradients; slowdown is the time a FLOP of the shape over that of the widest run measured',
    source: `${gemstonesSource}, carried to this device as a ratio${exchangeSource(setting)}`,
  };
}

/**
 * Seconds of one training step on the machine that a fit was made on. A layer has no time of its own: next to the bytes that layers
 * move the runs of Gemstones tell none. Its source says where a step is longer or shorter than those measured, which its interval doesn't.
 *
 * @throws ShapelawError `bad-usage` for values out of range.
 */
export function measuredStepTime(
  fit: StepTimeFit,
  shape: Shape,
  setting: Pick<StepSetting, 'lengths' | 'batch' | 'devices'>,
): Timed {
  requirePositive({ batch: setting.batch, devices: setting.devices });
  const workload = workloadOf(shape, setting.lengths, setting.batch / setting.devices);
  const { compute, memory } = workSeconds(fit, workload);
  const communication = fit.coefficients.parameters * workload.parameters;
  const value = compute + memory + communication;
  const error = Math.exp(spread * fit.leftOutError);
  return {
    seconds: { value, interval: [value / error, value * error] },
    parts: { compute, memory, latency: 0, communication },
    formula: 'sum of FLOPs, bytes of layers, bytes of the output and parameters, each times its fitted seconds',
    source: `fit to ${measuredSays(fit)}${outside(fit, workload)}`,
  };
}

/** What a fit was made to, and how well it holds. */
export function measuredSays({ steps, flops: [least, most], leftOutError }: StepTimeFit): string {
  return `${steps} measured step times of ${least.toExponential(1)} to ${most.toExponential(1)} FLOPs a device, which others predict to ${(100 * leftOutError).toPrecision(2)}%`;
}

function outside({ flops: [least, most] }: StepTimeFit, { flops }: Workload): string {
  return flops < least || flops > most ? `; this one, of ${flops.toExponential(1)}, lies outside them` : '';
}

/** An interval with its geometric middle, and parts brought to sum to it. */
export function timedOf(interval: Range, parts: Timed['parts']): Pick<Timed, 'seconds' | 'parts'> {
  const value = Math.sqrt(interval[0] * interval[1]);
  const scale = value / (parts.compute + parts.memory + parts.latency + parts.communication);
  return {
    seconds: { value, interval },
    parts: {
      compute: parts.compute * scale,
      memory: parts.memory * scale,
      latency: parts.latency * scale,
      communication: parts.communication * scale,
    },
  };
}

function exchangeSource({ devices, linkBandwidth }: StepSetting): string {
  if (devices === 1) return '';
  return linkBandwidth === undefined
    ? '; gradients exchanged at the rate of the machine that was measured (Frontier)'
    : '; gradients exchanged in a ring over the link given';
}

function balanceOf({ peakFlops, memoryBandwidth }: StepSetting): number {
  if (memoryBandwidth === undefined) return measuredBalance;
  requirePositive({ memoryBandwidth });
  return (peakFlops / memoryBandwidth) * (gemstonesDevice.memoryBandwidth / gemstonesDevice.peakFlops);
}

function exchanges(shape: Shape, setting: StepSetting, { parameters }: Workload) {
  const { batch, devices, tensorParallel = 1, linkBandwidth } = setting;
  if (!(Number.isSafeInteger(tensorParallel) && tensorParallel > 0 && devices % tensorParallel === 0)) {
    throw new ShapelawError(
      'bad-usage',
      `${devices} devices can't be shared out in groups of ${tensorParallel}: the tensor-parallel degree must divide them`,
      { devices, tensorParallel },
    );
  }
  if (linkBandwidth === undefined) {
    if (tensorParallel > 1) {
      throw new ShapelawError('bad-usage', 'tensor parallelism needs the bandwidth of a link: none was measured', {
        tensorParallel,
      });
    }
    // A ring's share of 2 (p - 1) / p of the gradients is 2 on the many devices that were measured.
    const measured = gemstonesStepTime.coefficients.parameters * parameters;
    return { gradients: (measured * (devices - 1)) / devices, activations: 0 };
  }
  requirePositive({ linkBandwidth });
  const groups = devices / tensorParallel;
  return {
    gradients: gradientSeconds(parameters / tensorParallel, groups, linkBandwidth),
    activations: tensorSeconds(
      shape,
      lengthsOfSides(shape, setting.lengths),
      batch / groups,
      tensorParallel,
      linkBandwidth,
    ),
  };
}
