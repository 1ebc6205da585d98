import { ShapelawError } from '../../errors.js';
import { type Range, requireMfu } from '../../flops/cost.js';
import { defaultMfu } from '../../flops/cost-defaults.js';
import { defaultPrecision, findHardware, peakFlops } from '../../flops/hardware.js';
import type { Hardware } from '../../flops/hardware-catalogue.js';
import { type Budget, budgetFlops } from '../budget.js';
import { parseQuantity } from '../quantity.js';

/** What a sweep may cost. */
export type SweepCost = Extract<Budget, { readonly kind: 'flops' | 'gpu-hours' | 'money' }>;

/** What turns time and money into FLOPs. */
export interface CostSetting {
  /** FLOP/s that the machine was measured to reach in training, in place of a device. Defaults to none. */
  readonly rate?: number;
  /** A device of the catalogue by name, or one of your own. Defaults to none. */
  readonly hardware?: string | Hardware;
  /** Model FLOPs utilisation, lowest and highest. Defaults to 0.213 to 0.462. */
  readonly mfu?: Range;
  /** US dollars for one device and hour. Defaults to the catalogue's price of the device. */
  readonly dollarsPerHour?: number;
}

/** Hours in a unit of time; `m` is a million, and no minute. */
const hoursIn: Readonly<Record<string, number>> = {
  ...{ s: 1 / 3600, sec: 1 / 3600, second: 1 / 3600, seconds: 1 / 3600 },
  ...{ min: 1 / 60, minute: 1 / 60, minutes: 1 / 60 },
  ...{ h: 1, hour: 1, hours: 1, 'gpu-hours': 1, 'device-hours': 1 },
  ...{ d: 24, day: 24, days: 24 },
};

/**
 * Reads the cost of a sweep: FLOPs (`1e17`), time of one device (`90 min`, `2h`, `3 days`, `500 gpu-hours`) or money (`$50`).
 *
 * @throws ShapelawError `bad-quantity`.
 */
export function readCost(text: string): SweepCost {
  const trimmed = text.trim();
  if (/^\$|(usd|dollars)$/i.test(trimmed)) return { kind: 'money', dollars: parseQuantity(trimmed, 'dollars') };
  const [, amount, unit] = /^(\d[\d,]*\.?\d*(?:e[+-]?\d+)?)\s*([a-z-]+)$/i.exec(trimmed) ?? [];
  const hours = hoursIn[unit?.toLowerCase() ?? ''];
  if (amount !== undefined && hours !== undefined) {
    return { kind: 'gpu-hours', gpuHours: parseQuantity(amount, 'hours') * hours };
  }
  return { kind: 'flops', flops: parseQuantity(trimmed, 'flops') };
}

/**
 * Training FLOPs that a cost pays for, at the lowest and the highest MFU.
 *
 * @throws ShapelawError `bad-usage` for time or money without a rate or a device, or a setting that nothing reads;
 * `unknown-hardware`; `bad-quantity`.
 */
export function costFlops(cost: SweepCost, setting: CostSetting = {}): Range {
  const { rate, hardware, mfu, dollarsPerHour } = setting;
  if (cost.kind === 'flops') {
    requireUnread('FLOPs are counted', { rate, hardware, mfu, dollarsPerHour });
    return budgetFlops(cost, { peakFlops: 1, mfu: [1, 1], dollarsPerHour: null })!;
  }
  if (cost.kind === 'gpu-hours') requireUnread('time is spent', { dollarsPerHour });
  if (rate !== undefined && (hardware !== undefined || mfu !== undefined)) {
    throw new ShapelawError('bad-usage', 'a measured rate stands in place of a device and its MFU; give one of them', {
      rate,
    });
  }
  if (rate !== undefined) {
    if (!(rate > 0 && Number.isFinite(rate)))
      throw new ShapelawError('bad-usage', `the rate must be positive FLOP/s, not ${rate}`, { rate });
    return budgetFlops(cost, { peakFlops: rate, mfu: [1, 1], dollarsPerHour: dollarsPerHour ?? null })!;
  }
  if (hardware === undefined) {
    throw new ShapelawError(
      'bad-usage',
      "time and money buy FLOPs on a machine: give the FLOP/s that training reaches on yours (shapelaw train prints the engine's peak and its MFU), or a device of the catalogue",
      { cost },
    );
  }
  const device = typeof hardware === 'string' ? findHardware(hardware) : hardware;
  const range = mfu ?? defaultMfu.value;
  requireMfu(range);
  return budgetFlops(cost, {
    peakFlops: peakFlops(device, defaultPrecision(device)),
    mfu: range,
    dollarsPerHour: dollarsPerHour ?? device.dollarsPerHour?.value ?? null,
  })!;
}

function requireUnread(what: string, settings: Readonly<Record<string, unknown>>): void {
  const given = Object.keys(settings).filter((name) => settings[name] !== undefined);
  if (given.length === 0) return;
  throw new ShapelawError('bad-usage', `${what}, so that nothing reads ${given.join(', ')}; leave it out`, { given });
}
