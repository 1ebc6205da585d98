import { Command } from 'commander';
import { ShapelawError } from '../errors.js';
import type { Reproduction } from '../fit/studies/study.js';
import { exact, scientific } from './format.js';
import { table } from './table.js';
import type { Terminal } from './terminal.js';

export function reproduceCommand(terminal: Terminal): Command {
  return new Command('reproduce')
    .description(
      'Fit a published study again, and print its numbers beside ours: besiroglu-2024, gemstones, muennighoff-2023, hoffmann-a4.',
    )
    .argument('<study>', 'name of the study')
    .option('--runs <table>', "the study's own table; without it rows are simulated from the published law")
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  shapelaw reproduce besiroglu-2024 --runs epoch-figure4.csv')
    .action(async (name: string, options: { readonly runs?: string; readonly json?: boolean }) => {
      const { studyNamed } = await import('../fit/studies/registry.js');
      const study = studyNamed(name);
      if (options.runs !== undefined && study.tableOptions === null) {
        throw new ShapelawError(
          'bad-usage',
          `${name} needs no table: its numbers follow from formulas; leave --runs out`,
        );
      }
      const { readRunTable } = await import('../runs/read.js');
      const runs = options.runs === undefined ? undefined : await readRunTable(options.runs, study.tableOptions!);
      if (runs === undefined && study.table !== null)
        terminal.err(`warning: rows are simulated; for the study's own give --runs: ${study.table}\n`);
      const result = study.reproduce(runs);
      terminal.out(options.json ? `${JSON.stringify(result, null, 2)}\n` : text(result, terminal));
    });
}

function text({ study, source, evidence, parts, notes }: Reproduction, { colors }: Terminal): string {
  const shown = (value: number) =>
    Number.isInteger(value)
      ? exact(value)
      : Math.abs(value) < 1e-3 || Math.abs(value) >= 1e7
        ? value.toExponential(9)
        : value.toPrecision(10);
  const tables = parts.map(({ title, lines }) =>
    [
      '',
      colors.bold(title),
      table(
        [
          { heading: 'quantity' },
          { heading: 'published', right: true },
          { heading: 'ours', right: true },
          { heading: 'ours / published - 1', right: true },
          { heading: '' },
        ],
        lines.map(({ quantity, published, ours, note = '' }) => [
          quantity,
          shown(published),
          shown(ours),
          ours === published ? '0' : scientific(ours / published - 1),
          note,
        ]),
        colors.bold,
      ),
    ].join('\n'),
  );
  return `${study}: ${source}\nOurs rest on ${evidence}.\n${tables.join('')}${notes.map((note) => `${colors.dim(note)}\n`).join('')}`;
}
