import { type Extrapolation, extrapolation } from './domain.js';
import { lawLoss, pointOf } from './formulas.js';
import { centralInterval, type Interval, requireDraws, requireLevel } from './intervals.js';
import type { Law } from './law.js';
import type { LawPoint } from './law-form.js';

/** A predicted loss, in the law's unit. */
export interface LossPrediction {
  readonly value: number;
  /** Interval of the law's mean, from its draws; null where the law has none. */
  readonly mean: Interval | null;
  /** Interval of one new run: the draws and the scatter of runs about the law; null where the law has none. */
  readonly newRun: Interval | null;
  /** Level of both intervals. */
  readonly level: number;
  /** Unit of all of them, as the law states it. */
  readonly unit: Law['conventions']['loss'];
}

export interface Prediction {
  readonly loss: LossPrediction;
  readonly extrapolation: Extrapolation;
}

/** Residuals taken for each draw, evenly spread over their quantiles. */
const residualsPerDraw = 4;

/**
 * Predicts the loss at a point, with intervals and the distance from the evidence.
 *
 * @param level - Level of the intervals, in (0, 1). Defaults to 0.95.
 * @throws ShapelawError `bad-usage` for a level out of range, or a point that lacks a variable of the law.
 */
export function predict(law: Law, point: LawPoint, level = 0.95): Prediction {
  return predictor(law, level)(point);
}

/** {@link predict} for many points: what depends on the law alone is done once. */
export function predictor(law: Law, level = 0.95): (point: LawPoint) => Prediction {
  requireLevel(level);
  const { parameters, draws, loss } = lawLoss(law);
  if (draws !== null) requireDraws(draws.length, level);
  const residuals = law.residuals?.quantiles ?? null;
  return (given) => {
    const point = pointOf(law, given);
    const losses = draws?.map((draw) => loss(draw, point)) ?? null;
    return {
      loss: {
        value: loss(parameters, point),
        mean: losses === null ? null : centralInterval(losses, level),
        newRun: losses === null || residuals === null ? null : newRunInterval(losses, residuals, level),
        level,
        unit: law.conventions.loss,
      },
      extrapolation: extrapolation(law, point),
    };
  };
}

/** The draws of a law as parameters by name; null where it has none. */
export function lawDraws(law: Law): readonly Readonly<Record<string, number>>[] | null {
  const draws = law.draws;
  if (draws === null || draws.values.length === 0) return null;
  return draws.values.map((values) => Object.fromEntries(draws.parameters.map((name, k) => [name, values[k]!])));
}

/** Each draw meets a few residuals, spread by van der Corput's sequence: deterministic, and every quantile gets its share. */
function newRunInterval(draws: readonly number[], quantiles: readonly number[], level: number): Interval {
  const losses: number[] = [];
  draws.forEach((loss, draw) => {
    for (let k = 0; k < residualsPerDraw; k++) {
      const at = (vanDerCorput(draw) + k / residualsPerDraw) % 1;
      losses.push(loss * Math.exp(quantiles[Math.floor(at * quantiles.length)]!));
    }
  });
  // A new run is no surer than the mean, whichever way the residuals lean.
  const [mean, run] = [centralInterval(draws, level), centralInterval(losses, level)];
  return [Math.min(mean[0], run[0]), Math.max(mean[1], run[1])];
}

/** The bits of an index mirrored at the binary point: 0, 1/2, 1/4, 3/4, 1/8, ... */
function vanDerCorput(index: number): number {
  let value = 0;
  let bit = 0.5;
  for (let rest = index; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) value += bit;
    bit /= 2;
  }
  return value;
}
