import { Command } from 'commander';
import type { LawColumn } from '../fit/law-form.js';
import type { RegionReport } from '../fit/region/index.js';
import { exact, interval, percent, scientific, short, significant } from './format.js';
import { defined, listed, share, wholeNumber } from './options.js';
import { right, table } from './table.js';
import { readTable, type TableOptions, withTableOptions } from './table-options.js';
import type { Terminal } from './terminal.js';

type RegionsCommandOptions = TableOptions & {
  readonly variable?: LawColumn;
  readonly breaks?: number;
  readonly mostBreaks?: number;
  readonly jumps?: boolean;
  readonly operators?: string;
  readonly replicates: number;
  readonly seed: number;
  readonly level: number;
  readonly force?: boolean;
  readonly plots?: string;
  readonly json?: boolean;
};

export function regionsCommand(terminal: Terminal): Command {
  const command = new Command('regions')
    .description(
      'Find the regions of compute in which loss follows different power laws, and test whether they differ.',
    )
    .argument('<runs>', 'table of runs: .csv, .tsv, .jsonl, .json (each also .gz) or .parquet')
    .option('--variable <column>', 'that decides the region (default: flops)')
    .option('--breaks <n>', 'breakpoints between regions (default: estimated)', wholeNumber)
    .option('--most-breaks <n>', 'breakpoints tried at most (default: 3)', wholeNumber)
    .option('--jumps', 'let the loss jump at a breakpoint')
    .option(
      '--operators <column,...>',
      'columns with an exponent in each region in place of the variable, such as layers,dModel; or varied, for those that vary',
    )
    .option('--replicates <n>', 'simulated tables of each test; 0 for none', wholeNumber, 199)
    .option('--seed <n>', 'of the simulated tables', wholeNumber, 1)
    .option('--level <share>', 'of the intervals', share, 0.95)
    .option('--force', 'take losses of several learning-rate schedules');
  return withTableOptions(command)
    .option('--plots <folder>', 'write a plot of the regions, as an SVG file')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExample:\n  shapelaw regions runs.csv\n  shapelaw regions runs.csv --operators layers,dModel,tokens',
    )
    .action(async (runs: string, options: RegionsCommandOptions) => {
      const { regionReport } = await import('../fit/region/index.js');
      const runTable = await readTable(runs, options);
      for (const warning of runTable.warnings) terminal.err(`warning: ${warning}\n`);
      const { variable, breaks, mostBreaks, jumps, operators, replicates, seed, level, force = false } = options;
      const report = regionReport(runTable, {
        ...{ replicates, seed, level, force },
        ...defined({
          ...{ variable, breaks, mostBreaks },
          continuous: jumps ? false : undefined,
          operators:
            operators === undefined
              ? undefined
              : operators === 'varied'
                ? ('varied' as const)
                : (listed(operators) as LawColumn[]),
        }),
      });
      for (const note of report.notes) terminal.err(`warning: ${note}\n`);
      if (options.plots !== undefined) {
        const [{ regionPlots }, { writeNamedPlots }] = await Promise.all([
          import('../report/region-plots.js'),
          import('./plots.js'),
        ]);
        const written = await writeNamedPlots(regionPlots(report, runTable), options.plots);
        terminal.err(`plots: ${written.join(', ')}\n`);
      }
      terminal.out(options.json ? `${JSON.stringify(report, null, 2)}\n` : text(report, terminal));
    });
}

function text(report: RegionReport, { colors }: Terminal): string {
  const { variable, regions, breakpoints, counts, chosen, tests, level } = report;
  const place = (value: number | null) => (value === null ? '' : short(value));
  const fixed = (value: number) => value.toFixed(4);
  const regionRows = regions.flatMap((region, k) =>
    region.exponents.map(({ column, value, interval: ends }, j) => [
      j === 0 ? String(k + 1) : '',
      j === 0 ? place(region.from) : '',
      j === 0 ? place(region.to) : '',
      j === 0 ? `${exact(region.rows)} of ${exact(region.runs)} runs` : '',
      column,
      fixed(value),
      interval(ends, fixed),
    ]),
  );
  const countRows = counts.map(({ breaks, logLikelihood, bic, holdOutRmse, rmse, breakpoints: at }) => [
    `${breaks + 1}${breaks === chosen.breaks ? ' (taken)' : ''}`,
    logLikelihood.toFixed(1),
    bic.toFixed(1),
    holdOutRmse === null ? 'none' : `${significant(100 * holdOutRmse)}%`,
    `${significant(100 * rmse)}%`,
    at.map(short).join(', '),
  ]);
  return `${[
    `${regions.length} ${regions.length === 1 ? 'region' : 'regions'} of ${variable}: ${chosen.reason}`,
    '',
    table(
      [
        { heading: 'region' },
        right('from'),
        right('to'),
        right('rows'),
        { heading: 'column' },
        right('exponent'),
        right(`${percent(level)} interval`),
      ],
      regionRows,
      colors.bold,
    ),
    ...(breakpoints.length === 0
      ? []
      : [
          table(
            [right('breakpoint'), right(`${percent(level)} profile interval`), { heading: '' }],
            breakpoints.map(({ value, interval: ends, open }) => [
              short(value),
              interval(ends, short),
              open[0] || open[1] ? 'open: the table ends before the interval does' : '',
            ]),
            colors.bold,
          ),
        ]),
    table(
      [
        { heading: 'regions' },
        right('log likelihood'),
        right('BIC'),
        right('hold-out RMS error'),
        right('RMS residual'),
        right('breakpoints'),
      ],
      countRows,
      colors.bold,
    ),
    ...tests.map(
      ({ hypothesis, alternative, p, replicates, holdOut }) =>
        `${alternative + 1} regions against ${hypothesis + 1}: p ${p < 1e-3 ? scientific(p) : p.toFixed(3)} by ${exact(replicates)} tables simulated with ${hypothesis + 1}` +
        (holdOut === null
          ? ''
          : `; mean squared error on held-out runs lower by ${scientific(holdOut.gain)} (standard error ${scientific(holdOut.standardError)})`),
    ),
    colors.dim(
      `Exponents are of log loss, with no irreducible loss taken off, so that they shrink as the loss nears it. Intervals of exponents are conditional on the breakpoints.\n` +
        `${exact(report.rows)} rows of ${exact(report.runs)} runs, worth ${exact(Math.round(report.effectiveRows))} independent rows in the likelihoods.`,
    ),
  ].join('\n')}\n`;
}
