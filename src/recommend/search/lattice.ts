import { ShapelawError } from '../../errors.js';
import { inlineText } from '../../flops/inline-text.js';
import { llamaShape, type Shape, t5Shape } from '../../flops/shape.js';

/** Families whose shapes are searched. */
export const latticeFamilies = ['t5', 't5-v1.1', 'llama'] as const;

export type LatticeFamily = (typeof latticeFamilies)[number];

/** Which shapes are candidates. Ratios that the law does not know are held at the family's own. */
export interface LatticeOptions {
  /** Defaults to `t5`. */
  readonly family?: LatticeFamily;
  /** Least and greatest dModel. Defaults to 128 to 8192. */
  readonly dModel?: readonly [least: number, most: number];
  /** dModel is a multiple of it. Defaults to 128. */
  readonly dModelStep?: number;
  /** Widths of a head. Defaults to the family's; to 64 and 128 where the law knows heads. */
  readonly headSizes?: readonly number[];
  /** heads * dKv over dModel. Defaults to 1; to 1/2, 3/4, 1, 3/2 and 2 where the law knows the ratio. */
  readonly attentionRatios?: readonly number[];
  /** dFf is a multiple of it. Defaults to 128. */
  readonly dFfStep?: number;
  /** dFf over dModel, each taken to the nearest multiple. Defaults to the family's; to 13 from 1 to 8 where the law knows the ratio. */
  readonly dFfRatios?: readonly number[];
  /** Least and greatest layers of a stack. Defaults to 1 to 128. */
  readonly layers?: readonly [least: number, most: number];
  /** Whether encoder and decoder are of one depth or each of its own. Defaults to one depth; to their own where the law knows the ratio. */
  readonly stacks?: 'tied' | 'free';
  /** A multiple of 128. Defaults to the family's, padded to one. */
  readonly vocab?: number;
  /** Devices that share each layer: heads, dFf and vocab are divisible by it. Defaults to 1. */
  readonly tensorParallel?: number;
}

/** All shapes of one width: those that differ in layers alone. */
export interface Section {
  readonly dModel: number;
  readonly dFf: number;
  readonly dKv: number;
  readonly heads: number;
}

/** The candidates: sections times layers. */
export interface Lattice {
  readonly family: LatticeFamily;
  readonly sections: readonly Section[];
  readonly layers: readonly [least: number, most: number];
  /** One stack, or two that are as deep: layers are one number. */
  readonly tied: boolean;
  readonly encoder: boolean;
  readonly vocab: number;
  /** Shapes in all. */
  readonly size: number;
  /** A shape of a section, by the name that the command line reads as it; layers may be fractions. */
  readonly shape: (section: Section, encoderLayers: number, decoderLayers: number) => Shape;
}

interface Family {
  readonly encoder: boolean;
  readonly vocab: number;
  /** dFf over dModel of its standard sizes. */
  readonly dFfRatio: number;
  readonly headSize: number;
}

/** T5: Raffel et al. 2020; v1.1: base and large of Xue et al. 2021; Llama: Touvron et al. 2023, 2/3 of 4. */
const families: Readonly<Record<LatticeFamily, Family>> = {
  t5: { encoder: true, vocab: 32128, dFfRatio: 4, headSize: 64 },
  't5-v1.1': { encoder: true, vocab: 32128, dFfRatio: 8 / 3, headSize: 64 },
  llama: { encoder: false, vocab: 32000, dFfRatio: 8 / 3, headSize: 128 },
};

/** Ratios tried where the law knows them: from 1 to 8 by the fourth root of 2, and about 1. */
const knownDFfRatios = Array.from({ length: 13 }, (_, k) => 2 ** (k / 4));
const knownAttentionRatios = [1 / 2, 3 / 4, 1, 3 / 2, 2];

/** Which ratios of a shape a law has a term of. */
export interface KnownRatios {
  readonly feedForward: boolean;
  readonly attention: boolean;
  readonly stacks: boolean;
}

/**
 * The lattice that options describe.
 *
 * @throws ShapelawError `bad-usage` for options out of range, or that leave no shape.
 */
