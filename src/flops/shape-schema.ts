import { z } from 'zod';
import { ShapelawError } from '../errors.js';
import { countParameters } from './parameters.js';
import type { Shape } from './shape.js';

const positive = z.int().positive();
const count = z.int().nonnegative();

/** The shape as JSON, with the rules that tie its fields together. */
export const shapeSchema = z
  .strictObject({
    name: z
      .string()
      .max(200)
      .regex(/^[ -~\u00a0-\uffff]+$/, 'must be text without control characters'),
    kind: z.enum(['encoder-decoder', 'decoder', 'encoder']),
    encoderLayers: count.describe('layers of the encoder; 0 for a decoder'),
    decoderLayers: count.describe('layers of the decoder; 0 for an encoder'),
    dModel: positive.describe('width of the residual stream'),
    dFf: positive.describe('inner width of the feed-forward, of one expert in a mixture of experts'),
    dKv: positive.describe('width of one attention head'),
    heads: positive.describe('query heads a layer'),
    kvHeads: positive.describe('key and value heads a layer'),
    vocab: positive.describe('rows of the embedding table as allocated'),
    dEmbedding: positive.describe('width of the embedding table'),
    feedForward: z.enum(['plain', 'gated']),
    tiedEmbeddings: z.boolean(),
    positions: z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('relative'), buckets: positive }),
      z.strictObject({ kind: z.literal('learned'), rows: positive }),
      z.strictObject({ kind: z.literal('rotary') }),
      z.strictObject({ kind: z.literal('none') }),
    ]),
    norms: z.strictObject({
      kind: z.enum(['rms', 'layer']),
      perSublayer: z.union([z.literal(1), z.literal(2)]),
      final: z.boolean(),
      embedding: z.boolean(),
      queryKey: z.boolean(),
    }),
    biases: z.strictObject({ queryKeyValue: z.boolean(), attentionOutput: z.boolean(), feedForward: z.boolean() }),
    experts: z.nullable(z.strictObject({ count: positive, active: positive })),
    tokenTypes: count,
    head: z.enum(['lm', 'bert', 'none']),
  })
  .check((context) => {
    const shape = context.value;
    const require = (holds: boolean, path: string[], message: string) => {
      if (!holds) context.issues.push({ code: 'custom', path, message, input: shape });
    };
    require(shape.kind === 'decoder' ? shape.encoderLayers === 0 : shape.encoderLayers > 0, [
      'encoderLayers',
    ], `a shape of kind ${shape.kind} has ${shape.kind === 'decoder' ? 'no' : 'at least one'} encoder layer`);
    require(shape.kind === 'encoder' ? shape.decoderLayers === 0 : shape.decoderLayers > 0, [
      'decoderLayers',
    ], `a shape of kind ${shape.kind} has ${shape.kind === 'encoder' ? 'no' : 'at least one'} decoder layer`);
    require(shape.heads % shape.kvHeads === 0, ['kvHeads'], `must divide heads, which is ${shape.heads}`);
    require(shape.experts === null || shape.experts.active <= shape.experts.count, [
      'experts',
      'active',
    ], 'must not exceed experts.count');
    require(shape.head !== 'bert' || shape.kind === 'encoder', ['head'], 'bert heads stand on an encoder only');
    require(Number.isSafeInteger(countParameters(shape).total), [], 'its parameters exceed 2^53, beyond exact counts');
  });

/**
 * Checks that a value from outside is a shape.
 *
 * @throws ShapelawError `bad-shape`, naming each field and its value.
 */
export function parseShape(value: unknown): Shape {
  return parseFields(shapeSchema, value, 'shape');
}

/**
 * Reads the fields of something that describes a shape or a device; `what` names it in messages.
 *
 * @throws ShapelawError of the code given, `bad-shape` by default, naming each field and its value.
 */
export function parseFields<Fields>(
  schema: z.ZodType<Fields>,
  value: unknown,
  what: string,
  code: 'bad-shape' | 'bad-hardware' = 'bad-shape',
): Fields {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => {
    const path = issue.path.map(String);
    if (path.length === 0 && value !== null && typeof value === 'object') return issue.message;
    const found = path.reduce<unknown>(
      (at, key) => (at !== null && typeof at === 'object' ? (at as Record<string, unknown>)[key] : undefined),
      value,
    );
    return `${path.join('.') || what} is ${found === undefined ? 'missing' : JSON.stringify(found)}: ${issue.message}`;
  });
  throw new ShapelawError(code, `not a valid ${what}: ${problems.join('; ')}`, { problems });
}
