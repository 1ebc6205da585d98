import { resolve } from 'node:path';
import { Command } from 'commander';
import { ShapelawError } from '../errors.js';
import type { Law } from '../fit/law.js';
import { exact, interval, percent, scientific, short, signed, significant } from './format.js';
import { fitOptionsOf, type LawCommandOptions, withLawOptions } from './law-options.js';
import { right, table } from './table.js';
import { readTable, type TableOptions, withTableOptions } from './table-options.js';
import type { Terminal } from './terminal.js';

type FitCommandOptions = TableOptions &
  LawCommandOptions & { readonly output?: string; readonly plots?: string; readonly json?: boolean };

export function fitCommand(terminal: Terminal): Command {
  const command = new Command('fit')
    .description('Fit a scaling law to a table of runs, with intervals from refits of the table drawn again by runs.')
    .argument('<runs>', 'table of runs: .csv, .tsv, .jsonl, .json (each also .gz) or .parquet')
    .requiredOption(
      '--law <name>',
      'chinchilla, power, kaplan, width-depth, shape, broken, region, data-constrained, or a formula of columns',
    );
  return withLawOptions(withTableOptions(command))
    .option('-o, --output <law.json>', 'write the law file')
    .option('--plots <folder>', 'write plots of the data, the law, its bands and residuals, as SVG files')
    .option('--json', 'print the law file')
    .addHelpText(
      'after',
      "\nExample:\n  shapelaw fit runs.csv --law chinchilla --map 'params=Model Size,flops=Training FLOP' --tokens-from 6ND -o law.json" +
        "\n  shapelaw fit runs.csv --law 'E + A/params^alpha + B/tokens^beta'",
    )
    .action(async (runs: string, options: FitCommandOptions) => {
      if (options.output !== undefined && resolve(options.output) === resolve(runs)) {
        throw new ShapelawError(
          'bad-usage',
          `--output ${options.output} is the table of runs; the law needs a file of its own`,
        );
      }
      const [{ fitLawParallel }, { serializeLaw }, { refitWorkers }] = await Promise.all([
        import('../fit/fit.js'),
        import('../fit/law.js'),
        import('./refit-workers.js'),
      ]);
      const fitOptions = await fitOptionsOf(options);
      const runTable = await readTable(runs, options);
      const law = await fitLawParallel(runTable, fitOptions, refitWorkers());
      for (const note of law.provenance.notes) terminal.err(`warning: ${note}\n`);
      const text = serializeLaw(law);
      if (options.output !== undefined) {
        const { writeWhole } = await import('./files.js');
        await writeWhole(options.output, text);
      }
      if (options.plots !== undefined) {
        const { writePlots } = await import('./plots.js');
        const written = await writePlots(law, runTable, options.plots, options.level);
        terminal.err(`plots: ${written.join(', ')}\n`);
      }
      terminal.out(options.json ? text : summary(law, options.output, terminal));
    });
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
  const parameterRows = Object.entries(law.parameters).map(([name, value]) => [
    name,
    shown(value),
    interval(intervals?.parameters[name], shown),
  ]);
  const derivedRows = Object.entries(law.derived).map(([name, { value, interval: ends }]) => [
    name,
    value === null ? 'beyond numbers' : shown(value),
    interval(ends, shown),
  ]);
  const columns = (heading: string) => [
    { heading },
    right('value'),
    right(intervals === null ? 'interval' : `${percent(intervals.level)} interval`),
  ];
  const { params, flops, tokens, loss, tokenizer } = law.conventions;
  const lines = [
    `${colors.bold(law.formula)}   ${law.status === 'converged' ? colors.green(law.status) : colors.yellow(law.status)}`,
    ...(law.status === 'converged' ? [] : [statusMeaning[law.status as keyof typeof statusMeaning]]),
    '',
    table(columns('parameter'), parameterRows, colors.bold).trimEnd(),
    ...(derivedRows.length > 0
      ? [
          '',
          table(columns('G' in law.derived ? 'compute optimum (6ND)' : 'derived'), derivedRows, colors.bold).trimEnd(),
        ]
      : []),
    ...(law.prior === null ? [] : ['', priorText(law.prior, shown, colors.bold)]),
    '',
    ...(['own', null].includes(law.provenance.options.layout as string | null)
      ? []
      : [`layout     ${law.provenance.options.layout}, recognised by its columns`]),
    `rows       ${exact(rows!.used)} used, ${exact(rows!.dropped.length)} dropped; ${exact(rows!.runs)} runs, ${exact(rows!.configurations)} configurations`,
    `objective  ${objective!.value.toPrecision(9)} (${objectiveText(objective!)})`,
    `solver     gradient ${scientific(solver!.gradientNorm)} (scale-free), condition number ${solver!.conditionNumber === null ? 'infinite' : significant(solver!.conditionNumber)}, ${solver!.starts} starts`,
    `noise      ${noiseText(law.noise!)}`,
    `intervals  ${intervals === null ? 'none' : `${intervals.kind}, seed ${law.draws!.seed}, ${exact(law.draws!.values.length)} draws`}`,
    `units      params ${params}; FLOPs ${flops}; tokens ${tokens}; loss ${loss}; tokenizer ${tokenizer}`,
    `evidence   ${Object.entries(law.domain!.ranges)
      .map(([name, [low, high]]) => `${name} ${short(low)} to ${short(high)}`)
      .join(', ')}`,
    ...(output === undefined ? ['', 'Not saved; write the law file with -o LAW.json.'] : ['', `Saved as ${output}.`]),
  ];
  return `${lines.join('\n')}\n`;
}

function objectiveText({ kind, delta, tau }: NonNullable<Law['objective']>): string {
  const names = { huber: 'Huber', squared: 'half the squares', cauchy: 'Cauchy', quantile: 'the quantile loss' };
  const settings = [...(delta === null ? [] : [`delta ${delta}`]), ...(tau === null ? [] : [`tau ${tau}`])];
  return `sum of ${names[kind]} on log loss${settings.map((setting) => `, ${setting}`).join('')}`;
}

/** Scatter of the loss: about the law, and between runs that differ in their seed alone. */
function noiseText({ runSd, rowSd, replicateSd, degrees }: NonNullable<Law['noise']>): string {
  const share = (sd: number) => `${significant(100 * sd)}%`;
  const about = runSd > 0 ? `${share(runSd)} that the rows of a run share, ${share(rowSd)} of each row` : share(rowSd);
  const between =
    replicateSd === null
      ? 'no runs differ in their seed alone'
      : `${share(replicateSd)} between runs that differ in their seed alone (${exact(degrees)} degrees of freedom)`;
  return `of the loss about the law ${about}; ${between}`;
}

/** How much of the answer is a prior's. */
function priorText(
  { law, share, parameters }: NonNullable<Law['prior']>,
  shown: (value: number) => string,
  bold: (text: string) => string,
): string {
  const rows = Object.entries(parameters).map(([name, { prior, alone, moved }]) => [
    name,
    shown(prior),
    alone === null ? 'too few rows' : shown(alone),
    moved === null ? '' : `${signed(moved, (sds) => sds.toFixed(2))} standard deviations of the prior`,
  ]);
  return [
    table(
      [
        { heading: 'prior' },
        right('prior says'),
        right('rows alone say'),
        { heading: 'the prior moved the answer by' },
      ],
      rows,
      bold,
    ).trimEnd(),
    `${percent(Number(share.toFixed(3)))} of the curvature at the answer is that of the prior ${law}.`,
  ].join('\n');
}
