import { ShapelawError } from '../../errors.js';
import { countParameters } from '../../flops/parameters.js';
import type { Shape } from '../../flops/shape.js';
import { fieldKind, fieldNames, runRecordSchema, scoreTask, shapeFields } from '../record.js';
import { didYouMean, listed } from '../suggest.js';
import { defaultTags, type ImportFormat } from './formats.js';
import { isTrainingLoss } from './loss-tag.js';

/** What fills the fields of an imported run, where its log does not say or says it under a name of its own. */
export interface ImportFields {
  /** Tag by field. Defaults to the format's own step and tokens. */
  readonly map?: Readonly<Record<string, string>> | undefined;
  /** Value by field, the same in every row; `scores.TASK` is a field too. Defaults to none. */
  readonly set?: Readonly<Record<string, number | string>> | undefined;
  /** Sets params (all of them, exact), its convention and the dimensions. Defaults to none. */
  readonly shape?: Shape | undefined;
  /** Sets tokens = step * this. Defaults to what the log counts. */
  readonly tokensPerStep?: number | undefined;
}

/** Where each field of a row comes from. */
export interface ImportPlan {
  readonly loss: string;
  /** Tag by field, the loss among them. */
  readonly tagOf: ReadonlyMap<string, string>;
  /** Fields without which a row is bad. */
  readonly required: ReadonlySet<string>;
  readonly constants: Readonly<Record<string, number | string>>;
  readonly tokensPerStep: number | undefined;
  readonly warnings: readonly string[];
}

/**
 * Plans the fields of the rows.
 *
 * @param tags of all runs.
 * @param lossTags those of entries that have the loss: the format's own tags of step and tokens are looked for among them.
 * @throws ShapelawError `bad-usage` for fields that do not exist, are given twice, or can't have such a value; `missing-column`
 *   for tags that are not there, and where nothing gives params.
 */
export function planImport(
  loss: string,
  tags: ReadonlySet<string>,
  lossTags: ReadonlySet<string>,
  format: ImportFormat,
  { map = {}, set = {}, shape, tokensPerStep }: ImportFields,
  source: string,
): ImportPlan {
  const warnings: string[] = [];
  const ofShape = shape === undefined ? {} : shapeConstants(shape);
  checkFields({ '--map': map, '--set': set, '--shape': ofShape });
  for (const [field, tag] of Object.entries(map)) {
    if (tags.has(tag)) continue;
    throw new ShapelawError(
      'missing-column',
      `--map ${field}=${tag}: ${source} has no tag "${tag}"${didYouMean(tag, tags)}; the tags found are ${listed([...tags].sort(), 60)}`,
      { field, tag, tags: [...tags] },
    );
  }
  const tagOf = new Map<string, string>(Object.entries(map));
  for (const [field, candidates] of Object.entries(defaultTags[format])) {
    const tag = candidates.find((candidate) => lossTags.has(candidate));
    const isGiven = tagOf.has(field) || field in set || (field === 'tokens' && tokensPerStep !== undefined);
    if (tag === undefined || isGiven) continue;
    if (field === 'tokens' && shape?.kind === 'encoder-decoder' && tag.endsWith('num_input_tokens_seen')) {
      warnings.push(
        `${tag} counts the tokens of the encoder alone, and is not taken for tokens: give --tokens-per-step N`,
      );
    } else tagOf.set(field, tag);
  }
  const constants: Record<string, number | string> = { ...ofShape, ...set };
  if (tokensPerStep !== undefined) checkTokensPerStep(tokensPerStep, tagOf, constants);

  const isStated = (field: string) => field in constants || tagOf.has(field);
  if (!isStated('params')) {
    throw new ShapelawError(
      'missing-column',
      `nothing says how many parameters the runs of ${source} have: give --shape SHAPE, --set params=60M or --map params=TAG`,
      { field: 'params' },
    );
  }
  if (isTrainingLoss(loss, format)) {
    warnings.push(`${loss} is a training loss by its name, taken because --loss names it`);
    if (!isStated('split')) constants.split = 'train';
  }
  if (tagOf.get('flops')?.endsWith('total_flos') && !isStated('flopsConvention')) {
    constants.flopsConvention = '6ND';
    warnings.push(
      `${tagOf.get('flops')} of transformers is 6 * tokens of the main input * parameters without embedding tables: ` +
        'recorded as 6ND, whose params are then non-embedding and whose tokens are those of the main input',
    );
  }
  if (tagOf.get('tokens')?.endsWith('num_input_tokens_seen')) {
    warnings.push(
      `${tagOf.get('tokens')} counts the tokens of the model's main input, padding among them unless Trainer was told otherwise`,
    );
  }
  if (!isStated('tokens') && !isStated('flops') && tokensPerStep === undefined) {
    warnings.push(
      'no row has tokens or FLOPs, which most laws need: give --tokens-per-step N, --map tokens=TAG or --set tokens=5B',
    );
  }
  checkConstants(constants);
  const required = new Set([...Object.keys(map), 'loss', ...(tokensPerStep === undefined ? [] : ['step'])]);
  return { loss, tagOf: tagOf.set('loss', loss), required, constants, tokensPerStep, warnings };
}

