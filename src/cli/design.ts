import { Command, InvalidArgumentError, Option } from 'commander';
import type { ExpectedQuantity, Sweep, SweepDesign, SweepRun, SweepSetting } from '../recommend/design/index.js';
import { exact, interval, percent, range, scientific, short, significant } from './format.js';
import { collect, defined, positiveInteger, positiveNumber, share, shareRange, wholeNumber } from './options.js';
import { readDevice } from './read-device.js';
import { right, table } from './table.js';
import type { Terminal } from './terminal.js';

interface DesignCommandOptions {
  readonly cost: string;
  readonly prior?: string;
  readonly target?: string;
  readonly base?: string;
  readonly criterion?: SweepDesign['criterion'];
  readonly runsForWidth?: readonly string[];
  readonly runs?: number;
  readonly seeds?: number;
  readonly fewestSteps?: number;
  readonly mostTokens?: string;
  readonly noise?: number;
  readonly rate?: string;
  readonly gpu?: string;
  readonly mfu?: readonly [number, number];
  readonly price?: string;
  readonly corpus?: readonly string[];
  readonly tokenizer?: string;
  readonly encoderTokens?: number;
  readonly batch?: number;
  readonly schedule?: NonNullable<Sweep['schedule']>;
  readonly engine?: NonNullable<Sweep['engine']>;
  readonly level: number;
  readonly seed: number;
  readonly output?: string;
  readonly json?: boolean;
}

export function designCommand(terminal: Terminal): Command {
  return new Command('design')
    .description(
      'Choose the calibration runs that tell most of a recommendation for a cost, and write them as a sweep.',
    )
    .requiredOption('--cost <cost>', "FLOPs (1e17), time of one device ('90 min', 2h, '3 days') or money ('$50')")
    .option('--prior <law>', 'law file, or a published law, about which runs are chosen (default: besiroglu-2024)')
    .option('--target <flops>', 'compute of the recommendation that the sweep is for (default: 1,000 times the cost)')
    .option(
      '--base <shape>',
      'T5 whose sizes are tried, from a quarter of it on: preset, dimensions, or path of a shape (default: enc=2,dec=2,d=128,ff=512,kv=32,h=4)',
    )
    .addOption(
      new Option(
        '--criterion <name>',
        'what is made narrow: the optimum at the target, its exponent, or all parameters together (default: recommendation where the law has an optimum)',
      ).choices(['recommendation', 'exponent', 'determinant']),
    )
    .option(
      '--runs-for-width <name=width>',
      'say how many runs would pin an exponent or parameter to an interval of this width; repeatable',
      collect,
    )
    .option('--runs <n>', 'at most (default: 60)', positiveInteger)
    .option('--seeds <n>', 'of one shape at one length, at most (default: 2)', positiveInteger)
    .option('--fewest-steps <n>', 'of a run (default: 200)', positiveInteger)
    .option(
      '--most-tokens <count>',
      'of a run (default: four epochs of the embedded corpus, or no limit with --corpus)',
    )
    .option('--noise <sd>', "of log loss between runs (default: the prior's residuals)", positiveNumber)
    .option('--rate <flops>', 'FLOP/s that training reaches here, such as 1e11, for a cost of time or money')
    .option('--gpu <device>', 'device of the catalogue in place of --rate')
    .option('--mfu <low-high>', 'its model FLOPs utilisation (default: 0.213-0.462)', shareRange)
    .option('--price <dollars>', "for a device and hour (default: the catalogue's)")
    .option('--corpus <path...>', 'text files or folders (default: State of the Union addresses)')
    .option('--tokenizer <name>', 'bytes, or the path of a tokenizer (default: bytes)')
    .option('--encoder-tokens <n>', 'of an example (default: 128)', positiveInteger)
    .option('--batch <n>', 'examples of one step (default: 16)', positiveInteger)
    .addOption(
      new Option('--schedule <name>', 'of the learning rate (default: constant)').choices([
        'constant',
        'inverse-sqrt',
        'cosine',
      ]),
    )
    .option('--engine <name>', 'that trains the runs (default: auto)')
    .option('--level <share>', 'of the intervals', share, 0.95)
    .option('--seed <n>', 'of the part of the candidates that is looked at where they are too many', wholeNumber, 0)
    .option('-o, --output <sweep.json>', 'write the sweep file')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExample:\n  shapelaw design --cost 1e15 --target 1e18 -o sweep.json\n  shapelaw design --cost 2h --rate 1e11 --prior pilot.json --runs-for-width a=0.05',
    )
    .action(async (options: DesignCommandOptions) => {
      const design = await designFor(options);
      if (options.output !== undefined) {
        const { writeWhole } = await import('./files.js');
        await writeWhole(options.output, `${JSON.stringify(design.sweep, null, 2)}\n`);
      }
      terminal.out(
        options.json ? `${JSON.stringify(design, null, 2)}\n` : text(design, options.output, terminal.colors),
      );
    });
}

