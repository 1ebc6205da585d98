import { describe, expect, test } from 'vitest';
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

describe('of the law of shape over decoders of 12 layers dModel^2 parameters', () => {
  const law = publishedLaw('gemstones-shape');
  const { E, A, B, alpha, beta, a, rho } = law.parameters as Record<string, number> as {
    readonly [Name in 'E' | 'A' | 'B' | 'alpha' | 'beta' | 'a' | 'rho']: number;
  };
  const paramsOf = ({ dModel, decoderLayers }: Shape) => 12 * decoderLayers * dModel ** 2;
  const lossAt = (flops: number, most: number) => (shape: Shape) => {
    const params = paramsOf(shape);
    if (params > most) return Number.POSITIVE_INFINITY;
    const { dModel, decoderLayers } = shape;
    return lossOf(law, law.parameters, { params, tokens: flops / (6 * params), dModel, layers: decoderLayers });
  };
  /** At the best ratio, dModel/layers = exp(a) N^rho, the law is chinchilla's: E + A N^-alpha + B D^-beta with 6 N D FLOPs. */
  const closedForm = (flops: number, params: number) => E + A * params ** -alpha + B * (flops / (6 * params)) ** -beta;
  /** Where its slopes are equal, alpha A N^-alpha = beta B D^-beta (Hoffmann et al. 2022, equation 4). */
  const bestParams = (flops: number) =>
    ((alpha * A) / (beta * B)) ** (1 / (alpha + beta)) * (flops / 6) ** (beta / (alpha + beta));
  const nearest = (flops: number, most: number) => {
    const lossOfShape = lossAt(flops, most);
    const shapes = lattice.sections.flatMap((section) =>
      Array.from({ length: 128 }, (_, k) => lattice.shape(section, 0, k + 1)),
    );
    return shapes.reduce((best, shape) => (lossOfShape(shape) < lossOfShape(best) ? shape : best));
  };

  test.each([1e18, 1e20, 1e22])(
    'the least is the closed form at %s FLOPs, and not above the best of the lattice',
    (flops) => {
      const params = bestParams(flops);
      // The formula says what it should: N and N exp(-.01) are no better.
      for (const share of [0.99, 1.01])
        expect(closedForm(flops, params * share)).toBeGreaterThan(closedForm(flops, params));
      // Between the least and the greatest layers of the lattice: N = 12 layers^3 (dModel/layers)^2.
      const layers = (params / 12 / Math.exp(2 * a) / params ** (2 * rho)) ** (1 / 3);
      expect(layers).toBeGreaterThan(1);
      expect(layers).toBeLessThan(128);
      const best = nearest(flops, Number.POSITIVE_INFINITY);
      const own = lossAt(flops, Number.POSITIVE_INFINITY);
      const least = leastBetween(lattice, best, none, own);
      expect(least).toBeLessThanOrEqual(own(best));
      expect(Math.abs(least - closedForm(flops, params))).toBeLessThan(1e-6);
      // From far off it finds the same.
      expect(Math.abs(leastBetween(lattice, start, none, own) - least)).toBeLessThan(1e-6);
    },
  );

  test('under a limit on parameters the least is at the limit', () => {
    const [flops, most] = [1e20, bestParams(1e20) / 4];
    const best = nearest(flops, most);
    const own = lossAt(flops, most);
    const least = leastBetween(lattice, best, none, own);
    expect(paramsOf(best)).toBeLessThanOrEqual(most);
    expect(least).toBeLessThanOrEqual(own(best));
    // The last step, .001 in a logarithm, may end so far within the limit, where the slope of the loss is about .04.
    expect(least).toBeGreaterThanOrEqual(closedForm(flops, most) - 1e-12);
    expect(least - closedForm(flops, most)).toBeLessThan(1e-4);
  });
});