export function createLattice(options: LatticeOptions, known: KnownRatios): Lattice {
  const name = options.family ?? 't5';
  const family = families[name];
  if (family === undefined) {
    throw new ShapelawError('bad-usage', `no family "${name}" of candidates: ${latticeFamilies.join(', ')}`, {
      family: name,
    });
  }
  const dModel = rangeOf('dModel', options.dModel ?? [128, 8192]);
  const layers = rangeOf('layers', options.layers ?? [1, 128]);
  const dModelStep = positiveInteger('dModelStep', options.dModelStep ?? 128);
  const dFfStep = positiveInteger('dFfStep', options.dFfStep ?? 128);
  const parallel = positiveInteger('tensorParallel', options.tensorParallel ?? 1);
  const vocab = positiveInteger('vocab', options.vocab ?? family.vocab);
  if (vocab % 128 !== 0 || vocab % parallel !== 0) {
    const multiple = leastCommon(128, parallel);
    throw new ShapelawError(
      'bad-usage',
      `vocab must be a multiple of ${multiple}, not ${vocab}; pad it to ${Math.ceil(vocab / multiple) * multiple}`,
      { vocab },
    );
  }
  const headSizes = (options.headSizes ?? (known.attention ? [64, 128] : [family.headSize])).map((size) =>
    positiveInteger('a head size', size),
  );
  const attentionRatios = (options.attentionRatios ?? (known.attention ? knownAttentionRatios : [1])).map((ratio) =>
    positive('an attention ratio', ratio),
  );
  const dFfRatios = (options.dFfRatios ?? (known.feedForward ? knownDFfRatios : [family.dFfRatio])).map((ratio) =>
    positive('a ratio of dFf to dModel', ratio),
  );
  const sections: Section[] = [];
  for (let d = Math.ceil(dModel[0] / dModelStep) * dModelStep; d <= dModel[1]; d += dModelStep) {
    const widths = new Set(dFfRatios.map((ratio) => Math.max(1, Math.round((ratio * d) / dFfStep)) * dFfStep));
    for (const dKv of headSizes) {
      for (const ratio of attentionRatios) {
        const heads = (ratio * d) / dKv;
        if (!(Number.isInteger(heads) && heads % parallel === 0)) continue;
        for (const dFf of widths) if (dFf % parallel === 0) sections.push({ dModel: d, dFf, dKv, heads });
      }
    }
  }
  if (sections.length === 0) {
    throw new ShapelawError(
      'bad-usage',
      `no shape has dModel a multiple of ${dModelStep} from ${dModel.join(' to ')}, heads of ${headSizes.join(' or ')} and a split over ${parallel}; widen one of them`,
      { dModel, dModelStep, headSizes, tensorParallel: parallel },
    );
  }
  const stacks = options.stacks ?? (known.stacks ? 'free' : 'tied');
  if (stacks !== 'tied' && stacks !== 'free')
    throw new ShapelawError('bad-usage', `stacks are tied or free, not ${stacks}`);
  const tied = !family.encoder || stacks === 'tied';
  const depths = layers[1] - layers[0] + 1;
  return {
    family: name,
    sections,
    layers,
    tied,
    encoder: family.encoder,
    vocab,
    size: sections.length * (tied ? depths : depths ** 2),
    shape: ({ dModel, dFf, dKv, heads }, encoderLayers, decoderLayers) => {
      const shape = shapeOf[name]({ dModel, dFf, dKv, heads, vocab }, encoderLayers, decoderLayers);
      return { ...shape, name: inlineText(shape) };
    },
  };
}

type Width = Section & { readonly vocab: number };

const shapeOf: Readonly<Record<LatticeFamily, (width: Width, encoder: number, decoder: number) => Shape>> = {
  t5: (width, encoderLayers, decoderLayers) => t5Shape('', { ...width, encoderLayers, decoderLayers }),
  't5-v1.1': (width, encoderLayers, decoderLayers) =>
    t5Shape('', { ...width, encoderLayers, decoderLayers, feedForward: 'gated', tiedEmbeddings: false }),
  llama: (width, _, layers) => llamaShape('', { ...width, layers }),
};

function rangeOf(name: string, [least, most]: readonly [number, number]): readonly [number, number] {
  positiveInteger(`the least ${name}`, least);
  positiveInteger(`the greatest ${name}`, most);
  if (least <= most) return [least, most];
  throw new ShapelawError('bad-usage', `${name} must range from the lesser to the greater, not ${least} to ${most}`);
}

function positiveInteger(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new ShapelawError('bad-usage', `${name} of the candidates must be a positive integer, not ${value}`, { value });
}

function positive(name: string, value: number): number {
  if (value > 0 && Number.isFinite(value)) return value;
  throw new ShapelawError('bad-usage', `${name} of the candidates must be positive, not ${value}`, { value });
}

function leastCommon(a: number, b: number): number {
  let [x, y] = [a, b];
  while (y !== 0) [x, y] = [y, x % y];
  return (a / x) * b;
}
