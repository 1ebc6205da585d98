import { z } from 'zod';
import { ShapelawError } from '../../errors.js';
import { shapeSchema } from '../../flops/shape-schema.js';

/** Engines that a sweep may name: those of the trainer, and `auto`. */
export const sweepEngines = [
  'auto',
  'cpu',
  'webgpu',
  'cuda',
  'tfjs-node-gpu',
  'tfjs-node',
  'tfjs-webgpu',
  'tfjs-wasm',
  'tfjs-cpu',
] as const;

/** Learning-rate schedules of the trainer. */
export const sweepSchedules = ['constant', 'inverse-sqrt', 'cosine'] as const;

/** Optimizers of the trainer. */
export const sweepOptimizers = ['adafactor', 'adamw'] as const;

/** Precisions of the trainer. */
export const sweepPrecisions = ['fp32', 'fp16'] as const;

const positiveWhole = z.int().positive();
const share = z.number().min(0).lt(1);
const tokenCounts = z.array(z.number().positive()).min(1);
const levels = z.array(z.number().positive()).min(1);
const seedList = z
  .array(
    z
      .int()
      .nonnegative()
      .max(2 ** 31 - 1),
  )
  .min(1);
const values = z.array(positiveWhole).min(1).optional();

const shapeForm = z
  .union([z.string().min(1), shapeSchema])
  .describe('a T5: name of a preset, dimensions as text (enc=2,dec=2,d=128,ff=512,kv=32,h=4), or a shape');

const entrySchema = z.strictObject({
  shape: shapeForm,
  tokens: tokenCounts.optional().describe("in place of the sweep's tokens and flops"),
  flops: levels.optional().describe("in place of the sweep's tokens and flops"),
  seeds: seedList.optional().describe("in place of the sweep's seeds"),
});

const operatorsSchema = z
  .strictObject({ NL: values, EL: values, DL: values, DM: values, FF: values, NH: values, KV: values })
  .describe(
    'values by operator: NL layers of both stacks, EL and DL of one, DM dModel, FF dFf, NH heads, KV dKv (Tay et al. 2022)',
  );

/** The sweep file: which runs to train, and how. */
export const sweepSchema = z.strictObject({
  format: z.literal('shapelaw-sweep/1'),
  name: z.string().min(1).max(200).optional(),
  base: shapeForm.optional().describe('the shape that the grid changes'),
  shapes: z.array(entrySchema).min(1).optional().describe('shapes one by one'),
  grid: z
    .strictObject({
      operators: operatorsSchema,
      mode: z
        .enum(['crossed', 'one-at-a-time'])
        .optional()
        .describe(
          'every combination of values; or the base, and each value by itself on the base. Defaults to crossed',
        ),
    })
    .optional(),
  tokens: tokenCounts.optional().describe('token budgets of each shape, encoder and decoder'),
  flops: levels
    .optional()
    .describe('compute levels of each shape: training FLOPs by the exact count, which set its tokens'),
  seeds: seedList.optional().describe('seeds of each run. Defaults to 0 alone'),
  engine: z.enum(sweepEngines).optional().describe('Defaults to auto'),
  corpus: z.array(z.string().min(1)).optional().describe('files or folders. Defaults to the embedded corpus'),
  textField: z.string().min(1).optional().describe('field of a line of JSON that holds its text. Defaults to text'),
  tokenizer: z.string().min(1).optional().describe('bytes, or the path of a tokenizer file. Defaults to bytes'),
  vocab: positiveWhole
    .optional()
    .describe(
      'rows of the embedding table of every shape. Defaults to what a shape states; for dimensions as text that leave them out, to 384 with the tokenizer bytes',
    ),
  encoderTokens: z.int().min(16).optional().describe('Defaults to 128'),
  density: z.number().positive().max(0.99).optional().describe('share of the text removed. Defaults to 0.15'),
  meanSpan: z.number().min(1).optional().describe('mean length of a removed span in tokens. Defaults to 3'),
  batch: positiveWhole.optional().describe('sequences of one pass. Defaults to 16'),
  accumulate: positiveWhole.optional().describe('passes of one step. Defaults to 1'),
  optimizer: z.enum(sweepOptimizers).optional().describe('Defaults to adafactor'),
  weightDecay: z.number().nonnegative().optional().describe('Defaults to 0'),
  schedule: z.enum(sweepSchedules).optional().describe('of the learning rate. Defaults to constant'),
  learningRate: z.number().positive().optional().describe('highest. Defaults to 0.01 with adafactor, 0.001 with adamw'),
  warmupSteps: z
    .int()
    .nonnegative()
    .optional()
    .describe('Defaults to 10,000 for inverse-sqrt, else to a twentieth of the steps'),
  cooldown: z.number().min(0).max(1).optional().describe('share of the steps. Defaults to 0.2 for constant'),
  clipNorm: z.number().positive().optional().describe('largest norm of the gradient. Defaults to none'),
  dropout: share.optional().describe('share of activations dropped. Defaults to 0'),
  precision: z.enum(sweepPrecisions).optional().describe('of matrix products. Defaults to fp32'),
  recompute: z.boolean().optional().describe('layers computed again for their gradients. Defaults to false'),
  evaluations: z.int().min(5).optional().describe('after the one at step 0. Defaults to 10'),
  validationExamples: positiveWhole.optional().describe('Defaults to 256'),
  validationFraction: z.number().gt(0).lt(1).optional().describe('share of the documents held out. Defaults to 0.05'),
});

