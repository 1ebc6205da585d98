import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { lossOf } from '../../fit/formulas.js';
import type { Law } from '../../fit/law.js';
import { lossTable } from '../../fit/loss-table.js';
import { publishedLaw } from '../../fit/published.js';
import { countFlops } from '../../flops/flops.js';
import { trainingMemory } from '../../flops/memory.js';
import { countParameters } from '../../flops/parameters.js';
import type { Shape } from '../../flops/shape.js';
import { pointFor } from '../law-use.js';
import { createLattice, type LatticeOptions } from './lattice.js';
import { lossFloor } from './loss-floor.js';
import { knownRatios, rankLattice } from './rank.js';
import { type Limit, type SearchProblem, searchLattice } from './search.js';
import type { Counts } from './section-counts.js';

const lengths = { encoderTokens: 512, decoderTokens: 114 };
const sequenceTokens = 512 + 114;
const chinchilla = publishedLaw('besiroglu-2024');
const gemstones = publishedLaw('gemstones-shape');

function counts(shape: Shape): Counts {
  const { total, nonEmbedding } = countParameters(shape);
  const { training, forward } = countFlops(shape, lengths);
  return { total, nonEmbedding, training: training / sequenceTokens, inference: forward / sequenceTokens };
}

/** A law of shape with all its ratios, curvatures and drifts, and its best shapes within the lattices below. */
const fourRatios: Law = {
  ...chinchilla,
  name: 'four ratios',
  law: 'shape',
  form: { ratios: ['dModel/layers', 'dFf/dModel', 'heads*dKv/dModel', 'decoderLayers/encoderLayers'] },
  variables: ['params', 'tokens', 'dModel', 'layers', 'dFf', 'heads', 'dKv', 'decoderLayers', 'encoderLayers'],
  parameters: {
    ...chinchilla.parameters,
    ...{ c1: 0.05, a1: Math.log(32) - 0.1 * Math.log(1e8), rho1: 0.1 },
    ...{ c2: 0.1, a2: Math.log(3), rho2: 0 },
    ...{ c3: 0.2, a3: 0.1, rho3: -0.005 },
    ...{ c4: 0.03, a4: -0.3, rho4: 0 },
  },
  draws: null,
};
const widthDepth: Law = {
  ...chinchilla,
  name: 'width and depth',
  law: 'width-depth',
  variables: ['dModel', 'layers', 'params', 'tokens'],
  parameters: { E: 1.5, AW: 10, width: 0.6, AZ: 2, depth: 0.5, A: 300, alpha: 0.33, B: 900, beta: 0.3 },
  draws: null,
};

function problemOf(law: Law, options: LatticeOptions, flops: number, limits: readonly Limit[] = []): SearchProblem {
  return {
    lattice: createLattice(options, knownRatios(law)),
    table: lossTable(law),
    floor: lossFloor(law),
    counts,
    tokens: ({ training }) => flops / training,
    params: ({ total }) => total,
    flops: () => flops,
    uniqueTokens: Number.NaN,
    limits,
  };
}

/** Every shape of a lattice with its loss, one by one. */
function bruteForce(law: Law, { lattice, limits }: SearchProblem, flops: number) {
  const all: { shape: Shape; loss: number }[] = [];
  for (const section of lattice.sections) {
    for (let decoder = lattice.layers[0]; decoder <= lattice.layers[1]; decoder++) {
      const encoders = !lattice.encoder ? [0] : lattice.tied ? [decoder] : undefined;
      for (
        let encoder = encoders?.[0] ?? lattice.layers[0];
        encoder <= (encoders?.[0] ?? lattice.layers[1]);
        encoder++
      ) {
        const shape = lattice.shape(section, encoder, decoder);
        if (limits.some(({ most, measure }) => measure(shape) > most)) continue;
        const point = pointFor(law, shape, countParameters(shape), flops / counts(shape).training, flops);
        all.push({ shape, loss: lossOf(law, law.parameters, point) });
      }
    }
  }
  return all;
}