function shapeConstants(shape: Shape): Record<string, number | string> {
  const dimensions = Object.fromEntries(shapeFields.map((field) => [field, shape[field]]));
  return { params: countParameters(shape).total, ...dimensions, paramsConvention: 'total' };
}

function checkFields(given: Readonly<Record<string, Readonly<Record<string, number | string>>>>): void {
  const givenBy = new Map<string, string>();
  for (const [option, fields] of Object.entries(given)) {
    for (const field of Object.keys(fields)) {
      if (fieldKind(field) === undefined) {
        throw new ShapelawError(
          'bad-usage',
          `${option} ${field}=${fields[field]}: "${field}" is not a field of a run${didYouMean(field, fieldNames)}; the fields are ` +
            `${fieldNames.join(', ')} and scores.TASK`,
          { field },
        );
      }
      if (field === 'loss' && option === '--set') {
        throw new ShapelawError('bad-usage', '--set loss: a loss is measured; name its tag with --loss', { field });
      }
      const other = givenBy.get(field);
      if (other !== undefined) {
        throw new ShapelawError('bad-usage', `${other} and ${option} both give ${field}: keep one of them`, { field });
      }
      givenBy.set(field, option);
    }
  }
}

function checkTokensPerStep(
  tokensPerStep: number,
  tagOf: ReadonlyMap<string, string>,
  constants: Readonly<Record<string, unknown>>,
): void {
  const refuse = (message: string) => new ShapelawError('bad-usage', message, { tokensPerStep });
  if (!(tokensPerStep > 0 && Number.isFinite(tokensPerStep)))
    throw refuse(`the tokens of a step must be greater than 0, not ${tokensPerStep}`);
  if (tagOf.has('tokens') || 'tokens' in constants)
    throw refuse('--tokens-per-step gives tokens, and so does another option: keep one of them');
  if (!tagOf.has('step'))
    throw refuse(
      '--tokens-per-step needs the step of each evaluation, which the log lacks: name it with --map step=TAG',
    );
}

/** Checks values that hold for every row once, where the user gave them. */
function checkConstants(constants: Readonly<Record<string, number | string>>): void {
  const plain = Object.fromEntries(Object.entries(constants).filter(([field]) => scoreTask(field) === undefined));
  const parsed = runRecordSchema.partial().safeParse(plain);
  if (parsed.success) return;
  const { path, message } = parsed.error.issues[0]!;
  const field = String(path[0]);
  throw new ShapelawError('bad-usage', `--set ${field}=${constants[field]}: it ${message}`, {
    field,
    value: constants[field],
  });
}
