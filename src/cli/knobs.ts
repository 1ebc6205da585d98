import { Command, Option } from 'commander';
import type { SequenceLengths } from '../flops/flops.js';
import type { Shape } from '../flops/shape.js';
import type { QuantityKind } from '../recommend/quantity.js';
import { defined, lengthOptions, share } from './options.js';
import { devicesPerNodeOption, readStepTimes, type StepTimeFlags, stepTimesOption } from './step-times.js';
import type { Terminal } from './terminal.js';

interface KnobsCommandOptions extends StepTimeFlags {
  readonly law: string;
  readonly tokens?: string;
  readonly uniqueTokens?: string;
  readonly flops?: string;
  readonly params?: string;
  readonly more: number;
  readonly width: 'alone' | 'uniform';
  readonly rule: 'law' | 'deep-narrow';
  readonly beyondEvidence?: boolean;
  readonly encoderTokens?: number;
  readonly decoderTokens?: number;
  readonly level: number;
  readonly json?: boolean;
}

export function knobsCommand(terminal: Terminal): Command {
  const [encoderTokens, decoderTokens] = lengthOptions();
  return new Command('knobs')
    .description(
      'Say what more FLOPs buy in loss and time, spent on one dimension of a shape at a time, and by which dimensions to grow it to a budget.',
    )
    .argument('<shape>', 'a preset, dimensions, or the path of a configuration')
    .requiredOption('--law <law>', 'law file, or a published law, that predicts the loss')
    .option('--tokens <count>', 'training tokens, such as 30B (default: compute-optimal for the shape)')
    .option('--unique-tokens <count>', 'unique tokens at hand, for a law of repeated data')
    .option('--flops <count>', 'grow the shape until its run takes so many training FLOPs')
    .option('--params <count>', 'grow the shape until it has so many parameters')
    .option('--more <share>', 'of FLOPs that each dimension is given more', share, 0.1)
    .addOption(
      new Option('--width <how>', 'widen dModel alone, or dFf and heads with it')
        .choices(['alone', 'uniform'])
        .default('alone'),
    )
    .addOption(
      new Option('--rule <rule>', 'by which the shape grows: what the law says, or depth first')
        .choices(['law', 'deep-narrow'])
        .default('law'),
    )
    .option('--beyond-evidence', 'grow the shape where that leads further from the evidence of the law')
    .addOption(encoderTokens)
    .addOption(decoderTokens)
    .addOption(stepTimesOption())
    .addOption(devicesPerNodeOption())
    .option('--level <share>', 'of the intervals', share, 0.95)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExample:\n  shapelaw knobs t5-small --law gemstones-shape\n  shapelaw knobs t5-small --law law.json --tokens 10B --params 220M',
    )
    .action(async (text: string, options: KnobsCommandOptions) => {
      const [{ readLaw }, { resolveShape }, { parseQuantity }, { knobs, steepestPath }, { knobsText }] =
        await Promise.all([
          import('./read-law.js'),
          import('./resolve-shape.js'),
          import('../recommend/quantity.js'),
          import('../recommend/knobs/index.js'),
          import('./knobs-text.js'),
        ]);
      const [shape, law] = await Promise.all([resolveShape(text), readLaw(options.law)]);
      const read = (given: string | undefined, kind: QuantityKind) =>
        given === undefined ? undefined : parseQuantity(given, kind);
      const budget = defined({ flops: read(options.flops, 'flops'), params: read(options.params, 'params') });
      const shared = {
        ...{ law, level: options.level, width: options.width },
        ...defined({
          tokens: read(options.tokens, 'tokens'),
          uniqueTokens: read(options.uniqueTokens, 'tokens'),
        }),
        lengths: defined({ encoderTokens: options.encoderTokens, decoderTokens: options.decoderTokens }),
      };
      const secondsOf = await stepSecondsOf(shape, shared.lengths, options);
      const answer = knobs(shape, { ...shared, secondsOf, more: options.more, budget });
      const { rule, beyondEvidence = false } = options;
      const path =
        Object.keys(budget).length === 0
          ? null
          : steepestPath(shape, budget, { ...shared, secondsOf, rule, beyondEvidence });
      terminal.out(
        options.json ? `${JSON.stringify({ knobs: answer, path }, null, 2)}\n` : knobsText(answer, path, terminal),
      );
    });
}

/** Step times of shapes of one kind on the device, or on the machine of measured runs, at the batch and MFU that are assumed of a recommendation. */
async function stepSecondsOf({ kind }: Shape, given: Partial<SequenceLengths>, flags: StepTimeFlags) {
  const [{ planLengths, resolveSetting }, { stepSeconds }, stepTimes] = await Promise.all([
    import('../recommend/setting.js'),
    import('../recommend/row-speed.js'),
    readStepTimes(flags, given),
  ]);
  const lengths = planLengths(kind, given);
  const setting = resolveSetting([], { lengths, ...defined({ stepTimes }) }, kind);
  return (shape: Shape) => stepSeconds(shape, lengths, setting);
}
