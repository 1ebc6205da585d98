import { z } from 'zod';
import type { Hardware } from './hardware-catalogue.js';
import { parseFields } from './shape-schema.js';

const positive = z.number().positive();

const hardwareSchema = z.strictObject({
  name: z.string().min(1),
  aliases: z.array(z.string()).default([]),
  peakFlops: z
    .partialRecord(z.enum(['fp64', 'fp32', 'tf32', 'fp16', 'bf16', 'fp8', 'int8']), positive)
    .refine((peaks) => Object.keys(peaks).length > 0, 'must state the peak FLOP/s of at least one precision'),
  memoryBytes: positive,
  memoryBandwidth: positive,
  watts: positive.nullable().default(null),
  dollarsPerHour: z
    .strictObject({ value: z.number().nonnegative(), source: z.string(), date: z.string() })
    .nullable()
    .default(null),
  source: z.string().default('your own device'),
  date: z.string().default('undated'),
  note: z.string().default(''),
});

/**
 * Checks that a value from outside is a device: `name`, `peakFlops` by precision, `memoryBytes` and `memoryBandwidth`; the
 * rest may be left out.
 *
 * @throws ShapelawError `bad-hardware`, naming each field and its value.
 */
export function parseHardware(value: unknown): Hardware {
  return parseFields(hardwareSchema, value, 'device', 'bad-hardware');
}
