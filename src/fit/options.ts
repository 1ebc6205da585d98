import { ShapelawError } from '../errors.js';
import { requireDraws, requireLevel } from './intervals.js';
import type { Law } from './law.js';
import type { LawOptions } from './law-form.js';
import { makeObjective, type Objective } from './objective.js';
import type { Resampling } from './resample.js';

/** How a law is fitted; with it what tells one form of the law from another. */
export interface FitOptions extends LawOptions {
  /** Name of the law, such as `chinchilla`; see {@link lawDefinitions}. */
  readonly law: string;
  /** What is minimised, of residuals of log loss. Defaults to `huber`. */
  readonly objective?: Objective['kind'];
  /** Residual of log loss beyond which rows lose weight. Defaults to 1e-3. */
  readonly delta?: number;
  /** Of the objective `quantile`: the share of runs below the law, in (0, 1). Defaults to 0.1. */
  readonly tau?: number;
  /** Refits for intervals; 0 for none. Defaults to 1000. */
  readonly draws?: number;
  /** How tables are drawn again. Defaults to `auto`: `cluster`, or `parametric` where runs are fewer than three a parameter. */
  readonly resampling?: 'auto' | Exclude<Resampling, 'leave-out'>;
  /** Kind of the intervals of parameters and of what follows from them. Defaults to `percentile`. */
  readonly interval?: 'percentile' | 'bca';
  /** Seed of the draws, a 32-bit integer. Defaults to 0. */
  readonly seed?: number;
  /** Level of the intervals, in (0, 1). Defaults to 0.95. */
  readonly level?: number;
  /** A law to start from, such as that of a larger sweep. Defaults to none. */
  readonly prior?: Law;
  /** The parameters that the prior has a say on. Defaults to all. */
  readonly priorOn?: readonly string[];
  /** Whether refusals that a person may overrule are overruled. Defaults to false. */
  readonly force?: boolean;
}

/** Options with every default in place. */
export interface CompleteOptions {
  readonly law: string;
  readonly asked: LawOptions;
  readonly objective: Objective;
  readonly draws: number;
  readonly resampling: 'auto' | Exclude<Resampling, 'leave-out'>;
  readonly interval: 'percentile' | 'bca';
  readonly seed: number;
  readonly level: number;
  readonly prior: Law | undefined;
  readonly priorOn: readonly string[] | undefined;
  readonly force: boolean;
}

/** @throws ShapelawError `bad-usage` for an option out of range. */
export function completeOptions(options: FitOptions): CompleteOptions {
  const {
    law,
    objective = 'huber',
    delta,
    tau,
    draws = 1000,
    resampling = 'auto',
    interval = 'percentile',
    seed = 0,
    level = 0.95,
    prior,
    priorOn,
    force = false,
    ...asked
  } = options;
  if (!(Number.isInteger(draws) && draws >= 0 && draws <= 1e6)) {
    throw new ShapelawError('bad-usage', `draws must be an integer from 0 to 1,000,000, not ${draws}`);
  }
  if (!(Number.isInteger(seed) && Math.abs(seed) < 2 ** 31))
    throw new ShapelawError('bad-usage', `the seed must be a 32-bit integer, not ${seed}`);
  requireOneOf('resampling', resampling, ['auto', 'cluster', 'wild', 'parametric']);
  requireOneOf('interval', interval, ['percentile', 'bca']);
  requireLevel(level);
  if (draws > 0) requireDraws(draws, level);
  if (priorOn !== undefined && prior === undefined)
    throw new ShapelawError('bad-usage', 'parameters of a prior are named, but no prior is given');
  return {
    ...{ law, asked, draws, resampling, interval, seed, level, prior, priorOn, force },
    objective: makeObjective(objective, delta, tau),
  };
}

function requireOneOf(name: string, value: string, allowed: readonly string[]): void {
  if (!allowed.includes(value)) {
    throw new ShapelawError('bad-usage', `no ${name} "${value}": ${allowed.join(', ')}`, { [name]: value });
  }
}
