import { Command } from 'commander';
import { ShapelawError } from '../errors.js';
import type { Budget } from '../recommend/budget.js';
import { parseQuantity } from '../recommend/quantity.js';
import type { Recommendation, RecommendedShape } from '../recommend/recommendation.js';
import {
  bytes,
  change,
  dollars,
  durations,
  exact,
  percent,
  range,
  scientific,
  short,
  significant,
  stated,
} from './format.js';
import { positiveInteger, positiveNumber, share, shareRange } from './options.js';
import { outside } from './predict.js';
import { right, table } from './table.js';
import type { Terminal } from './terminal.js';

interface RecommendCommandOptions {
  readonly params?: string;
  readonly flops?: string;
  readonly gpuHours?: string;
  readonly gpus?: string;
  readonly days?: string;
  readonly money?: string;
  readonly gpu?: string;
  readonly devices?: number;
  readonly mfu?: readonly [number, number];
  readonly price?: string;
  readonly pue?: number;
  readonly carbon?: number;
  readonly batch?: number;
  readonly encoderTokens?: number;
  readonly decoderTokens?: number;
  readonly law?: string;
  readonly level: number;
  readonly json?: boolean;
}

export function recommendCommand(terminal: Terminal): Command {
  return new Command('recommend')
    .description(
      'Recommend shapes for a budget: DeepNarrow shapes beside the standard size, with tokens, time, cost and memory.',
    )
    .option('--params <count>', 'budget of parameters, such as 220M')
    .option('--flops <count>', 'budget of training FLOPs, such as 1e21')
    .option('--gpu-hours <hours>', 'budget of device hours')
    .option('--gpus <n>x<device>', 'devices at hand, such as 8xH100; with --days')
    .option('--days <days>', 'how long they are at hand')
    .option('--money <dollars>', "budget of money, such as '$5000'")
    .option('--gpu <device>', 'device of the catalogue, or path of one as JSON (default: H100)')
    .option('--devices <n>', 'devices that train side by side (default: 1)', positiveInteger)
    .option('--mfu <low-high>', 'model FLOPs utilisation (default: 0.213-0.462)', shareRange)
    .option('--price <dollars>', "for a device and hour (default: the catalogue's)")
    .option('--pue <ratio>', 'energy of the data centre over that of its computers (default: 1.54)', positiveNumber)
    .option('--carbon <grams>', 'CO2 equivalent a kWh (default: 458)', positiveNumber)
    .option('--batch <n>', 'sequences a step (default: 128)', positiveInteger)
    .option('--encoder-tokens <n>', 'encoder tokens of a sequence (default: 512)', positiveInteger)
    .option(
      '--decoder-tokens <n>',
      'decoder tokens of a sequence (default: the targets of span corruption, 114 of 512)',
      positiveInteger,
    )
    .option('--law <law>', 'law file, or a published law, that predicts the loss')
    .option('--level <share>', 'of the intervals', share, 0.95)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExample:\n  shapelaw recommend --params 220M\n  shapelaw recommend --gpus 8xH100 --days 3 --law law.json',
    )
    .action(async (options: RecommendCommandOptions) => {
      const { budget, gpu } = budgetOf(options);
      const [{ recommend }, law] = await Promise.all([import('../recommend/recommend.js'), lawOf(options.law)]);
      const answer = recommend(budget, {
        ...present('law', law),
        level: options.level,
        ...present('hardware', await deviceOf(gpu ?? options.gpu)),
        ...present('devices', options.devices),
        ...present('mfu', options.mfu),
        ...present('dollarsPerHour', options.price === undefined ? undefined : parseQuantity(options.price, 'dollars')),
        ...present('pue', options.pue),
        ...present('carbonIntensity', options.carbon),
        ...present('batch', options.batch),
        ...lengthsOf(options),
      });
      terminal.out(options.json ? `${JSON.stringify(answer, null, 2)}\n` : text(answer, terminal));
    });
}

