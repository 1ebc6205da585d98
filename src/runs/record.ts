import { z } from 'zod';
import { conventionValues } from '../conventions.js';

const positive = z.number().positive('must be greater than 0');
const fromZero = z.number().nonnegative('must be at least 0');
const whole = z.int('must be a whole number');
const positiveWhole = whole.positive('must be at least 1');
const wholeFromZero = whole.nonnegative('must be at least 0');
const text = z.string().min(1, 'must not be empty');

function convention<const T extends readonly [string, ...string[]]>(values: T) {
  return z.enum(values, `must be one of ${values.join(', ')}`);
}

/** One evaluated checkpoint of a training run, as a line of JSON or a row of a table (there `scores` is a column for each task). */
export const runRecordSchema = z
  .object({
    runId: text.describe('name of the run; every checkpoint of one run has the same'),
    params: positive.describe('parameters, counted as paramsConvention says'),
    tokens: fromZero
      .optional()
      .describe(
        'training tokens seen up to this checkpoint, counted as tokensConvention says; 0 of an untrained model, whose row no law is fitted to',
      ),
    flops: fromZero
      .optional()
      .describe(
        'training FLOPs (floating-point operations) spent up to this checkpoint, counted as flopsConvention says',
      ),
    uniqueTokens: positive
      .optional()
      .describe(
        'unique training tokens at hand, counted as tokensConvention says; fewer than tokens where they were repeated',
      ),
    loss: positive.describe('evaluation loss at this checkpoint, in lossUnit'),
    step: wholeFromZero.optional().describe('optimizer steps done at this checkpoint'),
    stepSeconds: positive.optional().describe('wall-clock time of one training step, in seconds'),
    nodes: positiveWhole.optional().describe('machines that the run used'),
    weight: positive.optional().describe('weight of the row in a fit; 1 where absent'),
    seed: whole.optional().describe('seed of the run'),
    schedule: text.optional().describe('learning-rate schedule of the run, by any name that is the same for like runs'),
    split: text.optional().describe('data split that the loss was measured on'),
    encoderLayers: wholeFromZero.optional().describe('layers of the encoder; 0 for a decoder'),
    decoderLayers: wholeFromZero.optional().describe('layers of the decoder; 0 for an encoder'),
    dModel: positiveWhole.optional().describe('width of the residual stream'),
    dFf: positiveWhole.optional().describe('inner width of the feed-forward'),
    dKv: positiveWhole.optional().describe('width of one attention head'),
    heads: positiveWhole.optional().describe('query heads a layer'),
    vocab: positiveWhole.optional().describe('rows of the embedding table as allocated'),
    scores: z
      .record(text, z.number())
      .optional()
      .describe(
        "downstream scores by task, each in its task's own unit; a flat table has a column scores.TASK for each",
      ),
    paramsConvention: convention(conventionValues.params)
      .optional()
      .describe(
        'total: every parameter, tied tables once; non-embedding: without embedding tables and output projection',
      ),
    flopsConvention: convention(conventionValues.flops)
      .optional()
      .describe('exact: every matrix product of forward and backward; 6ND: 6 * params * tokens'),
    tokensConvention: convention(conventionValues.tokens)
      .optional()
      .describe('encoder+decoder: tokens that either stack reads; decoder: tokens of the decoder alone'),
    lossUnit: convention(conventionValues.loss).optional().describe('unit of the loss'),
    tokenizer: text.optional().describe('name of the tokenizer whose tokens tokens and loss count'),
  })
  .describe('One evaluated checkpoint of a training run');

/** One evaluated checkpoint of a training run. */
export type RunRecord = Readonly<z.infer<typeof runRecordSchema>>;

/** A record with its place in the file it was read from. */
export interface Run extends RunRecord {
  /** Of CSV and JSONL the 1-based number of the line that the record begins on; of Parquet and JSON the 1-based number of the record. */
  readonly row: number;
}

/** The fields that together are a run's shape. */
export const shapeFields = ['encoderLayers', 'decoderLayers', 'dModel', 'dFf', 'dKv', 'heads', 'vocab'] as const;

/** What a cell of a field holds. */
export type FieldKind = 'number' | 'text';

const fieldKinds: ReadonlyMap<string, FieldKind> = new Map(
  Object.entries(runRecordSchema.shape)
    .filter(([name]) => name !== 'scores')
    .map(([name, schema]) => {
      const inner = schema instanceof z.ZodOptional ? schema.unwrap() : schema;
      return [name, inner instanceof z.ZodNumber ? 'number' : 'text'];
    }),
);

/** Names of the fields that one column can hold, but for `scores.TASK`. */
export const fieldNames: readonly string[] = [...fieldKinds.keys()];

/** The task of a field `scores.TASK`; undefined for any other name. */
export function scoreTask(field: string): string | undefined {
  return field.startsWith('scores.') && field.length > 'scores.'.length ? field.slice('scores.'.length) : undefined;
}

/** What a cell of the field holds; undefined where no field has this name. */
export function fieldKind(field: string): FieldKind | undefined {
  return scoreTask(field) === undefined ? fieldKinds.get(field) : 'number';
}
