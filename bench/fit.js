// Benchmarks of fitting, beside those of run.js: threads, the four-term law, regions, and how time grows with rows.
// Run: npm run bench:fit. With SHAPELAW_DATA the Gemstones rows are the published ones.
import { existsSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { refitWorkers } from '../dist/cli/refit-workers.js';
import { fitLaw, fitLawParallel, regionReport } from '../dist/fit/index.js';
import { studyNamed } from '../dist/fit/studies/registry.js';
import { readRunTable } from '../dist/runs/index.js';
import { chinchillaRows } from './chinchilla-rows.js';

const rows = [];

/** Medians of wall-clock milliseconds, after a first run that counts for nothing. */
async function timed(what, runs, work) {
  await work();
  const times = [];
  for (let k = 0; k < runs; k++) {
    const start = performance.now();
    await work();
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  rows.push({ what, 'median, ms': times[Math.floor(runs / 2)].toPrecision(4), 'least, ms': times[0].toPrecision(4) });
}

/** Noisy rows of a surface, each a run of its own. */
function surfaceTable(count) {
  const { table } = chinchillaRows();
  let state = 1;
  const uniform = () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
  const normal = () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  const many = Array.from({ length: count }, (_, k) => {
    const [params, tokens] = [10 ** (7.5 + 3 * uniform()), 10 ** (9 + 2.5 * uniform())];
    const loss = (1.8172 + 482.01 * params ** -0.3478 + 2085.43 * tokens ** -0.3658) * Math.exp(0.005 * normal());
    return { row: k + 1, runId: `run-${k}`, params, tokens, flops: 6 * params * tokens, loss };
  });
  return { ...table, source: 'simulated', rows: many };
}

const { table } = chinchillaRows();
const options = { law: 'chinchilla', draws: 4000 };
await timed('4,000 refits of 240 rows, one thread', 5, () => fitLaw(table, options));
await timed('the same on two threads, thread start included', 5, () => fitLawParallel(table, options, refitWorkers(2)));

const gemstones = join(process.env.SHAPELAW_DATA ?? '', 'gemstones/wandb_df_for_fitting_hot.jsonl');
if (process.env.SHAPELAW_DATA !== undefined && existsSync(gemstones)) {
  const shapes = await readRunTable(gemstones, studyNamed('gemstones').tableOptions);
  for (const law of ['width-depth', 'shape']) {
    await timed(`${law} law, 220 Gemstones rows, all starts`, 5, () => fitLaw(shapes, { law, delta: 1e-4, draws: 0 }));
  }
}
const large = surfaceTable(10_000);
await timed('region law, 10,000 rows, 1 to 4 regions tried', 3, () => fitLaw(large, { law: 'region', draws: 0 }));
await timed('region report with its test of 199 tables, 10,000 rows', 3, () => regionReport(large));
for (const count of [1e3, 1e4, 1e5, 1e6]) {
  const many = surfaceTable(count);
  await timed(`chinchilla fit, ${count.toLocaleString('en-US')} rows`, count < 1e6 ? 3 : 1, () =>
    fitLaw(many, { law: 'chinchilla', draws: 0 }),
  );
}
console.log(
  `${new Date().toISOString().slice(0, 10)}; ${cpus()[0].model}, ${cpus().length} cores; Node ${process.version}`,
);
console.table(rows);