function present<Key extends string, Value>(key: Key, value: Value | undefined): { readonly [K in Key]?: Value } {
  return value === undefined ? {} : ({ [key]: value } as { [K in Key]: Value });
}

async function deviceOf(name: string | undefined) {
  if (name === undefined || !name.endsWith('.json')) return name;
  const [{ readJson }, { parseHardware }] = await Promise.all([
    import('./files.js'),
    import('../flops/hardware-schema.js'),
  ]);
  return parseHardware(await readJson(name));
}

async function lawOf(name: string | undefined) {
  if (name === undefined) return undefined;
  const { readLaw } = await import('./read-law.js');
  return readLaw(name);
}

function lengthsOf({ encoderTokens, decoderTokens }: RecommendCommandOptions) {
  if (encoderTokens === undefined && decoderTokens === undefined) return {};
  return { lengths: { ...present('encoderTokens', encoderTokens), ...present('decoderTokens', decoderTokens) } };
}

const budgetFlags = {
  params: '--params',
  flops: '--flops',
  gpuHours: '--gpu-hours',
  gpus: '--gpus with --days',
  money: '--money',
} as const;

/** The one budget that the flags state, and the device that `--gpus` names. */
function budgetOf(options: RecommendCommandOptions): { readonly budget: Budget; readonly gpu?: string } {
  const given = (Object.keys(budgetFlags) as (keyof typeof budgetFlags)[]).filter((key) => options[key] !== undefined);
  if (given.length !== 1) {
    const what =
      given.length === 0
        ? 'a budget is missing'
        : `one budget at a time: ${given.map((key) => budgetFlags[key]).join(', ')} were given`;
    throw new ShapelawError('bad-usage', `${what}; state one of ${Object.values(budgetFlags).join(', ')}`, { given });
  }
  if (options.days !== undefined && options.gpus === undefined)
    throw new ShapelawError('bad-usage', '--days goes with --gpus, as in --gpus 8xH100 --days 3');
  const { params, flops, gpuHours, gpus, money } = options;
  if (params !== undefined) return { budget: { kind: 'params', params: parseQuantity(params, 'params') } };
  if (flops !== undefined) return { budget: { kind: 'flops', flops: parseQuantity(flops, 'flops') } };
  if (gpuHours !== undefined) return { budget: { kind: 'gpu-hours', gpuHours: parseQuantity(gpuHours, 'hours') } };
  if (money !== undefined) return { budget: { kind: 'money', dollars: parseQuantity(money, 'dollars') } };
  return gpusDays(gpus!, options);
}

function gpusDays(
  gpus: string,
  { days, gpu }: RecommendCommandOptions,
): { readonly budget: Budget; readonly gpu: string } {
  const match = /^(\d+)\s*x\s*(.+)$/i.exec(gpus.trim());
  const count = Number(match?.[1]);
  if (match === null || !(Number.isSafeInteger(count) && count > 0)) {
    throw new ShapelawError('bad-quantity', `"${gpus}" is not a number of devices; write it as in 8xH100`, { gpus });
  }
  if (days === undefined) throw new ShapelawError('bad-usage', '--gpus needs --days, as in --gpus 8xH100 --days 3');
  const device = match[2]!.trim();
  if (gpu !== undefined && gpu.toLowerCase() !== device.toLowerCase()) {
    throw new ShapelawError('bad-usage', `--gpus names ${device} and --gpu ${gpu}; keep one of them`);
  }
  return { budget: { kind: 'gpus-days', gpus: count, days: parseQuantity(days, 'days') }, gpu: device };
}

