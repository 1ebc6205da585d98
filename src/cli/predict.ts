import { Command, Option } from 'commander';
import { ShapelawError } from '../errors.js';
import { columnValue } from '../fit/columns.js';
import type { Extrapolation } from '../fit/domain.js';
import type { Law } from '../fit/law.js';
import type { LawColumn, LawPoint } from '../fit/law-form.js';
import type { LossPrediction } from '../fit/predict.js';
import type { QuantityKind } from '../recommend/quantity.js';
import { interval, percent, short } from './format.js';
import { collect, defined, share } from './options.js';
import { right, table } from './table.js';
import type { Terminal } from './terminal.js';

interface PredictOptions {
  readonly params?: string;
  readonly shape?: string;
  readonly tokens?: string;
  readonly flops?: string;
  readonly uniqueTokens?: string;
  readonly runs?: string;
  readonly map?: readonly string[];
  readonly tokensFrom?: '6ND';
  readonly level: number;
  readonly json?: boolean;
}

/** A point with what a law predicts there. */
interface PointPrediction {
  readonly row?: number;
  readonly point: LawPoint;
  readonly measured?: number;
  readonly loss: LossPrediction;
  readonly extrapolation: Extrapolation;
}

export function predictCommand(terminal: Terminal): Command {
  return new Command('predict')
    .description('Predict the loss at a point, or at every row of a table, by a law.')
    .argument('<law>', 'law file, or a published law such as besiroglu-2024')
    .option('--params <count>', 'parameters, as the law counts them, such as 1.3B')
    .option('--shape <shape>', 'a shape whose parameters count as the law counts them')
    .option('--tokens <count>', 'training tokens, such as 30B')
    .option('--flops <count>', 'training FLOPs, for a law of flops')
    .option('--unique-tokens <count>', 'unique tokens at hand, for a law of repeated data')
    .option('--runs <table>', 'table of points, in any format and layout that fit reads')
    .option('--map <field=column,...>', 'columns of the table; repeatable', collect)
    .addOption(new Option('--tokens-from <rule>', "derive the table's tokens = flops / (6 params)").choices(['6ND']))
    .option('--level <share>', 'of the intervals', share, 0.95)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExample:\n  shapelaw predict besiroglu-2024 --params 1.3B --tokens 30B\n  shapelaw predict law.json --runs points.csv --json',
    )
    .action(async (name: string, options: PredictOptions) => {
      const [{ readLaw }, { predictor }] = await Promise.all([import('./read-law.js'), import('../fit/predict.js')]);
      const law = await readLaw(name);
      const predictAt = predictor(law, options.level);
      const fromTable = options.runs !== undefined;
      const predictions = fromTable
        ? await predictTable(law, options.runs, options, predictAt)
        : [await predictPoint(law, options, predictAt)];
      if (law.provenance.rounded)
        terminal.err(`warning: ${law.name} has rounded parameters: ${law.provenance.notes[0]}\n`);
      const document = { law: law.name, ...(fromTable ? { predictions } : predictions[0]) };
      terminal.out(options.json ? `${JSON.stringify(document, null, 2)}\n` : text(law, predictions, terminal));
    });
}

type PredictAt = (point: LawPoint) => { readonly loss: LossPrediction; readonly extrapolation: Extrapolation };

async function predictPoint(law: Law, options: PredictOptions, predictAt: PredictAt): Promise<PointPrediction> {
  const point = await pointOf(law, options);
  return { point, ...predictAt(point) };
}

async function pointOf(law: Law, options: PredictOptions): Promise<LawPoint> {
  if (options.map !== undefined || options.tokensFrom !== undefined) {
    throw new ShapelawError('bad-usage', '--map and --tokens-from are about a table; give it with --runs');
  }
  if (options.params !== undefined && options.shape !== undefined) {
    throw new ShapelawError('bad-usage', '--params and --shape both give the parameters; keep one of them');
  }
  const { parseQuantity } = await import('../recommend/quantity.js');
  const read = (text: string | undefined, kind: QuantityKind) =>
    text === undefined ? undefined : parseQuantity(text, kind);
  const shape: LawPoint = options.shape === undefined ? {} : await shapePoint(law, options.shape);
  const point: LawPoint = {
    ...shape,
    ...defined({
      params: read(options.params, 'params') ?? shape.params,
      tokens: read(options.tokens, 'tokens'),
      flops: read(options.flops, 'flops'),
      uniqueTokens: read(options.uniqueTokens, 'tokens'),
    }),
  };
  const unused = (['params', 'tokens', 'flops', 'uniqueTokens'] as const).filter(
    (variable) => point[variable] !== undefined && !law.variables.includes(variable) && !(variable in shape),
  );
  if (unused.length > 0) {
    const given = unused.map(flagOf).join(', ');
    throw new ShapelawError('bad-usage', `${law.name} is a law of ${law.variables.join(', ')}; leave out ${given}`, {
      unused,
    });
  }
  const missing = new Set(law.variables.filter((variable) => columnValue(point, variable) === undefined).map(flagOf));
  if (missing.size > 0) {
    throw new ShapelawError(
      'bad-usage',
      `${law.name} needs ${[...missing].join(' and ')}; or give a table with --runs`,
      {
        missing: [...missing],
      },
    );
  }
  return Object.fromEntries(law.variables.map((variable) => [variable, columnValue(point, variable)!]));
}

