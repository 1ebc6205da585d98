import { ShapelawError } from '../../errors.js';

/** How the learning rate changes over a run. */
export type ScheduleKind = 'inverse-sqrt' | 'cosine' | 'constant';

export interface Schedule {
  readonly kind: ScheduleKind;
  /** The highest learning rate. */
  readonly peak: number;
  /** Steps before the rate may fall. */
  readonly warmupSteps: number;
  /** Whether the rate rises linearly from 0 over these steps; T5's Adafactor starts at the peak. */
  readonly ramp: boolean;
  /** Share of the steps at the end over which `constant` falls linearly to 0, in [0, 1]. */
  readonly cooldown: number;
}

/**
 * The learning rate of a step of a run of `total` steps.
 *
 * - `inverse-sqrt`: peak * sqrt(warmup / max(step, warmup)), as in T5 (Raffel et al. 2020, section 3.1.2);
 * - `cosine`: from the peak to a tenth of it by half a cosine (Hoffmann et al. 2022);
 * - `constant`: the peak, then linearly to 0 over the last steps (Hägele et al. 2024), so that runs of several lengths
 *   share all steps before their cool-downs.
 *
 * @param step - Counted from 1.
 * @param total - The run's steps.
 */
export function learningRateAt(schedule: Schedule, step: number, total: number): number {
  const { kind, peak, warmupSteps, ramp } = schedule;
  const rising = ramp && step < warmupSteps ? step / warmupSteps : 1;
  if (kind === 'inverse-sqrt') {
    const held = Math.max(warmupSteps, 1);
    return peak * rising * Math.sqrt(held / Math.max(step, held));
  }
  if (kind === 'cosine') {
    const done = Math.min(1, Math.max(0, step - warmupSteps) / Math.max(1, total - warmupSteps));
    return peak * rising * (0.1 + 0.45 * (1 + Math.cos(Math.PI * done)));
  }
  const falling = total - cooldownStart(schedule, total);
  // The last step's rate is above 0: a step of rate 0 would be a step for nothing.
  return peak * rising * (falling === 0 ? 1 : Math.min(1, (total - step + 1) / (falling + 1)));
}

/** Steps before the cool-down of a run of `total` steps; all of them where there is none. */
export function cooldownStart(schedule: Schedule, total: number): number {
  return schedule.kind === 'constant' ? total - Math.round(schedule.cooldown * total) : total;
}

/**
 * @throws ShapelawError `bad-usage` for values out of range.
 */
export function checkSchedule(schedule: Schedule): void {
  const { peak, warmupSteps, cooldown } = schedule;
  if (!(peak > 0 && Number.isFinite(peak))) {
    throw new ShapelawError('bad-usage', `the learning rate must be positive, not ${peak}`, { peak });
  }
  if (!(Number.isSafeInteger(warmupSteps) && warmupSteps >= 0)) {
    throw new ShapelawError('bad-usage', `warm-up must be a whole number of steps, not ${warmupSteps}`, {
      warmupSteps,
    });
  }
  if (!(cooldown >= 0 && cooldown <= 1)) {
    throw new ShapelawError('bad-usage', `the cool-down's share of the steps must lie in 0 to 1, not ${cooldown}`, {
      cooldown,
    });
  }
}
