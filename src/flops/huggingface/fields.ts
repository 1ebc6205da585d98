import { z } from 'zod';
import { ShapelawError } from '../../errors.js';
import type { Shape } from '../shape.js';
import { parseFields } from '../shape-schema.js';

// A field that a file omits takes the default of its configuration class in transformers 4.57.

export const size = z.int().positive();
export const flag = z.boolean();
/** A size that may also be null, as Python writes what is derived. */
export const optionalSize = size.nullish().transform((value) => value ?? undefined);
/** A field that no count covers unless it has one value, which `only` checks. */
export const guarded = z.unknown().optional();

/** Turns the configuration of one model type into a shape. */
export type Read = (config: unknown, name: string) => Shape;

/** A reader by the schema of its fields and what becomes of them. */
export function reader<Fields>(schema: z.ZodType<Fields>, build: (fields: Fields, name: string) => Shape): Read {
  return (config, name) => build(parseFields(schema, config, `configuration of ${name}`), name);
}

export function refusal(name: string, field: string, value: unknown, advice: string): ShapelawError {
  const message = `${name}: ${field} ${JSON.stringify(value)} is not covered: ${advice}`;
  return new ShapelawError('unsupported-config', message, { name, field, value });
}

/** Refuses a field that is present and has another value than the one that is counted. */
export function only(name: string, field: string, value: unknown, counted: unknown, why: string): void {
  if (value !== undefined && value !== null && value !== counted) {
    throw refusal(name, field, value, `${why}; only ${JSON.stringify(counted)} is counted`);
  }
}

/** One field over another that must divide it, as heads divide the width of a model. */
export function quotient<Field extends string>(
  fields: Readonly<Record<Field, number>>,
  over: Field,
  under: Field,
): number {
  const [dividend, divisor] = [fields[over], fields[under]];
  if (dividend % divisor === 0) return dividend / divisor;
  const message = `${over} is ${dividend}: it must be a multiple of ${under}, which is ${divisor}`;
  throw new ShapelawError('bad-shape', message, { [over]: dividend, [under]: divisor });
}
