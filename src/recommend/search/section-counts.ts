import type { Shape } from '../../flops/shape.js';
import type { Section } from './lattice.js';
import type { Limit, SearchProblem } from './search.js';

/** What of a shape decides its tokens and its loss. */
export interface Counts {
  /** All parameters, tied embeddings once. */
  readonly total: number;
  readonly nonEmbedding: number;
  /** Training FLOPs a token, exact convention. */
  readonly training: number;
  /** Forward FLOPs a token. */
  readonly inference: number;
}

/** A section with its counts, which are linear in the layers of either stack. */
export interface SectionCounts {
  readonly index: number;
  readonly section: Section;
  readonly at: (encoderLayers: number, decoderLayers: number) => Counts;
  /** Whether a shape keeps all limits. */
  readonly holds: (encoderLayers: number, decoderLayers: number) => boolean;
}

/** `base + encoder * perEncoder + decoder * perDecoder`. */
type Linear = readonly [base: number, perEncoder: number, perDecoder: number];

const countNames = ['total', 'nonEmbedding', 'training', 'inference'] as const satisfies readonly (keyof Counts)[];

/**
 * Sections of a lattice, each counted at few shapes only.
 *
 * @param wanted - Which of them, by index. Defaults to all.
 */
export function* createSections(
  problem: SearchProblem,
  wanted: (index: number) => boolean = () => true,
): Generator<SectionCounts> {
  const { lattice, limits } = problem;
  for (const [index, section] of lattice.sections.entries()) {
    if (!wanted(index)) continue;
    const shapeAt = (encoder: number, decoder: number) =>
      lattice.shape(section, lattice.encoder ? encoder : 0, decoder);
    const corners = [shapeAt(1, 1), shapeAt(lattice.encoder ? 2 : 1, 1), shapeAt(1, 2)] as const;
    const counted = corners.map(problem.counts) as [Counts, Counts, Counts];
    const lines = countNames.map((name) => linear(counted[0][name], counted[1][name], counted[2][name]));
    const [total, nonEmbedding, training, inference] = lines as [Linear, Linear, Linear, Linear];
    const bounds = limits.map((limit) => boundOf(limit, corners, shapeAt, lattice.layers[1]));
    yield {
      index,
      section,
      at: (encoder, decoder) => ({
        total: total[0] + encoder * total[1] + decoder * total[2],
        nonEmbedding: nonEmbedding[0] + encoder * nonEmbedding[1] + decoder * nonEmbedding[2],
        training: training[0] + encoder * training[1] + decoder * training[2],
        inference: inference[0] + encoder * inference[1] + decoder * inference[2],
      }),
      holds: (encoder, decoder) => bounds.every((bound) => bound(encoder, decoder)),
    };
  }
}

function linear(one: number, moreEncoder: number, moreDecoder: number): Linear {
  const [perEncoder, perDecoder] = [moreEncoder - one, moreDecoder - one];
  return [one - perEncoder - perDecoder, perEncoder, perDecoder];
}

/** Whether shapes keep a limit: by a line through its measure at few shapes where it is one, else by measuring each. */
function boundOf(
  { most, measure }: Limit,
  corners: readonly [Shape, Shape, Shape],
  shapeAt: (encoder: number, decoder: number) => Shape,
  deepest: number,
): (encoder: number, decoder: number) => boolean {
  const [base, perEncoder, perDecoder] = linear(measure(corners[0]), measure(corners[1]), measure(corners[2]));
  const far = measure(shapeAt(deepest, deepest));
  const encoders = corners[0].encoderLayers === 0 ? 0 : deepest;
  const isLine = Math.abs(base + encoders * perEncoder + deepest * perDecoder - far) <= 1e-9 * Math.abs(far);
  return isLine
    ? (encoder, decoder) => base + encoder * perEncoder + decoder * perDecoder <= most
    : (encoder, decoder) => measure(shapeAt(encoder, decoder)) <= most;
}
