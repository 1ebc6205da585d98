import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { ShapelawError } from '../errors.js';
import type { ImportedRuns, ImportFormat } from '../runs/index.js';
import { exact } from './format.js';
import { collect, positiveNumber } from './options.js';
import { splitMaps } from './table-options.js';
import type { Terminal } from './terminal.js';

interface ImportCommandOptions {
  readonly from?: ImportFormat;
  readonly loss?: string;
  readonly map?: readonly string[];
  readonly set?: readonly string[];
  readonly shape?: string;
  readonly tokensPerStep?: number;
  readonly last?: boolean;
  readonly dropBadRows?: boolean;
  readonly output?: string;
  readonly json?: boolean;
}

export function importCommand(terminal: Terminal): Command {
  return new Command('import')
    .description("Turn logs of other trainers into run records: Weights & Biases, TensorBoard, transformers' Trainer.")
    .argument(
      '<paths...>',
      'exports of Weights & Biases (.csv, .jsonl, .parquet), TensorBoard event files or folders of them, trainer_state.json or output folders',
    )
    .addOption(
      new Option('--from <format>', 'whose logs they are (default: as names and contents tell)').choices([
        'wandb',
        'tensorboard',
        'trainer-state',
      ]),
    )
    .option('--loss <tag>', 'the held-out loss (default: the only tag whose name says that it is one)')
    .option('--map <field=tag,...>', "tags of other fields, as in 'tokens=tokens_seen,seed=seed'; repeatable", collect)
    .option('--set <field=value,...>', "what the log does not say, as in 'params=60M,seed=1'; repeatable", collect)
    .option('--shape <shape>', 'sets params and dimensions: preset, dimensions, or path of a config.json')
    .option('--tokens-per-step <n>', 'sets tokens = step * n', positiveNumber)
    .option('--last', 'take only the last evaluation of each run')
    .option('--drop-bad-rows', 'leave out evaluations with bad values instead of refusing them')
    .option('-o, --output <runs.jsonl>', 'write the run records here instead of printing them')
    .option('--json', 'print a summary as JSON; needs -o')
    .addHelpText(
      'after',
      '\nExample:\n  shapelaw import logs/ --shape t5-small --tokens-per-step 65536 --set tokensConvention=encoder+decoder,tokenizer=t5 -o runs.jsonl' +
        '\n  shapelaw import outputs/run-1 outputs/run-2 --set params=60M --last | head' +
        "\n  shapelaw import wandb-runs.csv --map 'params=n_params,tokens=tokens_seen' -o runs.jsonl",
    )
    .action(async (paths: string[], options: ImportCommandOptions) => {
      requireOutput(paths, options);
      const [{ importRuns }, { parseColumnMap }] = await Promise.all([
        import('../runs/import/index.js'),
        import('../runs/columns.js'),
      ]);
      const { from, loss, tokensPerStep, last, dropBadRows, output } = options;
      const imported = await importRuns(paths, {
        from,
        loss,
        tokensPerStep,
        last,
        dropBadRows,
        map: parseColumnMap(splitMaps(options.map ?? [])),
        set: await parseSettings(splitMaps(options.set ?? [])),
        shape:
          options.shape === undefined
            ? undefined
            : await (await import('./resolve-shape.js')).resolveShape(options.shape),
      });
      for (const warning of imported.warnings) terminal.err(`warning: ${warning}\n`);
      const lines = imported.records.map((record) => `${JSON.stringify(record)}\n`).join('');
      if (output === undefined) {
        terminal.out(lines);
        terminal.err(summary(imported, output));
        return;
      }
      await (await import('./files.js')).writeWhole(output, lines);
      terminal.out(
        options.json ? `${JSON.stringify(document(imported, output), null, 2)}\n` : summary(imported, output),
      );
    });
}

function requireOutput(paths: readonly string[], { output, json }: ImportCommandOptions): void {
  if (json && output === undefined) {
    throw new ShapelawError(
      'bad-usage',
      '--json prints a summary in place of the run records: give them a file with -o',
    );
  }
  if (output !== undefined && paths.some((path) => resolve(path) === resolve(output))) {
    throw new ShapelawError(
      'bad-usage',
      `--output ${output} is among the logs; the run records need a file of their own`,
    );
  }
}

/** Fields that people write as 60M or 5B. */
const counts = { params: 'params', tokens: 'tokens', uniqueTokens: 'tokens', flops: 'flops' } as const;

/**
 * Reads settings as a command line has them: `FIELD=VALUE`, split at the first `=`.
 *
 * @throws ShapelawError `bad-usage` where one has no `=`, an empty side, is given twice, or is no number where the field holds one;
 *   `bad-quantity`.
 */
async function parseSettings(texts: readonly string[]): Promise<Readonly<Record<string, number | string>>> {
  const [{ parseQuantity }, { fieldKind }] = await Promise.all([
    import('../recommend/quantity.js'),
    import('../runs/record.js'),
  ]);
  const settings = new Map<string, number | string>();
  for (const text of texts) {
    const [, field, value] = /^\s*([^=\s]+)\s*=\s*(.*\S)\s*$/s.exec(text) ?? [];
    const refuse = (problem: string) => new ShapelawError('bad-usage', `--set "${text}" ${problem}`, { text });
    if (field === undefined || value === undefined) throw refuse('is not FIELD=VALUE, as in --set seed=1');
    if (settings.has(field)) throw refuse(`sets ${field} a second time: keep one of them`);
    if (Object.hasOwn(counts, field)) settings.set(field, parseQuantity(value, counts[field as keyof typeof counts]));
    else if (fieldKind(field) !== 'number') settings.set(field, value);
    else if (Number.isFinite(Number(value))) settings.set(field, Number(value));
    else throw refuse(`is no number, which ${field} holds`);
  }
  return Object.fromEntries(settings);
}

function document({ records, ...imported }: ImportedRuns, output: string): object {
  const { format, files, runs, tags, constants, dropped, warnings } = imported;
  return { output, format, files, runs, rows: records.length, tags, constants, dropped, warnings };
}

function summary(
  { format, files, runs, records, tags, constants, dropped }: ImportedRuns,
  output: string | undefined,
): string {
  const count = (number: number, one: string) => `${exact(number)} ${one}${number === 1 ? '' : 's'}`;
  const pairs = (fields: Readonly<Record<string, number | string>>) =>
    Object.entries(fields)
      .map(([field, value]) => `${field}=${Number.isInteger(value) ? exact(Number(value)) : value}`)
      .join(', ');
  const lines = [
    `${count(records.length, 'evaluation')} of ${count(runs, 'run')}, from ${count(files.length, 'file')} (${format})`,
    `tags  ${pairs(tags)}`,
    ...(Object.keys(constants).length === 0 ? [] : [`set   ${pairs(constants)}`]),
    ...(dropped.length === 0 ? [] : [`left out  ${count(dropped.length, 'value')}, of which the warnings tell`]),
    ...(output === undefined ? [] : ['', `Saved as ${output}.`]),
  ];
  return `${lines.join('\n')}\n`;
}
