import { bertShape } from '../shape.js';
import { tableFamily } from './family.js';

type Row = readonly [layers: number, dModel: number, heads: number, vocab: number];

/** Devlin et al. 2019; Turc et al. 2019 for the sizes below base. */
const rows: Readonly<Record<string, Row>> = {
  tiny: [2, 128, 2, 30522],
  mini: [4, 256, 4, 30522],
  small: [4, 512, 8, 30522],
  medium: [8, 512, 8, 30522],
  'base-uncased': [12, 768, 12, 30522],
  'large-uncased': [24, 1024, 16, 30522],
  'base-cased': [12, 768, 12, 28996],
  'large-cased': [24, 1024, 16, 28996],
};

export const bertFamily = tableFamily('bert-', rows, (name, [layers, dModel, heads, vocab]) =>
  bertShape(name, { layers, dModel, heads, vocab }),
);
