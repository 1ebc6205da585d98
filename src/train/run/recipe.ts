import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { z } from 'zod';
import { ShapelawError } from '../../errors.js';
import { countFlops, countParameters, type Shape, spanCorruptionLengths } from '../../flops/index.js';
import { parseShape } from '../../flops/shape-schema.js';
import { requireT5 } from '../checkpoint/index.js';
import type { OptimizerOptions } from '../model/optimizer.js';
import { checkSchedule, type Schedule, type ScheduleKind } from './schedule.js';

const positiveWhole = z.int().positive();

const optimizerSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('adamw'),
    beta1: z.number().min(0).lt(1).optional(),
    beta2: z.number().min(0).lt(1).optional(),
    epsilon: z.number().positive().optional(),
    weightDecay: z.number().nonnegative().optional(),
  }),
  z.object({
    kind: z.literal('adafactor'),
    factorFrom: positiveWhole.optional(),
    weightDecay: z.number().nonnegative().optional(),
  }),
]);

const recipeSchema = z.object({
  shape: z.unknown(),
  corpus: z.array(z.string()).describe('files or folders; none for the embedded corpus'),
  textField: z.string().min(1).describe('field of a line of JSON that holds its text'),
  tokenizer: z.string().min(1).describe('bytes, or the path of a tokenizer.json or a .model'),
  tokens: z
    .array(z.number().positive())
    .min(1)
    .refine((tokens) => tokens.every((budget, index) => !(budget < tokens[index - 1]!)), 'must rise')
    .describe('token budgets, encoder and decoder, rising'),
  encoderTokens: z.int().min(16),
  density: z.number().positive().max(0.99),
  meanSpan: z.number().min(1),
  batch: positiveWhole.describe('sequences of one pass'),
  accumulate: positiveWhole.describe('passes of one step'),
  seed: z.int(),
  optimizer: optimizerSchema,
  schedule: z.object({
    kind: z.enum(['inverse-sqrt', 'cosine', 'constant']),
    peak: z.number(),
    warmupSteps: z.number(),
    ramp: z.boolean(),
    cooldown: z.number(),
  }),
  clipNorm: z.number().positive().optional().describe('largest norm of the gradient'),
  dropout: z.number().min(0).lt(1),
  precision: z.enum(['fp32', 'fp16']),
  recompute: z.literal(true).optional().describe('layers computed again for their gradients'),
  evaluations: z.int().min(5),
  validationExamples: positiveWhole,
  validationFraction: z.number().gt(0).lt(1),
});

/** Everything that decides the losses of a run; the engine, its threads and the time spent are not part of it. */
export interface Recipe {
  readonly shape: Shape;
  /** Absolute paths of files or folders; none for the embedded corpus. */
  readonly corpus: readonly string[];
  readonly textField: string;
  /** `bytes`, or the absolute path of a tokenizer.json or a .model. */
  readonly tokenizer: string;
  /** Tokens, encoder and decoder, at which the run has a final loss; rising. */
  readonly tokens: readonly number[];
  readonly encoderTokens: number;
  /** Share of the text removed. */
  readonly density: number;
  /** Mean length of a removed span in tokens. */
  readonly meanSpan: number;
  /** Sequences of one pass. */
  readonly batch: number;
  /** Passes of one step. */
  readonly accumulate: number;
  readonly seed: number;
  readonly optimizer: OptimizerOptions;
  readonly schedule: Schedule;
  /** Largest norm of the gradient. */
  readonly clipNorm?: number | undefined;
  /** Share of activations dropped. */
  readonly dropout: number;
  readonly precision: 'fp32' | 'fp16';
  /** Whether layers are computed again for their gradients instead of kept, which sums in another order. */
  readonly recompute?: true | undefined;
  /** Evaluations after the one at step 0, evenly over the run. */
  readonly evaluations: number;
  readonly validationExamples: number;
  /** Share of the documents kept for evaluation. */
  readonly validationFraction: number;
}

/** What a caller may leave out of a recipe, and what it is then. */
export interface RecipeOptions {
  /** A T5 shape. */
  readonly shape: Shape;
  /** Token budgets, encoder and decoder together; several only with the schedule `constant`. */
  readonly tokens: number | readonly number[];
  /** Files or folders. Defaults to the embedded corpus. */
  readonly corpus?: readonly string[];
  /** Defaults to `text`. */
  readonly textField?: string;
  /** Defaults to `bytes`. */
  readonly tokenizer?: string;
  /** Defaults to 128; the decoder's follow, as in T5's span corruption. */
  readonly encoderTokens?: number;
  /** Share of the text removed. Defaults to 0.15, T5's. */
  readonly density?: number;
  /** Mean length of a removed span in tokens. Defaults to 3, T5's. */
  readonly meanSpan?: number;
  /** Defaults to 16. */
  readonly batch?: number;
  /** Defaults to 1. */
  readonly accumulate?: number;
  /** Defaults to 0. */
  readonly seed?: number;
  /** Defaults to Adafactor. */
  readonly optimizer?: OptimizerOptions;
  /** Defaults to `constant`. */
  readonly schedule?: ScheduleKind;
  /** Defaults to 0.01 with Adafactor, relative to the size of a parameter, and to 0.001 with AdamW. */
  readonly learningRate?: number;
  /** Defaults to 10,000 for `inverse-sqrt`, as T5's, else to a twentieth of the steps, at most 1,000. */
  readonly warmupSteps?: number;
  /** Share of the steps. Defaults to 0.2 for `constant`. */
  readonly cooldown?: number;
  /** Defaults to none. */
  readonly clipNorm?: number;
  /** Defaults to 0, as in T5 v1.1's pre-training. */
  readonly dropout?: number;
  /** Defaults to `fp32`. */
  readonly precision?: 'fp32' | 'fp16';
  /** Less memory, a third slower; losses differ in rounding. Defaults to false. */
  readonly recompute?: boolean;
  /** At least 5. Defaults to 10. */
  readonly evaluations?: number;
  /** Defaults to 256; rounded up to whole batches. */
  readonly validationExamples?: number;
  /** Defaults to 0.05. */
  readonly validationFraction?: number;
}

