import { ShapelawError } from '../../errors.js';
import { countFlops } from '../../flops/flops.js';
import { countParameters } from '../../flops/parameters.js';
import type { Shape } from '../../flops/shape.js';
import { spanCorruptionLengths } from '../../flops/span-corruption.js';
import { badSweep, type Sweep } from './sweep-schema.js';
import { gridShapes, sweepShape } from './sweep-shapes.js';

/** One run of a sweep. */
export interface SweepRun {
  readonly shape: Shape;
  /** Token budget, encoder and decoder: as the sweep states it, or what its compute level pays for in whole steps. */
  readonly tokens: number;
  readonly seed: number;
  /** Optimizer steps that come nearest to the tokens; at least 1. */
  readonly steps: number;
  /** Training FLOPs of those steps, exact convention. */
  readonly flops: number;
  /** All parameters, tied embeddings once. */
  readonly params: number;
}

/** Runs beyond which a sweep is a slip of the pen. */
export const mostRuns = 100_000;

/** Tokens and exact training FLOPs of one step of a shape. */
export interface SweepStep {
  readonly tokens: number;
  readonly flops: number;
}

/** What of a sweep sets the size of a step. */
export type StepSetting = Pick<Sweep, 'encoderTokens' | 'density' | 'meanSpan' | 'batch' | 'accumulate'>;

/** A function that gives the step of a shape; defaults are those of the trainer. */
export function stepOf(setting: StepSetting): (shape: Shape) => SweepStep {
  const { encoderTokens, decoderTokens } = spanCorruptionLengths(
    setting.encoderTokens ?? 128,
    setting.density ?? 0.15,
    setting.meanSpan ?? 3,
  );
  const sequences = (setting.batch ?? 16) * (setting.accumulate ?? 1);
  return (shape) => ({
    tokens: sequences * (encoderTokens + decoderTokens),
    flops: sequences * countFlops(shape, { encoderTokens, decoderTokens }).training,
  });
}

/**
 * The runs of a sweep: shapes in their order, the list before the grid; of each its tokens, then its compute levels; of each its seeds. A run
 * that comes twice, by whatever name its shape has, is there once, where it first stood.
 *
 * @throws ShapelawError `bad-sweep`, naming the field and its value.
 */
export function expandSweep(sweep: Sweep): readonly SweepRun[] {
  const step = stepOf(sweep);
  const runs = new Map<string, SweepRun>();
  let asked = 0;
  for (const { shape, tokens, flops, seeds, field } of entriesOf(sweep)) {
    if (tokens.length + flops.length === 0) {
      throw new ShapelawError(
        'bad-sweep',
        `${field} of the sweep has no length: give tokens or flops, to it or to the whole sweep`,
        { field },
      );
    }
    asked += (tokens.length + flops.length) * seeds.length;
    if (asked > mostRuns) {
      throw new ShapelawError('bad-sweep', `the sweep has more than ${mostRuns} runs, at ${field}; give fewer values`, {
        field,
        most: mostRuns,
      });
    }
    const one = step(shape);
    const params = countParameters(shape).total;
    const { name: _, ...content } = shape;
    const key = JSON.stringify(content);
    const lengths = [
      ...tokens.map((count) => ({ tokens: count, steps: Math.max(1, Math.round(count / one.tokens)) })),
      ...flops.map((level) => lengthAt(level, one, field)),
    ];
    for (const { tokens: count, steps } of lengths) {
      if (!Number.isSafeInteger(steps * one.tokens))
        throw badSweep(`${field}.tokens`, count, 'more than can be counted');
      for (const seed of seeds) {
        const id = `${key} ${steps} ${seed}`;
        if (!runs.has(id)) runs.set(id, { shape, tokens: count, seed, steps, flops: steps * one.flops, params });
      }
    }
  }
  return [...runs.values()];
}

/** Whole steps that come nearest to a compute level. */
function lengthAt(level: number, one: SweepStep, field: string): { readonly tokens: number; readonly steps: number } {
  const steps = Math.round(level / one.flops);
  if (steps >= 1) return { tokens: steps * one.tokens, steps };
  throw badSweep(`${field}.flops`, level, `it does not pay for one step of this shape, which takes ${one.flops} FLOPs`);
}

interface Entry {
  readonly shape: Shape;
  readonly tokens: readonly number[];
  readonly flops: readonly number[];
  readonly seeds: readonly number[];
  readonly field: string;
}

function entriesOf(sweep: Sweep): readonly Entry[] {
  const { shapes, grid, base } = sweep;
  if (shapes === undefined && grid === undefined) {
    throw new ShapelawError('bad-sweep', 'the sweep has neither shapes nor a grid; give one of them', {
      fields: ['shapes', 'grid'],
    });
  }
  if (base !== undefined && grid === undefined) {
    throw badSweep('base', base, 'nothing reads it without a grid; leave it out, or list it among the shapes');
  }
  const whole = { tokens: sweep.tokens ?? [], flops: sweep.flops ?? [], seeds: sweep.seeds ?? [0] };
  const listed = (shapes ?? []).map(({ shape, tokens, flops, seeds }, index): Entry => {
    const field = `shapes.${index}`;
    const own = tokens !== undefined || flops !== undefined;
    return {
      shape: sweepShape(shape, sweep, `${field}.shape`),
      ...(own ? { tokens: tokens ?? [], flops: flops ?? [] } : { tokens: whole.tokens, flops: whole.flops }),
      seeds: seeds ?? whole.seeds,
      field,
    };
  });
  if (grid === undefined) return listed;
  if (base === undefined) throw badSweep('base', base, 'a grid needs the shape that it changes');
  const ofGrid = gridShapes(grid, sweepShape(base, sweep, 'base'), mostRuns).map(
    (shape): Entry => ({ shape, ...whole, field: 'grid' }),
  );
  return [...listed, ...ofGrid];
}
