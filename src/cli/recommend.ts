import { Command } from 'commander';
import { ShapelawError } from '../errors.js';
import type { RecommendOptions } from '../recommend/options.js';
import { parseQuantity } from '../recommend/quantity.js';
import type { Recommendation, RecommendedShape } from '../recommend/recommendation.js';
import { defined } from './options.js';
import { readDevice } from './read-device.js';
import {
  candidatesOf,
  type RecommendFlags,
  type StatedBudget,
  statedBudget,
  withRecommendOptions,
} from './recommend-options.js';
import { readStepTimes } from './step-times.js';
import type { Terminal } from './terminal.js';

export function recommendCommand(terminal: Terminal): Command {
  const command = new Command('recommend').description(
    'Recommend shapes for a budget: DeepNarrow shapes beside the standard size and the best of a law, with tokens, time, cost and memory.',
  );
  return withRecommendOptions(command)
    .addHelpText(
      'after',
      '\nExample:\n  shapelaw recommend --params 220M\n  shapelaw recommend "8xH100 for 3 days, 24 GB"\n  shapelaw recommend --gpus 8xH100 --days 3 --law law.json',
    )
    .action(async (text: string | undefined, flags: RecommendFlags) => {
      const budget = await statedBudget(text, flags);
      const options = await optionsOf(budget, flags);
      const { recommend } = await import('../recommend/recommend.js');
      const answer = recommend(budget.constraints[0], options);
      await print(answer, options, flags, terminal);
    });
}

async function optionsOf(budget: StatedBudget, flags: RecommendFlags): Promise<RecommendOptions> {
  const [law, base, hardware, stepTimes] = await Promise.all([
    lawOf(flags.law),
    shapeOf(flags.base),
    readDevice(budget.hardware ?? flags.gpu),
    readStepTimes(flags, lengthsOf(flags)),
  ]);
  return {
    level: flags.level,
    preference: flags.prefer,
    constraints: budget.constraints.slice(1),
    candidates: candidatesOf(flags),
    ...(flags.encoderTokens === undefined && flags.decoderTokens === undefined ? {} : { lengths: lengthsOf(flags) }),
    ...defined({
      ...{ law, base, hardware, stepTimes },
      devices: flags.devices ?? budget.devices,
      mfu: flags.mfu,
      dollarsPerHour: flags.price === undefined ? undefined : parseQuantity(flags.price, 'dollars'),
      pue: flags.pue,
      carbonIntensity: flags.carbon,
      batch: flags.batch,
      tolerance: numberOf('--tolerance', flags.tolerance),
      top: numberOf('--top', flags.top),
    }),
  };
}

function lengthsOf({ encoderTokens, decoderTokens }: RecommendFlags) {
  return defined({ encoderTokens, decoderTokens });
}

function numberOf(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  throw new ShapelawError('bad-usage', `${flag} takes a number, not "${text}"`, { flag, text });
}

async function lawOf(name: string | undefined) {
  if (name === undefined) return undefined;
  const { readLaw } = await import('./read-law.js');
  return readLaw(name);
}

async function shapeOf(text: string | undefined) {
  if (text === undefined) return undefined;
  const { resolveShape } = await import('./resolve-shape.js');
  return resolveShape(text);
}

async function print(
  answer: Recommendation,
  options: RecommendOptions,
  flags: RecommendFlags,
  terminal: Terminal,
): Promise<void> {
  const format = flags.format ?? (flags.json ? 'json' : 'table');
  if (flags.json && format !== 'json')
    throw new ShapelawError('bad-usage', `--json and --format ${format} ask for two formats; keep one of them`);
  if (flags.explain !== undefined && flags.export !== undefined)
    throw new ShapelawError('bad-usage', '--explain and --export ask for two things; keep one of them');
  if (flags.export !== undefined) return writeConfiguration(answer, flags, terminal);
  if (flags.output !== undefined || flags.shape !== undefined) {
    throw new ShapelawError(
      'bad-usage',
      `${flags.output === undefined ? '--shape' : '--output'} goes with --export, as in --export hf-config -o config.json`,
    );
  }
  if (flags.explain !== undefined) {
    const [{ explain }, { explanationText }] = await Promise.all([
      import('../recommend/explain.js'),
      import('./recommend-text.js'),
    ]);
    const derivation = explain(answer, flags.explain, options.law ?? null);
    terminal.out(
      format === 'json' ? `${JSON.stringify(derivation, null, 2)}\n` : explanationText(derivation, terminal),
    );
    return;
  }
  if (format === 'json') terminal.out(`${JSON.stringify(answer, null, 2)}\n`);
  else if (format === 'table') terminal.out((await import('./recommend-text.js')).recommendationText(answer, terminal));
  else terminal.out((await import('./recommend-table.js')).recommendationTable(answer, format));
}

/** Writes the configuration with which a trainer starts on a shape of the answer. */
async function writeConfiguration(answer: Recommendation, flags: RecommendFlags, terminal: Terminal): Promise<void> {
  const [{ exportConfiguration }, { shapeOfAnswer, exportedTraining }] = await Promise.all([
    import('../recommend/export/index.js'),
    import('../recommend/answer-shape.js'),
  ]);
  const row: RecommendedShape = shapeOfAnswer(answer, flags.shape);
  const { fileName, text, notes } = exportConfiguration(
    flags.export!,
    row.shape,
    exportedTraining(answer, row, flags.export!),
  );
  if (flags.output === undefined) terminal.out(text);
  else {
    const { writeWhole } = await import('./files.js');
    await writeWhole(flags.output, text);
    terminal.err(`wrote ${flags.output}, a ${fileName} of ${row.shape.name}\n`);
  }
  for (const note of notes) terminal.err(`note: ${note}\n`);
}
