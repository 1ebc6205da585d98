import { countParameters } from '../flops/parameters.js';
import { presetShape, type T5EfficientSize, t5EfficientSizes } from '../flops/presets/index.js';
import { type Shape, t5Shape } from '../flops/shape.js';
import type { LatticeFamily } from './search/lattice.js';

/** Layers of each stack beyond which the paper saw no gain: "converging at 32 to 36 layers" (Tay et al. 2022). */
export const deepest = 36;

/** Depths shown besides the deepest that fits: the tall shapes that the paper and its released checkpoints speak of. */
const shownDepths = [16, 24, 32];

/** A size that people know, and for one of T5's the rule by which it grows. */
export interface StandardSize {
  readonly size: T5EfficientSize | null;
  readonly shape: Shape;
  readonly parameters: number;
}

const standardNames: Readonly<Record<T5EfficientSize, string>> = {
  tiny: 't5-efficient-tiny',
  mini: 't5-efficient-mini',
  small: 't5-small',
  base: 't5-base',
  large: 't5-large',
  xl: 't5-3b',
  xxl: 't5-11b',
};

/** The standard T5 sizes by growing parameters. */
export const standardSizes: readonly StandardSize[] = (Object.keys(standardNames) as T5EfficientSize[])
  .map((size) => {
    const shape = presetShape(standardNames[size])!;
    return { size, shape, parameters: countParameters(shape).total };
  })
  .sort((a, b) => a.parameters - b.parameters);

/** The ladders of sizes beside T5's, by family of candidates. */
const otherLadders = {
  't5-v1.1': ['t5-v1.1-small', 't5-v1.1-base', 't5-v1.1-large', 't5-v1.1-xl', 't5-v1.1-xxl'],
  llama: ['llama-3.2-1b', 'llama-3.2-3b', 'llama-7b', 'llama-13b', 'llama-30b', 'llama-65b'],
} as const;

function namedSize(name: string): StandardSize {
  const shape = presetShape(name)!;
  return { size: null, shape, parameters: countParameters(shape).total };
}

/** The standard sizes of a family of candidates by growing parameters. */
export function ladderOf(family: LatticeFamily): readonly StandardSize[] {
  return family === 't5' ? standardSizes : otherLadders[family].map(namedSize);
}

/**
 * The sizes of other families that stand beside an answer, each family in growing order. Tokens of ByT5 are bytes, BERT predicts
 * masked ones, and of a mixture a token visits a part: no law here is of these, so that they are left out.
 */
const referenceFamilies: readonly (readonly string[])[] = [
  ['t5-small', 't5-base', 't5-large', 't5-3b', 't5-11b'],
  otherLadders['t5-v1.1'],
  ['mt5-small', 'mt5-base', 'mt5-large', 'mt5-xl', 'mt5-xxl'],
  ['gpt2', 'gpt2-medium', 'gpt2-large', 'gpt2-xl'],
  ['pythia-70m', 'pythia-160m', 'pythia-410m', 'pythia-1b', 'pythia-1.4b', 'pythia-2.8b', 'pythia-6.9b', 'pythia-12b'],
  ['opt-125m', 'opt-350m', 'opt-1.3b', 'opt-2.7b', 'opt-6.7b', 'opt-13b', 'opt-30b', 'opt-66b', 'opt-175b'],
  ['llama-3.2-1b', 'llama-3.2-3b', 'llama-3-8b', 'llama-3-70b', 'llama-3.1-405b'],
  ['qwen3-0.6b', 'qwen3-1.7b', 'qwen3-4b', 'qwen3-8b', 'qwen3-14b', 'qwen3-32b'],
  ['mistral-7b-v0.3', 'mistral-nemo-12b'],
  ['gemma-3-270m', 'gemma-3-1b', 'gemma-3-4b-text', 'gemma-3-12b-text', 'gemma-3-27b-text'],
];

/** Factor of parameters beyond which a size of another family is no reference. */
const referenceFactor = 2;

