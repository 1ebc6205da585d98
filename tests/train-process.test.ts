import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { MetricsLine } from '../src/train/index.js';
import { buildPackage } from './cli-harness.js';

const isInstalled = await import('onnxruntime-node').then(
  () => true,
  () => false,
);

let build: string;
let main: string;
const folder = mkdtempSync(join(tmpdir(), 'shapelaw-train-process-'));

beforeAll(() => {
  build = buildPackage();
  main = join(build, 'cli', 'main.js');
  const text = Array.from({ length: 200 }, (_, k) =>
    JSON.stringify({ text: `the ${k} of ${k * k} is a number near ${k + 1}. `.repeat(4) }),
  );
  writeFileSync(join(folder, 'corpus.jsonl'), text.join('\n'));
}, 120_000);

afterAll(() => {
  rmSync(build, { recursive: true });
  rmSync(folder, { recursive: true });
});

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command line in a process of its own; each line of its standard output is shown as it comes. */
function start(
  args: readonly string[],
  onLine: (line: string, child: ChildProcess) => void = () => {},
): Promise<Ended> {
  const child = spawn(process.execPath, [main, ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  createInterface(child.stdout).on('line', (line) => {
    stdout += `${line}\n`;
    onLine(line, child);
  });
  return once(child, 'close').then(([code, signal]) => ({ code, signal, stdout, stderr }));
}

const stepTokens = 4 * (32 + 8);
/** Steps of 4 examples of 32 encoder and 8 decoder tokens, or so. */
const trainArgs = (out: string, steps: number | string, shape = 'enc=1,dec=1,d=16,ff=32,kv=8,h=2') => [
  ...['train', shape, '--corpus', 'corpus.jsonl', '--encoder-tokens', '32', '--batch', '4', '--out', out],
  ...['--tokens', typeof steps === 'string' ? steps : String(steps * stepTokens)],
  ...['--evaluations', '5', '--validation-examples', '8', '--validation-fraction', '0.1', '--dropout', '0.1'],
  ...['--engine', 'cpu', '--threads', '1'],
];

const eventsOf = ({ stdout }: Ended) =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
const metricsOf = (out: string): readonly MetricsLine[] =>
  readFileSync(join(folder, out, 'metrics.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
const decided = (out: string) =>
  metricsOf(out).map(({ step, loss, tokenAccuracy, tokens, flops, finished }) => ({
    ...{ step, loss, tokenAccuracy, tokens, flops, finished },
  }));
const modelOf = (out: string) => readFileSync(join(folder, out, 'model', 'model.safetensors')).toString('hex');

describe.skipIf(!isInstalled)('shapelaw train', () => {
  const steps = 300;
  let flawless: Ended;
  beforeAll(async () => {
    flawless = await start([...trainArgs('flawless', steps), '--json']);
  }, 60_000);

  test('--json prints a line of JSON for each event, and nothing else', () => {
    expect(flawless).toMatchObject({ code: 0, stderr: '' });
    const events = eventsOf(flawless);
    expect(events.map(({ event }) => event)).toEqual(['start', ...Array(6).fill('evaluation'), 'end']);
    const [first, last] = [events[0], events.at(-1)];
    expect(first).toMatchObject({ out: 'flawless', engine: 'cpu', reason: 'as asked', resumedAt: 0 });
    expect(events.slice(1, -1).map(({ line }) => line)).toEqual(metricsOf('flawless'));
    expect(last).toMatchObject({ status: 'complete', step: first.steps, tokens: first.steps * first.sizes.tokens });
    expect(metricsOf('flawless').at(-1)!.loss).toBeLessThan(metricsOf('flawless')[0]!.loss - 2);
  });

  test('estimates its memory to a factor of two', () => {
    const events = eventsOf(flawless);
    const ratio = events.at(-1).peakMemoryBytes / events[0].memoryEstimateBytes;
    expect(ratio).toBeGreaterThan(1 / 2);
    expect(ratio).toBeLessThan(2);
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('stopped by %s exits with 1, and --resume ends alike', async (signal) => {
    const out = `stopped-by-${signal}`;
    const stopped = await start([...trainArgs(out, steps), '--json'], (line, child) => {
      const { event, line: metrics } = JSON.parse(line);
      if (event === 'evaluation' && metrics.step > 0) child.kill(signal);
    });
    expect(stopped).toMatchObject({ code: 1, signal: null });
    const end = eventsOf(stopped).at(-1);
    expect(end).toMatchObject({ event: 'end', status: 'interrupted' });
    expect(end.step).toBeLessThan(end.steps);
    expect(stopped.stderr).toMatch(
      new RegExp(
        `^\\nstopping after this step; .*\\n\\[interrupted\\] stopped after step ${end.step} of ${end.steps}; go on with: shapelaw train --resume ${out}\\n$`,
      ),
    );
    const resumed = await start(['train', '--resume', out, '--engine', 'cpu', '--threads', '1', '--json']);
    expect(resumed).toMatchObject({ code: 0, stderr: '' });
    expect(eventsOf(resumed)[0]).toMatchObject({ event: 'start', resumedAt: end.step });
    expect(decided(out)).toEqual(decided('flawless'));
    expect(modelOf(out)).toBe(modelOf('flawless'));
  });

  test('killed leaves a lock of nobody, and the same command goes on to the same end', async () => {
    const out = 'killed';
    const args = [...trainArgs(out, steps), '--json'];
    const killed = await start(args, (line, child) => {
      if (JSON.parse(line).event === 'evaluation') setTimeout(() => child.kill('SIGKILL'), 100);
    });
    expect(killed.signal).toBe('SIGKILL');
    expect(existsSync(join(folder, out, 'lock'))).toBe(true);
    expect(await start(args)).toMatchObject({ code: 0, stderr: '' });
    expect(decided(out)).toEqual(decided('flawless'));
    expect(modelOf(out)).toBe(modelOf('flawless'));
    expect(existsSync(join(folder, out, 'lock'))).toBe(false);
  });

  test('prints a table for people, without the progress of a terminal in a pipe', async () => {
    const { code, stdout, stderr } = await start(trainArgs('people', 20));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^run +[0-9a-f]{12} in people\nshape .*\n(.*\n)+memory +about .*, estimated\n/);
    const { loss } = metricsOf('people').at(-1)!;
    expect(stdout).toMatch(new RegExp(`^ +20 .* ${loss.toFixed(4)} .*finished$`, 'm'));
    expect(stdout).toMatch(/\ncomplete: .* tokens, .* FLOPs, .*\nrecords in people\/metrics\.jsonl\n$/);
    for (const control of ['\r', '\u001b']) expect(stdout + stderr).not.toContain(control);
  });

  test('writes records that fit reads, and gives a law or a refusal for', async () => {
    const shapes = ['d=8,ff=16', 'd=16,ff=32', 'd=32,ff=64'].map((sizes) => `enc=1,dec=1,${sizes},kv=8,h=2`);
    const runs = shapes.map((shape, index) =>
      start(trainArgs(`fit-${index}`, `${20 * stepTokens},${60 * stepTokens}`, shape)),
    );
    for (const { code, stderr } of await Promise.all(runs)) expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const records = shapes
      .map((_, index) => readFileSync(join(folder, `fit-${index}`, 'metrics.jsonl'), 'utf8'))
      .join('');
    writeFileSync(join(folder, 'runs.jsonl'), records);
    const fitRuns = (...more: string[]) => start(['fit', 'runs.jsonl', ...more, '--draws', '20', '--json']);
    const whole = fitRuns('--law', 'chinchilla');
    const finished = fitRuns('--law', 'power', '--variable', 'flops', '--where', 'finished=true');
    for (const outcome of [await whole, await finished]) {
      expect(outcome.stderr).not.toContain('[internal]');
      if (outcome.code === 0) expect(JSON.parse(outcome.stdout)).toHaveProperty('law');
      else {
        expect(outcome.code).toBe(2);
        expect(outcome.stderr).toMatch(/^\[[a-z-]+\] /m);
      }
    }
    // Six finished losses of three sizes at two budgets are enough for a power law.
    const law = JSON.parse((await finished).stdout);
    expect(law.data.rows ?? law.data.points).toBeTruthy();
  });
});

test.skipIf(isInstalled)('without onnxruntime-node, says what to install', async () => {
  const { code, stderr } = await start(trainArgs('none', 10));
  expect(code).toBe(2);
  expect(stderr).toMatch(/^\[engine-unavailable\] .*npm install onnxruntime-node/);
});
