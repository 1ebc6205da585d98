import { Command, Option } from 'commander';
import type { Backtest, HoldOut, LawBacktest } from '../fit/backtest.js';
import { exact, percent, signed, significant } from './format.js';
import { fitOptionsOf, type LawCommandOptions, withLawOptions } from './law-options.js';
import { positiveInteger } from './options.js';
import { right, table } from './table.js';
import { readTable, type TableOptions, withTableOptions } from './table-options.js';
import type { Terminal } from './terminal.js';

type BacktestCommandOptions = TableOptions &
  Omit<LawCommandOptions, 'law'> & {
    readonly laws: string;
    readonly by: HoldOut;
    readonly folds?: number;
    readonly json?: boolean;
  };

export function backtestCommand(terminal: Terminal): Command {
  const command = new Command('backtest')
    .description('Test laws on runs that they were not fitted to, and say which predicts best.')
    .argument('<runs>', 'table of runs: .csv, .tsv, .jsonl, .json (each also .gz) or .parquet')
    .requiredOption('--laws <name,...>', 'laws to compare, by name or as formulas of columns')
    .addOption(
      new Option('--by <what>', 'compute: fit the smaller runs, predict the larger; shapes: leave shapes out')
        .choices(['compute', 'shapes'])
        .default('compute'),
    )
    .option('--folds <n>', 'of shapes (default: one for each shape, at most 10)', positiveInteger);
  return withLawOptions(withTableOptions(command), 200)
    .option('--json', 'print JSON, with every prediction')
    .addHelpText('after', '\nExample:\n  shapelaw backtest runs.csv --laws chinchilla,shape --by shapes')
    .action(async (runs: string, options: BacktestCommandOptions) => {
      const [{ backtest }, { loadLaw }] = await Promise.all([
        import('../fit/backtest.js'),
        import('../fit/laws/registry.js'),
      ]);
      const runTable = await readTable(runs, options);
      for (const warning of runTable.warnings) terminal.err(`warning: ${warning}\n`);
      const laws = await Promise.all(splitLaws(options.laws).map((law) => fitOptionsOf({ ...options, law })));
      for (const { law } of laws) await loadLaw(law);
      const result = backtest(runTable, {
        laws,
        by: options.by,
        level: options.level,
        ...(options.folds === undefined ? {} : { folds: options.folds }),
      });
      terminal.out(options.json ? `${JSON.stringify(result, null, 2)}\n` : text(result, terminal));
    });
}

/** Splits at the commas that stand outside of brackets. */
function splitLaws(laws: string): readonly string[] {
  return laws.split(/,(?![^(]*\))/).map((law) => law.trim());
}

const signedPercent = (logError: number) => {
  return `${signed(100 * Math.expm1(logError), significant)}%`;
};

function text({ by, level, folds, laws }: Backtest, { colors }: Terminal): string {
  const share = (value: number | null) => (value === null ? 'none' : percent(Number(value.toFixed(3))));
  const lines = laws.map(({ law, errors, refused, worse }) => [
    law,
    errors === null ? '' : signedPercent(errors.bias),
    errors === null ? '' : `${significant(100 * errors.rmse)}%`,
    errors?.rankCorrelation == null ? 'none' : errors.rankCorrelation.toFixed(3),
    share(errors?.coverage ?? null),
    verdict(worse, errors),
    refused.length === 0 ? '' : `${refused.length} of ${folds.length} folds refused: ${refused[0]!.code}`,
  ]);
  const distances = laws.flatMap(({ law, byDistance }) =>
    byDistance.map(({ from, to, rows, bias, rmse, coverage }) => [
      law,
      to === null ? `over ${from}` : `${from} to ${to}`,
      exact(rows),
      signedPercent(bias),
      `${significant(100 * rmse)}%`,
      share(coverage),
    ]),
  );
  return `${[
    `${by === 'compute' ? 'Fitted to the smaller runs, predicting the larger' : 'Fitted without some shapes, predicting their runs'}:`,
    ...folds.map(
      ({ label, fitted, heldOut }) => `  ${label}: ${exact(fitted)} rows fitted, ${exact(heldOut)} held out`,
    ),
    '',
    table(
      [
        { heading: 'law' },
        right('mean error'),
        right('RMS error'),
        right('rank correlation'),
        right(`within ${percent(level)} of a new run`),
        { heading: 'against the best' },
        { heading: '' },
      ],
      lines,
      colors.bold,
    ),
    table(
      [
        { heading: 'law' },
        right('decades beyond the evidence'),
        right('rows'),
        right('mean error'),
        right('RMS error'),
        right('within interval'),
      ],
      distances,
      colors.bold,
    ),
    colors.dim(
      'Errors are of the predicted loss over the measured one; a mean error above 0 expects too much loss. Rank correlation is Spearman’s.\n' +
        `The best law is that of the least RMS error; another is told apart from it where the ${percent(level)} interval of the difference of mean squares, over held-out runs, leaves out 0.`,
    ),
  ].join('\n')}\n`;
}

function verdict(worse: LawBacktest['worse'], errors: LawBacktest['errors']): string {
  if (errors === null) return 'never fitted';
  if (worse === null) return 'best';
  return worse.interval[0] > 0 ? 'worse' : 'not told apart';
}
