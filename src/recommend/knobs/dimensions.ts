import { ShapelawError } from '../../errors.js';
import { inlineText } from '../../flops/inline-text.js';
import { llamaShape, type Shape, t5Shape } from '../../flops/shape.js';

/**
 * The scaling operators of Tay et al. 2022: layers of both stacks, of the encoder, of the decoder; width; feed-forward; heads;
 * width of a head.
 */
export const operatorNames = ['NL', 'EL', 'DL', 'DM', 'FF', 'NH', 'KV'] as const;

export type OperatorName = (typeof operatorNames)[number];

/** What each operator grows, in words. */
export const operatorSays: Readonly<Record<OperatorName, string>> = {
  NL: 'depth',
  EL: 'encoder layers',
  DL: 'decoder layers',
  DM: 'width',
  FF: 'feed-forward',
  NH: 'heads',
  KV: 'key-value size',
};

/** The dimensions that an operator grows, with their values. */
export type Sizes = {
  readonly [Name in 'encoderLayers' | 'decoderLayers' | 'dModel' | 'dFf' | 'heads' | 'dKv']?: number;
};

/** How dimensions grow. */
export interface GrowthOptions {
  /**
   * `alone`: DM grows dModel and nothing else, as the operators of the checkpoints of Tay et al. 2022 do; `uniform`: dFf and heads
   * grow with it, at the same ratios. Defaults to `alone`.
   */
  readonly width?: 'alone' | 'uniform';
  /** Next sizes of dModel are multiples of it. Defaults to 64. */
  readonly dModelStep?: number;
  /** Next sizes of dFf are multiples of it. Defaults to 128. */
  readonly dFfStep?: number;
  /** Next sizes of dKv are multiples of it. Defaults to 64. */
  readonly dKvStep?: number;
}

export type Growth = Required<GrowthOptions>;

/** @throws ShapelawError `bad-usage` for a step that is no positive integer. */
export function resolveGrowth(options: GrowthOptions): Growth {
  const { width = 'alone', dModelStep = 64, dFfStep = 128, dKvStep = 64 } = options;
  if (width !== 'alone' && width !== 'uniform')
    throw new ShapelawError('bad-usage', `width grows alone or uniform, not ${String(width)}`, { width });
  for (const [name, value] of Object.entries({ dModelStep, dFfStep, dKvStep })) {
    if (!(Number.isSafeInteger(value) && value > 0))
      throw new ShapelawError('bad-usage', `${name} must be a positive integer, not ${value}`, { [name]: value });
  }
  return { width, dModelStep, dFfStep, dKvStep };
}

/** The operators that a shape has: of one stack, NL is its depth. */
export function operatorsOf({ kind }: Shape): readonly OperatorName[] {
  return kind === 'encoder-decoder' ? operatorNames : operatorNames.filter((name) => name !== 'EL' && name !== 'DL');
}

/** The dimensions that an operator grows, with their values in a shape. */
export function sizesOf(shape: Shape, operator: OperatorName, width: Growth['width']): Sizes {
  const { encoderLayers, decoderLayers, dModel, dFf, heads, dKv } = shape;
  switch (operator) {
    case 'NL':
      return { ...(encoderLayers > 0 ? { encoderLayers } : {}), ...(decoderLayers > 0 ? { decoderLayers } : {}) };
    case 'EL':
      return { encoderLayers };
    case 'DL':
      return { decoderLayers };
    case 'DM':
      return width === 'alone' ? { dModel } : { dModel, dFf, heads };
    case 'FF':
      return { dFf };
    case 'NH':
      return { heads };
    case 'KV':
      return { dKv };
  }
}

/** A shape with an operator's dimensions times a factor: a point for counts and laws, whose sizes are no whole numbers. */
export function grow(shape: Shape, operator: OperatorName, factor: number, width: Growth['width']): Shape {
  const sizes = Object.entries(sizesOf(shape, operator, width)).map(([name, size]) => [name, size * factor]);
  const grown = withSizes(shape, Object.fromEntries(sizes));
  // Where the two widths happen to meet, the matrices between them would vanish for this one point.
  const meets = grown.dModel === grown.dEmbedding && shape.dModel !== shape.dEmbedding;
  return meets ? { ...grown, dModel: grown.dModel * (1 + Number.EPSILON) } : grown;
}

