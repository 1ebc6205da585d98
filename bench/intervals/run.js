// Coverage of intervals over simulated sweeps: npm run coverage [-- --sims 1000 --draws 199 --laws power,chinchilla --json].
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { chosenResampling } from '../../dist/fit/fit.js';
import { completeOptions } from '../../dist/fit/options.js';
import { fitToTable } from '../../dist/fit/posed.js';
import { methods } from './measure.js';
import { cases, normals, simulate, studies, truthOf } from './simulate.js';

const { values } = parseArgs({
  options: {
    sims: { type: 'string', default: '1000' },
    draws: { type: 'string', default: '199' },
    laws: { type: 'string', default: Object.keys(studies).join() },
    methods: { type: 'string', default: methods.join() },
    /** Of the fits: huber, or squared to see what the objective makes of it. */
    objective: { type: 'string', default: 'huber' },
    /** Part of a design's name, to measure some alone. */
    design: { type: 'string', default: '' },
    seed: { type: 'string', default: '0' },
    workers: { type: 'string', default: String(availableParallelism()) },
    json: { type: 'boolean', default: false },
  },
});
const numbers = Object.fromEntries(['sims', 'draws', 'seed', 'workers'].map((name) => [name, Number(values[name])]));
const known = { laws: Object.keys(studies), methods };
for (const [name, list] of Object.entries(known)) {
  const extra = values[name].split(',').filter((value) => !list.includes(value));
  if (extra.length > 0) throw new Error(`no --${name} ${extra.join()}: ${list.join()}`);
}
for (const [name, value] of Object.entries(numbers)) {
  if (!(Number.isInteger(value) && value >= 0))
    throw new Error(`--${name} must be an integer from 0, not ${values[name]}`);
}

/** Sweeps a worker takes at a time. */
const chunk = 20;
const chosen = cases.flatMap((study, index) =>
  values.laws.split(',').includes(study.law) && study.design.includes(values.design) ? [index] : [],
);
const tasks = chosen.flatMap((index) =>
  Array.from({ length: Math.ceil(numbers.sims / chunk) }, (_, k) => ({
    index,
    from: k * chunk,
    to: Math.min(numbers.sims, (k + 1) * chunk),
    draws: numbers.draws,
    seed: numbers.seed,
    objective: values.objective,
    methods: values.methods.split(','),
  })),
);

const started = performance.now();
const results = new Map(chosen.map((index) => [index, { tallies: {}, failures: {} }]));
await Promise.all(
  Array.from({ length: numbers.workers }, async () => {
    const worker = new Worker(new URL('worker.js', import.meta.url));
    const answer = async (task) => {
      const answered = once(worker, 'message');
      worker.postMessage(task);
      const [message] = await answered;
      return message;
    };
    for (let task = tasks.shift(); task !== undefined; task = tasks.shift()) add(await answer(task));
    await worker.terminate();
  }),
);
const seconds = (performance.now() - started) / 1000;

function add({ index, tallies, failures }) {
  const total = results.get(index);
  for (const [code, count] of Object.entries(failures)) total.failures[code] = (total.failures[code] ?? 0) + count;
  for (const [method, byQuantity] of Object.entries(tallies)) {
    total.tallies[method] ??= {};
    for (const [quantity, part] of Object.entries(byQuantity)) {
      total.tallies[method][quantity] ??= { sweeps: 0, sum: 0, squares: 0, open: 0 };
      for (const key of Object.keys(part)) total.tallies[method][quantity][key] += part[key];
    }
  }
}

/** Share and its standard error: binomial where each sweep holds or not, of the mean over sweeps where ten new runs share one. */
function shareOf({ sweeps, sum, squares, open }) {
  const share = sum / sweeps;
  return { share, standardError: Math.sqrt(Math.max(0, squares / sweeps - share * share) / sweeps), sweeps, open };
}

function chosenFor(study) {
  const { lossAt } = truthOf(study);
  const table = simulate(study, lossAt, normals(numbers.seed));
  return chosenResampling(fitToTable(table, completeOptions({ law: study.law, ...study.form, draws: 0 })));
}

const report = chosen.map((index) => {
  const study = cases[index];
  const { tallies, failures } = results.get(index);
  return {
    law: study.law,
    design: study.design,
    noise: study.noise,
    runs: study.runs.length,
    rows: study.runs.flat().length,
    automatic: chosenFor(study),
    failures,
    coverage: Object.fromEntries(
      Object.entries(tallies).map(([method, byQuantity]) => [
        method,
        Object.fromEntries(Object.entries(byQuantity).map(([quantity, tally]) => [quantity, shareOf(tally)])),
      ]),
    ),
  };
});

if (values.json) console.log(JSON.stringify({ ...numbers, objective: values.objective, seconds, report }, null, 1));
else printTables();

function printTables() {
  const percent = (found) => (found === undefined ? '' : (100 * found.share).toFixed(1));
  const list = (found, names) => names.map((name) => `${name} ${percent(found[name])}`).join(', ');
  const noiseOf = ({ run, row }) => (run > 0 ? `${100 * run}% a run, ${100 * row}% a row` : `${100 * row}%`);
  for (const law of new Set(report.map((entry) => entry.law))) {
    const { exponents, points, budgets } = studies[law];
    const places = Object.keys(points);
    console.log(`\n### ${law}\n`);
    console.log(
      `| design | noise | method | exponents | other parameters | optimum inside, outside | mean ${places.join(', ')} | new run ${places.join(', ')} |`,
    );
    console.log('| --- | --- | --- | --- | --- | --- | --- | --- |');
    for (const entry of report.filter((one) => one.law === law)) {
      const at = (found, name, where) =>
        where
          .map((place) => found[`${name} ${place}`])
          .filter((share) => share !== undefined)
          .map(percent)
          .join(', ');
      for (const [method, found] of Object.entries(entry.coverage)) {
        const others = Object.keys(found).filter(
          (name) => !exponents.includes(name) && !/^(optimum|mean|new run) /.test(name),
        );
        const cells = [
          entry.design,
          noiseOf(entry.noise),
          method === entry.automatic ? `**${method}**` : method,
          list(found, exponents),
          list(found, others),
          at(found, 'optimum', Object.keys(budgets)),
          at(found, 'mean', places),
          at(found, 'new run', places),
        ];
        console.log(`| ${cells.join(' | ')} |`);
      }
    }
  }
  const failed = report.filter(({ failures }) => Object.keys(failures).length > 0);
  for (const { law, design, failures } of failed)
    console.log(`\n${law}, ${design}: no intervals ${JSON.stringify(failures)}`);
  console.log(
    `\n${numbers.sims} sweeps each, ${numbers.draws} draws, objective ${values.objective}, seed ${numbers.seed}, ${seconds.toFixed(0)} s on ${numbers.workers} threads. ` +
      `Standard error of a share of 95%: ${(100 * Math.sqrt((0.95 * 0.05) / numbers.sims)).toFixed(1)} points.`,
  );
}
