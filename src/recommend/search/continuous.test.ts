import { expect, test } from 'vitest';
import { lossOf } from '../../fit/formulas.js';
import { publishedLaw } from '../../fit/published.js';
import type { Shape } from '../../flops/shape.js';
import { leastBetween } from './continuous.js';
import { createLattice } from './lattice.js';

const none = { feedForward: false, attention: false, stacks: false };
const lattice = createLattice({ family: 'llama' }, none);
const start = lattice.shape({ dModel: 512, dFf: 1408, dKv: 128, heads: 4 }, 0, 8);

test('finds the bottom of a bowl in width and depth, and stays on the near side of a limit', () => {
  const bowl = ({ dModel, decoderLayers }: Shape) =>
    2 + Math.log(dModel / 777) ** 2 + 3 * Math.log(decoderLayers / 13.5) ** 2;
  expect(leastBetween(lattice, start, none, bowl)).toBeCloseTo(2, 5);
  // With width times depth at most 5,000 the least along the limit is where the slopes are equal: x = ln d, y = ln l, x + y = ln 5000.
  const limited = (shape: Shape) =>
    shape.dModel * shape.decoderLayers <= 5000 ? bowl(shape) : Number.POSITIVE_INFINITY;
  const over = Math.log(777 * 13.5) - Math.log(5000);
  expect(leastBetween(lattice, start, none, limited)).toBeCloseTo(2 + (3 / 4) * over ** 2, 3);
});

test('lies no higher than the shape it starts from, and stays within the layers of the lattice', () => {
  const law = publishedLaw('gemstones-shape');
  const lossAt = ({ dModel, decoderLayers }: Shape) => {
    const params = 12 * decoderLayers * dModel ** 2;
    return lossOf(law, law.parameters, { params, tokens: 1e20 / (6 * params), dModel, layers: decoderLayers });
  };
  expect(leastBetween(lattice, start, none, lossAt)).toBeLessThan(lossAt(start));
  // Deeper is always better here: the deepest is 128.
  const deeper = ({ decoderLayers }: Shape) => 1 / decoderLayers;
  expect(leastBetween(lattice, start, none, deeper)).toBeCloseTo(1 / 128, 4);
});
