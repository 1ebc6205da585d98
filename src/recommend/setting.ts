import { ShapelawError } from '../errors.js';
import { type Range, requireMfu } from '../flops/cost.js';
import { defaultCarbonIntensity, defaultMfu, defaultPue } from '../flops/cost-defaults.js';
import { defaultLengths, type SequenceLengths } from '../flops/flops.js';
import { defaultPrecision, findHardware, peakFlops } from '../flops/hardware.js';
import type { Hardware, Precision } from '../flops/hardware-catalogue.js';
import type { Optimizer, Recomputation, TrainingPrecision } from '../flops/memory.js';
import type { Shape } from '../flops/shape.js';
import { spanCorruptionLengths } from '../flops/span-corruption.js';
import type { Constraint } from './budget.js';
import { gemstonesSource } from './speed/gemstones.js';
import type { StepTimeFit } from './speed/index.js';
import { measuredSays } from './speed/step-time.js';

/** What a recommendation may be told about the machine and the run; everything has a default that the answer states. */
export interface SettingOptions {
  /** A device of the catalogue by name, or one of your own. Defaults to `H100`. */
  readonly hardware?: string | Hardware;
  /** Devices that train side by side. Defaults to the budget's GPUs, else 1. */
  readonly devices?: number;
  /** `bf16`, `fp16` or `fp32`. Defaults to the first that the device has. */
  readonly precision?: Precision;
  /** Model FLOPs utilisation, lowest and highest. Defaults to 0.213 to 0.462. */
  readonly mfu?: Range;
  /** US dollars for one device and hour. Defaults to the catalogue's price. */
  readonly dollarsPerHour?: number;
  /** Defaults to 1.54. */
  readonly pue?: number;
  /** Grams of CO2 equivalent a kWh. Defaults to 458. */
  readonly carbonIntensity?: number;
  /** Tokens of one sequence. Defaults to 512 of the encoder, and of the decoder the targets that span corruption makes of them. */
  readonly lengths?: Partial<SequenceLengths>;
  /** Sequences a step. Defaults to 128, T5's. */
  readonly batch?: number;
  /** Step times of one's own machine, as fitStepTime gives them. Defaults to those of Gemstones, carried to the device as a ratio. */
  readonly stepTimes?: StepTimeFit;
}

/** An input of the answer, where it comes from, and whether the user gave it. */
export interface Assumption {
  readonly name: string;
  readonly value: string;
  readonly source: string;
  readonly given: boolean;
}

export interface Setting {
  readonly hardware: Hardware;
  readonly devices: number;
  readonly peakFlops: number;
  readonly mfu: Range;
  readonly dollarsPerHour: number | null;
  readonly watts: number | null;
  readonly pue: number;
  readonly carbonIntensity: number;
  readonly lengths: SequenceLengths;
  readonly batch: number;
  /** null for those of Gemstones. */
  readonly stepTimes: StepTimeFit | null;
  readonly memory: {
    readonly batch: number;
    readonly precision: TrainingPrecision;
    readonly optimizer: Optimizer;
    readonly recomputation: Recomputation;
  };
  readonly assumptions: readonly Assumption[];
}

/** Sequences on a device at a time, at most. */
const largestMicroBatch = 16;

/**
 * Fills in every default and says which were used.
 *
 * @param kind - Of the shapes that are planned.
 * @throws ShapelawError `unknown-hardware`, and `bad-usage` for values out of range.
 */
