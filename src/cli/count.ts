import { Command, Option } from 'commander';
import {
  countFlops,
  defaultLengths,
  type FlopsConvention,
  flopsConventions,
  type SequenceLengths,
} from '../flops/flops.js';
import { inferenceMemory, trainingMemory } from '../flops/memory.js';
import { countParameters } from '../flops/parameters.js';
import type { Shape } from '../flops/shape.js';
import { bytes, exact, scientific } from './format.js';
import { positiveInteger, wholeNumber } from './options.js';
import { resolveShape } from './resolve-shape.js';
import { right, table } from './table.js';
import type { Terminal } from './terminal.js';

interface CountOptions {
  readonly encoderTokens?: number;
  readonly decoderTokens?: number;
  readonly convention: FlopsConvention;
  readonly causal?: boolean;
  readonly batch: number;
  readonly precision: 'fp32' | 'mixed-bf16' | 'mixed-fp16' | 'bf16';
  readonly optimizer: 'adamw' | 'adafactor' | 'sgd' | 'sgd-momentum';
  readonly recompute: 'none' | 'selective' | 'full';
  readonly zero: number;
  readonly dataParallel: number;
  readonly json?: boolean;
}

export function countCommand(terminal: Terminal): Command {
  return new Command('count')
    .description('Count the parameters, FLOPs and memory of shapes, exactly.')
    .argument('<shape...>', 'preset, dimensions (enc=16,dec=16,d=512,ff=2048,kv=64,h=8), or path of a config.json')
    .option('--encoder-tokens <n>', 'encoder tokens of a sequence (default: 512)', positiveInteger)
    .option(
      '--decoder-tokens <n>',
      "decoder tokens of a sequence (default: span corruption's, 114 of 512, for T5; 2048 for a decoder)",
      positiveInteger,
    )
    .addOption(new Option('--convention <name>', 'FLOPs to count').choices([...flopsConventions]).default('exact'))
    .option('--causal', "count half of the scores and values of the decoder's self-attention")
    .option('--batch <n>', 'sequences on a device at a time, for memory', positiveInteger, 1)
    .addOption(
      new Option('--precision <name>', 'of training')
        .choices(['fp32', 'mixed-bf16', 'mixed-fp16', 'bf16'])
        .default('mixed-bf16'),
    )
    .addOption(
      new Option('--optimizer <name>', 'of training')
        .choices(['adamw', 'adafactor', 'sgd', 'sgd-momentum'])
        .default('adamw'),
    )
    .addOption(
      new Option('--recompute <what>', 'in the backward pass')
        .choices(['none', 'selective', 'full'])
        .default('selective'),
    )
    .option('--zero <stage>', 'ZeRO stage, 0 to 3', wholeNumber, 0)
    .option('--data-parallel <n>', 'devices that ZeRO shards over', positiveInteger, 1)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExample:\n  shapelaw count t5-base t5-efficient-small-nl16 --encoder-tokens 512 --decoder-tokens 512',
    )
    .action(async (names: string[], options: CountOptions) => {
      const shapes = await Promise.all(names.map(resolveShape));
      const counts = shapes.map((shape) => countOf(shape, options));
      for (const count of counts) warnOfPositions(count, terminal);
      terminal.out(options.json ? `${JSON.stringify({ shapes: counts }, null, 2)}\n` : text(counts, options, terminal));
    });
}

function lengthsFor(shape: Shape, options: CountOptions): SequenceLengths {
  const { encoderTokens, decoderTokens } = options;
  if (shape.kind === 'encoder-decoder' && encoderTokens !== undefined && decoderTokens !== undefined) {
    return { encoderTokens, decoderTokens };
  }
  const defaults = defaultLengths(shape, encoderTokens);
  return {
    encoderTokens: defaults.encoderTokens,
    decoderTokens: shape.kind === 'encoder' ? 0 : (decoderTokens ?? defaults.decoderTokens),
  };
}

/** Says where a sequence is longer than the positions that a shape has learned: it counts, but it can't run. */
function warnOfPositions({ name, shape, flops }: Count, terminal: Terminal): void {
  const longest = Math.max(flops.encoderTokens, flops.decoderTokens);
  if (shape.positions.kind !== 'learned' || longest <= shape.positions.rows) return;
  terminal.err(
    `warning: ${name} has ${exact(shape.positions.rows)} learned positions, fewer than ${exact(longest)} tokens\n`,
  );
}

