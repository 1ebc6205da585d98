import { z } from 'zod';
import { conventionValues } from '../conventions.js';
import { ShapelawError } from '../errors.js';
import { type LawOptions, lawColumns } from './law-form.js';
import { lawForm } from './laws/registry.js';
import { packNumbers, unpackNumbers } from './packed-draws.js';

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

const column = z.enum(lawColumns);

const formSchema = z.strictObject({
  variable: column.optional(),
  breaks: z.int().nonnegative().optional(),
  continuous: z.boolean().optional(),
  operators: z.array(column).optional(),
  ratios: z.array(z.string()).optional(),
  expression: z.string().optional(),
  bounds: z.record(z.string(), interval).optional(),
});

/** The law file: what was fitted, how well, on what, and how sure it is. */
export const lawSchema = z.strictObject({
  format: z.literal('shapelaw-law/2'),
  name: z.string().describe('name of a published law, or the law and its table'),
  law: z.string().describe('name of the law, such as chinchilla'),
  form: formSchema.describe(
    'what tells this form of the law from others: the column of a power law, the ratios of a law of shape',
  ),
  formula: z.string(),
  variables: z.array(column).describe('what a prediction needs'),
  parameters: byName.describe('in the units of the table: parameters, tokens, FLOPs, and its unit of loss'),
  objective: z.nullable(
    z.strictObject({
      kind: z
        .enum(['huber', 'squared', 'cauchy', 'quantile'])
        .describe('summed over rows, of the log of the measured loss less the log of the law'),
      delta: finite.positive().nullable().describe('residual beyond which rows lose weight; null of squared'),
      tau: finite.nullable().describe('share of runs below the law; null but of quantile'),
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
      correlation: z
        .nullable(z.strictObject({ parameters: z.tuple([z.string(), z.string()]), value: finite }))
        .describe('the strongest between two parameters, amplitudes taken at the centre of the table'),
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
      count: z.int().nonnegative(),
      values: z
        .string()
        .describe('base64 of the parameters of each draw, one draw after the other, as little-endian 64-bit floats'),
    }),
  ),
  residuals: z.nullable(
    z.strictObject({
      quantiles: z
        .array(finite)
        .describe(
          "of log-loss residuals at evenly spaced probabilities, widened for the parameters that the fit took; beyond the outermost that the runs can tell, as of Student's t",
        ),
    }),
  ),
  noise: z
    .nullable(
      z.strictObject({
        replicateSd: finite
          .nullable()
          .describe(
            'standard deviation of log loss between runs at the same point, of different seeds; null without any',
          ),
        degrees: z.int().describe('of freedom of replicateSd'),
        lackOfFit: z
          .nullable(z.strictObject({ f: finite, p: finite }))
          .describe('F test of the scatter about the law against that between replicates'),
        runSd: finite.describe('standard deviation of log loss about the law that the rows of a run share'),
        rowSd: finite.describe('standard deviation of log loss about the law of each row by itself'),
      }),
    )
    .describe('scatter of log loss'),
  prior: z
    .nullable(
      z.strictObject({
        law: z.string(),
        share: finite.describe(
          "of the curvature of the objective at the answer that is the prior's, of the parameters that it is on",
        ),
        parameters: z.record(
          z.string(),
          z.strictObject({
            prior: finite,
            priorSd: finite.describe(
              'of the coordinate: of the log of an amplitude at the centre of the table, else of the parameter',
            ),
            alone: finite.nullable().describe('by the rows without the prior; null where they are too few'),
            moved: finite.nullable().describe('from alone to the answer, in priorSd'),
          }),
        ),
      }),
    )
    .describe('a law that the fit started from, and how much it moved the answer'),
  forced: z.array(z.string()).describe('codes of the refusals that a person overruled'),
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

/** A law as its file has it: the draws packed. */
export type LawFile = z.infer<typeof lawSchema>;

/** The draws of a law, each with its parameters in the order named. */
export type LawDraws = Omit<NonNullable<LawFile['draws']>, 'count' | 'values'> & {
  readonly values: readonly (readonly number[])[];
};

/** A law with its evidence: fitted here, or published. */
export type Law = Omit<LawFile, 'draws' | 'form'> & { readonly form: LawOptions; readonly draws: LawDraws | null };

/** JSON would turn it into null, and the file could not be read again. */
function refuseNonFinite(key: string, value: unknown): unknown {
  if (typeof value !== 'number' || Number.isFinite(value)) return value;
  throw new ShapelawError('non-finite', `${key} of the law is ${value}, which no law file can hold`, { key });
}

/** The law as JSON text; {@link parseLaw} gives back the same bits. */
export function serializeLaw(law: Law): string {
  // Lists of numbers go on one line. A line break never stands within a JSON string, so that no string is taken for a list.
  return `${JSON.stringify({ ...law, draws: packDraws(law.draws) }, refuseNonFinite, 1).replace(/\[\n\s*([-\d.e+,\s]+?)\n\s*\]/g, (_, numbers: string) => `[${numbers.replace(/\s+/g, ' ')}]`)}\n`;
}

function packDraws(draws: LawDraws | null): LawFile['draws'] {
  if (draws === null) return null;
  const { values, ...rest } = draws;
  const flat = Float64Array.from(values.flat());
  const wrong = flat.find((value) => !Number.isFinite(value));
  if (wrong !== undefined) refuseNonFinite('a draw', wrong);
  return { ...rest, count: values.length, values: packNumbers(flat) };
}

function unpackDraws(draws: LawFile['draws'], source: string): LawDraws | null {
  if (draws === null) return null;
  const { count, values: packed, ...rest } = draws;
  const flat = unpackNumbers(packed, source);
  const size = draws.parameters.length;
  if (flat.length !== count * size) {
    throw new ShapelawError(
      'bad-law-file',
      `${source}: its draws hold ${flat.length} numbers, not ${count} draws of ${size}; the file was cut off or edited`,
      { numbers: flat.length, count, parameters: size },
    );
  }
  return {
    ...rest,
    values: Array.from({ length: count }, (_, k) => Array.from(flat.subarray(k * size, (k + 1) * size))),
  };
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
  const file = json as LawFile;
  const law = { ...file, draws: unpackDraws(file.draws, source) } as Law;
  requireConsistent(law, source);
  return law;
}

/** What the schema can't say: that parameters, variables and draws are those of the law. */
function requireConsistent(law: Law, source: string): void {
  const refuse = (problem: string, details: Record<string, unknown> = {}) =>
    new ShapelawError('bad-law-file', `${source}: ${problem}`, details);
  let form: ReturnType<typeof lawForm>;
  try {
    form = lawForm(law.law, law.form);
  } catch (error) {
    throw refuse((error as Error).message, { law: law.law, form: law.form });
  }
  const names = form.parameters;
  const missing = names.filter((name) => law.parameters[name] === undefined);
  if (missing.length > 0) throw refuse(`a ${law.law} law needs the parameters ${missing.join(', ')}`, { missing });
  const negative = names.find((name, k) => form.coordinates[k]!.kind === 'amplitude' && law.parameters[name]! < 0);
  if (negative !== undefined) {
    throw refuse(`${negative} is ${law.parameters[negative]}, but no amplitude of a ${law.law} law is negative`, {
      negative,
    });
  }
  if (law.variables.join() !== form.columns.join()) {
    throw refuse(
      `the variables of this ${law.law} law are ${form.columns.join(', ')}, not ${law.variables.join(', ') || 'none'}`,
      { variables: law.variables },
    );
  }
  if (law.residuals?.quantiles.length === 0) {
    throw refuse('residuals.quantiles is empty; give quantiles, or null residuals');
  }
  requireDomain(law, source);
  if (law.draws !== null && names.some((name) => !law.draws!.parameters.includes(name))) {
    throw refuse(`its draws must give ${names.join(', ')} each`);
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
