import { ShapelawError } from '../errors.js';
import { columnValue } from './columns.js';
import type { Law } from './law.js';
import type { LawColumn, LawPoint } from './law-form.js';
import { lawForm } from './laws/registry.js';

/** Parameters of a law by name. */
export type LawParameters = Readonly<Record<string, number>>;

/** A law's formula with its own parameters and those of its draws, each in the formula's order. */
export interface LawLoss {
  readonly parameters: readonly number[];
  readonly draws: readonly (readonly number[])[] | null;
  /** @param point - With all variables of the law, as {@link pointOf} gives it. */
  readonly loss: (parameters: readonly number[], point: Readonly<Record<LawColumn, number>>) => number;
}

export function lawLoss(law: Law): LawLoss {
  const form = lawForm(law.law, law.form);
  const { draws } = law;
  const order = form.parameters.map((name) => draws?.parameters.indexOf(name) ?? -1);
  return {
    parameters: form.parameters.map((name) => law.parameters[name]!),
    draws: draws === null || draws.values.length === 0 ? null : draws.values.map((draw) => order.map((k) => draw[k]!)),
    loss: form.loss,
  };
}

/**
 * A point with the variables of a law, `layers` taken from the stacks where it is not given.
 *
 * @throws ShapelawError `bad-usage` where the point lacks a variable of the law, or it is not positive.
 */
export function pointOf(law: Law, point: LawPoint): Readonly<Record<LawColumn, number>> {
  const values: Partial<Record<LawColumn, number>> = {};
  for (const name of law.variables) {
    const found = columnValue(point, name);
    if (found === undefined)
      throw new ShapelawError('bad-usage', `the ${law.law} law needs ${name}`, { missing: name });
    if (!(found > 0 && Number.isFinite(found)))
      throw new ShapelawError('bad-usage', `${name} must be positive, not ${found}`);
    values[name] = found;
  }
  return values as Record<LawColumn, number>;
}

/**
 * The loss that a law states for a point, in the law's own unit.
 *
 * @throws ShapelawError `bad-usage` where the point lacks a variable of the law, or it is not positive.
 */
export function lossOf(law: Law, parameters: LawParameters, point: LawPoint): number {
  const form = lawForm(law.law, law.form);
  return form.loss(
    form.parameters.map((name) => parameters[name]!),
    pointOf(law, point),
  );
}
