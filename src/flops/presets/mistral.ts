import { type Experts, llamaShape } from '../shape.js';
import { tableFamily } from './family.js';

type Row = readonly [
  layers: number,
  dModel: number,
  dFf: number,
  heads: number,
  kvHeads: number,
  dKv: number,
  vocab: number,
  experts: Experts | null,
];

/** Each token visits two of Mixtral's eight experts (Jiang et al. 2024). */
const mixture: Experts = { count: 8, active: 2 };

/** Jiang et al. 2023 and 2024, and the released configurations. */
const rows: Readonly<Record<string, Row>> = {
  'mistral-7b-v0.1': [32, 4096, 14336, 32, 8, 128, 32000, null],
  'mistral-7b-v0.3': [32, 4096, 14336, 32, 8, 128, 32768, null],
  'mistral-nemo-12b': [40, 5120, 14336, 32, 8, 128, 131072, null],
  'mixtral-8x7b': [32, 4096, 14336, 32, 8, 128, 32000, mixture],
  'mixtral-8x22b': [56, 6144, 16384, 48, 8, 128, 32000, mixture],
  'mixtral-8x22b-instruct': [56, 6144, 16384, 48, 8, 128, 32768, mixture],
};

export const mistralFamily = tableFamily('', rows, (name, [layers, dModel, dFf, heads, kvHeads, dKv, vocab, experts]) =>
  llamaShape(name, { layers, dModel, dFf, heads, kvHeads, dKv, vocab, experts }),
);
