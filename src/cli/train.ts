import { Command, InvalidArgumentError, Option } from 'commander';
import { ShapelawError } from '../errors.js';
import type { EngineKind, Recipe, TrainEvent, TrainResult } from '../train/index.js';
import { bytes, durations, exact, percent, scientific, short, significant } from './format.js';
import { defined, positiveInteger, positiveNumber, wholeNumber } from './options.js';
import { inlineWithVocab, resolveShape } from './resolve-shape.js';
import type { Terminal } from './terminal.js';

interface TrainCommandOptions {
  readonly tokens?: string;
  readonly corpus?: readonly string[];
  readonly textField?: string;
  readonly tokenizer?: string;
  readonly encoderTokens?: number;
  readonly density?: number;
  readonly meanSpan?: number;
  readonly batch?: number;
  readonly accumulate?: number;
  readonly seed?: number;
  readonly optimizer?: 'adafactor' | 'adamw';
  readonly weightDecay?: number;
  readonly schedule?: 'inverse-sqrt' | 'cosine' | 'constant';
  readonly learningRate?: number;
  readonly warmup?: number;
  readonly cooldown?: number;
  readonly clipNorm?: number;
  readonly dropout?: number;
  readonly precision?: 'fp32' | 'fp16';
  readonly evaluations?: number;
  readonly validationExamples?: number;
  readonly validationFraction?: number;
  readonly engine?: EngineKind | 'auto';
  readonly threads?: number;
  readonly recompute?: boolean;
  readonly time?: number;
  readonly out?: string;
  readonly resume?: string;
  readonly json?: boolean;
}

const secondsIn: Readonly<Record<string, number>> = { s: 1, m: 60, min: 60, h: 3600, d: 86400 };

/** Reads 90s, 10m, 1.5h as seconds. */
function duration(text: string): number {
  const [, number, unit] = /^(\d+\.?\d*|\.\d+)\s*(s|m|min|h|d)$/.exec(text.trim()) ?? [];
  const seconds = Number(number) * (secondsIn[unit ?? ''] ?? Number.NaN);
  if (seconds > 0 && Number.isFinite(seconds)) return seconds;
  throw new InvalidArgumentError('It must be a time such as 90s, 10m or 2h.');
}

/** Reads a number from 0 on, below 1. */
function fraction(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value < 1) return value;
  throw new InvalidArgumentError('It must be a number from 0, below 1.');
}

/** Reads a number of at least 0. */
function numberFromZero(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('It must be a number of at least 0.');
}

