import { gptShape, type Shape } from '../shape.js';
import { tableFamily } from './family.js';

type Row = readonly [layers: number, dModel: number, heads: number];

/** Zhang et al. 2022, table 1. */
const rows: Readonly<Record<string, Row>> = {
  '125m': [12, 768, 12],
  '350m': [24, 1024, 16],
  '1.3b': [24, 2048, 32],
  '2.7b': [32, 2560, 32],
  '6.7b': [32, 4096, 32],
  '13b': [40, 5120, 40],
  '30b': [48, 7168, 56],
  '66b': [64, 9216, 72],
  '175b': [96, 12288, 96],
};

export const optFamily = tableFamily('opt-', rows, (name, [layers, dModel, heads]): Shape => {
  const shape = gptShape(name, {
    layers,
    dModel,
    heads,
    dFf: 4 * dModel,
    vocab: 50272,
    // 2048 positions; the table's first two rows are never read.
    positions: { kind: 'learned', rows: 2050 },
  });
  // The one OPT that normalises after its sublayers and embeds at half its width.
  return name === 'opt-350m' ? { ...shape, dEmbedding: 512, norms: { ...shape.norms, final: false } } : shape;
});
