import { llamaShape } from '../shape.js';
import { tableFamily } from './family.js';

type Row = readonly [
  layers: number,
  dModel: number,
  dFf: number,
  heads: number,
  kvHeads: number,
  vocab: number,
  tied?: boolean,
];

/** Touvron et al. 2023 (twice); Grattafiori et al. 2024, and the released configurations. */
const rows: Readonly<Record<string, Row>> = {
  'llama-7b': [32, 4096, 11008, 32, 32, 32000],
  'llama-13b': [40, 5120, 13824, 40, 40, 32000],
  'llama-30b': [60, 6656, 17920, 52, 52, 32000],
  'llama-65b': [80, 8192, 22016, 64, 64, 32000],
  'llama-2-7b': [32, 4096, 11008, 32, 32, 32000],
  'llama-2-13b': [40, 5120, 13824, 40, 40, 32000],
  'llama-2-70b': [80, 8192, 28672, 64, 8, 32000],
  'llama-3-8b': [32, 4096, 14336, 32, 8, 128256],
  'llama-3-70b': [80, 8192, 28672, 64, 8, 128256],
  'llama-3.1-8b': [32, 4096, 14336, 32, 8, 128256],
  'llama-3.1-70b': [80, 8192, 28672, 64, 8, 128256],
  'llama-3.1-405b': [126, 16384, 53248, 128, 8, 128256],
  'llama-3.2-1b': [16, 2048, 8192, 32, 8, 128256, true],
  'llama-3.2-3b': [28, 3072, 8192, 24, 8, 128256, true],
};

export const llamaFamily = tableFamily('', rows, (name, [layers, dModel, dFf, heads, kvHeads, vocab, tied]) =>
  llamaShape(name, { layers, dModel, dFf, heads, kvHeads, vocab, tiedEmbeddings: tied ?? false }),
);
