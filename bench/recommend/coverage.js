// How often the recommendation set holds the best shape, over simulated sweeps: npm run coverage:set [-- --sims 1000 --draws 199 --json].
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { designs, level, places, trial } from './simulate.js';

/** Sweeps a worker takes at a time. */
const chunk = 10;

async function main() {
  const { values } = parseArgs({
    options: {
      sims: { type: 'string', default: '1000' },
      draws: { type: 'string', default: '199' },
      seed: { type: 'string', default: '0' },
      workers: { type: 'string', default: String(availableParallelism()) },
      /** Part of a design's name, to measure some alone. */
      design: { type: 'string', default: '' },
      tolerances: { type: 'string', default: '0,0.002,0.01' },
      json: { type: 'boolean', default: false },
    },
  });
  const numbers = Object.fromEntries(['sims', 'draws', 'seed', 'workers'].map((name) => [name, Number(values[name])]));
  for (const [name, value] of Object.entries(numbers)) {
    if (!(Number.isInteger(value) && value >= 0))
      throw new Error(`--${name} must be an integer from 0, not ${values[name]}`);
  }
  const { sims, draws, seed, workers } = numbers;
  const tolerances = values.tolerances.split(',').map(Number);
  const names = Object.keys(designs).filter((name) => name.includes(values.design));
  if (names.length === 0) throw new Error(`no --design ${values.design}: ${Object.keys(designs).join('; ')}`);
  const tasks = names.flatMap((name) =>
    Array.from({ length: Math.ceil(sims / chunk) }, (_, k) => {
      const from = seed + k * chunk;
      return { name, draws, tolerances, from, to: Math.min(seed + sims, from + chunk) };
    }),
  );

  const started = performance.now();
  const trials = [];
  let failed = 0;
  await Promise.all(
    Array.from({ length: workers }, async () => {
      const worker = new Worker(new URL(import.meta.url));
      for (let task = tasks.shift(); task !== undefined; task = tasks.shift()) {
        const answered = once(worker, 'message');
        worker.postMessage(task);
        const [answer] = await answered;
        trials.push(...answer.found);
        failed += answer.failed;
      }
      await worker.terminate();
    }),
  );
  const seconds = (performance.now() - started) / 1000;
  const report = names.flatMap((name) =>
    places.flatMap((place) => tolerances.map((tolerance) => summaryOf(trials, name, place, tolerance))),
  );
  if (values.json) console.log(JSON.stringify({ ...numbers, level, seconds, failed, report }, null, 1));
  else printTable(report);
  console.error(
    `${sims} sweeps of each design, ${failed} in all without draws, ${draws} draws, ${seconds.toFixed(0)} s`,
  );
}

function summaryOf(trials, name, place, tolerance) {
  const own = trials.filter((one) => one.name === name && one.place === place && one.tolerance === tolerance);
  const mean = (of) => own.reduce((sum, one) => sum + of(one), 0) / own.length;
  const best = mean((one) => Number(one.best));
  return {
    ...{ design: name, budget: place, tolerance, sweeps: own.length, best, interval: wilson(best, own.length) },
    all: mean((one) => Number(one.all)),
    share: mean((one) => one.share),
    largestShare: own.reduce((most, one) => Math.max(most, one.share), 0),
    within: mean((one) => one.within),
    regret: mean((one) => one.regret),
  };
}

/** Wilson's interval of a share at 95%. */
function wilson(share, count) {
  const z = 1.959964;
  const centre = share + (z * z) / (2 * count);
  const half = z * Math.sqrt((share * (1 - share)) / count + (z / (2 * count)) ** 2);
  return [centre - half, centre + half].map((end) => end / (1 + (z * z) / count));
}

function printTable(report) {
  const percent = (share, digits = 3) => Number((100 * share).toPrecision(digits));
  console.log(
    '| sweep | budget | tolerance | best held, % | all within the tolerance held, % | set, % of the lattice: mean (largest) | truly within the tolerance, % | regret of the point choice |',
  );
  console.log('| --- | --- | --- | --- | --- | --- | --- | --- |');
  for (const { design, budget, tolerance, best, interval, all, share, largestShare, within, regret } of report) {
    const held = `${(100 * best).toFixed(1)} (${interval.map((end) => (100 * end).toFixed(1)).join(' to ')})`;
    const size = `${percent(share)} (${percent(largestShare)})`;
    console.log(
      `| ${[design, budget, tolerance, held, (100 * all).toFixed(1), size, percent(within, 2), regret.toPrecision(2)].join(' | ')} |`,
    );
  }
}

function answerTasks() {
  parentPort.on('message', ({ name, draws, tolerances, from, to }) => {
    const found = [];
    let failed = 0;
    for (let seed = from; seed < to; seed++) {
      const answers = trial(name, seed, draws, tolerances);
      if (answers.length === 0) failed += 1;
      found.push(...answers);
    }
    parentPort.postMessage({ found, failed });
  });
}

if (isMainThread) await main();
else answerTasks();