describe('a lattice', () => {
  test('holds the shapes that its options describe, and counts them', () => {
    const lattice = createLattice(
      { dModel: [128, 512], headSizes: [64, 128], layers: [1, 4], tensorParallel: 2 },
      { feedForward: false, attention: false, stacks: false },
    );
    // 128 has 2 heads of 64 or 1 of 128, which 2 devices can't share; 384 has 6, or 3.
    expect(lattice.sections.map(({ dModel, heads, dKv, dFf }) => [dModel, heads, dKv, dFf])).toEqual([
      [128, 2, 64, 512],
      [256, 4, 64, 1024],
      [256, 2, 128, 1024],
      [384, 6, 64, 1536],
      [512, 8, 64, 2048],
      [512, 4, 128, 2048],
    ]);
    expect(lattice.size).toBe(6 * 4);
    expect(lattice.shape(lattice.sections[4]!, 6, 6)).toMatchObject({
      name: 'enc=6,dec=6,d=512,ff=2048,kv=64,h=8',
      ...{ encoderLayers: 6, decoderLayers: 6, vocab: 32128, tiedEmbeddings: true, feedForward: 'plain' },
    });
    const llama = createLattice({ family: 'llama' }, { feedForward: false, attention: false, stacks: false });
    expect(llama.shape(llama.sections[0]!, 0, 3)).toMatchObject({
      kind: 'decoder',
      encoderLayers: 0,
      decoderLayers: 3,
    });
    // 8/3 of 128 is 341.3, whose nearest multiple of 128 is 384.
    expect(llama.sections[0]).toMatchObject({ dModel: 128, dFf: 384 });
  });

  test('varies the ratios that the law knows, and no others', () => {
    const ratios = (law: Law) => {
      const { sections, tied } = createLattice({ dModel: [1024, 1024] }, knownRatios(law));
      const distinct = (of: (section: (typeof sections)[number]) => number) => new Set(sections.map(of)).size;
      return [distinct(({ dFf }) => dFf), distinct(({ heads }) => heads), tied];
    };
    expect(ratios(chinchilla)).toEqual([1, 1, true]);
    expect(ratios(gemstones)).toEqual([1, 1, true]);
    // 512, 768, 1024, 1536 and 2048 wide, in heads of 64 and of 128.
    expect(ratios(fourRatios)).toEqual([13, 7, false]);
  });

  test.each<[string, LatticeOptions, RegExp]>([
    ['an unknown family', { family: 'bert' as 't5' }, /no family "bert" of candidates: t5, t5-v1.1, llama/],
    ['a vocabulary that is no multiple of 128', { vocab: 32000 + 1 }, /multiple of 128, not 32001; pad it to 32128/],
    ['no positive step', { dModelStep: 0 }, /dModelStep of the candidates must be a positive integer, not 0/],
    ['widths upside down', { dModel: [512, 128] }, /dModel must range from the lesser to the greater, not 512 to 128/],
    ['no shape at all', { dModel: [100, 120] }, /no shape has dModel a multiple of 128 from 100 to 120/],
    ['a ratio of nothing', { dFfRatios: [0] }, /a ratio of dFf to dModel of the candidates must be positive, not 0/],
    ['stacks of another kind', { stacks: 'loose' as 'free' }, /stacks are tied or free, not loose/],
    ['layers in part', { layers: [1, 2.5] }, /greatest layers of the candidates must be a positive integer, not 2.5/],
  ])('%s is refused', (_, options, message) => {
    const refused = () => createLattice(options, { feedForward: false, attention: false, stacks: false });
    expect(refused).toThrow(expect.objectContaining({ code: 'bad-usage', message: expect.stringMatching(message) }));
  });
});

