import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { parseSweep } from '../src/recommend/design/index.js';
import { planSweep, starterSweep } from '../src/train/index.js';
import { shapelaw } from './cli-harness.js';

const home = mkdtempSync(join(tmpdir(), 'shapelaw-calibrate-cli-'));
afterAll(() => rmSync(home, { recursive: true }));
let count = 0;
let folder: string;
beforeEach(() => {
  count += 1;
  folder = join(home, String(count));
  mkdirSync(folder);
});

const runs = planSweep(starterSweep);
const at = (...names: readonly string[]) => join(folder, ...names);

/** Writes the sweep's file; its path. */
function sweepFile(change: object = {}): string {
  writeFileSync(at('sweep.json'), JSON.stringify({ ...starterSweep, ...change }));
  return at('sweep.json');
}

/** A sweep's folder as it is after some of its runs. */
function begun(ended: { readonly done?: number; readonly failed?: number } = {}): string {
  const path = at('begun');
  for (const state of ['done', 'failed']) mkdirSync(join(path, state), { recursive: true });
  writeFileSync(join(path, 'sweep.json'), JSON.stringify(starterSweep));
  writeFileSync(join(path, 'setup.json'), JSON.stringify({ version: '0.1.0', engine: 'cpu', threads: 1, retries: 3 }));
  const { done = 0, failed = 0 } = ended;
  for (const { runId } of runs.slice(0, done)) {
    writeFileSync(join(path, 'done', `${runId}.json`), JSON.stringify({ loss: 2.5, seconds: 1 }));
  }
  for (const { runId } of runs.slice(done, done + failed)) {
    const failure = { code: 'diverged', message: 'the loss is no longer finite at step 3\nand more' };
    writeFileSync(join(path, 'failed', `${runId}.json`), JSON.stringify(failure));
  }
  return path;
}

describe('calibrate refuses', () => {
  const refused = async (args: readonly string[], code: string, message: RegExp) => {
    const outcome = await shapelaw(['calibrate', ...args]);
    expect(outcome).toMatchObject({ code: 2, out: '' });
    expect(outcome.err).toMatch(new RegExp(`^\\[${code}\\] `));
    expect(outcome.err).toMatch(message);
  };

  test('a sweep that is not there, no JSON, or none', async () => {
    await refused([at('none.json')], 'unreadable', /none\.json/);
    writeFileSync(at('broken.json'), '{');
    await refused([at('broken.json')], 'unreadable', /is not JSON/);
    await refused([sweepFile({ format: 'other' })], 'bad-sweep', /format is "other"/);
    await refused(
      [sweepFile({ shapes: [{ shape: 't5-smal' }] })],
      'bad-sweep',
      /shapes\.0\.shape of the sweep is "t5-smal".*did you mean/,
    );
    await refused([sweepFile({ tokens: [-1] })], 'bad-sweep', /tokens\.0 is -1/);
    expect(readdirSync(folder).sort()).toEqual(['broken.json', 'sweep.json']);
  });

  test('a folder that holds no sweep', async () => {
    await refused([folder], 'bad-run-directory', /holds no sweep: it has no sweep\.json/);
    await refused(['status', folder], 'bad-run-directory', /holds no sweep/);
    await refused(['status', at('none')], 'bad-run-directory', /holds no sweep/);
    await refused([folder, '--collect'], 'bad-run-directory', /holds no sweep/);
  });

  test('a folder whose setup is damaged', async () => {
    writeFileSync(join(begun(), 'setup.json'), '{"engine":"steam"}');
    await refused([at('begun')], 'bad-run-directory', /setup\.json does not say how runs are made/);
  });

  test.each([
    [['--budget', '1e17 FLOP'], /--budget is of a recommendation/],
    [['--then', 'recommend'], /It must be fit, or fit,recommend/],
    [['--partition', 'gpu'], /--partition is of the executor slurm/],
    [['--time-limit', '1:00'], /--time-limit is of the executor slurm/],
    [['--wait'], /--wait is of the executor slurm/],
    [['--collect', '--dry-run'], /--collect makes no run/],
    [['--export', 'hf-config', '--then', 'fit'], /--export makes no run/],
    [['--executor', 'pbs'], /Allowed choices are local, slurm/],
    [['--workers', '0'], /positive integer/],
    [['--memory', '3 parsecs'], /parsecs/],
  ])('%j', async (flags, message) => {
    const outcome = await shapelaw(['calibrate', begun(), ...flags]);
    expect(outcome).toMatchObject({ code: 2, out: '', err: expect.stringMatching(message) });
  });

  test('--out beside a folder that is one already', async () => {
    await refused([begun(), '--out', at('other')], 'bad-usage', /leave --out out/);
  });

  test('a sweep with a run that fits nowhere, before any begins', async () => {
    await refused(
      [begun(), '--memory', '10 MB'],
      'out-of-memory',
      /needs about .* of memory, and the sweep may take 0\.01 GB/,
    );
    expect(existsSync(at('begun', 'runs'))).toBe(false);
  });

  test('to submit where there is no Slurm', async () => {
    const { PATH } = process.env;
    process.env.PATH = folder;
    try {
      await refused([begun(), '--executor', 'slurm'], 'slurm-unavailable', /there is no scontrol here/);
    } finally {
      process.env.PATH = PATH;
    }
  });

  test('to collect where no run is done', async () => {
    const outcome = await shapelaw(['calibrate', begun(), '--collect']);
    expect(outcome).toMatchObject({
      code: 2,
      err: expect.stringMatching(/note: 0 of 24 runs are done, 0 failed.*\n\[no-rows\]/),
    });
  });
});