export function trainCommand(terminal: Terminal): Command {
  return new Command('train')
    .description('Train a small T5 on span corruption, and write run records that fit reads.')
    .argument('[shape]', 'preset, dimensions (enc=4,dec=4,d=128,ff=512,kv=32,h=4), or path of a config.json, of a T5')
    .option('--tokens <n>', 'encoder and decoder tokens; several (5M,10M,20M) give a finished loss at each')
    .option(
      '--corpus <path...>',
      'text files or folders: .txt, .jsonl, each also .gz (default: State of the Union addresses)',
    )
    .option('--text-field <name>', 'field of a line of JSON that holds its text (default: text)')
    .option(
      '--tokenizer <name>',
      "bytes, or the path of a tokenizer.json or of SentencePiece's .model (default: bytes)",
    )
    .option(
      '--encoder-tokens <n>',
      "encoder tokens of an example; the decoder's follow (default: 128)",
      positiveInteger,
    )
    .option('--density <share>', 'of the tokens removed (default: 0.15)', fraction)
    .option('--mean-span <n>', 'mean length of a removed span in tokens (default: 3)', positiveNumber)
    .option('--batch <n>', 'examples of one pass (default: 16)', positiveInteger)
    .option('--accumulate <n>', 'passes of one step (default: 1)', positiveInteger)
    .option('--seed <n>', 'of initialisation, order, spans and dropout (default: 0)', wholeNumber)
    .addOption(
      new Option('--optimizer <name>', 'as T5, or as most others (default: adafactor)').choices(['adafactor', 'adamw']),
    )
    .option(
      '--weight-decay <n>',
      'share of a parameter, times the learning rate, taken off a step (default: 0)',
      numberFromZero,
    )
    .addOption(
      new Option('--schedule <name>', 'of the learning rate (default: constant)').choices([
        'constant',
        'inverse-sqrt',
        'cosine',
      ]),
    )
    .option('--learning-rate <n>', 'highest (default: 0.01 with adafactor, 0.001 with adamw)', positiveNumber)
    .option(
      '--warmup <steps>',
      'steps before the rate may fall (default: 10000 for inverse-sqrt, else 5% of the steps)',
      wholeNumber,
    )
    .option(
      '--cooldown <share>',
      'of the steps at the end of constant, over which the rate falls to 0 (default: 0.2)',
      fraction,
    )
    .option('--clip-norm <n>', 'largest norm of the gradient (default: none)', positiveNumber)
    .option('--dropout <share>', 'of activations (default: 0)', fraction)
    .addOption(
      new Option('--precision <name>', 'of matrix products; fp16 on a GPU (default: fp32)').choices(['fp32', 'fp16']),
    )
    .option('--evaluations <n>', 'after the one at step 0, at least 5 (default: 10)', positiveInteger)
    .option('--validation-examples <n>', 'held out, the same at each evaluation (default: 256)', positiveInteger)
    .option('--validation-fraction <share>', 'of the documents held out (default: 0.05)', fraction)
    .option(
      '--engine <name>',
      "auto, cpu, webgpu, cuda, tfjs-node-gpu, or tfjs-NAME (default: the run's so far, or auto)",
    )
    .option('--threads <n>', "of the cpu engine (default: this machine's cores)", positiveInteger)
    .option(
      '--recompute',
      'compute layers again for their gradients instead of keeping them: less memory, a third slower, losses that differ in rounding',
    )
    .option('--time <time>', 'stop after 90s, 10m or 2h, to be resumed', duration)
    .option('--out <dir>', "the run's directory; the same command again resumes it (default: runs/RUN)")
    .option('--resume <dir>', 'go on with the run of a directory, as its configuration says')
    .option('--json', 'print each event as a line of JSON')
    .addHelpText(
      'after',
      '\nExample:\n  shapelaw train enc=2,dec=2,d=128,ff=512,kv=32,h=4 --tokens 2M --out runs/first\n  cat runs/*/metrics.jsonl > runs.jsonl && shapelaw fit runs.jsonl --law chinchilla --where finished=true',
    )
    .action((shape: string | undefined, options: TrainCommandOptions) => runTraining(shape, options, terminal));
}