test('a table of losses is the formula, of the law and of each draw', () => {
  for (const law of [chinchilla, gemstones, fourRatios, widthDepth, publishedLaw('kaplan-2020')]) {
    const table = lossTable(law);
    const point = {
      params: 3e8,
      tokens: 7e9,
      dModel: 640,
      layers: 20,
      encoderLayers: 25,
      decoderLayers: 15,
      dFf: 2048,
      heads: 12,
      dKv: 64,
    };
    const columns = table.columns.map((column) => Float64Array.of(Math.log(point[column as keyof typeof point])));
    const losses = new Float64Array(1);
    table.write(null, columns, 1, losses);
    expect(losses[0]! / lossOf(law, law.parameters, point)).toBeCloseTo(1, 12);
    for (const draw of [0, 7].filter(() => table.draws > 0)) {
      table.write(draw, columns, 1, losses);
      const drawn = Object.fromEntries(law.draws!.parameters.map((name, k) => [name, law.draws!.values[draw]![k]!]));
      expect(losses[0]! / lossOf(law, drawn, point)).toBeCloseTo(1, 12);
    }
  }
});

describe('a search', () => {
  const small: LatticeOptions = {
    dModel: [256, 1024],
    dModelStep: 256,
    headSizes: [64],
    layers: [1, 40],
    stacks: 'free',
  };
  const memory: Limit = {
    most: 3e9,
    measure: (shape) => trainingMemory(shape, { ...lengths, batch: 4, optimizer: 'adafactor' }).total,
  };

  test.each<[string, Law, LatticeOptions, readonly Limit[]]>([
    ['chinchilla', chinchilla, small, []],
    ['shape of one ratio', gemstones, small, []],
    ['shape of four ratios', fourRatios, { ...small, dFfRatios: [1, 2, 4], attentionRatios: [0.5, 1] }, []],
    ['shape under a limit of memory', fourRatios, { ...small, dFfRatios: [2, 4] }, [memory]],
    ['width and depth', widthDepth, small, []],
    ['decoders', gemstones, { ...small, family: 'llama' }, []],
  ])('of %s finds what asking every shape finds', (_, law, options, limits) => {
    const flops = 1e18;
    const problem = problemOf(law, options, flops, limits);
    const all = bruteForce(law, problem, flops);
    const least = Math.min(...all.map(({ loss }) => loss));
    const regret = 0.02;
    const within = all.filter(({ loss }) => loss <= least + regret).map(({ shape }) => shape.name);
    expect(within.length).toBeGreaterThan(3);
    expect(within.length).toBeLessThan(all.length);
    const found = searchLattice(problem, regret);
    // A row of layers is asked whole.
    if (!problem.lattice.tied) expect(found.asked).toBeLessThan(problem.lattice.size);
    const names = Array.from({ length: found.count }, (_, k) => {
      const section = problem.lattice.sections[found.section[k]!]!;
      return problem.lattice.shape(section, found.encoderLayers[k]!, found.decoderLayers[k]!).name;
    });
    expect(names.sort()).toEqual(within.sort());
    expect(Math.min(...found.loss.subarray(0, found.count)) / least).toBeCloseTo(1, 12);
  });

  test('of a law that can’t be bounded asks every shape', () => {
    const problem = { ...problemOf(gemstones, small, 1e18), floor: null };
    expect(searchLattice(problem, 0.02).asked).toBe(problem.lattice.size);
  });

  test('a bound lies below every loss of its box', () => {
    const dimension = (least: number, most: number) =>
      fc.tuple(fc.integer({ min: least, max: most }), fc.integer({ min: least, max: most }));
    fc.assert(
      fc.property(
        dimension(1, 128),
        dimension(1, 128),
        dimension(2, 40),
        fc.constantFrom(chinchilla, gemstones, fourRatios, widthDepth),
        (encoder, decoder, width, law) => {
          const floor = lossFloor(law)!;
          const log = (name: 'a' | 'b', values: readonly [number, number]) =>
            Math.log(name === 'a' ? Math.min(...values) : Math.max(...values));
          const span = (values: readonly [number, number]) => [log('a', values), log('b', values)] as const;
          const dModel = span([64 * width[0], 64 * width[1]]);
          const meanLayers = [0, 1].map((k) =>
            Math.log(((k === 0 ? Math.min : Math.max)(...encoder) + (k === 0 ? Math.min : Math.max)(...decoder)) / 2),
          );
          const ranges = {
            ...{
              params: [Math.log(1e7), Math.log(3e9)],
              tokens: [Math.log(1e8), Math.log(5e10)],
              flops: [0, 0],
              uniqueTokens: [0, 0],
            },
            ...{ encoderLayers: span(encoder), decoderLayers: span(decoder), layers: meanLayers, dModel },
            ...{ dFf: span([1024, 4096]), dKv: [Math.log(64), Math.log(64)], heads: span([4, 16]), vocab: [0, 0] },
          } as unknown as Parameters<typeof floor>[0];
          const low = floor(ranges);
          for (const share of [0, 0.3, 0.5, 1]) {
            const at = (name: keyof typeof ranges) =>
              Math.exp(ranges[name][0] + share * (ranges[name][1] - ranges[name][0]));
            const [encoderLayers, decoderLayers] = [at('encoderLayers'), at('decoderLayers')];
            const point = {
              params: at('params'),
              tokens: at('tokens'),
              encoderLayers,
              decoderLayers,
              layers: Math.exp(meanLayers[0]! + share * (meanLayers[1]! - meanLayers[0]!)),
              dModel: at('dModel'),
              dFf: at('dFf'),
              heads: at('heads'),
              dKv: 64,
            };
            expect(low).toBeLessThanOrEqual(lossOf(law, law.parameters, point) * (1 + 1e-12));
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  test('keeps limits that are no line in the layers by measuring each shape', () => {
    // Seconds grow with the deeper stack alone.
    const limit: Limit = {
      most: 12,
      measure: (shape) => Math.max(shape.encoderLayers, shape.decoderLayers) ** 1.5 / 4,
    };
    const problem = problemOf(gemstones, small, 1e18, [limit]);
    const found = searchLattice(problem, Number.POSITIVE_INFINITY);
    // 4 * 12 = 48 = 13.2^1.5.
    const deepest = Math.max(
      ...found.encoderLayers.subarray(0, found.count),
      ...found.decoderLayers.subarray(0, found.count),
    );
    expect(deepest).toBe(13);
    expect(found.count).toBe(problem.lattice.sections.length * 13 ** 2);
  });
});

test('a ranking of shapes that no budget pays for is none', () => {
  const { floor: _, table: __, ...part } = problemOf(gemstones, {}, 1e18);
  expect(rankLattice(gemstones, { ...part, tokens: () => -1 }, 0.01, 0.95)).toBeNull();
});

test('a ranking goes from the best on, and its members lie within what was kept', () => {
  const { floor: _, table: __, ...part } = problemOf(gemstones, { dModelStep: 256 }, 1e19);
  const ranking = rankLattice(gemstones, part, 0.01, 0.95)!;
  const losses = ranking.candidates.map(({ loss }) => loss);
  expect(losses).toEqual([...losses].sort((a, b) => a - b));
  expect(ranking.best.member).toBe(true);
  expect(ranking.set!.size).toBe(ranking.candidates.filter(({ member }) => member).length);
  expect(ranking.set!.size).toBeLessThan(ranking.searched / 2);
  // The worst that was kept is no member: the search went far enough.
  expect(ranking.candidates.at(-1)!.member).toBe(false);
  for (const { shape, member } of [ranking.candidates[5]!, ranking.candidates.at(-1)!]) {
    expect(ranking.standing(shape)!.member).toBe(member);
  }
  const again = rankLattice(gemstones, part, 0.01, 0.95)!;
  expect(again.candidates).toEqual(ranking.candidates);
});
