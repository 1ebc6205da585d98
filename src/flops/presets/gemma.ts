import { llamaShape, type Norms } from '../shape.js';
import { type PresetFamily, tableFamily } from './family.js';

type Row = readonly [
  layers: number,
  dModel: number,
  dFf: number,
  heads: number,
  kvHeads: number,
  dKv: number,
  vocab: number,
];

/** Gemma Team 2024, table 1. */
const gemmaRows: Readonly<Record<string, Row>> = {
  'gemma-2b': [18, 2048, 16384, 8, 1, 256, 256000],
  'gemma-7b': [28, 3072, 24576, 16, 16, 256, 256000],
};

/** Gemma Team 2024 (Gemma 2), table 1. */
const gemma2Rows: Readonly<Record<string, Row>> = {
  'gemma-2-2b': [26, 2304, 9216, 8, 4, 256, 256000],
  'gemma-2-9b': [42, 3584, 14336, 16, 8, 256, 256000],
  'gemma-2-27b': [46, 4608, 36864, 32, 16, 128, 256000],
};

/** Gemma Team 2025, and the released configurations; `-text` is the language model without its vision tower. */
const gemma3Rows: Readonly<Record<string, Row>> = {
  'gemma-3-270m': [18, 640, 2048, 4, 1, 256, 262144],
  'gemma-3-1b': [26, 1152, 6912, 4, 1, 256, 262144],
  'gemma-3-4b-text': [34, 2560, 10240, 8, 4, 256, 262208],
  'gemma-3-12b-text': [48, 3840, 15360, 16, 8, 256, 262208],
  'gemma-3-27b-text': [62, 5376, 21504, 32, 16, 128, 262208],
};

function family(rows: Readonly<Record<string, Row>>, norms: Partial<Norms>): PresetFamily {
  return tableFamily('', rows, (name, [layers, dModel, dFf, heads, kvHeads, dKv, vocab]) => {
    const shape = llamaShape(name, { layers, dModel, dFf, heads, kvHeads, dKv, vocab, tiedEmbeddings: true });
    return { ...shape, norms: { ...shape.norms, ...norms } };
  });
}

export const gemmaFamilies: readonly PresetFamily[] = [
  family(gemmaRows, {}),
  family(gemma2Rows, { perSublayer: 2 }),
  family(gemma3Rows, { perSublayer: 2, queryKey: true }),
];
