import { countParameters } from '../flops/parameters.js';
import { presetShape, type T5EfficientSize, t5EfficientSizes } from '../flops/presets/index.js';
import { type Shape, t5Shape } from '../flops/shape.js';

/** Layers of each stack beyond which the paper saw no gain: "converging at 32 to 36 layers" (Tay et al. 2022). */
export const deepest = 36;

/** Depths shown besides the deepest that fits: the tall shapes that the paper and its released checkpoints speak of. */
const shownDepths = [16, 24, 32];

/** A T5 size that people know, and the rule by which it grows. */
export interface StandardSize {
  readonly size: T5EfficientSize;
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

/** The standard size nearest to a number of parameters, on a log scale. */
export function nearestStandard(parameters: number): StandardSize {
  const distance = (size: StandardSize) => Math.abs(Math.log(size.parameters / parameters));
  return standardSizes.reduce((best, size) => (distance(size) < distance(best) ? size : best));
}

/** A standard size with both stacks `layers` deep. */
export function tallShape(size: T5EfficientSize, layers: number): Shape {
  const dimensions = t5EfficientSizes[size];
  return t5Shape(`t5-efficient-${size}-nl${layers}`, { ...dimensions, encoderLayers: layers, decoderLayers: layers });
}

/**
 * DeepNarrow shapes (Tay et al. 2022): the next smaller standard size, and the standard size itself where that leaves a
 * fifth of the room or more unused, made taller before all else, up to 36 layers and the parameters given.
 */
export function deepNarrowShapes(standard: StandardSize, mostParameters: number): Shape[] {
  const next = standardSizes[standardSizes.indexOf(standard) - 1];
  const bases = [
    ...(standard.parameters * 1.25 <= mostParameters ? [standard] : []),
    ...(next === undefined ? [] : [next]),
  ];
  return bases.flatMap(({ size, shape }) => {
    let tallest = shape.encoderLayers;
    while (tallest < deepest && countParameters(tallShape(size, tallest + 1)).total <= mostParameters) tallest += 1;
    if (tallest === shape.encoderLayers) return [];
    const depths = shownDepths.filter((depth) => depth > shape.encoderLayers && depth < tallest);
    return [tallest, ...depths.reverse()].map((depth) => tallShape(size, depth));
  });
}