async function runTraining(name: string | undefined, options: TrainCommandOptions, terminal: Terminal): Promise<void> {
  const { train, recipeId } = await import('../train/index.js');
  const { availableParallelism } = await import('node:os');
  const recipe = options.resume === undefined ? await recipeFrom(name, options) : await resumedRecipe(name, options);
  const out = options.resume ?? options.out ?? `runs/${recipeId(recipe)}`;

  const stop = new AbortController();
  const onSignal = () => {
    terminal.err('\nstopping after this step; once more stops at once\n');
    stop.abort();
  };
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  terminal.onReaderGone?.(() => {
    if (stop.signal.aborted) return;
    terminal.err('nobody reads the output any more: stopping after this step\n');
    stop.abort();
  });
  const show = options.json ? jsonEvents(terminal) : textEvents(terminal);
  let result: TrainResult;
  try {
    result = await train({
      recipe,
      out,
      threads: options.threads ?? availableParallelism(),
      ...defined({ engine: options.engine, timeSeconds: options.time }),
      signal: stop.signal,
      onEvent: show,
    });
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
  if (result.status === 'interrupted') {
    throw new ShapelawError(
      'interrupted',
      `stopped after step ${result.step} of ${result.steps}; go on with: shapelaw train --resume ${out}`,
      { out, step: result.step, steps: result.steps },
    );
  }
}

async function recipeFrom(name: string | undefined, options: TrainCommandOptions): Promise<Recipe> {
  const { completeRecipe } = await import('../train/index.js');
  const { parseQuantity } = await import('../recommend/quantity.js');
  if (name === undefined) throw new ShapelawError('bad-usage', 'a shape is missing; see shapelaw train --help');
  if (options.tokens === undefined) {
    throw new ShapelawError('bad-usage', 'give the tokens to train on, as in --tokens 2M');
  }
  const isBytes = (options.tokenizer ?? 'bytes') === 'bytes';
  const shape = await resolveShape(isBytes ? inlineWithVocab(name, 384) : name);
  const { weightDecay } = options;
  return completeRecipe({
    shape,
    tokens: options.tokens.split(',').map((text) => parseQuantity(text, 'tokens')),
    optimizer: { kind: options.optimizer ?? 'adafactor', ...(weightDecay === undefined ? {} : { weightDecay }) },
    ...defined({
      corpus: options.corpus,
      textField: options.textField,
      tokenizer: options.tokenizer,
      encoderTokens: options.encoderTokens,
      density: options.density,
      meanSpan: options.meanSpan,
      batch: options.batch,
      accumulate: options.accumulate,
      seed: options.seed,
      schedule: options.schedule,
      learningRate: options.learningRate,
      warmupSteps: options.warmup,
      cooldown: options.cooldown,
      clipNorm: options.clipNorm,
      dropout: options.dropout,
      precision: options.precision,
      recompute: options.recompute,
      evaluations: options.evaluations,
      validationExamples: options.validationExamples,
      validationFraction: options.validationFraction,
    }),
  });
}

/** Options of the run itself; --resume takes them from the directory. */
const recipeOptions = [
  'tokens',
  'corpus',
  'textField',
  'tokenizer',
  'encoderTokens',
  'density',
  'meanSpan',
  'batch',
  'accumulate',
  'seed',
  'optimizer',
  'weightDecay',
  'schedule',
  'learningRate',
  'warmup',
  'cooldown',
  'clipNorm',
  'dropout',
  'precision',
  'recompute',
  'evaluations',
  'validationExamples',
  'validationFraction',
  'out',
] as const;

async function resumedRecipe(name: string | undefined, options: TrainCommandOptions): Promise<Recipe> {
  const given = recipeOptions.filter((option) => options[option] !== undefined);
  if (name !== undefined || given.length > 0) {
    const extra =
      name === undefined
        ? `--${given[0]!.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
        : `the shape ${name}`;
    throw new ShapelawError('bad-usage', `--resume takes the run from its directory: leave ${extra} out`, { given });
  }
  const { readConfig } = await import('../train/index.js');
  const config = await readConfig(options.resume!);
  if (config === undefined) {
    throw new ShapelawError('bad-run-directory', `${options.resume} holds no run: it has no config.json`, {
      path: options.resume,
    });
  }
  return config.recipe;
}

function jsonEvents(terminal: Terminal): (event: TrainEvent) => void {
  return (event) => {
    if (event.event === 'step') return progressLine(event, terminal);
    if (event.event === 'start') showNotes(event, terminal);
    terminal.out(`${JSON.stringify(event)}\n`);
  };
}

const columns = [
  ['step', 8],
  ['tokens', 8],
  ['held-out loss', 14],
  ['bits/byte', 10],
  ['accuracy', 9],
  ['train loss', 11],
  ['s/step', 8],
  ['MFU', 6],
] as const;

function textEvents(terminal: Terminal): (event: TrainEvent) => void {
  return (event) => {
    if (event.event === 'step') return progressLine(event, terminal);
    if (terminal.live) terminal.err('\r\x1b[K');
    if (event.event === 'start') {
      showNotes(event, terminal);
      terminal.out(startText(event));
    } else if (event.event === 'evaluation') {
      const { line } = event;
      const cells = [
        exact(line.step!),
        short(line.tokens!),
        line.loss.toFixed(4),
        line.bitsPerByte.toFixed(3),
        `${(100 * line.tokenAccuracy).toFixed(1)}%`,
        line.trainLoss === undefined ? '' : line.trainLoss.toFixed(4),
        line.stepSeconds === undefined ? '' : significant(line.stepSeconds),
        line.mfu === undefined ? '' : `${Math.round(100 * line.mfu)}%`,
      ];
      terminal.out(
        `${cells.map((cell, index) => cell.padStart(columns[index]![1])).join('')}${line.finished ? '  finished' : ''}\n`,
      );
    } else terminal.out(endText(event));
  };
}

function showNotes({ notes }: Extract<TrainEvent, { event: 'start' }>, terminal: Terminal): void {
  for (const note of notes) terminal.err(`note: ${note}\n`);
}

function startText(event: Extract<TrainEvent, { event: 'start' }>): string {
  const { recipe, sizes } = event;
  const lines = [
    ['run', `${event.runId} in ${event.out}${resumedText(event)}`],
    ['shape', `${recipe.shape.name}: ${exact(event.parameters)} parameters, vocabulary ${exact(recipe.shape.vocab)}`],
    [
      'text',
      `${event.corpus}, tokenizer ${event.tokenizer}, span corruption ${percent(recipe.density)} in spans of ${recipe.meanSpan}`,
    ],
    [
      'step',
      `${exact(recipe.batch * recipe.accumulate)} examples of ${sizes.encoderTokens} encoder and ${sizes.decoderTokens} decoder tokens: ${exact(sizes.tokens)} tokens, ${scientific(sizes.flops)} FLOPs (exact count)`,
    ],
    ['length', `${exact(event.steps)} steps, ${short(event.steps * sizes.tokens)} tokens, encoder and decoder`],
    [
      'optimizer',
      `${recipe.optimizer.kind}, ${recipe.schedule.kind} schedule, learning rate ${recipe.schedule.peak}, seed ${recipe.seed}`,
    ],
    [
      'engine',
      `${event.engine} on ${event.device} (${event.reason}); peak ${short(event.peak.flopsPerSecond)}FLOP/s, measured on products of ${event.peak.size} x ${event.peak.size} in fp32`,
    ],
    ['memory', `about ${bytes(event.memoryEstimateBytes)}, estimated`],
  ];
  const header = columns.map(([name, width]) => name.padStart(width)).join('');
  return `${lines.map(([name, text]) => `${name!.padEnd(11)}${text}`).join('\n')}\n\nloss in nats per target token, on the same held-out examples each time\n${header}\n`;
}

function resumedText({ resumedAt, resumedBranchAt }: Extract<TrainEvent, { event: 'start' }>): string {
  if (resumedBranchAt !== null) return `, resumed after step ${exact(resumedBranchAt)} of a cool-down`;
  return resumedAt > 0 ? `, resumed after step ${exact(resumedAt)}` : '';
}

function endText(event: TrainResult): string {
  const ending = {
    complete: 'complete',
    time: `the time is up after step ${exact(event.step)} of ${exact(event.steps)}; go on with: shapelaw train --resume ${event.out}`,
    interrupted: 'interrupted',
  }[event.status];
  const { elapsedSeconds } = event;
  return `\n${ending}: ${short(event.tokens)} tokens, ${scientific(event.flops)} FLOPs, ${durations([elapsedSeconds, elapsedSeconds])}, peak memory ${bytes(event.peakMemoryBytes)}\nrecords in ${event.out}/metrics.jsonl\n`;
}

let lastShown = 0;

/** The line that a terminal shows while steps go by; nothing elsewhere. */
function progressLine(event: Extract<TrainEvent, { event: 'step' }>, terminal: Terminal): void {
  if (!terminal.live || performance.now() - lastShown < 100) return;
  lastShown = performance.now();
  const { step, steps, loss, tokensPerSecond, secondsLeft, branch } = event;
  terminal.err(
    `\r\x1b[Kstep ${exact(step)}${branch ? ' of a cool-down' : ` of ${exact(steps)}`}  loss ${loss.toFixed(3)}  ${short(tokensPerSecond)} tokens/s  ${durations([secondsLeft, secondsLeft])} left`,
  );
}
