import { ShapelawError } from '../../errors.js';
import type { LawForm } from '../../fit/law-form.js';

/** What a sweep is to tell, as a function of a law's parameters in their order. */
export interface Quantity {
  readonly name: string;
  /** `log`: `of` gives the natural logarithm, and the quantity is shown without it. */
  readonly scale: 'plain' | 'log';
  readonly of: (parameters: readonly number[]) => number;
}

/**
 * An exponent or another parameter, or what follows from them, by its name.
 *
 * @throws ShapelawError `bad-usage`, listing the names.
 */
export function namedQuantity(form: LawForm, name: string): Quantity {
  // What is derived comes first: a law of shape calls a parameter a too.
  const derived = Object.keys(form.derive(form.parameters.map(() => 0.5)));
  if (derived.includes(name)) return { name, scale: 'plain', of: (parameters) => form.derive(parameters)[name]! };
  const index = form.parameters.indexOf(name);
  if (index >= 0) return { name, scale: 'plain', of: (parameters) => parameters[index]! };
  throw new ShapelawError(
    'bad-usage',
    `the ${form.law} law has no ${name}: ${[...form.parameters, ...derived].join(', ')}`,
    { name },
  );
}

/** Loss-optimal parameters at a budget, and of a law of shape the best ratios there; none where the law has no optimum. */
export function recommendationQuantities(form: LawForm, target: number): readonly Quantity[] {
  const { optimum } = form;
  if (optimum === undefined) return [];
  const logParams = (parameters: readonly number[]) => Math.log(optimum(parameters, target).params);
  const ratios = form.options.ratios ?? [];
  return [
    { name: 'N*', scale: 'log', of: logParams },
    ...ratios.map((ratio, k): Quantity => {
      // The best ratio at N parameters is exp(a_k) N^rho_k.
      const at = form.parameters.length - 3 * (ratios.length - k);
      return {
        name: `best ${ratio}`,
        scale: 'log',
        of: (parameters) => parameters[at + 1]! + parameters[at + 2]! * logParams(parameters),
      };
    }),
  ];
}

/** Exponents that a design reports: of the compute optimum where the law has one, else those of its terms. */
export function exponentQuantities(form: LawForm): readonly Quantity[] {
  if (form.optimum !== undefined) return [namedQuantity(form, 'a')];
  return form.parameters
    .filter((_, k) => form.coordinates[k]!.kind === 'free')
    .map((name) => namedQuantity(form, name));
}