function countOf(shape: Shape, options: CountOptions) {
  const lengths = lengthsFor(shape, options);
  const flops = countFlops(shape, lengths, { convention: options.convention, causal: options.causal ?? false });
  const { training } = countFlops(shape, lengths);
  const overExact = Object.fromEntries(
    flopsConventions.map((convention) => [convention, countFlops(shape, lengths, { convention }).training / training]),
  );
  const state = {
    batch: options.batch,
    precision: options.precision,
    optimizer: options.optimizer,
    recomputation: options.recompute,
    zeroStage: options.zero as 0 | 1 | 2 | 3,
    dataParallel: options.dataParallel,
  };
  return {
    name: shape.name,
    kind: shape.kind,
    parameters: countParameters(shape),
    flops: { ...flops, overExact },
    memory: {
      unit: 'bytes a device',
      training: { ...state, ...trainingMemory(shape, { ...lengths, ...state }) },
      inference: {
        batch: options.batch,
        weightBytes: 2,
        cacheBytes: 2,
        ...inferenceMemory(shape, { ...lengths, batch: options.batch }),
      },
    },
    shape,
  };
}

type Count = ReturnType<typeof countOf>;

function text(counts: readonly Count[], options: CountOptions, { colors }: Terminal): string {
  const first = counts[0]!;
  const several = counts.length > 1;
  const summary = table(
    [
      { heading: 'shape' },
      right('parameters'),
      right('non-embedding'),
      right('tokens in/out'),
      right('FLOPs/sequence'),
      ...(several ? [right(`vs ${first.name}`)] : []),
      right('6ND'),
      right('kaplan'),
      right('chinchilla'),
      right('train memory'),
      right('infer memory'),
    ],
    counts.map(({ name, parameters, flops, memory }) => [
      name,
      exact(parameters.total),
      exact(parameters.nonEmbedding),
      `${flops.encoderTokens}/${flops.decoderTokens}`,
      scientific(flops.training),
      ...(several ? [`${(flops.training / first.flops.training).toFixed(3)}x`] : []),
      `${flops.overExact['6ND']!.toFixed(3)}x`,
      `${flops.overExact.kaplan!.toFixed(3)}x`,
      `${flops.overExact.chinchilla!.toFixed(3)}x`,
      bytes(memory.training.total),
      bytes(memory.inference.total),
    ]),
    colors.bold,
  );
  const notes = [
    `FLOPs: training (forward and backward) of one sequence, ${options.convention} convention${options.causal ? ', causal self-attention halved' : ''}; 6ND, kaplan and chinchilla as multiples of exact.`,
    ...(several ? [`vs ${first.name}: FLOPs of one sequence, each at the lengths of its row.`] : []),
    `Memory: one device, batch ${options.batch}; training in ${options.precision} with ${options.optimizer}, ${options.recompute} recomputation, ZeRO ${options.zero} over ${options.dataParallel}; inference with 16-bit weights and cache. Buffers and fragmentation come on top.`,
  ];
  const details = several ? '' : `\n${components(first, colors.bold)}`;
  return `${summary}${details}\n${colors.dim(notes.join('\n'))}\n`;
}

function components({ parameters, flops, memory }: Count, bold: (text: string) => string): string {
  const present = (rows: readonly (readonly [string, number])[]) => rows.filter(([, value]) => value > 0);
  const parameterRows = present(Object.entries(parameters.components)).map(([name, value]) => [name, exact(value)]);
  const flopsRows = present(Object.entries(flops.components).map(([name, { forward }]) => [name, forward])).map(
    ([name, value]) => [name, scientific(value), scientific(2 * value)],
  );
  const { training } = memory;
  const memoryRows = present([
    ['weights', training.weights],
    ['gradients', training.gradients],
    ['master weights', training.masterWeights],
    ['optimizer state', training.optimizerState],
    ...Object.entries(training.activations).map(([name, value]) => [`activations: ${name}`, value] as const),
  ]).map(([name, value]) => [name, bytes(value)]);
  return [
    table([{ heading: 'parameters of' }, right('count')], parameterRows, bold),
    table([{ heading: 'FLOPs of' }, right('forward'), right('backward')], flopsRows, bold),
    table([{ heading: 'training memory of' }, right('size')], memoryRows, bold),
  ].join('\n');
}
