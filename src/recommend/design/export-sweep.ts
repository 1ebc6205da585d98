import { ShapelawError } from '../../errors.js';
import { type ExportTraining, exportConfiguration } from '../export/index.js';
import { expandSweep, type SweepRun } from './expand-sweep.js';
import { type SweepRunNames, sweepRunNames } from './run-names.js';
import type { Sweep } from './sweep-schema.js';
import { type RunSetting, runSetting } from './sweep-setting.js';

/** Formats that a sweep can be exported in. */
export const sweepExportFormats = ['hf-config', 't5x-gin'] as const;
export type SweepExportFormat = (typeof sweepExportFormats)[number];

/** A file to be written. */
export interface ExportedFile {
  /** Relative, with `/` between its parts. */
  readonly path: string;
  readonly text: string;
}

/**
 * The runs of a sweep as files for another trainer: `runs.csv`, a row a run with all of its setting, and the configurations that it
 * names:
 * - `hf-config`: `shapes/NAME/config.json` of each distinct shape, for transformers, with the sweep's dropout. transformers 5 ties the
 *   embeddings of every T5, whatever its configuration says, so that shapes with an output projection of their own need version 4;
 * - `t5x-gin`: `runs/NAME.gin` of each run, for T5X's `train.py`; what of the sweep it can't hold stands at its top.
 *
 * Columns of `runs.csv` that are fields of a run record bear their names, so that with a column `loss` it is a table that a law
 * can be fitted to: params count all parameters, tokens those of encoder and decoder, FLOPs exactly.
 *
 * @throws ShapelawError `bad-sweep`; `unsupported-config` with the run's name where the format can't hold it; `bad-usage` for another
 *   format.
 */
export function exportSweep(sweep: Sweep, format: SweepExportFormat): readonly ExportedFile[] {
  if (!sweepExportFormats.includes(format)) {
    throw new ShapelawError(
      'bad-usage',
      `a sweep is exported as ${sweepExportFormats.join(' or ')}, not as ${format}`,
      {
        format,
      },
    );
  }
  const runs = expandSweep(sweep);
  const names = sweepRunNames(runs);
  const configurations = new Map<string, string>();
  const rows = runs.map((run, index) => {
    const name = names[index]!;
    const setting = runSetting(sweep, run);
    const path = format === 'hf-config' ? `shapes/${name.shape}/config.json` : `runs/${name.run}.gin`;
    if (!configurations.has(path)) configurations.set(path, configurationOf(format, run, name, setting));
    return rowOf(run, name, setting, path);
  });
  return [
    { path: 'runs.csv', text: csvOf(rows) },
    ...[...configurations].map(([path, text]): ExportedFile => ({ path, text })),
  ];
}

function configurationOf(format: SweepExportFormat, run: SweepRun, name: SweepRunNames, setting: RunSetting): string {
  const training: ExportTraining = {
    steps: run.steps,
    batch: setting.batch * setting.accumulate,
    encoderTokens: setting.encoderTokens,
    decoderTokens: setting.decoderTokens,
    learningRate: setting.learningRate,
    optimizer: setting.optimizer,
    precision: setting.precision === 'fp16' ? 'mixed-fp16' : 'fp32',
  };
  const { text } = named(name.run, () => exportConfiguration(format, run.shape, training));
  if (format === 't5x-gin') return `${ginHeader(run, name, setting)}\n${text}${ginDropout(setting)}`;
  // Without it transformers drops a tenth of the activations of a T5.
  return `${JSON.stringify({ ...JSON.parse(text), dropout_rate: setting.dropout }, null, 2)}\n`;
}

/** Adds the run's name to an error. */
function named<Result>(run: string, make: () => Result): Result {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof ShapelawError)) throw error;
    throw new ShapelawError(error.code, `run ${run}: ${error.message}`, { ...error.details, run });
  }
}

/** What a gin file of the existing form leaves to T5X. */
function ginHeader({ seed }: SweepRun, { run }: SweepRunNames, setting: RunSetting): string {
  const { optimizer, schedule, learningRate, warmupSteps, warmup, cooldown, weightDecay, clipNorm } = setting;
  const start =
    warmup === 'linear'
      ? `, reached over ${warmupSteps} steps`
      : schedule === 'inverse-sqrt'
        ? `, held for ${warmupSteps} steps`
        : '';
  const end = cooldown > 0 ? `, cooled down linearly over the last ${cooldown} of the steps` : '';
  return [
    `# Run ${run} of a sweep; runs.csv has all of its setting.`,
    `# Not in this file: seed ${seed}; weight decay ${weightDecay}; clipping of the gradient at ${clipNorm ?? 'no norm'}.`,
    ...(optimizer === 'adafactor' && schedule === 'inverse-sqrt' && warmupSteps === 10_000
      ? []
      : [
          `# The sweep's schedule is ${schedule}: peak ${learningRate}${start}${end}.`,
          "# The one below is T5X's own; losses compare only with runs of the same schedule.",
        ]),
  ].join('\n');
}

/** The last binding of a name holds. */
function ginDropout({ dropout }: RunSetting): string {
  return dropout === 0 ? '' : `\nDROPOUT_RATE = ${dropout}\n`;
}

type Row = Readonly<Record<string, string | number | boolean | null>>;

function rowOf(run: SweepRun, name: SweepRunNames, setting: RunSetting, config: string): Row {
  const { shape, steps, seed, params, flops, tokens } = run;
  const { encoderLayers, decoderLayers, dModel, dFf, dKv, heads, kvHeads, vocab, feedForward, tiedEmbeddings } = shape;
  return {
    runId: name.run,
    config,
    shape: shape.name,
    params,
    paramsConvention: 'total',
    tokens: steps * setting.batch * setting.accumulate * (setting.encoderTokens + setting.decoderTokens),
    tokensConvention: 'encoder+decoder',
    tokenBudget: tokens,
    steps,
    flops,
    flopsConvention: 'exact',
    seed,
    ...{ encoderLayers, decoderLayers, dModel, dFf, dKv, heads, kvHeads, vocab, feedForward, tiedEmbeddings },
    ...setting,
  };
}

function csvOf(rows: readonly Row[]): string {
  const columns = Object.keys(rows[0]!);
  const cell = (value: Row[string] | undefined) => {
    const text = String(value ?? '');
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const lines = [columns.join(','), ...rows.map((row) => columns.map((column) => cell(row[column])).join(','))];
  return `${lines.join('\n')}\n`;
}
