import { lawDraws } from '../../fit/predict.js';
import type { Shape } from '../../flops/shape.js';
import { roundedNotes, unstatedNotes } from '../law-notes.js';
import type { Context } from './context.js';
import type { OperatorName } from './dimensions.js';
import { distinctOperators, type Sight } from './told-apart.js';

/** What a reader of knobs or a path should know of its numbers. */
export function contextNotes(context: Context, shape: Shape): string[] {
  const { law, lengths, tokens, growth, secondsOf } = context;
  const { encoderTokens, decoderTokens } = lengths;
  const sides = [
    ...(encoderTokens > 0 ? [`${encoderTokens} encoder`] : []),
    ...(decoderTokens > 0 ? [`${decoderTokens} decoder`] : []),
  ].join(' and ');
  return [
    `Tokens are held at ${Number(tokens.value.toPrecision(3)).toExponential()} (${tokens.source}) for every shape, and in every draw.`,
    `FLOPs are those of training, every matrix product of forward and backward, at ${sides} tokens a sequence.`,
    growth.width === 'alone'
      ? 'DM widens the residual stream alone: dFf, heads and dKv stay, as with the operators of the checkpoints of Tay et al. 2022.'
      : 'DM widens the residual stream with dFf and heads in proportion; dKv stays.',
    ...(shape.kvHeads === shape.heads ? [] : ['NH adds query heads with the key-value heads that they share.']),
    secondsOf === null
      ? 'No model of step time is given; time is in proportion to FLOPs, which leaves out that layers run one after another.'
      : 'Seconds are of a training step, by the model of step time.',
    ...(law.conventions.tokens === 'decoder' && shape.kind !== 'decoder'
      ? [
          `The tokens of ${law.name} are those of decoders; here those of both stacks are counted, which no measurement here backs.`,
        ]
      : []),
    ...(lawDraws(law) === null ? [`${law.name} has no draws, so that nothing here has an interval.`] : []),
    ...unstatedNotes(law),
    ...(law.variables.includes('flops') && law.conventions.flops === '6ND'
      ? [`${law.name} is a law of 6ND FLOPs, and is asked with those of each shape.`]
      : []),
    ...roundedNotes(law),
    "Loss is upstream; the paper's case for depth rests on scores after fine-tuning, and is not in these numbers.",
  ];
}

/** What a law can't tell apart, in words. */
export function sightNotes({ law, growth, view }: Context, sights: ReadonlyMap<OperatorName, Sight>): string[] {
  const notes: string[] = [];
  const unseen = (through: Sight['through']) =>
    [...sights].flatMap(([operator, sight]) => (sight.through === through ? [operator] : []));
  for (const through of ['params alone', 'FLOPs alone', 'params and FLOPs'] as const) {
    const operators = unseen(through);
    if (operators.length > 0)
      notes.push(
        `${law.name} sees ${operators.join(', ')} through ${through}: it has no say on which of them to grow, and their numbers are no ranking.`,
      );
  }
  const nothing = unseen('nothing');
  if (nothing.length > 0) notes.push(`${law.name} has no term that ${nothing.join(', ')} would move.`);
  for (const operator of distinctOperators(sights)) {
    const { alike } = sights.get(operator)!;
    if (alike.length > 0)
      notes.push(
        `${law.name} can't tell ${operator} from ${alike.join(' and ')}: they move the same term of the shape.`,
      );
  }
  if (view.columns.includes('dModel') && growth.width === 'alone' && sights.get('FF')?.toldApart === false) {
    notes.push(
      `${law.name} has no term of dFf: where that grew with dModel in its runs, its term of width speaks of both together; ask with width uniform to grow them so.`,
    );
  }
  if (view.variable !== null) {
    notes.push(
      'In each region the exponents of that region hold at the shape; loss itself is stated in the region that the shape is in.',
    );
  }
  return notes;
}

export function knobNotes(context: Context, shape: Shape, sights: ReadonlyMap<OperatorName, Sight>): string[] {
  return [...sightNotes(context, sights), ...contextNotes(context, shape)];
}
