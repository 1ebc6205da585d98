// What sweeps cost beside their runs. First the controller: start, status and resumption of sweeps of up to 10,000 runs that do nothing,
// each in a process of its own, with its peak memory. Then workers: runs a second of n of them over those of one.
//
//   npm run bench:sweep -- [--workers 2] [--no-scaling]
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { controlSweep, openSweep, planSweep, sweepFolder, sweepStatus } from '../dist/train/index.js';

const [mode, path, count] = process.argv.slice(2);

/** A sweep of so many runs: 25 shapes, 4 lengths, and seeds. */
const sweepOf = (runs) => ({
  format: 'shapelaw-sweep/1',
  base: 'enc=2,dec=2,d=128,ff=512,kv=32,h=4',
  grid: { operators: { NL: [1, 2, 3, 4, 5], DM: [64, 96, 128, 160, 192] } },
  flops: [1e12, 2e12, 4e12, 8e12],
  seeds: Array.from({ length: runs / 100 }, (_, seed) => seed),
  engine: 'cpu',
});

/** Two jobs that never end; the controller is stopped once they have begun. */
function idleExecutor(stop) {
  const active = new Map();
  return {
    name: 'idle',
    async submit(jobs) {
      for (const { runId } of jobs) {
        if (active.size === 2) break;
        active.set(runId, {});
      }
      stop.abort();
      return [...active.keys()];
    },
    observe: async () => ({ active: new Map(active), ended: [] }),
    cancel: async () => active.clear(),
    changed: async () => {},
  };
}

const modes = {
  /** From the sweep's file, or from the folder alone, to the first two runs. */
  async start() {
    const stop = new AbortController();
    const folder = sweepFolder(path);
    const { runs } = await openSweep(folder, count === undefined ? undefined : sweepOf(Number(count)));
    const jobOf = ({ runId }) => ({ runId, memoryBytes: () => 0 });
    await controlSweep({ folder, runs, jobOf, executor: idleExecutor(stop), retries: 3, signal: stop.signal });
  },
  async status() {
    const folder = sweepFolder(path);
    await sweepStatus(folder, planSweep(await folder.readSweep()));
  },
};

if (mode in modes) {
  await modes[mode]();
  const { maxRSS } = process.resourceUsage();
  process.stdout.write(JSON.stringify({ seconds: performance.now() / 1000, megabytes: maxRSS / 1000 }));
} else {
  controllerCost();
  if (!process.argv.includes('--no-scaling'))
    await scaling(Number(process.argv[process.argv.indexOf('--workers') + 1]) || availableParallelism());
}

function child(...args) {
  const printed = execFileSync(process.execPath, [fileURLToPath(import.meta.url), ...args], { encoding: 'utf8' });
  return JSON.parse(printed);
}

function controllerCost() {
  const shown = ({ seconds, megabytes }) => `${seconds.toFixed(2)} s, ${megabytes.toFixed(0)} MB`;
  console.log('| runs | start | resume, half done | status |\n| --- | --- | --- | --- |');
  for (const runs of [100, 1000, 10_000]) {
    const folder = mkdtempSync(join(tmpdir(), 'shapelaw-bench-'));
    const setup = { version: 'bench', engine: 'cpu', threads: 1, retries: 3 };
    writeFileSync(join(folder, 'setup.json'), JSON.stringify(setup));
    const start = child('start', folder, String(runs));
    mkdirSync(join(folder, 'done'));
    for (const { runId } of planSweep(sweepOf(runs)).slice(runs / 2)) {
      writeFileSync(join(folder, 'done', `${runId}.json`), '{"loss":2.5,"seconds":60}');
    }
    const [resume, status] = [child('start', folder), child('status', folder)];
    console.log(`| ${runs} | ${shown(start)} | ${shown(resume)} | ${shown(status)} |`);
    rmSync(folder, { recursive: true });
  }
}

/**
 * Equal runs, enough for every number of workers to be busy to the end. Beside them what the machine gives to as many processes that
 * know nothing of each other: cores that share a memory slow each other.
 */
async function scaling(most) {
  const folder = mkdtempSync(join(tmpdir(), 'shapelaw-bench-'));
  const shape = 'enc=2,dec=2,d=96,ff=384,kv=32,h=3';
  const seeds = Array.from({ length: 3 * most }, (_, seed) => seed);
  const setting = { engine: 'cpu', evaluations: 5, validationExamples: 64 };
  const sweep = { format: 'shapelaw-sweep/1', shapes: [{ shape }], tokens: [400e3], seeds, ...setting };
  writeFileSync(join(folder, 'sweep.json'), JSON.stringify(sweep));
  const calibrate = (workers) => [
    ...['calibrate', join(folder, 'sweep.json'), '--out', join(folder, String(workers))],
    ...['--workers', String(workers), '--json'],
  ];
  const train = (seed, of) => [
    ...['train', shape, '--tokens', '400k', '--seed', String(seed), '--out', join(folder, `alone-${of}-${seed}`)],
    ...['--engine', 'cpu', '--threads', '1', '--evaluations', '5', '--validation-examples', '64', '--json'],
  ];
  const apart = async (count) => {
    const seconds = await Promise.all(seeds.slice(0, count).map((seed) => secondsOf(train(seed, count))));
    return count / Math.max(...seconds);
  };
  console.log(
    "\n| workers | runs a second | over one worker's, for each | processes apart, the same |\n| --- | --- | --- | --- |",
  );
  let one;
  for (const workers of new Set([1, most])) {
    const now = { sweep: seeds.length / (await secondsOf(calibrate(workers))), apart: await apart(workers) };
    one ??= now;
    const ratios = ['sweep', 'apart'].map((kind) => (now[kind] / one[kind] / workers).toFixed(3));
    console.log(`| ${workers} | ${now.sweep.toFixed(4)} | ${ratios.join(' | ')} |`);
  }
  rmSync(folder, { recursive: true });
}

/** Seconds of a command from its first event, after what it does once, to its end. */
async function secondsOf(args) {
  const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
  let began;
  child.stdout.on('data', () => {
    began ??= performance.now();
  });
  await once(child, 'close');
  return (performance.now() - began) / 1000;
}
