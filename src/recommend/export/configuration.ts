import { ShapelawError } from '../../errors.js';
import { lengthsOfSides, type SequenceLengths } from '../../flops/flops.js';
import type { Optimizer, TrainingPrecision } from '../../flops/memory.js';
import type { Shape } from '../../flops/shape.js';

export type ExportFormat = 'hf-config' | 't5x-gin' | 'megatron' | 'nemo';

export const exportFormats: readonly ExportFormat[] = ['hf-config', 't5x-gin', 'megatron', 'nemo'];

/** The run that a configuration starts. */
export interface ExportTraining extends SequenceLengths {
  readonly steps: number;
  /** Sequences a step, over all devices. */
  readonly batch: number;
  /** The highest of the schedule; null where none is known: the trainer then asks for it, or keeps its own schedule. */
  readonly learningRate: number | null;
  readonly optimizer: Optimizer;
  readonly precision: TrainingPrecision;
}

/** A configuration as text. */
export interface ExportedConfiguration {
  readonly fileName: string;
  readonly text: string;
  /** What to do with the file, what it can't say, and what it was checked against. */
  readonly notes: readonly string[];
}

/**
 * The run as a trainer can take it: positive integers, a positive rate, and no tokens on a side that the shape lacks.
 *
 * @throws ShapelawError `bad-usage` for values out of range.
 */
export function checkedTraining(shape: Shape, training: ExportTraining): ExportTraining {
  const { steps, batch, learningRate } = training;
  for (const [name, value] of Object.entries({ steps, batch })) {
    if (!(Number.isSafeInteger(value) && value > 0))
      throw new ShapelawError('bad-usage', `${name} must be a positive integer, not ${value}`, { [name]: value });
  }
  if (learningRate !== null && !(learningRate > 0 && learningRate <= 1)) {
    throw new ShapelawError(
      'bad-usage',
      `the learning rate must be greater than 0 and at most 1, not ${learningRate}`,
      {
        learningRate,
      },
    );
  }
  return { ...training, ...lengthsOfSides(shape, training) };
}

/** A field of a shape or of its training that a trainer has no place for. */
export function cannotHold(
  trainer: string,
  shape: Shape,
  field: string,
  value: unknown,
  reason: string,
): ShapelawError {
  const message = `${shape.name}: ${trainer} can't hold ${field} ${JSON.stringify(value)}: ${reason}`;
  return new ShapelawError('unsupported-config', message, { name: shape.name, trainer, field, value });
}

/** Something that a trainer demands of a shape or of its training. */
export interface Demand {
  readonly holds: boolean;
  readonly field: string;
  readonly value: unknown;
  readonly reason: string;
}

/** @throws ShapelawError `unsupported-config` for the first demand that does not hold. */
export function requireAll(trainer: string, shape: Shape, demands: readonly Demand[]): void {
  for (const { holds, field, value, reason } of demands) {
    if (!holds) throw cannotHold(trainer, shape, field, value, reason);
  }
}

/** What both of NVIDIA's trainers demand of a shape and of its training. */
export function megatronDemands(shape: Shape, training: ExportTraining): readonly Demand[] {
  const { norms, dEmbedding, dModel, head, tokenTypes } = shape;
  return [
    {
      holds: shape.kind !== 'encoder',
      field: 'kind',
      value: shape.kind,
      reason: 'its BERT normalises before its sublayers and ends in a norm, so that it has other parameters',
    },
    { holds: head === 'lm', field: 'head', value: head, reason: 'it trains with the output projection on top' },
    { holds: dEmbedding === dModel, field: 'dEmbedding', value: dEmbedding, reason: `only dModel, ${dModel}` },
    { holds: tokenTypes === 0, field: 'tokenTypes', value: tokenTypes, reason: 'only BERT has segments there' },
    {
      holds: norms.perSublayer === 1 && norms.final && !norms.embedding,
      field: 'norms',
      value: norms,
      reason: 'one norm stands before each sublayer and one at the end of a stack',
    },
    {
      holds: training.optimizer === 'adamw',
      field: 'optimizer',
      value: training.optimizer,
      reason: 'only adamw is written, which needs a learning rate of its own',
    },
    {
      holds: training.precision !== 'bf16',
      field: 'precision',
      value: training.precision,
      reason: 'it keeps master weights of 32 bits; take mixed-bf16, mixed-fp16 or fp32',
    },
  ];
}

/** A shape's name as one word of ASCII, for file names and comments. */
export function slug(name: string): string {
  return name.replace(/[^A-Za-z0-9.]+/g, '-').replace(/^[-.]+|[-.]+$/g, '') || 'model';
}

/** A number to 6 digits; a fraction always with a point, which YAML and gin demand before an exponent. */
export function plainNumber(value: number): string {
  const text = String(Number.isInteger(value) ? value : Number(value.toPrecision(6)));
  return /^\d+e/.test(text) ? text.replace('e', '.0e') : text;
}