export function resolveSetting(
  constraints: readonly Constraint[],
  options: SettingOptions,
  kind: Shape['kind'],
): Setting {
  const hardware = typeof options.hardware === 'object' ? options.hardware : findHardware(options.hardware ?? 'H100');
  const gpus = constraints.find((constraint) => constraint.kind === 'gpus-days')?.gpus;
  const devices = options.devices ?? gpus ?? 1;
  const batch = options.batch ?? 128;
  for (const [name, value] of Object.entries({ devices, batch })) {
    if (!(Number.isSafeInteger(value) && value > 0))
      throw new ShapelawError('bad-usage', `${name} must be a positive integer, not ${value}`);
  }
  if (gpus !== undefined && gpus !== devices) {
    throw new ShapelawError('bad-usage', `the budget is of ${gpus} GPUs, so it can't run on ${devices} devices`);
  }
  const precision = options.precision ?? defaultPrecision(hardware);
  const mfu = options.mfu ?? defaultMfu.value;
  requireMfu(mfu);
  const dollarsPerHour = options.dollarsPerHour ?? hardware.dollarsPerHour?.value ?? null;
  const pue = options.pue ?? defaultPue.value;
  const carbonIntensity = options.carbonIntensity ?? defaultCarbonIntensity.value;
  const lengths = planLengths(kind, options.lengths);
  const microBatch = Math.min(largestMicroBatch, Math.ceil(batch / devices));
  if (!['bf16', 'fp16', 'fp32'].includes(precision)) {
    throw new ShapelawError('bad-usage', `training is planned in bf16, fp16 or fp32, not in ${precision}`);
  }
  const peak = peakFlops(hardware, precision);
  const trainingPrecision: TrainingPrecision =
    precision === 'bf16' ? 'mixed-bf16' : precision === 'fp16' ? 'mixed-fp16' : 'fp32';
  const given = (key: keyof SettingOptions) => options[key] !== undefined;

  const assumptions: Assumption[] = [
    {
      name: 'device',
      value: `${devices} x ${hardware.name}, ${peak / 1e12} TFLOP/s dense ${precision}`,
      source: `${hardware.source} (${hardware.date})`,
      given: given('hardware'),
    },
    {
      name: 'MFU',
      value: `${percent(mfu[0])} to ${percent(mfu[1])}`,
      source: given('mfu') ? 'given' : defaultMfu.source,
      given: given('mfu'),
    },
    {
      name: 'price',
      value: dollarsPerHour === null ? 'unknown' : `$${dollarsPerHour} a device and hour`,
      source: given('dollarsPerHour') ? 'given' : priceSource(hardware),
      given: given('dollarsPerHour'),
    },
    {
      name: 'power',
      value: hardware.watts === null ? 'unknown' : `${hardware.watts} W a device, PUE ${pue}`,
      source: `the maker's figure; PUE: ${given('pue') ? 'given' : defaultPue.source}`,
      given: given('pue'),
    },
    {
      name: 'grid',
      value: `${carbonIntensity} g CO2e a kWh`,
      source: given('carbonIntensity') ? 'given' : defaultCarbonIntensity.source,
      given: given('carbonIntensity'),
    },
    {
      name: 'sequence',
      value:
        kind === 'decoder'
          ? `${lengths.decoderTokens} tokens`
          : `${lengths.encoderTokens} encoder and ${lengths.decoderTokens} decoder tokens`,
      source: given('lengths')
        ? 'given'
        : kind === 'decoder'
          ? 'a usual length of context'
          : "span corruption's lengths at density 0.15, mean span 3 (Raffel et al. 2020)",
      given: given('lengths'),
    },
    {
      name: 'batch',
      value: `${batch} sequences a step`,
      source: given('batch') ? 'given' : 'Raffel et al. 2020, section 3.1.2',
      given: given('batch'),
    },
    {
      name: 'speed',
      value:
        options.stepTimes === undefined
          ? 'step times of Gemstones, carried to the device as a ratio'
          : `fit to ${measuredSays(options.stepTimes)}`,
      source: options.stepTimes === undefined ? gemstonesSource : 'given',
      given: given('stepTimes'),
    },
    {
      name: 'memory',
      value: `Adafactor, ${trainingPrecision}, ${microBatch} sequences a device at a time, attention core recomputed, no sharding`,
      source: "T5's optimizer (Raffel et al. 2020); activations after Korthikanti et al. 2022",
      given: false,
    },
  ];
  return {
    hardware,
    devices,
    peakFlops: peak,
    mfu,
    dollarsPerHour,
    watts: hardware.watts,
    pue,
    carbonIntensity,
    lengths,
    batch,
    stepTimes: options.stepTimes ?? null,
    memory: { batch: microBatch, precision: trainingPrecision, optimizer: 'adafactor', recomputation: 'selective' },
    assumptions,
  };
}

/** Tokens of one sequence of a shape. */
export type LengthsOf = (shape: Shape) => SequenceLengths;

/** Shapes of the kind that is planned have the lengths of the plan, others those that are usual of theirs. */
export function lengthsBy({ lengths }: Pick<Setting, 'lengths'>, kind: Shape['kind']): LengthsOf {
  return (shape) => (shape.kind === kind ? lengths : defaultLengths(shape));
}

/** Tokens of a sequence where not all are given: an encoder's 512 and its targets, a decoder's 2,048. */
export function planLengths(kind: Shape['kind'], given: Partial<SequenceLengths> = {}): SequenceLengths {
  if (kind === 'decoder') return { encoderTokens: 0, decoderTokens: given.decoderTokens ?? 2048 };
  const encoderTokens = given.encoderTokens ?? 512;
  return { encoderTokens, decoderTokens: given.decoderTokens ?? spanCorruptionLengths(encoderTokens).decoderTokens };
}

function priceSource(hardware: Hardware): string {
  const price = hardware.dollarsPerHour;
  return price === null ? 'no list price known; state one with --price' : `on demand, ${price.source}, ${price.date}`;
}

function percent(share: number): string {
  return `${Number((100 * share).toFixed(1))}%`;
}
