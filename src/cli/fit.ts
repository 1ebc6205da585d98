import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { conventionValues } from '../conventions.js';
import { ShapelawError } from '../errors.js';
import type { Law } from '../fit/law.js';
import { exact, percent, scientific, short, significant } from './format.js';
import { collect, positiveNumber, share, wholeNumber } from './options.js';
import { table } from './table.js';
import type { Terminal } from './terminal.js';

interface FitCommandOptions {
  readonly law: 'chinchilla' | 'power';
  readonly variable?: 'params' | 'tokens' | 'flops';
  readonly map?: readonly string[];
  readonly tokensFrom?: '6ND';
  readonly where?: readonly string[];
  readonly dropHighest?: number;
  readonly dropBadRows?: boolean;
  readonly paramsConvention?: 'total' | 'non-embedding';
  readonly flopsConvention?: 'exact' | '6ND';
  readonly tokensConvention?: 'encoder+decoder' | 'decoder';
  readonly lossUnit?: 'nats-per-token' | 'bits-per-token' | 'bits-per-byte';
  readonly tokenizer?: string;
  readonly delta: number;
  readonly draws: number;
  readonly seed: number;
  readonly level: number;
  readonly output?: string;
  readonly json?: boolean;
}

/** What a user may state of a convention. */
const stateable = {
  params: conventionValues.params.filter((value) => value !== 'unstated'),
  flops: conventionValues.flops.filter((value) => value !== 'unstated'),
  tokens: conventionValues.tokens.filter((value) => value !== 'unstated'),
  loss: conventionValues.loss.filter((value) => value !== 'unstated'),
};

export function fitCommand(terminal: Terminal): Command {
  return new Command('fit')
    .description('Fit a scaling law to a table of runs, with a bootstrap over runs.')
    .argument('<runs>', 'table of runs: .csv, .tsv, .jsonl, .json (each also .gz) or .parquet')
    .addOption(new Option('--law <name>', 'law to fit').choices(['chinchilla', 'power']).makeOptionMandatory())
    .addOption(
      new Option('--variable <column>', 'of a power law (default: flops)').choices(['params', 'tokens', 'flops']),
    )
    .option(
      '--map <field=column,...>',
      "columns of the table, as in 'params=Model Size,loss=val_loss'; repeatable",
      collect,
    )
    .addOption(new Option('--tokens-from <rule>', 'derive tokens = flops / (6 params)').choices(['6ND']))
    .option('--where <condition>', "keep rows that meet it, as in 'params>1e7'; repeatable", collect)
    .option('--drop-highest <k>', 'leave out the k rows of highest loss', wholeNumber)
    .option('--drop-bad-rows', 'leave out rows with bad values instead of refusing the table')
    .addOption(new Option('--params-convention <name>', 'what params counts').choices(stateable.params))
    .addOption(new Option('--flops-convention <name>', 'what flops counts').choices(stateable.flops))
    .addOption(new Option('--tokens-convention <name>', 'what tokens counts').choices(stateable.tokens))
    .addOption(new Option('--loss-unit <name>', 'unit of loss').choices(stateable.loss))
    .option('--tokenizer <name>', 'whose tokens are counted')
    .option('--delta <number>', "Huber's delta on residuals of log loss", positiveNumber, 1e-3)
    .option('--draws <n>', 'bootstrap refits; 0 for no intervals', wholeNumber, 1000)
    .option('--seed <n>', 'of the bootstrap', wholeNumber, 0)
    .option('--level <share>', 'of the intervals', share, 0.95)
    .option('-o, --output <law.json>', 'write the law file')
    .option('--json', 'print the law file')
    .addHelpText(
      'after',
      "\nExample:\n  shapelaw fit runs.csv --law chinchilla --map 'params=Model Size,flops=Training FLOP' --tokens-from 6ND -o law.json",
    )
    .action(async (runs: string, options: FitCommandOptions) => {
      if (options.output !== undefined && resolve(options.output) === resolve(runs)) {
        throw new ShapelawError(
          'bad-usage',
          `--output ${options.output} is the table of runs; the law needs a file of its own`,
        );
      }
      const [{ readRunTable }, { parseColumnMap }, { fitLaw }, { serializeLaw }] = await Promise.all([
        import('../runs/read.js'),
        import('../runs/columns.js'),
        import('../fit/fit.js'),
        import('../fit/law.js'),
      ]);
      const stated = {
        params: options.paramsConvention,
        flops: options.flopsConvention,
        tokens: options.tokensConvention,
        loss: options.lossUnit,
        tokenizer: options.tokenizer,
      };
      const runTable = await readRunTable(runs, {
        map: parseColumnMap(splitMaps(options.map ?? [])),
        conventions: Object.fromEntries(Object.entries(stated).filter(([, value]) => value !== undefined)),
        tokensFrom: options.tokensFrom,
        where: options.where,
        dropHighest: options.dropHighest,
        dropBadRows: options.dropBadRows,
      });
      const { law: name, variable, delta, draws, seed, level } = options;
      const law = fitLaw(runTable, {
        law: name,
        ...(variable === undefined ? {} : { variable }),
        delta,
        draws,
        seed,
        level,
      });
      for (const note of law.provenance.notes) terminal.err(`warning: ${note}\n`);
      const text = serializeLaw(law);
      if (options.output !== undefined) {
        const { writeWhole } = await import('./files.js');
        await writeWhole(options.output, text);
      }
      terminal.out(options.json ? text : summary(law, options.output, terminal));
    });
}

