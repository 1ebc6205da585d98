import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import type { LawColumn } from '../../fit/law-form.js';
import { logSpaced } from '../../fit/statistics.js';
import { countParameters, type ParameterCount } from '../../flops/parameters.js';
import type { Shape } from '../../flops/shape.js';
import { deepest } from '../candidates.js';
import type { SweepStep } from './expand-sweep.js';
import { dimensionsText } from './sweep-shapes.js';

/** A run that a design may take, and its seeds apart. */
export interface Candidate {
  readonly shape: Shape;
  readonly count: ParameterCount;
  readonly tokens: number;
  /** Training FLOPs, exact convention. */
  readonly flops: number;
}

/** What bounds the candidates. */
export interface CandidateBounds {
  /** Training FLOPs of one run, at most. */
  readonly mostFlops: number;
  /** Tokens of one run, at most. */
  readonly mostTokens: number;
  /** Optimizer steps of one run, at least. */
  readonly fewestSteps: number;
  /** Candidates, at most; beyond them a random part is kept. */
  readonly mostCandidates: number;
  readonly seed: number;
}

/** Tokens a parameter: both sides of the 20 or so of a compute optimum, so that params and tokens do not move together. */
const tokensPerParam = [2.5, 320] as const;
/** Token counts, a factor of 2^(1/4) apart of a law without a term of shape, else of 2^(1/2). */
const [levelsOfSize, levelsOfShape] = [29, 15];
/** Parameters of the smallest candidate over the base's: the base says how small a model is worth its training. */
const smallest = 1 / 4;
/**
 * Factor within which dModel/layers stays of the base's, where the law knows it and where it does not: no parabola in its log holds
 * far from its top, and without a term of it runs should differ little in it.
 */
const [aspectReach, aspectSlack] = [8, 1.5];
/** What other ratios are multiplied by: the three values that a parabola needs. */
const ratioSteps = [1 / 2, 1, 2];
/** Decoder layers over encoder layers, of as many layers together. */
const stackRatios = [1 / 3, 1, 3];
const depths = [1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 30, deepest];
const widthStep = 1.2;
const widest = 16_384;

/**
 * Runs to choose from: shapes around a base, each at several numbers of tokens a parameter. Dimensions that the law knows vary each by
 * itself; a law without a term of shape gets the base at many sizes in its own proportions, since it can't tell what else a shape does.
 *
 * @param columns - Of the law.
 */
export function candidateRuns(
  base: Shape,
  columns: readonly LawColumn[],
  stepOf: (shape: Shape) => SweepStep,
  bounds: CandidateBounds,
): readonly Candidate[] {
  const knowsShape = columns.some((column) => !['params', 'tokens', 'flops'].includes(column));
  const levels = logSpaced(...tokensPerParam, knowsShape ? levelsOfShape : levelsOfSize);
  const fewestParams = smallest * countParameters(base).total;
  const found: Candidate[] = [];
  for (const widths of shapesByWidth(base, columns, knowsShape)) {
    const before = found.length;
    for (const shape of widths) {
      const count = countParameters(shape);
      if (count.total < fewestParams) continue;
      const step = stepOf(shape);
      let last = 0;
      for (const level of levels) {
        const steps = Math.round((level * count.total) / step.tokens);
        const fits =
          steps >= bounds.fewestSteps &&
          steps * step.tokens <= bounds.mostTokens &&
          steps * step.flops <= bounds.mostFlops;
        if (!fits || steps === last) continue;
        last = steps;
        found.push({ shape, count, tokens: steps * step.tokens, flops: steps * step.flops });
      }
    }
    // A wider shape costs more at the least tokens; the first may be too small.
    if (found.length === before && found.length > 0) break;
  }
  return thinned(found, bounds);
}

/** Shapes by growing width; one list a width. */
function* shapesByWidth(base: Shape, columns: readonly LawColumn[], knowsShape: boolean): Generator<readonly Shape[]> {
  const aspect = base.dModel / layersOf(base);
  const headRatio = (base.heads * base.dKv) / base.dModel;
  const ratios = (column: LawColumn) => (columns.includes(column) ? ratioSteps : [1]);
  const stacks = columns.includes('encoderLayers') || columns.includes('decoderLayers');
  const reach = knowsShape ? aspectReach : aspectSlack;
  let width = base.dKv;
  while (width <= widest) {
    const shapes = new Map<string, Shape>();
    const own = width / aspect;
    const layers = depths.filter((depth) => depth >= own / reach && depth <= own * reach);
    for (const depth of layers) {
      for (const ff of ratios('dFf')) {
        for (const attention of ratios('heads')) {
          for (const stack of stacks ? stackRatios : [base.decoderLayers / base.encoderLayers]) {
            const shape = sized(base, {
              dModel: width,
              dFf: Math.max(1, Math.round((ff * width * base.dFf) / base.dModel)),
              heads: Math.max(1, Math.round((attention * headRatio * width) / base.dKv)),
              encoderLayers: Math.max(1, Math.round((2 * depth) / (1 + stack))),
              decoderLayers: Math.max(1, Math.round((2 * depth * stack) / (1 + stack))),
            });
            shapes.set(shape.name, shape);
          }
        }
      }
    }
    yield [...shapes.values()];
    width = Math.max(width + base.dKv, Math.round((widthStep * width) / base.dKv) * base.dKv);
  }
}

function layersOf({ encoderLayers, decoderLayers }: Shape): number {
  return (encoderLayers + decoderLayers) / 2;
}

function sized(
  base: Shape,
  dimensions: Pick<Shape, 'dModel' | 'dFf' | 'heads' | 'encoderLayers' | 'decoderLayers'>,
): Shape {
  const shape = { ...base, ...dimensions, kvHeads: dimensions.heads, dEmbedding: dimensions.dModel };
  return { ...shape, name: dimensionsText(shape) };
}

/** All, or a random part in their own order. */
function thinned(candidates: readonly Candidate[], { mostCandidates, seed }: CandidateBounds): readonly Candidate[] {
  if (candidates.length <= mostCandidates) return candidates;
  const random = xoroshiro128plus(seed);
  let needed = mostCandidates;
  // Selection sampling: each is taken with the chance needed / left (Knuth, volume 2, algorithm 3.4.2 S).
  return candidates.filter((_, index) => {
    const left = candidates.length - index;
    if (uniformInt(random, 0, left - 1) >= needed) return false;
    needed -= 1;
    return true;
  });
}
