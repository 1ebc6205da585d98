import { gptShape } from '../shape.js';
import { tableFamily } from './family.js';

type Row = readonly [layers: number, dModel: number, heads: number];

/** Radford et al. 2019, table 2, as released. */
const rows: Readonly<Record<string, Row>> = {
  '': [12, 768, 12],
  '-medium': [24, 1024, 16],
  '-large': [36, 1280, 20],
  '-xl': [48, 1600, 25],
};

export const gpt2Family = tableFamily('gpt2', rows, (name, [layers, dModel, heads]) =>
  gptShape(name, { layers, dModel, heads, dFf: 4 * dModel, vocab: 50257, positions: { kind: 'learned', rows: 1024 } }),
);
