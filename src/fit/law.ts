import { z } from 'zod';
import { conventionValues } from '../conventions.js';
import { ShapelawError } from '../errors.js';

const finite = z.number();
const interval = z.tuple([finite, finite]).readonly().describe('low and high end');
const byName = z.record(z.string(), finite);

const conventionsSchema = z.strictObject({
  params: z.enum(conventionValues.params),
  flops: z.enum(conventionValues.flops),
  tokens: z.enum(conventionValues.tokens),
  loss: z.enum(conventionValues.loss),
  tokenizer: z.string().describe('name of the tokenizer, or unstated'),
});

/** The law file: what was fitted, how well, on what, and how sure it is. */
export const lawSchema = z.strictObject({
  format: z.literal('shapelaw-law/1'),
  name: z.string().describe('name of a published law, or the law and its table'),
  law: z.enum(['chinchilla', 'power', 'kaplan', 'data-constrained']),
  formula: z.string(),
  variables: z.array(z.enum(['params', 'tokens', 'flops', 'uniqueTokens'])).describe('what a prediction needs'),
  parameters: byName.describe('in the units of the table: parameters, tokens, FLOPs, and its unit of loss'),
  objective: z.nullable(
    z.strictObject({
      kind: z.literal('huber-log-loss-sum'),
      delta: finite.positive(),
      value: finite.nonnegative(),
    }),
  ),
  status: z.enum(['converged', 'max-iterations', 'bound-hit', 'flat', 'ill-conditioned', 'published']),
  solver: z.nullable(
    z.strictObject({
      gradientNorm: finite.describe(
        'scale-free: largest cosine between a column of the Jacobian and the clipped residuals',
      ),
      conditionNumber: finite.nullable().describe('of the column-scaled Jacobian of log loss; null where infinite'),
      iterations: z.int(),
      starts: z.int(),
    }),
  ),
  rows: z.nullable(
    z.strictObject({
      used: z.int(),
      runs: z.int(),
      configurations: z.int().describe('distinct points of the columns that the law uses'),
      dropped: z.array(z.looseObject({ row: z.int(), reason: z.string() })),
    }),
  ),
  intervals: z.nullable(
    z.strictObject({ level: finite, kind: z.string(), parameters: z.record(z.string(), interval) }),
  ),
  derived: z.record(
    z.string(),
    z.strictObject({
      value: finite.nullable().describe('null where too large or small for a number'),
      interval: interval.nullable(),
    }),
  ),
  draws: z.nullable(
    z.strictObject({
      kind: z.string().describe('how they were drawn'),
      seed: z.int(),
      notConverged: z.int().describe('refits that ran out of iterations'),
      atBound: z.int().describe('refits with a parameter at its bound'),
      redrawn: z.int().describe('resamples thrown away because they could not support the law'),
      parameters: z.array(z.string()),
      values: z.array(z.array(finite)),
    }),
  ),
  residuals: z.nullable(
    z.strictObject({
      quantiles: z
        .array(finite)
        .describe('of log-loss residuals at evenly spaced probabilities, widened by sqrt(runs / (runs - parameters))'),
    }),
  ),
  conventions: conventionsSchema,
  domain: z.nullable(
    z.strictObject({
      ranges: z.record(z.string(), interval).describe('of the variables in the evidence'),
      hull: z
        .array(z.tuple([finite, finite]))
        .nullable()
        .describe(
          'convex hull of log10 of the two variables; null for one variable, or where only ranges are published',
        ),
    }),
  ),
  provenance: z.strictObject({
    source: z.string(),
    fileSha256: z.string().nullable(),
    rowsSha256: z.string().nullable(),
    options: z.record(z.string(), z.unknown()),
    rounded: z.boolean().describe('whether the parameters are printed so rounded that answers change by more than 1%'),
    notes: z.array(z.string()),
    version: z.string().describe('of shapelaw'),
  }),
});

/** A law with its evidence: fitted here, or published. */
export type Law = z.infer<typeof lawSchema>;

/** JSON would turn it into null, and the file could not be read again. */
function refuseNonFinite(key: string, value: unknown): unknown {
  if (typeof value !== 'number' || Number.isFinite(value)) return value;
  throw new ShapelawError('non-finite', `${key} of the law is ${value}, which no law file can hold`, { key });
}