/** Splits `a=b,c=d` at the commas that begin another FIELD=; columns may hold commas. */
export function splitMaps(texts: readonly string[]): string[] {
  return texts.flatMap((text) => text.split(/,(?=\s*[A-Za-z][\w.]*=)/));
}

const statusMeaning: Readonly<Record<Exclude<Law['status'], 'converged' | 'published'>, string>> = {
  'bound-hit':
    "A parameter stands at its bound: the rows can't tell the irreducible loss or a term from none, or an exponent from flat or endless.",
  flat: 'A range of parameters fits these rows equally well: hardly a row lies within delta of the law. Try a larger --delta.',
  'ill-conditioned':
    'Some parameters can be traded for others at no cost: trust predictions near the rows, not the parameters.',
  'max-iterations': 'The solver ran out of steps: the objective may not be at its least.',
};

function summary(law: Law, output: string | undefined, { colors }: Terminal): string {
  const { rows, solver, objective, intervals } = law;
  const shown = (value: number) => (Math.abs(value) >= 1e5 ? scientific(value) : String(Number(value.toPrecision(6))));
  const ends = (interval: readonly [number, number] | null | undefined) =>
    interval == null ? 'none' : `${shown(interval[0])} to ${shown(interval[1])}`;
  const parameterRows = Object.entries(law.parameters).map(([name, value]) => [
    name,
    shown(value),
    ends(intervals?.parameters[name]),
  ]);
  const derivedRows = Object.entries(law.derived).map(([name, { value, interval }]) => [
    name,
    value === null ? 'beyond numbers' : shown(value),
    ends(interval),
  ]);
  const columns = (heading: string) => [
    { heading },
    { heading: 'value', right: true },
    { heading: intervals === null ? 'interval' : `${percent(intervals.level)} interval`, right: true },
  ];
  const { params, flops, tokens, loss, tokenizer } = law.conventions;
  const lines = [
    `${colors.bold(law.formula)}   ${law.status === 'converged' ? colors.green(law.status) : colors.yellow(law.status)}`,
    ...(law.status === 'converged' ? [] : [statusMeaning[law.status as keyof typeof statusMeaning]]),
    '',
    table(columns('parameter'), parameterRows, colors.bold).trimEnd(),
    ...(derivedRows.length > 0
      ? ['', table(columns('compute optimum (6ND)'), derivedRows, colors.bold).trimEnd()]
      : []),
    '',
    ...(['own', null].includes(law.provenance.options.layout as string | null)
      ? []
      : [`layout     ${law.provenance.options.layout}, recognised by its columns`]),
    `rows       ${exact(rows!.used)} used, ${exact(rows!.dropped.length)} dropped; ${exact(rows!.runs)} runs, ${exact(rows!.configurations)} configurations`,
    `objective  ${objective!.value.toPrecision(9)} (sum of Huber on log loss, delta ${objective!.delta})`,
    `solver     gradient ${scientific(solver!.gradientNorm)} (scale-free), condition number ${solver!.conditionNumber === null ? 'infinite' : significant(solver!.conditionNumber)}, ${solver!.starts} starts`,
    `intervals  ${intervals === null ? 'none' : `${intervals.kind}, seed ${law.draws!.seed}, ${exact(law.draws!.values.length)} draws`}`,
    `units      params ${params}; FLOPs ${flops}; tokens ${tokens}; loss ${loss}; tokenizer ${tokenizer}`,
    `evidence   ${Object.entries(law.domain!.ranges)
      .map(([name, [low, high]]) => `${name} ${short(low)} to ${short(high)}`)
      .join(', ')}`,
    ...(output === undefined ? ['', 'Not saved; write the law file with -o LAW.json.'] : ['', `Saved as ${output}.`]),
  ];
  return `${lines.join('\n')}\n`;
}
