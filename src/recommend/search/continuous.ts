import type { Shape } from '../../flops/shape.js';
import type { KnownRatios, Lattice } from './lattice.js';

/** First and last step of the search, in the logarithm of a dimension. */
const firstStep = 0.3;
const lastStep = 1e-3;

/**
 * The least loss between the points of a lattice, from its best shape on: dimensions move continuously, those alone that the lattice varies.
 * A pattern search, which also trades one dimension for another so as to go along a limit.
 *
 * @param lossOf - Of a shape whose dimensions may be fractions; Infinity where it can't be.
 */
export function leastBetween(
  lattice: Lattice,
  best: Shape,
  known: KnownRatios,
  lossOf: (shape: Shape) => number,
): number {
  // Logarithms of dModel, layers of the decoder, of the encoder, dFf/dModel, heads * dKv/dModel.
  const moving = [true, true, lattice.encoder && !lattice.tied, known.feedForward, known.attention];
  const axes = moving.flatMap((moves, k) => (moves ? [k] : []));
  const start = [
    best.dModel,
    best.decoderLayers,
    lattice.encoder ? best.encoderLayers : 1,
    best.dFf / best.dModel,
    (best.heads * best.dKv) / best.dModel,
  ].map(Math.log);
  const [least, most] = lattice.layers.map(Math.log) as [number, number];
  const lossAt = (logs: readonly number[]) => {
    if ([1, 2].some((k) => moving[k] && (logs[k]! < least || logs[k]! > most))) return Number.POSITIVE_INFINITY;
    const [dModel, decoder, encoder, feedForward, attention] = logs.map(Math.exp) as [
      number,
      number,
      number,
      number,
      number,
    ];
    const section = { dModel, dFf: feedForward * dModel, dKv: best.dKv, heads: (attention * dModel) / best.dKv };
    const loss = lossOf(lattice.shape(section, !lattice.encoder ? 0 : lattice.tied ? decoder : encoder, decoder));
    return Number.isNaN(loss) ? Number.POSITIVE_INFINITY : loss;
  };
  const moves = [
    ...axes.map((k) => [[k, 1]] as const),
    ...axes.flatMap((a) =>
      axes
        .filter((b) => b > a)
        .map(
          (b) =>
            [
              [a, 1],
              [b, -1],
            ] as const,
        ),
    ),
  ].flatMap((move) => [1, -1].map((sign) => move.map(([axis, way]) => [axis, way * sign] as const)));

  let at = start;
  let loss = lossAt(start);
  for (let step = firstStep; step >= lastStep; step /= 2) {
    for (let moved = true; moved; ) {
      moved = false;
      for (const move of moves) {
        const next = [...at];
        for (const [axis, way] of move) next[axis]! += way * step;
        const found = lossAt(next);
        if (!(found < loss)) continue;
        [at, loss, moved] = [next, found, true];
      }
    }
  }
  return loss;
}
