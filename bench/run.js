// Benchmarks against peers, in one run: npm run bench [-- --python PATH]. Peers in Python run where numpy and scipy are.
import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fitLaw } from '../dist/fit/index.js';
import { countFlops, countParameters, presetShape } from '../dist/flops/index.js';
import { chinchillaRows } from './chinchilla-rows.js';

const { python } = parseArgs({ options: { python: { type: 'string', default: 'python3' } } }).values;
const at = (path) => fileURLToPath(new URL(path, import.meta.url));

/** Median and smallest of several timings, in milliseconds. */
function timed(runs, work) {
  work();
  const times = Array.from({ length: runs }, () => {
    const start = performance.now();
    work();
    return performance.now() - start;
  }).sort((a, b) => a - b);
  return { median: times[Math.floor(runs / 2)], least: times[0] };
}

const rows = [];
function report(what, ours, peer, peerName) {
  const milliseconds = (value) => `${value.toPrecision(3)} ms`;
  rows.push({
    what,
    'ours (median)': milliseconds(ours.median),
    'ours (least)': milliseconds(ours.least),
    peer: peer === null ? 'absent' : milliseconds(peer),
    'peer is': peerName,
    'peer / ours': peer === null ? '' : Number((peer / ours.median).toPrecision(3)),
  });
}

/** Milliseconds that a peer script prints by name; empty where Python or a package is missing. */
function peers(script, input) {
  const result = spawnSync(python, [at(script)], { input: JSON.stringify(input), encoding: 'utf8' });
  if (result.status === 0) return JSON.parse(result.stdout);
  console.error(`${script}: no peer (${result.error?.message ?? result.stderr.trim().split('\n').at(-1)})`);
  return {};
}

function coldStart() {
  const run = (...args) => timed(15, () => spawnSync(process.execPath, args));
  const node = run('-e', '0');
  report('count t5-base, cold process', run(at('../dist/cli/main.js'), 'count', 't5-base'), node.median, 'node -e 0');
}

function millionShapes() {
  const base = presetShape('t5-base');
  const lengths = { encoderTokens: 512, decoderTokens: 114 };
  let sum = 0;
  const ours = timed(5, () => {
    for (let k = 0; k < 1e6; k++) {
      const shape = { ...base, encoderLayers: 1 + (k % 64), dModel: 64 * (1 + (k % 16)) };
      sum += countParameters(shape).total + countFlops(shape, lengths).training;
    }
  });
  const { millionShapes: peer = null } = peers('peers/count.py', {});
  report('a million shapes, parameters and FLOPs', ours, peer, 'totals alone, in plain Python');
  return sum;
}

function chinchillaFit() {
  const { table, source } = chinchillaRows();
  const peer = peers('peers/chinchilla.py', {
    rows: table.rows.map(({ params, tokens, loss }) => [params, tokens, loss]),
  });
  const fitWith = (draws) => fitLaw(table, { law: 'chinchilla', draws });
  const law = fitWith(0);
  report(
    'chinchilla fit with its starts, 240 rows',
    timed(30, () => fitWith(0)),
    peer.fit ?? null,
    'scipy least_squares, Huber, best of 4 starts',
  );
  report(
    '4,000 bootstrap refits, 240 rows',
    timed(3, () => fitWith(4000)),
    peer.refit === undefined ? null : 4000 * peer.refit,
    'scipy, one start each, from 40 refits',
  );
  console.log(
    `rows: ${source}; objective ${law.objective.value.toPrecision(9)} here, ${peer.objective?.toPrecision(9) ?? 'absent'} by scipy`,
  );
}

coldStart();
millionShapes();
chinchillaFit();
console.log(
  `${new Date().toISOString().slice(0, 10)}; ${cpus()[0].model}, ${cpus().length} cores; Node ${process.version}`,
);
console.table(rows);