/** The option that gives a variable. */
function flagOf(variable: LawColumn): string {
  const flags: Partial<Record<LawColumn, string>> = {
    params: '--params or --shape',
    tokens: '--tokens',
    flops: '--flops',
    uniqueTokens: '--unique-tokens',
  };
  return flags[variable] ?? '--shape';
}

/** The variables of a shape. */
async function shapePoint(law: Law, text: string): Promise<LawPoint> {
  const [{ resolveShape }, { countParameters }, { dimensionsOf }, { parametersFor }] = await Promise.all([
    import('./resolve-shape.js'),
    import('../flops/parameters.js'),
    import('../flops/shape.js'),
    import('../recommend/law-use.js'),
  ]);
  const shape = await resolveShape(text);
  return { ...dimensionsOf(shape), params: parametersFor(law, countParameters(shape)) };
}

async function predictTable(
  law: Law,
  path: string,
  options: PredictOptions,
  predictAt: PredictAt,
): Promise<PointPrediction[]> {
  const alone = (['params', 'shape', 'tokens', 'flops'] as const).filter((key) => options[key] !== undefined);
  if (alone.length > 0) {
    throw new ShapelawError(
      'bad-usage',
      `--runs takes every point from the table; leave out ${alone.map((key) => `--${key}`).join(', ')}`,
    );
  }
  const [
    { readPoints },
    { parseColumnMap },
    { splitMaps },
    { parseQuantity },
    { requireSameConventions, variableConventions },
  ] = await Promise.all([
    import('../runs/read.js'),
    import('../runs/columns.js'),
    import('./table-options.js'),
    import('../recommend/quantity.js'),
    import('../fit/conventions.js'),
  ]);
  const required = law.variables.filter((variable) => variable !== 'uniqueTokens' && variable !== 'layers');
  const { points, conventions } = await readPoints(path, {
    required,
    tokensFrom: options.tokensFrom,
    map: parseColumnMap(splitMaps(options.map ?? [])),
  });
  const measuredToo = points.some(({ loss }) => loss !== undefined);
  const keys = [...variableConventions(law), ...(measuredToo ? (['loss', 'tokenizer'] as const) : [])];
  requireSameConventions(law, conventions, path, keys);
  const unique =
    options.uniqueTokens === undefined ? {} : { uniqueTokens: parseQuantity(options.uniqueTokens, 'tokens') };
  return points.map(({ row, loss: measured, ...rest }) => {
    const point = { ...rest, ...unique };
    return { row, point, ...(measured === undefined ? {} : { measured }), ...predictAt(point) };
  });
}

function text(law: Law, predictions: readonly PointPrediction[], { colors }: Terminal): string {
  const { level } = predictions[0]!.loss;
  const fixed = (value: number) => value.toFixed(4);
  const many = predictions[0]!.row !== undefined;
  const measured = predictions.some((prediction) => prediction.measured !== undefined);
  const body = table(
    [
      ...(many ? [right('row')] : []),
      ...law.variables.map(right),
      ...(measured ? [right('measured')] : []),
      right('loss'),
      right(`${percent(level)} of the mean`),
      right(`${percent(level)} of a new run`),
      right('outside evidence'),
    ],
    predictions.map(({ row, point, measured: seen, loss, extrapolation }) => [
      ...(many ? [String(row)] : []),
      ...law.variables.map((variable) => short(columnValue(point, variable)!)),
      ...(measured ? [seen === undefined ? '' : fixed(seen)] : []),
      fixed(loss.value),
      interval(loss.mean, fixed),
      interval(loss.newRun, fixed),
      outside(extrapolation),
    ]),
    colors.bold,
  );
  const notes = [
    `Loss in ${law.conventions.loss === 'unstated' ? 'an unstated unit' : law.conventions.loss}, by ${law.name}: ${law.formula}. Parameters ${law.conventions.params}, tokens ${law.conventions.tokens}.`,
    law.draws === null
      ? 'No intervals: this law has no draws.'
      : `Intervals: percentiles of ${law.draws.values.length} draws: ${law.draws.kind}.`,
    `Source: ${law.provenance.source}.`,
  ];
  return `${body}\n${colors.dim(notes.join('\n'))}\n`;
}

/** The distance from the evidence, as a factor on the way out of it. */
export function outside({ inside, decades }: Extrapolation): string {
  if (inside === null || decades === null) return 'unknown';
  return inside ? 'no' : `by ${decades.toFixed(2)} decades`;
}
