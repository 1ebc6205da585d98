import { type T5Dimensions, t5Shape } from '../shape.js';
import { type PresetFamily, tableFamily } from './family.js';

type Row = readonly [
  encoderLayers: number,
  decoderLayers: number,
  dModel: number,
  dFf: number,
  dKv: number,
  heads: number,
];

/** Raffel et al. 2020, section 3.7. */
const t5Rows = {
  small: [6, 6, 512, 2048, 64, 8],
  base: [12, 12, 768, 3072, 64, 12],
  large: [24, 24, 1024, 4096, 64, 16],
  '3b': [24, 24, 1024, 16384, 128, 32],
  '11b': [24, 24, 1024, 65536, 128, 128],
} satisfies Record<string, Row>;

/** T5 v1.1, which mT5 and Flan-T5 share: Xue et al. 2021. */
const gatedRows: Readonly<Record<string, Row>> = {
  small: [8, 8, 512, 1024, 64, 6],
  base: [12, 12, 768, 2048, 64, 12],
  large: [24, 24, 1024, 2816, 64, 16],
  xl: [24, 24, 2048, 5120, 64, 32],
  xxl: [24, 24, 4096, 10240, 64, 64],
};

/** Xue et al. 2022, table 1: three encoder layers to one decoder layer. */
const byteRows: Readonly<Record<string, Row>> = {
  small: [12, 4, 1472, 3584, 64, 6],
  base: [18, 6, 1536, 3968, 64, 12],
  large: [36, 12, 1536, 3840, 64, 16],
  xl: [36, 12, 2560, 6720, 64, 32],
  xxl: [36, 12, 4672, 12352, 64, 64],
};

function dimensions([encoderLayers, decoderLayers, dModel, dFf, dKv, heads]: Row): T5Dimensions {
  return { encoderLayers, decoderLayers, dModel, dFf, dKv, heads };
}

function family(prefix: string, rows: Readonly<Record<string, Row>>, rest: Partial<T5Dimensions> = {}): PresetFamily {
  return tableFamily(prefix, rows, (name, row) => t5Shape(name, { ...dimensions(row), ...rest }));
}

const gated = { feedForward: 'gated', tiedEmbeddings: false } as const;

export const t5Families: readonly PresetFamily[] = [
  family('t5-', t5Rows),
  family('t5-v1.1-', gatedRows, gated),
  family('flan-t5-', gatedRows, gated),
  family('mt5-', gatedRows, { ...gated, vocab: 250112 }),
  family('byt5-', byteRows, { ...gated, vocab: 384 }),
];

/** A size that a `t5-efficient-*` name starts from. */
export type T5EfficientSize = 'tiny' | 'mini' | 'small' | 'base' | 'large' | 'xl' | 'xxl';

/**
 * The seven sizes of Tay et al. 2022, from which DeepNarrow starts; the upper five are T5's own.
 * Tiny, mini and small have heads of width 64: the model cards say 32, which misses the parameters that they publish.
 */
export const t5EfficientSizes: Readonly<Record<T5EfficientSize, T5Dimensions>> = {
  tiny: dimensions([4, 4, 256, 1024, 64, 4]),
  mini: dimensions([4, 4, 384, 1536, 64, 8]),
  small: dimensions(t5Rows.small),
  base: dimensions(t5Rows.base),
  large: dimensions(t5Rows.large),
  xl: dimensions(t5Rows['3b']),
  xxl: dimensions(t5Rows['11b']),
};
