// Simulated sweeps of shapes and what a recommendation makes of each: what coverage.js counts.
import { unstatedConventions } from '../../dist/conventions.js';
import { fitLaw } from '../../dist/fit/index.js';
import { lossTable } from '../../dist/fit/loss-table.js';
import { mixedSeed } from '../../dist/fit/random.js';
import { countFlops, countParameters } from '../../dist/flops/index.js';
import { createLattice } from '../../dist/recommend/search/lattice.js';
import { knownRatios, rankLattice } from '../../dist/recommend/search/rank.js';
import { normals, uniforms } from './random.js';

export const level = 0.95;

/** Sweeps: 20 shapes of every width and depth, at three lengths each. Runs are noisy by 1 to 2%. */
const widths = [256, 384, 512, 768, 1024];
const depths = [4, 8, 16, 32];
const tokensPerParameter = [5, 20, 80];
/** What each checkpoint of a run is off by beside what its run shares. */
const checkpointNoise = 0.003;

export const designs = {
  'sizes, 60 runs': { law: 'chinchilla', ratios: [] },
  'dModel/layers, 60 runs': { law: 'shape', ratios: ['dModel/layers'] },
  'dModel/layers, 20 runs x 3 checkpoints': { law: 'shape', ratios: ['dModel/layers'], checkpoints: true },
  'dModel/layers and dFf/dModel, 60 runs': {
    law: 'shape',
    ratios: ['dModel/layers', 'dFf/dModel'],
    feedForwards: [2, 4, 8],
  },
};

/** Decoders, so that layers are one number. A small vocabulary: embeddings are no shape. */
const context = 1024;
const counts = (shape) => {
  const { total, nonEmbedding } = countParameters(shape);
  const { training, forward } = countFlops(shape, { encoderTokens: 0, decoderTokens: context });
  return { total, nonEmbedding, training: training / context, inference: forward / context };
};
const latticeFor = (law) =>
  createLattice(
    {
      ...{ family: 'llama', vocab: 2048, headSizes: [64], dModel: [128, 4096] },
      ...(knownRatios(law).feedForward ? {} : { dFfRatios: [4] }),
    },
    knownRatios(law),
  );
const pointOf = (shape, tokens) => {
  const { total, training } = counts(shape);
  return {
    ...{ params: total, tokens, flops: training * tokens },
    ...{ dModel: shape.dModel, decoderLayers: shape.decoderLayers, layers: shape.decoderLayers, dFf: shape.dFf },
  };
};

/**
 * A law about those of Besiroglu et al. 2024, table 1 (E 1.82, A 482, B 2085, alpha .348, beta .366), with curvatures and drifts about
 * that of Gemstones by our fit (c .063, rho .27), and best at a dModel/layers of 20 to 70 and a dFf/dModel of 2.5 to 5 at 1e8 parameters.
 */
export function drawTruth({ law, ratios }, random) {
  const parameters = {
    ...{ E: random(1.5, 2), A: random(300, 600), B: random(1000, 3000) },
    ...{ alpha: random(0.32, 0.37), beta: random(0.33, 0.38) },
  };
  ratios.forEach((ratio, k) => {
    const suffix = ratios.length === 1 ? '' : String(k + 1);
    const [best, rho] =
      ratio === 'dModel/layers' ? [random(20, 70), random(0, 0.3)] : [random(2.5, 5), random(-0.05, 0.05)];
    parameters[`c${suffix}`] = random(0.04, 0.12);
    parameters[`a${suffix}`] = Math.log(best) - rho * Math.log(1e8);
    parameters[`rho${suffix}`] = rho;
  });
  return {
    ...{ format: 'shapelaw-law/2', name: 'the truth', law, form: law === 'shape' ? { ratios } : {} },
    ...{ variables: law === 'shape' ? ['dModel', 'layers', ...(ratios.length > 1 ? ['dFf'] : [])] : [], parameters },
    ...{ draws: null, conventions: { ...unstatedConventions, params: 'total', flops: 'exact' } },
  };
}