/** Of each family the size nearest to a number of parameters, where it is within a factor of 2. */
export function referenceSizes(parameters: number): readonly StandardSize[] {
  return referenceFamilies
    .map((names) => nearestOf(names.map(namedSize), parameters))
    .filter((size) => Math.abs(Math.log(size.parameters / parameters)) <= Math.log(referenceFactor));
}

function nearestOf(sizes: readonly StandardSize[], parameters: number): StandardSize {
  const distance = (size: StandardSize) => Math.abs(Math.log(size.parameters / parameters));
  return sizes.reduce((best, size) => (distance(size) < distance(best) ? size : best));
}

/** The standard size nearest to a number of parameters, on a log scale. */
export function nearestStandard(parameters: number, ladder: readonly StandardSize[] = standardSizes): StandardSize {
  return nearestOf(ladder, parameters);
}

/** A standard size with both stacks `layers` deep. */
export function tallShape(size: T5EfficientSize, layers: number): Shape {
  const dimensions = t5EfficientSizes[size];
  return t5Shape(`t5-efficient-${size}-nl${layers}`, { ...dimensions, encoderLayers: layers, decoderLayers: layers });
}

/** Layers of the encoder-only variant, such as `small-el32` (Tay et al. 2022). */
const deepestEncoder = 32;

/** Both stacks of a shape, or the one it has, so many layers deep; a standard T5 size keeps the name that its checkpoints bear. */
function deepened(base: Shape, size: T5EfficientSize | null, layers: number): Shape {
  if (size !== null) return tallShape(size, layers);
  return {
    ...base,
    name: `${base.name}-nl${layers}`,
    ...(base.encoderLayers > 0 ? { encoderLayers: layers } : {}),
    ...(base.decoderLayers > 0 ? { decoderLayers: layers } : {}),
  };
}

function withDeepEncoder(base: Shape, size: T5EfficientSize | null, layers: number): Shape {
  const name = size === null ? `${base.name}-el${layers}` : `t5-efficient-${size}-el${layers}`;
  return { ...base, name, encoderLayers: layers };
}

/** Layers of the deeper stack. */
export function depthOf({ encoderLayers, decoderLayers }: Shape): number {
  return Math.max(encoderLayers, decoderLayers);
}

/**
 * A shape made taller before all else, as far as limits and 36 layers allow, then less tall; and of an encoder-decoder the variant
 * whose encoder alone grows, to 32 layers at most.
 */
function tallerShapes(base: Shape, size: T5EfficientSize | null, fits: (shape: Shape) => boolean): Shape[] {
  const layers = depthOf(base);
  let tallest = layers;
  while (tallest < deepest && fits(deepened(base, size, tallest + 1))) tallest += 1;
  const depths = shownDepths.filter((depth) => depth > layers && depth < tallest).reverse();
  const tall = tallest === layers ? [] : [tallest, ...depths].map((depth) => deepened(base, size, depth));
  if (base.kind !== 'encoder-decoder') return tall;
  let encoder = base.encoderLayers;
  while (encoder < deepestEncoder && fits(withDeepEncoder(base, size, encoder + 1))) encoder += 1;
  return encoder === base.encoderLayers ? tall : [...tall, withDeepEncoder(base, size, encoder)];
}

/**
 * DeepNarrow shapes (Tay et al. 2022): the next smaller standard size, and the standard size itself where that leaves a
 * fifth of the room or more unused, made taller before all else, up to 36 layers and what the limits allow.
 *
 * @param fits - Whether a shape keeps the limits; what is deeper than one that does not never does.
 * @param hasRoom - Whether the standard size leaves a fifth of the room or more unused.
 */
export function deepNarrowShapes(
  standard: StandardSize,
  ladder: readonly StandardSize[],
  fits: (shape: Shape) => boolean,
  hasRoom: boolean,
): Shape[] {
  const next = ladder[ladder.indexOf(standard) - 1];
  return [...(hasRoom ? [standard] : []), ...(next === undefined ? [] : [next])].flatMap(({ size, shape }) =>
    tallerShapes(shape, size, fits),
  );
}

/** The same rule from a shape of one's own: it is made taller before all else. */
export function deepenedBase(base: Shape, fits: (shape: Shape) => boolean): Shape[] {
  return tallerShapes(base, null, fits);
}
