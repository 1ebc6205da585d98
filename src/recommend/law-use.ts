import { ShapelawError } from '../errors.js';
import { computeOptimum, type SurfaceParameters } from '../fit/compute-optimum.js';
import type { LawParameters } from '../fit/formulas.js';
import { centralInterval } from '../fit/intervals.js';
import type { Law } from '../fit/law.js';
import type { LawColumn, LawPoint } from '../fit/law-form.js';
import type { Estimate } from '../fit/optimum/index.js';
import { lawDraws } from '../fit/predict.js';
import { publishedLaw } from '../fit/published.js';
import type { ParameterCount } from '../flops/parameters.js';
import { dimensionsOf, type Shape } from '../flops/shape.js';

export type { Estimate };

/** Columns that a law of shape has beside parameters and tokens. */
export const shapeColumns: readonly LawColumn[] = [
  'layers',
  'encoderLayers',
  'decoderLayers',
  'dModel',
  'dFf',
  'dKv',
  'heads',
];

/** A quantity by the law, and by each of its draws; null where it has none. */
export interface Samples {
  readonly value: number;
  readonly draws: readonly number[] | null;
}

export function estimateOf({ value, draws }: Samples, level: number): Estimate {
  return { value, interval: draws === null ? null : centralInterval(draws, level) };
}

/** A quantity that follows from the parameters of a law, with the central interval of its draws. */
export function estimateBy(law: Law, level: number, of: (parameters: LawParameters) => number): Estimate {
  return estimateOf({ value: of(law.parameters), draws: lawDraws(law)?.map(of) ?? null }, level);
}

/** The parameters of a shape as a law counts them; a law that states nothing is taken to count all. */
export function parametersFor(law: Law, count: Pick<ParameterCount, 'total' | 'nonEmbedding'>): number {
  return law.conventions.params === 'non-embedding' ? count.nonEmbedding : count.total;
}

/** What a law is asked for a shape trained on some tokens; `flops` by the exact count, which a law of 6ND counts its own way. */
export function pointFor(
  law: Law,
  shape: Shape,
  count: ParameterCount,
  tokens: number,
  flops: number,
  uniqueTokens?: number | null,
): LawPoint {
  const params = parametersFor(law, count);
  return {
    ...dimensionsOf(shape),
    params,
    tokens,
    ...(uniqueTokens == null ? {} : { uniqueTokens }),
    flops: law.conventions.flops === '6ND' ? 6 * params * tokens : flops,
  };
}

/**
 * Tokens at which N parameters are compute-optimal on a surface L(N, D): N = G (C/6)^a gives C, and D = C / (6 N).
 *
 * @throws ShapelawError `bad-usage` for a law that is no such surface.
 */
export function optimalTokens(law: Law, params: number, level: number): Estimate {
  return estimateBy(law, level, (parameters) => tokensBy(surfaceOf(law, parameters))(params));
}

/** {@link optimalTokens} without its interval, for many sizes. */
export function tokensOptimum(law: Law): (params: number) => number {
  return tokensBy(surfaceOf(law, law.parameters));
}

function tokensBy(surface: SurfaceParameters): (params: number) => number {
  const { a, G } = computeOptimum(surface);
  return (params) => (params / G) ** (1 / a) / params;
}

/** Laws that weigh parameters against tokens by two powers; one of shape at its best shapes, one of repeated data at tokens seen once. */
const surfaces: readonly string[] = ['chinchilla', 'shape', 'data-constrained'];

/** Whether a law states how many tokens are optimal for so many parameters. */
export function statesTokens(law: Law): boolean {
  return surfaces.includes(law.law);
}

/** The law that says how many tokens are optimal: the one given where it states them, else Besiroglu et al. 2024. */
export function tokensLawOf(law: Law | null): Law {
  return law !== null && statesTokens(law) ? law : publishedLaw('besiroglu-2024');
}

function surfaceOf(law: Law, parameters: LawParameters): SurfaceParameters {
  if (!statesTokens(law)) {
    throw new ShapelawError(
      'bad-usage',
      `${law.name} is a ${law.law} law, which states no compute optimum of tokens; a chinchilla law does`,
    );
  }
  return { A: parameters.A!, B: parameters.B!, alpha: parameters.alpha!, beta: parameters.beta! };
}