function lossesBy(law, points) {
  const table = lossTable(law);
  const columns = table.columns.map((name) => Float64Array.from(points, (point) => Math.log(point[name])));
  const losses = new Float64Array(points.length);
  table.write(null, columns, points.length, losses);
  return losses;
}

/** Points of a sweep, run by run. Of several feed-forwards each shape has another at each length. */
function runsOf({ feedForwards = [4], checkpoints = false }, lattice) {
  const runs = widths.flatMap((dModel, w) =>
    depths.flatMap((layers, d) => {
      const points = tokensPerParameter.map((ratio, k) => {
        const dFf = feedForwards[(w + d + k) % feedForwards.length] * dModel;
        const shape = lattice.shape({ dModel, dFf, dKv: 64, heads: dModel / 64 }, 0, layers);
        return pointOf(shape, ratio * counts(shape).total);
      });
      return checkpoints ? [points] : points.map((point) => [point]);
    }),
  );
  return runs;
}

function sweepOf(design, truth, lattice, random, normal) {
  const runs = runsOf(design, lattice);
  const noise = random(0.01, 0.02);
  const losses = lossesBy(truth, runs.flat());
  let row = 0;
  const rows = runs.flatMap((points, run) => {
    const offset = noise * normal();
    return points.map((point) => {
      row += 1;
      const own = design.checkpoints ? checkpointNoise * normal() : 0;
      return { row, runId: `run-${run + 1}`, ...point, loss: losses[row - 1] * Math.exp(offset + own) };
    });
  });
  return {
    ...{ source: 'simulated.csv', sha256: '0'.repeat(64), layout: 'own', rows, dropped: [] },
    ...{ conventions: truth.conventions, options: {}, warnings: [] },
  };
}

/** A budget in the middle of a sweep, and one a decade beyond its largest run. */
export const places = ['inside', 'a decade beyond'];
function budgetsOf(rows) {
  const logs = rows.map(({ flops }) => Math.log(flops));
  return [
    Math.exp(logs.reduce((sum, value) => sum + value, 0) / logs.length),
    10 * Math.exp(logs.reduce((a, b) => Math.max(a, b))),
  ];
}

/**
 * One sweep by a law of its own, fitted and ranked: for each budget and tolerance whether the set holds the shape that is
 * truly best, and every shape that is truly within the tolerance. Empty where the fit gives no draws.
 */
export function trial(name, seed, draws, tolerances) {
  const design = designs[name];
  const stream = mixedSeed(seed, Object.keys(designs).indexOf(name));
  const random = uniforms(stream);
  const truth = drawTruth(design, random);
  const lattice = latticeFor(truth);
  const table = sweepOf(design, truth, lattice, random, normals(stream));
  const ratios = design.law === 'shape' ? { ratios: design.ratios } : {};
  const law = fitLaw(table, { law: design.law, ...ratios, draws, seed });
  if (law.draws === null) return [];
  return budgetsOf(table.rows).flatMap((flops, k) => {
    const part = {
      ...{ lattice, counts, tokens: ({ training }) => flops / training, params: ({ total }) => total },
      ...{ flops: () => flops, uniqueTokens: Number.NaN, limits: [] },
    };
    return tolerances.map((tolerance) => {
      const { candidates: within, best } = rankLattice(truth, part, tolerance, level);
      const ranking = rankLattice(law, part, tolerance, level);
      const known = new Map(ranking.candidates.map(({ shape, member }) => [shape.name, member]));
      const isMember = ({ shape }) => known.get(shape.name) ?? ranking.standing(shape).member;
      const chosen = pointOf(ranking.best.shape, flops / counts(ranking.best.shape).training);
      return {
        ...{ name, place: places[k], tolerance },
        best: ranking.standing(best.shape).member,
        all: within.every(isMember),
        share: (ranking.set.size * ranking.thinned) / lattice.size,
        within: within.length / lattice.size,
        regret: lossesBy(truth, [chosen])[0] - best.loss,
      };
    });
  });
}
