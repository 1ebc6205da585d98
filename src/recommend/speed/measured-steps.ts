import { median } from 'simple-statistics';
import { ShapelawError } from '../../errors.js';
import { lengthsOfSides, type SequenceLengths } from '../../flops/flops.js';
import { llamaShape, type Shape, t5Shape } from '../../flops/shape.js';
import { requirePositive } from '../require-positive.js';
import type { MeasuredStep } from './fit-step-time.js';
import { workloadOf } from './workload.js';

/** What a row of a run table must state for its step time to be fitted; names are those of the run record. */
export interface StepRow {
  readonly runId: string;
  readonly tokens?: number | undefined;
  readonly step?: number | undefined;
  readonly stepSeconds?: number | undefined;
  /** Machines. Taken as 1 where absent. */
  readonly nodes?: number | undefined;
  readonly encoderLayers?: number | undefined;
  readonly decoderLayers?: number | undefined;
  readonly dModel?: number | undefined;
  readonly dFf?: number | undefined;
  readonly dKv?: number | undefined;
  readonly heads?: number | undefined;
  readonly vocab?: number | undefined;
}

export interface MeasuredStepsOptions {
  /** Tokens of one sequence of the runs. */
  readonly lengthsOf: (shape: Shape) => SequenceLengths;
  /** What the tokens of the table count. Defaults to `encoder+decoder`. */
  readonly tokens?: 'encoder+decoder' | 'decoder';
  /** Devices of a machine. Defaults to 1. */
  readonly devicesPerNode?: number;
  /** The shape of a row. Defaults to a T5 of its dimensions where it has two stacks, else a gated decoder with untied embeddings. */
  readonly shapeOf?: (row: StepRow) => Shape;
}

/**
 * Step times of a run table, one a run, the median of its rows, since the first steps of a run are slow; sequences a step follow from
 * its tokens and steps. Rows without a step time are passed over.
 *
 * @throws ShapelawError `missing-column` for a timed row that lacks tokens, steps or a dimension, `bad-usage` for values out of range
 * and for tokens a step that are no whole number of sequences.
 */
export function measuredSteps(rows: readonly StepRow[], options: MeasuredStepsOptions): readonly MeasuredStep[] {
  const { devicesPerNode = 1, shapeOf = shapeOfRow } = options;
  requirePositive({ devicesPerNode });
  const runs = new Map<string, StepRow[]>();
  for (const row of rows) {
    if (row.stepSeconds !== undefined) runs.set(row.runId, [...(runs.get(row.runId) ?? []), row]);
  }
  return [...runs.values()].map((checkpoints) => {
    const last = checkpoints.at(-1)!;
    const shape = shapeOf(last);
    const lengths = lengthsOfSides(shape, options.lengthsOf(shape));
    const sequences = sequencesOf(last, lengths, options.tokens) / (devicesPerNode * (last.nodes ?? 1));
    return {
      workload: workloadOf(shape, lengths, sequences),
      stepSeconds: median(checkpoints.map((row) => row.stepSeconds!)),
    };
  });
}

/** Tokens may be rounded, as to 10.0B, and their number of sequences then is nearly whole. */
const nearlyWhole = 1e-3;

/** Sequences a step, over all devices. */
function sequencesOf(row: StepRow, lengths: SequenceLengths, counted: MeasuredStepsOptions['tokens']): number {
  const { encoderTokens, decoderTokens } = lengths;
  const tokens = cellOf(row, 'tokens') / cellOf(row, 'step');
  const sequences = tokens / ((counted === 'decoder' ? 0 : encoderTokens) + decoderTokens);
  requirePositive({ 'sequences a step': sequences });
  if (Math.abs(sequences - Math.round(sequences)) <= nearlyWhole * sequences) return sequences;
  throw new ShapelawError(
    'bad-usage',
    `${row.runId} took ${Number(tokens.toPrecision(6))} tokens a step, no whole number of sequences of ${encoderTokens} encoder and ${decoderTokens} decoder tokens; say how long its sequences were, and count their padding`,
    { run: row.runId, tokens, ...lengths },
  );
}

function shapeOfRow(row: StepRow): Shape {
  const encoderLayers = row.encoderLayers ?? 0;
  const common = {
    dModel: cellOf(row, 'dModel'),
    dFf: cellOf(row, 'dFf'),
    dKv: cellOf(row, 'dKv'),
    heads: cellOf(row, 'heads'),
    vocab: cellOf(row, 'vocab'),
  };
  const decoderLayers = cellOf(row, 'decoderLayers');
  requirePositive({ decoderLayers });
  return encoderLayers > 0
    ? t5Shape(row.runId, { ...common, encoderLayers, decoderLayers })
    : llamaShape(row.runId, { ...common, layers: decoderLayers });
}

function cellOf(row: StepRow, name: Exclude<keyof StepRow, 'runId'>): number {
  const value = row[name];
  if (value !== undefined) return value;
  throw new ShapelawError('missing-column', `the step time of ${row.runId} can't be fitted without its ${name}`, {
    run: row.runId,
    column: name,
  });
}