/** The next shape by an operator: a layer more (of the shallower stack, the deeper in proportion), the next multiple of a step, a head more. */
export function nextShape(shape: Shape, operator: OperatorName, growth: Growth): Shape {
  const grown = withSizes(shape, nextSizes(shape, operator, growth));
  return { ...grown, name: nameOf(grown) };
}

function nextSizes(shape: Shape, operator: OperatorName, growth: Growth): Sizes {
  const { encoderLayers, decoderLayers } = shape;
  switch (operator) {
    case 'NL': {
      const least = Math.min(...[encoderLayers, decoderLayers].filter((layers) => layers > 0));
      const deeper = (layers: number) => (layers === 0 ? 0 : Math.round((layers * (least + 1)) / least));
      return { encoderLayers: deeper(encoderLayers), decoderLayers: deeper(decoderLayers) };
    }
    case 'EL':
      return { encoderLayers: encoderLayers + 1 };
    case 'DL':
      return { decoderLayers: decoderLayers + 1 };
    case 'DM':
      return growth.width === 'alone'
        ? { dModel: nextMultiple(shape.dModel, growth.dModelStep) }
        : wider(shape, growth);
    case 'FF':
      return { dFf: nextMultiple(shape.dFf, growth.dFfStep) };
    case 'NH':
      return { heads: shape.heads + queriesPerKey(shape) };
    case 'KV':
      return { dKv: nextMultiple(shape.dKv, growth.dKvStep) };
  }
}

/** The least width at which a group of heads more, and all multiples, keep the ratios as well as they can. */
function wider(shape: Shape, { dModelStep, dFfStep }: Growth): Sizes {
  const group = queriesPerKey(shape);
  const wanted = (shape.dModel * (shape.heads + group)) / shape.heads;
  const dModel = Math.max(nextMultiple(shape.dModel, dModelStep), nearestMultiple(wanted, dModelStep));
  const ratio = dModel / shape.dModel;
  return {
    dModel,
    dFf: Math.max(shape.dFf, nearestMultiple(shape.dFf * ratio, dFfStep)),
    heads: Math.max(shape.heads, nearestMultiple(shape.heads * ratio, group)),
  };
}

function nearestMultiple(size: number, step: number): number {
  return Math.round(size / step) * step;
}

function nextMultiple(size: number, step: number): number {
  return (Math.floor(size / step) + 1) * step;
}

/** Whether all query heads share one key-value head, which stays one. */
function isMultiQuery({ heads, kvHeads }: Shape): boolean {
  return kvHeads === 1 && heads > 1;
}

/** Query heads that come with a key-value head. */
function queriesPerKey(shape: Shape): number {
  return isMultiQuery(shape) ? 1 : shape.heads / shape.kvHeads;
}

/** Key-value heads grow with the heads, and the embedding with the width where it is as wide. */
function withSizes(shape: Shape, sizes: Sizes): Shape {
  const grown = { ...shape, ...sizes };
  return {
    ...grown,
    kvHeads: isMultiQuery(shape) ? 1 : (shape.kvHeads * grown.heads) / shape.heads,
    dEmbedding: shape.dEmbedding === shape.dModel ? grown.dModel : shape.dEmbedding,
  };
}

/** What the command line reads as the shape, where its dimensions say all of it; else its name and dimensions. */
function nameOf(shape: Shape): string {
  const { name, kvHeads, feedForward } = shape;
  const text = inlineText(shape);
  const plain =
    shape.kind === 'decoder'
      ? { ...llamaShape(name, { ...shape, layers: shape.decoderLayers }), feedForward }
      : t5Shape(name, shape);
  const saysAll = JSON.stringify(sorted({ ...plain, kvHeads })) === JSON.stringify(sorted(shape));
  return saysAll ? text : `${name.split(' (')[0]} (${text})`;
}

function sorted(shape: Shape): unknown {
  return Object.entries(shape).sort(([one], [other]) => (one < other ? -1 : 1));
}
