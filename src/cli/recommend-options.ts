import { Argument, type Command, Option } from 'commander';
import { ShapelawError } from '../errors.js';
import type { Constraint } from '../recommend/budget.js';
import type { RecommendOptions } from '../recommend/options.js';
import { parseQuantity, type QuantityKind } from '../recommend/quantity.js';
import { defined, lengthOptions, listed, positiveInteger, positiveNumber, share, shareRange } from './options.js';
import { devicesPerNodeOption, type StepTimeFlags, stepTimesOption } from './step-times.js';

/** Options of `recommend` as commander gives them. */
export interface RecommendFlags extends StepTimeFlags {
  readonly params?: string;
  readonly flops?: string;
  readonly gpuHours?: string;
  readonly gpus?: string;
  readonly days?: string;
  readonly money?: string;
  readonly wallTime?: string;
  readonly memory?: string;
  readonly inferenceMemory?: string;
  readonly tokenLatency?: string;
  readonly sequenceLatency?: string;
  readonly inferenceTokens?: string;
  readonly uniqueTokens?: string;
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
  readonly tolerance?: string;
  readonly prefer: NonNullable<RecommendOptions['preference']>;
  readonly top: string;
  readonly base?: string;
  readonly family: 't5' | 't5-v1.1' | 'llama';
  readonly dModel?: string;
  readonly dModelStep?: number;
  readonly headSize?: string;
  readonly ffStep?: number;
  readonly layers?: string;
  readonly stacks?: 'tied' | 'free';
  readonly vocab?: number;
  readonly tensorParallel?: number;
  readonly format?: 'table' | 'json' | 'csv' | 'markdown';
  readonly json?: boolean;
  readonly explain?: string;
  readonly export?: 'hf-config' | 't5x-gin' | 'megatron' | 'nemo';
  readonly shape?: string;
  readonly output?: string;
}

/** Adds the options of `recommend` to its command. */
export function withRecommendOptions(command: Command): Command {
  const [encoderTokens, decoderTokens] = lengthOptions();
  return command
    .addArgument(new Argument('[budget]', 'written out, such as "8xH100 for 3 days, 24 GB"'))
    .optionsGroup('Budget, any of them together:')
    .option('--params <count>', 'parameters, such as 220M')
    .option('--flops <count>', 'training FLOPs, such as 1e21')
    .option('--gpu-hours <hours>', 'device hours')
    .option('--gpus <n>x<device>', 'devices at hand, such as 8xH100; with --days')
    .option('--days <days>', 'how long they are at hand')
    .option('--money <dollars>', "money, such as '$5000'")
    .option('--wall-time <time>', 'from start to end of training, such as "3 days"')
    .option('--memory <size>', 'of one device that trains, such as 24GB')
    .option('--inference-memory <size>', 'of one device that serves')
    .option('--token-latency <time>', 'of a token that is generated, such as 50ms')
    .option('--sequence-latency <time>', 'of a whole sequence')
    .option('--inference-tokens <count>', "served over the model's life; compute then pays for them too")
    .option('--unique-tokens <count>', 'distinct training tokens at hand')
    .optionsGroup('Machine and run:')
    .option('--gpu <device>', 'device of the catalogue, or path of one as JSON (default: H100)')
    .option('--devices <n>', 'devices that train side by side (default: 1)', positiveInteger)
    .option('--mfu <low-high>', 'model FLOPs utilisation (default: 0.213-0.462)', shareRange)
    .option('--price <dollars>', "for a device and hour (default: the catalogue's)")
    .option('--pue <ratio>', 'energy of the data centre over that of its computers (default: 1.54)', positiveNumber)
    .option('--carbon <grams>', 'CO2 equivalent a kWh (default: 458)', positiveNumber)
    .option('--batch <n>', 'sequences a step (default: 128)', positiveInteger)
    .addOption(encoderTokens)
    .addOption(decoderTokens)
    .addOption(stepTimesOption())
    .addOption(devicesPerNodeOption())
    .optionsGroup('Candidates:')
    .addOption(new Option('--family <family>', 'of shapes').choices(['t5', 't5-v1.1', 'llama']).default('t5'))
    .option('--base <shape>', 'a shape of your own that the DeepNarrow rule makes taller')
    .option('--d-model <least-most>', 'widths (default: 128-8192)')
    .option('--d-model-step <n>', 'widths are multiples of it (default: 128)', positiveInteger)
    .option(
      '--head-size <list>',
      'widths of a head (default: those of the family, or 64,128 where the law knows heads)',
    )
    .option('--ff-step <n>', 'dFf is a multiple of it (default: 128)', positiveInteger)
    .option('--layers <least-most>', 'layers of a stack (default: 1-128)')
    .addOption(
      new Option(
        '--stacks <how>',
        'encoder and decoder of one depth, or each of its own (default: as the law knows)',
      ).choices(['tied', 'free']),
    )
    .option('--vocab <n>', 'rows of the embedding table, a multiple of 128', positiveInteger)
    .option('--tensor-parallel <n>', 'devices that share each layer (default: 1)', positiveInteger)
    .optionsGroup('Evidence and answer:')
    .option('--law <law>', 'law file, or a published law, that predicts the loss')
    .option('--level <share>', 'of the intervals and of the set', share, 0.95)
    .option('--tolerance <loss>', "above the least that is taken for as good, in the law's unit (default: 0.01)")
    .addOption(
      new Option('--prefer <quantity>', 'that orders the set')
        .choices(['parameters', 'flops', 'speed', 'memory', 'loss'])
        .default('parameters'),
    )
    .option('--top <n>', 'members of the set to show', '5')
    .optionsGroup('Output:')
    .addOption(new Option('--format <format>', 'of the answer').choices(['table', 'json', 'csv', 'markdown']))
    .option('--json', 'print JSON')
    .option('--explain <number[@shape]>', 'print how a number comes about, such as tokens@t5-base')
    .addOption(
      new Option('--export <trainer>', 'write the configuration of a shape').choices([
        'hf-config',
        't5x-gin',
        'megatron',
        'nemo',
      ]),
    )
    .option('--shape <name>', 'which shape of the answer to export (default: the first)')
    .option('-o, --output <file>', 'where the configuration goes (default: standard output)');
}

