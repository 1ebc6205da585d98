import { gptShape } from '../shape.js';
import { tableFamily } from './family.js';

/** `vocab` is padded to a multiple that grows with the tensor parallelism of the run. */
type Row = readonly [layers: number, dModel: number, heads: number, vocab: number];

/** Biderman et al. 2023, table 1 (14m and 31m were released later); Black et al. 2022. */
const rows: Readonly<Record<string, Row>> = {
  'pythia-14m': [6, 128, 4, 50304],
  'pythia-31m': [6, 256, 8, 50304],
  'pythia-70m': [6, 512, 8, 50304],
  'pythia-160m': [12, 768, 12, 50304],
  'pythia-410m': [24, 1024, 16, 50304],
  'pythia-1b': [16, 2048, 8, 50304],
  'pythia-1.4b': [24, 2048, 16, 50304],
  'pythia-2.8b': [32, 2560, 32, 50304],
  'pythia-6.9b': [32, 4096, 32, 50432],
  'pythia-12b': [36, 5120, 40, 50688],
  'gpt-neox-20b': [44, 6144, 64, 50432],
};

export const gptNeoxFamily = tableFamily('', rows, (name, [layers, dModel, heads, vocab]) =>
  gptShape(name, {
    layers,
    dModel,
    heads,
    dFf: 4 * dModel,
    vocab,
    positions: { kind: 'rotary' },
    tiedEmbeddings: false,
  }),
);