/** Tokens and FLOPs of one optimizer step, and the lengths of a sequence. */
export interface StepSizes {
  readonly encoderTokens: number;
  readonly decoderTokens: number;
  /** Encoder and decoder tokens of a step. */
  readonly tokens: number;
  /** Exact FLOPs of forward and backward of a step. */
  readonly flops: number;
}

export function stepSizes(
  recipe: Pick<Recipe, 'shape' | 'encoderTokens' | 'density' | 'meanSpan' | 'batch' | 'accumulate'>,
): StepSizes {
  const { encoderTokens, decoderTokens } = spanCorruptionLengths(recipe.encoderTokens, recipe.density, recipe.meanSpan);
  const sequences = recipe.batch * recipe.accumulate;
  return {
    encoderTokens,
    decoderTokens,
    tokens: sequences * (encoderTokens + decoderTokens),
    flops: sequences * countFlops(recipe.shape, { encoderTokens, decoderTokens }).training,
  };
}

/** Optimizer steps that come nearest to a number of tokens; at least 1. */
export function stepsFor(tokens: number, sizes: StepSizes): number {
  return Math.max(1, Math.round(tokens / sizes.tokens));
}

/**
 * A whole recipe.
 *
 * @throws ShapelawError `bad-usage`, `bad-shape`, or `unsupported-config` where the shape is no T5.
 */
export function completeRecipe(options: RecipeOptions): Recipe {
  const optimizer = options.optimizer ?? { kind: 'adafactor' };
  const kind = options.schedule ?? 'constant';
  const tokens = typeof options.tokens === 'number' ? [options.tokens] : [...options.tokens].sort((a, b) => a - b);
  const base = {
    shape: options.shape,
    encoderTokens: options.encoderTokens ?? 128,
    density: options.density ?? 0.15,
    meanSpan: options.meanSpan ?? 3,
    batch: options.batch ?? 16,
    accumulate: options.accumulate ?? 1,
  };
  requireT5(options.shape);
  const steps = tokens.length === 0 ? 1 : stepsFor(tokens.at(-1)!, stepSizes(base));
  const ramp = optimizer.kind === 'adamw';
  const { tokenizer = 'bytes' } = options;
  return parseRecipe({
    ...base,
    corpus: (options.corpus ?? []).map((path) => resolve(path)),
    textField: options.textField ?? 'text',
    // An empty name is refused below.
    tokenizer: tokenizer === 'bytes' || tokenizer === '' ? tokenizer : resolve(tokenizer),
    tokens,
    seed: options.seed ?? 0,
    optimizer,
    schedule: {
      kind,
      peak: options.learningRate ?? (ramp ? 1e-3 : 1e-2),
      warmupSteps: options.warmupSteps ?? (kind === 'inverse-sqrt' ? 10_000 : Math.min(1000, Math.round(steps / 20))),
      ramp,
      cooldown: options.cooldown ?? (kind === 'constant' ? 0.2 : 0),
    },
    ...(options.clipNorm === undefined ? {} : { clipNorm: options.clipNorm }),
    dropout: options.dropout ?? 0,
    precision: options.precision ?? 'fp32',
    ...(options.recompute === true ? { recompute: true } : {}),
    evaluations: options.evaluations ?? 10,
    validationExamples: options.validationExamples ?? 256,
    validationFraction: options.validationFraction ?? 0.05,
  });
}

/**
 * Checks a recipe from outside.
 *
 * @throws ShapelawError `bad-usage`, naming each field and its value; `bad-shape`; `unsupported-config`.
 */
export function parseRecipe(value: unknown): Recipe {
  const parsed = recipeSchema.safeParse(value);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => `${path.map(String).join('.')}: ${message}`);
    throw new ShapelawError('bad-usage', `not a valid recipe of a run: ${problems.join('; ')}`, { problems });
  }
  const shape = parseShape(parsed.data.shape);
  requireT5(shape);
  const recipe = { ...parsed.data, shape } as Recipe;
  checkSchedule(recipe.schedule);
  const steps = stepsFor(recipe.tokens.at(-1)!, stepSizes(recipe)) * recipe.accumulate * recipe.batch;
  if (!Number.isSafeInteger(steps)) {
    throw new ShapelawError(
      'bad-usage',
      `${recipe.tokens.at(-1)} tokens are more examples than can be counted: give fewer --tokens`,
      { tokens: recipe.tokens },
    );
  }
  if (recipe.tokens.length > 1 && recipe.schedule.kind !== 'constant') {
    throw new ShapelawError(
      'bad-usage',
      `several token budgets need the schedule constant, whose runs share their steps before the cool-down, not ${recipe.schedule.kind}`,
      { tokens: recipe.tokens, schedule: recipe.schedule.kind },
    );
  }
  return recipe;
}

/** A short hash of a recipe: the name of its run. */
export function recipeId(recipe: Recipe): string {
  return createHash('sha256').update(JSON.stringify(recipe)).digest('hex').slice(0, 12);
}

/** Parameters of the shape, all of them. */
export function parametersOf({ shape }: Recipe): number {
  return countParameters(shape).total;
}