/** Flags of the budget by the constraint that they state, in the order in which one leads. */
const budgetFlags = [
  ['params', 'params', (value: number): Constraint => ({ kind: 'params', params: value })],
  ['flops', 'flops', (value: number): Constraint => ({ kind: 'flops', flops: value })],
  ['gpuHours', 'hours', (value: number): Constraint => ({ kind: 'gpu-hours', gpuHours: value })],
  ['money', 'dollars', (value: number): Constraint => ({ kind: 'money', dollars: value })],
  ['wallTime', 'seconds', (value: number): Constraint => ({ kind: 'wall-time', seconds: value })],
  ['memory', 'bytes', (value: number): Constraint => ({ kind: 'training-memory', bytes: value })],
  ['inferenceMemory', 'bytes', (value: number): Constraint => ({ kind: 'inference-memory', bytes: value })],
  ['tokenLatency', 'seconds', (value: number): Constraint => ({ kind: 'token-latency', seconds: value })],
  ['sequenceLatency', 'seconds', (value: number): Constraint => ({ kind: 'sequence-latency', seconds: value })],
  ['inferenceTokens', 'tokens', (value: number): Constraint => ({ kind: 'inference-volume', tokens: value })],
  ['uniqueTokens', 'tokens', (value: number): Constraint => ({ kind: 'unique-tokens', tokens: value })],
] as const satisfies readonly (readonly [keyof RecommendFlags, QuantityKind, (value: number) => Constraint])[];

/** What the flags and the text of a budget state. */
export interface StatedBudget {
  readonly constraints: readonly [Constraint, ...Constraint[]];
  readonly hardware?: string;
  readonly devices?: number;
}

/**
 * The budget that flags and a text state, the leading constraint first.
 *
 * @throws ShapelawError `bad-usage` where there is none, `bad-quantity` for one that can't be read.
 */
