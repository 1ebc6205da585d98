// Training steps against torch, in one run: npm run bench:train [-- --python PATH --threads 1 --rounds 3]. Ours and the peer
// take turns, each in a process of its own, so that the ratio holds when the machine's speed drifts.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    python: { type: 'string', default: 'python3' },
    threads: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '3' },
  },
});
const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const sizes = { batch: 16, heads: 4, threads: Number(values.threads) };
const cases = {
  'a: 128, 512, 4 x 32, 2+2 layers, vocab 512, 128/32 tokens': {
    ...{
      ...sizes,
      steps: 20,
      layers: 2,
      dModel: 128,
      dFf: 512,
      dKv: 32,
      vocab: 512,
      encoderTokens: 128,
      decoderTokens: 32,
    },
  },
  'b: 256, 1024, 4 x 32, 4+4 layers, vocab 512, 128/32 tokens': {
    ...{
      ...sizes,
      steps: 10,
      layers: 4,
      dModel: 256,
      dFf: 1024,
      dKv: 32,
      vocab: 512,
      encoderTokens: 128,
      decoderTokens: 32,
    },
  },
  't5-efficient-tiny: 256, 1024, 4 x 64, 4+4 layers, vocab 32128, 256/64 tokens': {
    ...{
      ...sizes,
      steps: 5,
      layers: 4,
      dModel: 256,
      dFf: 1024,
      dKv: 64,
      vocab: 32128,
      encoderTokens: 256,
      decoderTokens: 64,
    },
  },
};

function child(command, args, input) {
  const result = spawnSync(command, args, { input: JSON.stringify(input), encoding: 'utf8', maxBuffer: 1e9 });
  if (result.status === 0) return JSON.parse(result.stdout.trim().split('\n').at(-1));
  console.error(`${command}: ${result.error?.message ?? result.stderr.trim().split('\n').at(-1)}`);
  return undefined;
}

const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];

const rows = [];
for (const [name, options] of Object.entries(cases)) {
  const found = { ours: [], torch: [], fused: [] };
  for (let round = 0; round < Number(values.rounds); round++) {
    found.ours.push(child(process.execPath, [at('train-step.js')], options));
    found.torch.push(child(values.python, [at('peers/train.py')], { ...options, fused: false }));
    found.fused.push(child(values.python, [at('peers/train.py')], { ...options, fused: true }));
  }
  const summary = Object.fromEntries(
    Object.entries(found).map(([key, list]) => {
      const done = list.filter((item) => item !== undefined);
      const times = done.flatMap((item) => item.times);
      if (times.length === 0) return [key, undefined];
      const megabytes = (field) => Math.round(median(done.map((item) => item[field])) / 1e6);
      return [
        key,
        {
          median: median(times),
          least: Math.min(...times),
          peak: megabytes('peakBytes'),
          base: megabytes('baseBytes'),
        },
      ];
    }),
  );
  const tokens = options.batch * (options.encoderTokens + options.decoderTokens);
  for (const [key, measured] of Object.entries(summary)) {
    if (measured === undefined) continue;
    rows.push({
      shape: name,
      who: { ours: 'shapelaw', torch: 'torch eager, AdamW', fused: 'torch eager, fused AdamW' }[key],
      'median ms': Number(measured.median.toFixed(1)),
      'least ms': Number(measured.least.toFixed(1)),
      'tokens/s a core': Math.round(tokens / (measured.median / 1000) / options.threads),
      'theirs / ours, median': Number((measured.median / summary.ours.median).toFixed(2)),
      'theirs / ours, least': Number((measured.least / summary.ours.least).toFixed(2)),
      'peak MB': measured.peak,
      'above libraries MB': measured.peak - measured.base,
    });
  }
}
console.log(
  `${new Date().toISOString().slice(0, 10)}; ${cpus()[0].model}, ${cpus().length} cores; Node ${process.version}; ${values.threads} threads`,
);
console.table(rows);

for (const [name, options] of Object.entries(cases)) {
  const folder = mkdtempSync(join(tmpdir(), 'shapelaw-profile-'));
  child(process.execPath, [at('train-step.js')], { ...options, steps: 3, profile: join(folder, 'step') });
  const events = readdirSync(folder).flatMap((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')));
  rmSync(folder, { recursive: true });
  const kernels = events.filter((event) => event.cat === 'Node' && event.name.endsWith('_kernel_time'));
  const total = kernels.reduce((sum, { dur }) => sum + dur, 0);
  const byOperator = {};
  for (const kernel of kernels) {
    const name = kernel.args.op_name;
    byOperator[name] = [...(byOperator[name] ?? []), kernel];
  }
  const shares = Object.entries(byOperator)
    .map(([operator, list]) => ({
      operator,
      share: list.reduce((sum, { dur }) => sum + dur, 0) / total,
      nodes: list.length / 5,
    }))
    .sort((x, y) => y.share - x.share);
  console.log(`profile of ${name}`);
  console.table(shares.slice(0, 12).map((row) => ({ ...row, share: `${(100 * row.share).toFixed(1)}%` })));
}
