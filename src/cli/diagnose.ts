import { Command } from 'commander';
import type { Law } from '../fit/law.js';
import type { Profile } from '../fit/profile.js';
import type { DeltaFit, Influence } from '../fit/sensitivity.js';
import type { ShapeReport } from '../fit/shape-report.js';
import { interval, percent, short, signed, significant } from './format.js';
import { fitOptionsOf, type LawCommandOptions, withLawOptions } from './law-options.js';
import { listed, positiveInteger } from './options.js';
import { right, table } from './table.js';
import { readTable, type TableOptions, withTableOptions } from './table-options.js';
import type { Terminal } from './terminal.js';

type DiagnoseCommandOptions = TableOptions &
  LawCommandOptions & {
    readonly profile?: string;
    readonly top: number;
    readonly plots?: string;
    readonly json?: boolean;
  };

interface Diagnosis {
  readonly law: string;
  readonly deltas: readonly DeltaFit[];
  readonly influence: Influence;
  readonly profiles: readonly Profile[];
  /** Of a law of shape; else null. */
  readonly shapes: ShapeReport | null;
}

export function diagnoseCommand(terminal: Terminal): Command {
  const command = new Command('diagnose')
    .description(
      'Say what a fit rests on: its delta, single runs, the profile of each parameter, and of a law of shape the shapes.',
    )
    .argument('<runs>', 'table of runs: .csv, .tsv, .jsonl, .json (each also .gz) or .parquet')
    .requiredOption('--law <name>', 'law, by name or as a formula of columns');
  return withLawOptions(withTableOptions(command))
    .option('--profile <parameter,...>', 'parameters to profile (default: all that have a profile)')
    .option('--top <n>', 'most influential runs shown', positiveInteger, 10)
    .option('--plots <folder>', 'write a plot of each profile, as SVG files')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  shapelaw diagnose runs.csv --law chinchilla --profile alpha,beta')
    .action(async (runs: string, options: DiagnoseCommandOptions) => {
      const [{ fitLawParallel }, { deltaSensitivity, influence }, { shapeReport }, { lawForm }, { refitWorkers }] =
        await Promise.all([
          import('../fit/fit.js'),
          import('../fit/sensitivity.js'),
          import('../fit/shape-report.js'),
          import('../fit/laws/registry.js'),
          import('./refit-workers.js'),
        ]);
      const runTable = await readTable(runs, options);
      const fitOptions = await fitOptionsOf(options);
      const law = await fitLawParallel(runTable, fitOptions, refitWorkers());
      for (const note of law.provenance.notes) terminal.err(`warning: ${note}\n`);
      const form = lawForm(law.law, law.form);
      const names = options.profile === undefined ? undefined : listed(options.profile);
      const profiled = names ?? (form.estimate === undefined ? form.parameters : []);
      const { profileLikelihoods } = await import('../fit/profile.js');
      const diagnosis: Diagnosis = {
        law: law.name,
        deltas: fitOptions.objective === 'squared' ? [] : deltaSensitivity(runTable, fitOptions),
        influence: influence(runTable, fitOptions, { top: options.top }),
        profiles: profiled.length === 0 ? [] : profileLikelihoods(runTable, fitOptions, profiled),
        shapes: law.law === 'shape' ? shapeReport(law, runTable) : null,
      };
      if (options.plots !== undefined) {
        const [{ profilePlots }, { writeNamedPlots }] = await Promise.all([
          import('../report/profile-plots.js'),
          import('./plots.js'),
        ]);
        const written = await writeNamedPlots(profilePlots(diagnosis.profiles), options.plots);
        terminal.err(`plots: ${written.join(', ')}\n`);
      }
      terminal.out(options.json ? `${JSON.stringify(diagnosis, null, 2)}\n` : text(law, diagnosis, terminal));
    });
}

const hundredths = (value: number) => value.toFixed(2);
const shown = (value: number | null | undefined) =>
  value == null ? 'none' : Math.abs(value) >= 1e5 ? short(value) : String(Number(value.toPrecision(5)));

function text(law: Law, { deltas, influence, profiles, shapes }: Diagnosis, { colors }: Terminal): string {
  const parameters = Object.keys(law.parameters);
  const derived = Object.keys(law.derived);
  const parts: string[] = [];
  if (deltas.length > 0) {
    parts.push(
      colors.bold("By Huber's delta, the residual of log loss beyond which rows lose weight"),
      table(
        [right('delta'), ...[...parameters, ...derived].map(right), { heading: 'status' }],
        deltas.map((fit) => [
          String(fit.delta),
          ...parameters.map((name) => shown(fit.parameters[name])),
          ...derived.map((name) => shown(fit.derived[name])),
          fit.status,
        ]),
        colors.bold,
      ),
    );
  }
  parts.push(
    colors.bold('The most influential runs: what moves, in standard errors, without each'),
    table(
      [{ heading: 'run' }, right('rows'), right('mean residual of log loss'), { heading: 'moves most' }, right('by')],
      influence.runs.map(({ runId, rows, residual, moves, shift }) => [
        runId,
        String(rows.length),
        signed(residual, significant),
        moves,
        signed(shift, hundredths),
      ]),
      colors.bold,
    ),
  );
  if (influence.withoutHighest !== null) {
    const { rows, shifts } = influence.withoutHighest;
    const moved = Object.entries(shifts).filter((entry): entry is [string, number] => entry[1] !== null);
    parts.push(
      `Without the ${rows.length} rows of highest loss (${rows.join(', ')}): ${moved.map(([name, shift]) => `${name} ${signed(shift, hundredths)}`).join(', ')} standard errors.\n`,
    );
  }
  if (profiles.length > 0) {
    const [{ level }] = profiles as [Profile];
    parts.push(
      colors.bold('Profile likelihood of single parameters'),
      table(
        [{ heading: 'parameter' }, right('value'), right(`${percent(level)} profile interval`), { heading: '' }],
        profiles.map(({ parameter, estimate, interval, notes }) => [
          parameter,
          shown(estimate),
          `${interval[0] === null ? 'open' : shown(interval[0])} to ${interval[1] === null ? 'open' : shown(interval[1])}`,
          notes.join('; '),
        ]),
        colors.bold,
      ),
    );
  }
  if (shapes !== null) parts.push(shapesText(shapes, colors.bold));
  return `${parts.join('\n')}\n`;
}

function shapesText({ shapes, ratios, level }: ShapeReport, bold: (text: string) => string): string {
  const share = (value: number) => `${(100 * value).toFixed(1)}%`;
  const names = ratios.map(({ name }) => name);
  const wasted = [...shapes]
    .sort((a, b) => a.waste.value - b.waste.value)
    .map(({ params, ratios: own, rows, waste }) => [
      short(params),
      ...names.map((name) => significant(own[name]!)),
      String(rows.length),
      share(waste.value),
      interval(waste.interval, share),
    ]);
  const best = ratios.flatMap(({ name, best: sizes }) =>
    sizes.map(({ params, value, interval: ends }, k) => [
      k === 0 ? name : '',
      short(params),
      significant(value),
      interval(ends, significant),
    ]),
  );
  return [
    bold('Share of its parameters that each shape wastes'),
    table(
      [right('parameters'), ...names.map(right), right('rows'), right('wasted'), right(`${percent(level)} interval`)],
      wasted,
      bold,
    ),
    bold('Best ratio by parameters'),
    table([{ heading: 'ratio' }, right('parameters'), right('best'), right(`${percent(level)} interval`)], best, bold),
    ...ratios.flatMap(({ name, identified, reason }) => (identified ? [] : [`${name} is not identified: ${reason}.`])),
  ].join('\n');
}