export async function statedBudget(text: string | undefined, flags: RecommendFlags): Promise<StatedBudget> {
  const usesUnits =
    text !== undefined || budgetFlags.some(([name, kind]) => (kind === 'bytes' || kind === 'seconds') && flags[name]);
  if (usesUnits) {
    const { loadUnits } = await import('../recommend/units.js');
    await loadUnits();
  }
  const constraints: Constraint[] = [];
  let [hardware, devices]: [string | undefined, number | undefined] = [undefined, undefined];
  if (text !== undefined) {
    const { parseBudget } = await import('../recommend/budget-text.js');
    const parsed = parseBudget(text);
    constraints.push(...parsed.constraints);
    hardware = parsed.hardware ?? undefined;
    devices = parsed.devices ?? undefined;
  }
  for (const [name, kind, constraint] of budgetFlags) {
    const value = flags[name];
    if (value !== undefined) constraints.push(constraint(parseQuantity(value, kind)));
  }
  if (flags.days !== undefined && flags.gpus === undefined)
    throw new ShapelawError('bad-usage', '--days goes with --gpus, as in --gpus 8xH100 --days 3');
  if (flags.gpus !== undefined) {
    const read = devicesAtHand(flags.gpus);
    if (flags.days === undefined && flags.wallTime === undefined)
      throw new ShapelawError('bad-usage', '--gpus needs --days, as in --gpus 8xH100 --days 3');
    if (hardware !== undefined)
      throw new ShapelawError('bad-usage', `both the text and --gpus name devices; keep one of them`);
    hardware = read.hardware;
    devices = read.devices;
    if (flags.days !== undefined)
      constraints.push({ kind: 'gpus-days', gpus: read.devices, days: parseQuantity(flags.days, 'days') });
  }
  if (flags.gpu !== undefined && hardware !== undefined && flags.gpu.toLowerCase() !== hardware.toLowerCase()) {
    throw new ShapelawError('bad-usage', `--gpus names ${hardware} and --gpu ${flags.gpu}; keep one of them`);
  }
  const [first, ...rest] = leadingFirst(constraints);
  if (first === undefined) {
    throw new ShapelawError(
      'bad-usage',
      text === undefined
        ? 'a budget is missing; state one of --params, --flops, --gpu-hours, --gpus with --days, --money, --wall-time, --memory, or write it out as in "8xH100 for 3 days"'
        : `"${text}" names devices and nothing else; say for how long, as in "8xH100 for 3 days"`,
    );
  }
  return { constraints: [first, ...rest], ...defined({ hardware, devices }) };
}

/** Kinds in the order in which one leads an answer: what bounds size, then compute, then the rest. */
const leading: readonly Constraint['kind'][] = [
  'params',
  'flops',
  'gpu-hours',
  'gpus-days',
  'money',
  'wall-time',
  'training-memory',
  'inference-memory',
  'token-latency',
  'sequence-latency',
  'unique-tokens',
  'inference-volume',
];

function leadingFirst(constraints: readonly Constraint[]): readonly Constraint[] {
  return [...constraints].sort((a, b) => leading.indexOf(a.kind) - leading.indexOf(b.kind));
}

function devicesAtHand(gpus: string): { readonly devices: number; readonly hardware: string } {
  const match = /^(\d+)\s*x\s*(.+)$/i.exec(gpus.trim());
  const count = Number(match?.[1]);
  if (match === null || !(Number.isSafeInteger(count) && count > 0)) {
    throw new ShapelawError('bad-quantity', `"${gpus}" is not a number of devices; write it as in 8xH100`, { gpus });
  }
  return { devices: count, hardware: match[2]!.trim() };
}

/** The candidates that flags describe. */
export function candidatesOf(flags: RecommendFlags): NonNullable<RecommendOptions['candidates']> {
  return defined({
    family: flags.family,
    dModel: flags.dModel === undefined ? undefined : integerRange('--d-model', flags.dModel),
    dModelStep: flags.dModelStep,
    headSizes:
      flags.headSize === undefined
        ? undefined
        : listed(flags.headSize).map((text) => integer('--head-size', text, flags.headSize!)),
    dFfStep: flags.ffStep,
    layers: flags.layers === undefined ? undefined : integerRange('--layers', flags.layers),
    stacks: flags.stacks,
    vocab: flags.vocab,
    tensorParallel: flags.tensorParallel,
  });
}

function integer(flag: string, text: string, whole: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new ShapelawError('bad-usage', `${flag} "${whole}": "${text}" is not a whole number`, { flag, text });
}

function integerRange(flag: string, text: string): readonly [number, number] {
  const ends = text.split('-');
  if (ends.length !== 2)
    throw new ShapelawError('bad-usage', `${flag} "${text}" is not a range, as in 128-1024`, { flag, text });
  return [integer(flag, ends[0]!.trim(), text), integer(flag, ends[1]!.trim(), text)];
}