/** The law as JSON text; {@link parseLaw} gives back the same bits. */
export function serializeLaw(law: Law): string {
  // Lists of numbers go on one line. A line break never stands within a JSON string, so that no string is taken for a list.
  return `${JSON.stringify(law, refuseNonFinite, 1).replace(/\[\n\s*([-\d.e+,\s]+?)\n\s*\]/g, (_, numbers: string) => `[${numbers.replace(/\s+/g, ' ')}]`)}\n`;
}

/**
 * Reads a law from JSON text.
 *
 * @param source - Name of the file, for messages.
 * @throws ShapelawError `bad-law-file`, naming each field at fault.
 */
export function parseLaw(text: string, source: string): Law {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new ShapelawError('bad-law-file', `${source} is not JSON: ${(error as Error).message}`, { source });
  }
  const result = lawSchema.safeParse(json);
  if (!result.success) {
    const problems = result.error.issues
      .slice(0, 5)
      .map((issue) => `${issue.path.join('.') || 'file'}: ${issue.message}`);
    throw new ShapelawError(
      'bad-law-file',
      `${source} is not a law file: ${problems.join('; ')}. Write one with: shapelaw fit RUNS --law chinchilla -o LAW.json`,
      { source, problems },
    );
  }
  // The text's own value, since the schema's copy orders the keys anew.
  const law = json as Law;
  requireConsistent(law, source);
  return law;
}

const parametersOf: Readonly<Record<Law['law'], readonly string[]>> = {
  chinchilla: ['E', 'A', 'B', 'alpha', 'beta'],
  power: ['E', 'A', 'a'],
  kaplan: ['Nc', 'Dc', 'alphaN', 'alphaD'],
  'data-constrained': ['E', 'A', 'B', 'alpha', 'beta', 'RD', 'RN'],
};

/** The lists of variables that a law may have. */
const variablesOf: Readonly<Record<Law['law'], readonly string[]>> = {
  chinchilla: ['params, tokens'],
  power: ['params', 'tokens', 'flops'],
  kaplan: ['params, tokens'],
  'data-constrained': ['params, tokens, uniqueTokens'],
};

/** What the schema can't say: that parameters, variables and draws are those of the law. */
function requireConsistent(law: Law, source: string): void {
  const names = parametersOf[law.law];
  const missing = names.filter((name) => law.parameters[name] === undefined);
  if (missing.length > 0) {
    throw new ShapelawError('bad-law-file', `${source}: a ${law.law} law needs the parameters ${missing.join(', ')}`, {
      missing,
    });
  }
  const negative = names.find((name) => law.parameters[name]! < 0);
  if (negative !== undefined) {
    throw new ShapelawError(
      'bad-law-file',
      `${source}: ${negative} is ${law.parameters[negative]}, but no parameter of a ${law.law} law is negative`,
      { negative },
    );
  }
  const variables = variablesOf[law.law];
  if (!variables.includes(law.variables.join(', '))) {
    throw new ShapelawError(
      'bad-law-file',
      `${source}: the variables of a ${law.law} law are ${variables.join(' or ')}, not ${law.variables.join(', ') || 'none'}`,
      { variables: law.variables },
    );
  }
  if (law.residuals?.quantiles.length === 0) {
    throw new ShapelawError(
      'bad-law-file',
      `${source}: residuals.quantiles is empty; give quantiles, or null residuals`,
    );
  }
  requireDomain(law, source);
  const draws = law.draws;
  if (draws === null) return;
  const wrong = draws.values.findIndex((draw) => draw.length !== draws.parameters.length);
  if (names.some((name) => !draws.parameters.includes(name)) || wrong >= 0) {
    throw new ShapelawError(
      'bad-law-file',
      `${source}: its draws must give ${names.join(', ')} each${wrong >= 0 ? `; draw ${wrong} does not` : ''}`,
    );
  }
}

function requireDomain({ domain, variables }: Law, source: string): void {
  if (domain === null) return;
  const ranged = variables.every((name) => domain.ranges[name] !== undefined);
  const others = Object.keys(domain.ranges).length !== variables.length;
  if (!ranged || others || (domain.hull !== null && (variables.length !== 2 || domain.hull.length < 2))) {
    throw new ShapelawError(
      'bad-law-file',
      `${source}: its domain must give a range of each of ${variables.join(', ')} and of nothing else, and the hull of two variables at least two points`,
      { variables },
    );
  }
}