test('status counts runs, FLOPs and failures from the folder alone', async () => {
  const path = begun({ done: 20, failed: 1 });
  const { code, out } = await shapelaw(['calibrate', 'status', path]);
  expect(code).toBe(0);
  const flops = runs.slice(0, 20).reduce((sum, run) => sum + run.flops, 0);
  expect(out.split('\n')).toEqual([
    expect.stringMatching(
      new RegExp(
        `^20 of 24 runs done, 0 running, 3 waiting, 1 failed; ${flops.toExponential(2).replace('e+', 'e')} of .* FLOPs \\(exact\\), \\d+%$`,
      ),
    ),
    expect.stringMatching(/failed: \[diverged\] the loss is no longer finite at step 3$/),
    '',
  ]);
  const json = JSON.parse((await shapelaw(['calibrate', 'status', path, '--json'])).out);
  expect(json).toMatchObject({
    runs: 24,
    done: 20,
    waiting: 3,
    running: [],
    failed: [{ runId: runs[20]!.runId, code: 'diverged' }],
    flopsDone: flops,
  });
});

test('--export writes a configuration for each shape and a row for each run, and makes none', async () => {
  const out = at('elsewhere');
  const outcome = await shapelaw(['calibrate', sweepFile(), '--export', 'hf-config', '--out', out]);
  expect(outcome).toMatchObject({
    code: 0,
    err: '',
    out: expect.stringMatching(/^wrote 6 configurations and .*runs\.csv/),
  });
  expect(readdirSync(out).sort()).toEqual(['runs.csv', 'shapes']);
  expect(readFileSync(join(out, 'runs.csv'), 'utf8').trimEnd().split('\n')).toHaveLength(25);
  const [first] = readdirSync(join(out, 'shapes'));
  expect(JSON.parse(readFileSync(join(out, 'shapes', first!, 'config.json'), 'utf8'))).toMatchObject({
    model_type: 't5',
  });
  const json = await shapelaw(['calibrate', sweepFile(), '--export', 't5x-gin', '--out', at('gin'), '--json']);
  expect(JSON.parse(json.out).files).toHaveLength(25);
});

test('the starter sweep is one that its schema takes', () => {
  expect(parseSweep(JSON.parse(JSON.stringify(starterSweep)))).toEqual(starterSweep);
});