function text(answer: Recommendation, { colors }: Terminal): string {
  const rows = answer.recommendations;
  const standard = rows.find((row) => row.role === 'standard')!;
  const withLoss = rows.some((row) => row.loss !== null);
  const shapes = table(
    [
      { heading: 'shape' },
      { heading: 'role' },
      right('parameters'),
      right(`vs ${standard.shape.name}`),
      ...(answer.budget.kind === 'params' ? [right('vs budget')] : []),
      right('FLOPs/token'),
      right('tokens'),
      ...(withLoss ? [right('loss'), right(`${percent(rows[0]!.loss?.level ?? 0)} of a new run`)] : []),
      right('outside evidence'),
    ],
    rows.map((row) => [
      row.shape.name,
      row.role,
      exact(row.parameters),
      change(row.parameters / standard.parameters - 1),
      ...(answer.budget.kind === 'params' ? [change(row.excess!)] : []),
      `${row.flopsPerTokenRatio.toFixed(3)}x`,
      tokensOf(row),
      ...(withLoss
        ? [
            row.loss?.value.toFixed(4) ?? '',
            row.loss?.newRun == null ? 'none' : range(row.loss.newRun, (value) => value.toFixed(4)),
          ]
        : []),
      outside(row.extrapolation),
    ]),
    colors.bold,
  );
  const training = table(
    [
      { heading: 'training of' },
      right('steps'),
      right('FLOPs'),
      right('time'),
      right('cost'),
      right('energy'),
      right('CO2e'),
      right('memory'),
    ],
    rows.map(({ shape, steps, flops, time, cost, memory }) => [
      shape.name,
      exact(steps),
      scientific(flops),
      durations(time.wallSeconds),
      cost.dollars === null ? 'unknown' : range(cost.dollars, dollars),
      cost.kiloWattHours === null ? 'unknown' : `${range(cost.kiloWattHours, significant)} kWh`,
      cost.kilogramsCo2e === null ? 'unknown' : `${range(cost.kilogramsCo2e, significant)} kg`,
      `${bytes(memory.total)}${memory.fits ? '' : ' (too big)'}`,
    ]),
    colors.bold,
  );
  const assumptions = table(
    [{ heading: 'assumed' }, { heading: 'value' }, { heading: 'source' }],
    answer.assumptions.map(({ name, value, source, given }) => [
      name,
      value,
      given && source !== 'given' ? `given; ${source}` : source,
    ]),
    colors.bold,
  );
  return [
    `${colors.bold('Budget')}  ${budgetText(answer)}`,
    '',
    shapes,
    training,
    `${colors.bold('Evidence')}\n${evidenceText(rows)}`,
    '',
    assumptions,
    colors.dim(answer.notes.map((note) => `- ${note}`).join('\n')),
    '',
  ].join('\n');
}

function tokensOf(row: RecommendedShape): string {
  return row.tokensInterval === null ? short(row.tokens) : `${short(row.tokens)} (${range(row.tokensInterval, short)})`;
}

function budgetText({ budget }: Recommendation): string {
  const compute =
    budget.trainingFlops === null
      ? ''
      : `, ${range(budget.trainingFlops, scientific)} training FLOPs over the MFU range; planned at the lowest`;
  switch (budget.kind) {
    case 'params':
      return `${stated(budget.params)} parameters`;
    case 'flops':
      return `${scientific(budget.flops)} training FLOPs`;
    case 'gpu-hours':
      return `${stated(budget.gpuHours)} device hours${compute}`;
    case 'gpus-days':
      return `${exact(budget.gpus)} devices for ${stated(budget.days)} days${compute}`;
    case 'money':
      return `$${stated(budget.dollars)}${compute}`;
  }
}

/** Each piece of evidence once, with the shapes that rest on it. */
function evidenceText(rows: readonly RecommendedShape[]): string {
  const shapesOf = new Map<string, string[]>();
  for (const row of rows) {
    for (const { kind, says, source } of row.evidence) {
      const line = `[${kind}] ${says} (${source})`;
      shapesOf.set(line, [...(shapesOf.get(line) ?? []), row.shape.name]);
    }
  }
  return [...shapesOf]
    .map(([line, shapes]) => `- ${shapes.length === rows.length ? 'all' : shapes.join(', ')}: ${line}`)
    .join('\n');
}