/** A sweep as its file has it. */
export type Sweep = z.infer<typeof sweepSchema>;

/** One shape of a sweep's list. */
export type SweepEntry = NonNullable<Sweep['shapes']>[number];

/** What names a shape in a sweep file. */
export type ShapeForm = SweepEntry['shape'];

/** Operators of Tay et al. 2022 that a grid may set. */
export type SweepOperator = keyof NonNullable<Sweep['grid']>['operators'];

/** An error of a sweep: the field at fault with its value, and what it should be. */
export function badSweep(field: string, value: unknown, problem: string): ShapelawError {
  const shown = JSON.stringify(value) ?? 'missing';
  return new ShapelawError('bad-sweep', `${field} of the sweep is ${shown}: ${problem}`, { field, value });
}

/**
 * Checks that a value from outside is a sweep.
 *
 * @param source - Name of the file, for messages. Defaults to `the sweep`.
 * @throws ShapelawError `bad-sweep`, naming each field at fault and its value.
 */
export function parseSweep(value: unknown, source = 'the sweep'): Sweep {
  const result = sweepSchema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.flatMap((issue) => problemsOf(issue, value)).slice(0, 5);
  throw new ShapelawError('bad-sweep', `${source} is no sweep: ${problems.join('; ')}`, { source, problems });
}

type Issue = z.core.$ZodIssue;

function problemsOf(issue: Issue, whole: unknown, before: readonly PropertyKey[] = []): string[] {
  const path = [...before, ...issue.path];
  const found = path.reduce<unknown>(
    (at, key) =>
      at !== null && typeof at === 'object' && Object.hasOwn(at, key)
        ? (at as Record<PropertyKey, unknown>)[key]
        : undefined,
    whole,
  );
  // A shape is a text or an object: of the two, what is wrong with the one that was meant.
  if (issue.code === 'invalid_union' && found !== null && typeof found === 'object') {
    return issue.errors[1]!.flatMap((inner) => problemsOf(inner, whole, path));
  }
  const message = issue.code === 'invalid_union' ? 'expected a text or a shape' : issue.message;
  const value = found === undefined ? 'missing' : (JSON.stringify(found) ?? String(found));
  const isField = path.length > 0 || found === null || typeof found !== 'object';
  return [isField ? `${path.map(String).join('.') || 'the file'} is ${short(value)}: ${message}` : message];
}

function short(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
