import { ShapelawError } from '../errors.js';

/** Ends of a range, the lower first. */
export type Range = readonly [low: number, high: number];

/** A default, with where it comes from. */
export interface Stated<T> {
  readonly value: T;
  readonly source: string;
}

/** What turns FLOPs into time, money, energy and carbon. */
export interface CostInputs {
  /** Model FLOPs of the whole training. */
  readonly flops: number;
  /** Peak dense FLOP/s of one device. */
  readonly peakFlops: number;
  /** Devices; at least 1. */
  readonly devices: number;
  /** Model FLOPs utilisation, lowest and highest, each in (0, 1]; always a range. */
  readonly mfu: Range;
  /** US dollars for one device and hour; null leaves money out. */
  readonly dollarsPerHour: number | null;
  /** Watts of one device at work; null leaves energy and carbon out. */
  readonly watts: number | null;
  /** Energy of the data centre over energy of its computers, at least 1. */
  readonly pue: number;
  /** Grams of CO2 equivalent a kWh. */
  readonly carbonIntensity: number;
}

/** Each from the best to the worst MFU. */
export interface Cost {
  readonly deviceHours: Range;
  readonly wallSeconds: Range;
  readonly dollars: Range | null;
  readonly kiloWattHours: Range | null;
  readonly kilogramsCo2e: Range | null;
}

/**
 * Time, money, energy and carbon of a training: `seconds = FLOPs / (devices * peak * MFU)` (MFU as PaLM's appendix B
 * defines it, without recomputation), `kWh = device hours * watts / 1000 * PUE` (Patterson et al. 2021, section 2.5).
 *
 * @throws ShapelawError `bad-usage` for values out of range.
 */
export function trainingCost(inputs: CostInputs): Cost {
  const { flops, devices, mfu, dollarsPerHour, watts, pue, carbonIntensity } = inputs;
  require(flops > 0 && Number.isFinite(flops), 'FLOPs must be positive', flops);
  require(inputs.peakFlops > 0 && Number.isFinite(inputs.peakFlops), 'peak FLOP/s must be positive', inputs.peakFlops);
  require(Number.isSafeInteger(devices) && devices > 0, 'devices must be a positive integer', devices);
  requireMfu(mfu);
  require(dollarsPerHour === null || dollarsPerHour >= 0, 'the price must not be negative', dollarsPerHour);
  require(watts === null || watts >= 0, 'watts must not be negative', watts);
  require(pue >= 1, 'PUE must be at least 1', pue);
  require(carbonIntensity >= 0, 'carbon intensity must not be negative', carbonIntensity);

  const atPeakHours = flops / inputs.peakFlops / 3600;
  const deviceHours: Range = [atPeakHours / mfu[1], atPeakHours / mfu[0]];
  const times = (range: Range, factor: number): Range => [range[0] * factor, range[1] * factor];
  const kiloWattHours = watts === null ? null : times(deviceHours, (watts / 1000) * pue);
  return {
    deviceHours,
    wallSeconds: times(deviceHours, 3600 / devices),
    dollars: dollarsPerHour === null ? null : times(deviceHours, dollarsPerHour),
    kiloWattHours,
    kilogramsCo2e: kiloWattHours === null ? null : times(kiloWattHours, carbonIntensity / 1000),
  };
}

/**
 * Checks a range of MFU.
 *
 * @throws ShapelawError `bad-usage` where it leaves (0, 1] or its ends are in the wrong order.
 */
export function requireMfu(mfu: Range): void {
  const holds = mfu[0] > 0 && mfu[0] <= mfu[1] && mfu[1] <= 1;
  require(holds, 'MFU must be a range within 0 and 1, the lower end first', mfu);
}

function require(holds: boolean, message: string, value: unknown): void {
  if (holds) return;
  // JSON would write null for NaN.
  const written = Array.isArray(value) ? value.join(' to ') : value;
  throw new ShapelawError('bad-usage', `${message}, not ${written}`, { value });
}