async function designFor(options: DesignCommandOptions): Promise<SweepDesign> {
  const [{ designSweep, parseSweep, readCost }, { parseQuantity }] = await Promise.all([
    import('../recommend/design/index.js'),
    import('../recommend/quantity.js'),
  ]);
  const { prior, target, mostTokens, rate, price, gpu, corpus, tokenizer, encoderTokens, batch, schedule, engine } =
    options;
  const setting = defined({ engine, corpus, tokenizer, encoderTokens, batch, schedule }) as SweepSetting;
  // What commander can't check, the schema does.
  parseSweep({ format: 'shapelaw-sweep/1', ...setting }, 'the sweep of these options');
  return designSweep(readCost(options.cost), {
    ...defined({
      prior: prior === undefined ? undefined : await (await import('./read-law.js')).readLaw(prior),
      target: target === undefined ? undefined : parseQuantity(target, 'flops'),
      base: await baseOf(options.base),
      criterion: options.criterion,
      runs: options.runs,
      seeds: options.seeds,
      fewestSteps: options.fewestSteps,
      mostTokens: mostTokens === undefined ? undefined : parseQuantity(mostTokens, 'tokens'),
      noise: options.noise,
      rate: rate === undefined ? undefined : parseQuantity(rate, 'flops'),
      hardware: await readDevice(gpu),
      mfu: options.mfu,
      dollarsPerHour: price === undefined ? undefined : parseQuantity(price, 'dollars'),
      widths: options.runsForWidth === undefined ? undefined : Object.fromEntries(options.runsForWidth.map(widthOf)),
    }),
    level: options.level,
    seed: options.seed,
    setting,
  });
}

/** A text that a sweep may hold, or the shape of a file, which a sweep can't name. */
async function baseOf(text: string | undefined) {
  if (text === undefined || !text.endsWith('.json')) return text;
  const { resolveShape } = await import('./resolve-shape.js');
  return resolveShape(text);
}

/** Reads `a=0.05`. */
function widthOf(text: string): readonly [string, number] {
  const [, name, width] = /^\s*([^=\s]+)\s*=\s*(\S+)\s*$/.exec(text) ?? [];
  if (name !== undefined) return [name, positiveNumber(width!)];
  throw new InvalidArgumentError(`--runs-for-width "${text}" is not NAME=WIDTH, as in a=0.05`);
}

function text(design: SweepDesign, output: string | undefined, colors: Terminal['colors']): string {
  const { runs, flops, budget, configurations, candidates, target, prior, criterion, noise } = design;
  const groups = grouped(runs, ({ shape }) => shape.name);
  const chosen = table(
    [{ heading: 'shape' }, right('parameters'), right('runs'), right('FLOPs'), { heading: 'tokens of each run' }],
    [...groups.values()].map((group) => [
      group[0]!.shape.name,
      exact(group[0]!.params),
      String(group.length),
      scientific(group.reduce((sum, run) => sum + run.flops, 0)),
      lengthsText(group),
    ]),
    colors.bold,
  );
  const level = percent(design.level);
  const expected = table(
    [
      { heading: 'quantity' },
      right('by the prior'),
      right(`expected ${level} interval`),
      right('standard error'),
      right('over draws'),
      right('the prior alone'),
    ],
    design.expected.map((quantity) => [
      quantity.name,
      shown(quantity)(quantity.value),
      interval(quantity.interval, shown(quantity)),
      error(quantity, quantity.sd),
      range(quantity.sdOverDraws, (sd) => error(quantity, sd)),
      interval(quantity.prior, shown(quantity)),
    ]),
    colors.bold,
  );
  const repeats = runs.length - configurations;
  return [
    chosen,
    `runs      ${runs.length} of ${configurations} shapes and lengths, ${repeats} of them repeats with another seed; chosen from ${exact(candidates)}`,
    `cost      ${scientific(flops)} FLOPs of ${range([budget[0], budget[1]], scientific)}`,
    `target    N* at ${scientific(target)} FLOPs; criterion: ${criterion}`,
    `noise     ${significant(100 * noise.sd)}% of the loss a run, which counts as ${significant(100 * noise.effective)}% in the fit; ${noise.source}`,
    `reach     ${reachText(design)}`,
    ...design.needed.map(
      ({ name, width, runs: count, flops: price }) =>
        `width     ${exact(count)} runs of this mix, ${scientific(price)} FLOPs, would pin ${name} to an interval of ${width}`,
    ),
    '',
    `${colors.bold('Expected of a fit to these runs alone')}, were ${prior} the truth:`,
    expected,
    colors.dim(design.notes.map((note) => `- ${note}`).join('\n')),
    '',
    output === undefined ? 'Not saved; write the sweep file with -o SWEEP.json.' : `Saved as ${output}.`,
    '',
  ].join('\n');
}

/** Items by what they have in common, in their order. */
function grouped<Item, Key>(items: readonly Item[], keyOf: (item: Item) => Key): ReadonlyMap<Key, readonly Item[]> {
  const groups = new Map<Key, Item[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}

/** Lengths of a shape that are listed one by one. */
const mostListed = 6;

/** 640k, 2 x 1.28M: the lengths of a shape's runs. */
function lengthsText(group: readonly SweepRun[]): string {
  const lengths = [...grouped(group, ({ tokens }) => tokens)].sort(([a], [b]) => a - b);
  if (lengths.length > mostListed) {
    return `${lengths.length} from ${short(lengths[0]![0])} to ${short(lengths.at(-1)![0])}`;
  }
  return lengths.map(([tokens, same]) => `${same.length > 1 ? `${same.length} x ` : ''}${short(tokens)}`).join(', ');
}

function shown({ scale }: ExpectedQuantity): (value: number) => string {
  return scale === 'log' ? short : (value) => value.toFixed(4);
}

/** Of a quantity on a log scale, as the factor that it stands for. */
function error({ scale }: ExpectedQuantity, sd: number): string {
  return scale === 'log' ? `x ${Math.exp(sd).toFixed(3)}` : sd.toFixed(4);
}

function reachText({ reach }: SweepDesign): string {
  const { flops, params, prior } = reach;
  const decades = (value: number) => `${value.toFixed(2)} decades`;
  return [
    `the target lies ${decades(flops)} of FLOPs${params === null ? '' : ` and ${decades(params)} of parameters`} beyond the largest run`,
    prior === null ? 'the prior states no evidence' : `runs lie up to ${decades(prior)} outside the prior's evidence`,
  ].join('; ');
}
