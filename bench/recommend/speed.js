// How fast a lattice is searched, beside numpy: npm run bench:recommend [-- --python PATH].
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { publishedLaw } from '../../dist/fit/index.js';
import { lossTable } from '../../dist/fit/loss-table.js';
import { countFlops, countParameters } from '../../dist/flops/index.js';
import { createLattice } from '../../dist/recommend/search/lattice.js';
import { lossFloor } from '../../dist/recommend/search/loss-floor.js';
import { knownRatios, rankLattice } from '../../dist/recommend/search/rank.js';
import { searchLattice } from '../../dist/recommend/search/search.js';

const { python } = parseArgs({ options: { python: { type: 'string', default: 'python3' } } }).values;
const lengths = { encoderTokens: 512, decoderTokens: 114 };
const tokensOfSequence = 512 + 114;
const budget = 1e21;
const counts = (shape) => {
  const { total, nonEmbedding } = countParameters(shape);
  const { training, forward } = countFlops(shape, lengths);
  return { total, nonEmbedding, training: training / tokensOfSequence, inference: forward / tokensOfSequence };
};
const partOf = (lattice) => ({
  lattice,
  counts,
  tokens: ({ training }) => budget / training,
  params: ({ total }) => total,
  flops: () => budget,
  uniqueTokens: Number.NaN,
  limits: [],
});
const median = (runs, work) => {
  work();
  const times = Array.from({ length: runs }, () => {
    const start = performance.now();
    work();
    return performance.now() - start;
  });
  return times.sort((a, b) => a - b)[Math.floor(runs / 2)];
};

const law = publishedLaw('gemstones-shape');
const table = lossTable(law);
const every = createLattice(
  { stacks: 'free', dModel: [256, 4096], dModelStep: 256 },
  { feedForward: true, attention: false, stacks: true },
);
let asked = 0;
const streamed = median(3, () => {
  asked = searchLattice({ ...partOf(every), table, floor: null }, 1e-3).asked;
});
const bounded = median(3, () => searchLattice({ ...partOf(every), table, floor: lossFloor(law) }, 1e-3));

/** The same predictions in numpy: parameters, FLOPs and losses of as many T5 shapes. */
const peer = spawnSync(
  python,
  [
    '-c',
    `
import json, sys, time
import numpy as np
q = json.load(sys.stdin)
p = q['parameters']
def once():
    d, ff, el, dl = np.meshgrid(q['widths'], q['feedForwards'], q['depths'], q['depths'], indexing='ij')
    ff = ff * d
    n = 32128 * d + el * (4 * d * d + 2 * d * ff + 2 * d) + dl * (8 * d * d + 2 * d * ff + 3 * d) + d + 2 * d
    e, t = 512, 114
    f = el * e * (8 * d * d + 4 * d * ff) + el * e * e * 4 * d + dl * t * (8 * d * d + 4 * d * ff) + dl * t * t * 4 * d
    f = f + dl * (4 * d * d * t + 4 * d * d * e) + dl * t * e * 4 * d + 2 * d * 32128 * t
    tokens = q['budget'] / (3 * f / (e + t))
    log_n = np.log(n)
    s = p['c'] * (np.log(2 * d / (el + dl)) - p['a'] - p['rho'] * log_n) ** 2
    loss = p['E'] + p['A'] * np.exp(-p['alpha'] * (log_n - s)) + p['B'] * tokens ** -p['beta']
    return loss.size, float(loss.min())
once()
times = []
for _ in range(3):
    start = time.perf_counter()
    size, least = once()
    times.append(time.perf_counter() - start)
print(json.dumps({'size': size, 'least': least, 'milliseconds': 1e3 * sorted(times)[1]}))
`,
  ],
  {
    input: JSON.stringify({
      parameters: law.parameters,
      budget,
      widths: Array.from({ length: 16 }, (_, k) => 256 * (k + 1)),
      feedForwards: Array.from({ length: 13 }, (_, k) => 2 ** (k / 4)),
      depths: Array.from({ length: 128 }, (_, k) => k + 1),
    }),
    encoding: 'utf8',
  },
);
const numpy = peer.status === 0 ? JSON.parse(peer.stdout) : null;
const perSecond = (shapes, milliseconds) => `${(shapes / milliseconds / 1000).toPrecision(3)} million`;
console.table([
  { what: 'every shape asked', shapes: asked, ms: Math.round(streamed), 'shapes a second': perSecond(asked, streamed) },
  {
    what: 'branch and bound',
    shapes: every.size,
    ms: Math.round(bounded),
    'shapes a second': perSecond(every.size, bounded),
  },
  ...(numpy === null
    ? []
    : [
        {
          what: 'numpy',
          shapes: numpy.size,
          ms: Math.round(numpy.milliseconds),
          'shapes a second': perSecond(numpy.size, numpy.milliseconds),
        },
      ]),
]);

const drawn = {
  ...law,
  draws: {
    ...law.draws,
    values: Array.from({ length: 1000 }, (_, k) => law.draws.values[k % law.draws.values.length]),
  },
};
const usual = createLattice({}, knownRatios(law));
console.table([
  {
    what: `set over the default lattice of ${usual.size}, 1,000 draws`,
    ms: Math.round(median(3, () => rankLattice(drawn, partOf(usual), 0.01, 0.95))),
  },
  {
    what: `set over ${every.size} shapes, 1,000 draws`,
    ms: Math.round(median(1, () => rankLattice(drawn, partOf(every), 0.01, 0.95))),
  },
]);
