import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type SweepFolder, sweepFolder } from './folder.js';
import { openSweep } from './open-sweep.js';
import { planSweep } from './plan-sweep.js';
import { starterSweep } from './starter-sweep.js';

let path: string;
let folder: SweepFolder;
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'shapelaw-open-'));
  folder = sweepFolder(path);
});
afterEach(() => rmSync(path, { recursive: true }));

/** Opened as for other machines, which measures nothing here. */
const open = (sweep?: typeof starterSweep, more = {}) => openSweep(folder, sweep, { isElsewhere: true, ...more });
const idsOf = (runs: readonly { readonly runId: string }[]) => runs.map(({ runId }) => runId);

test('a run is named by its recipe: the same in any sweep, and another for any change of an option', () => {
  const ids = idsOf(planSweep(starterSweep));
  expect(new Set(ids).size).toBe(24);
  expect(idsOf(planSweep({ ...starterSweep, name: 'other', engine: 'webgpu', seeds: [0] }))).toEqual(ids);
  for (const change of [
    { batch: 8 },
    { learningRate: 0.02 },
    { dropout: 0.1 },
    { seeds: [1] },
    { weightDecay: 0.1 },
    { validationExamples: 128 },
  ]) {
    expect(idsOf(planSweep({ ...starterSweep, ...change })).filter((id) => ids.includes(id))).toEqual([]);
  }
});

test('runs of most FLOPs come first', () => {
  const flops = planSweep(starterSweep).map((run) => run.flops);
  expect(flops).toEqual(flops.toSorted((a, b) => b - a));
});

test('a sweep is written with absolute paths, and gone on with from its folder', async () => {
  const first = await open({ ...starterSweep, corpus: ['some/text'], tokenizer: 'a/tokenizer.json', vocab: 512 });
  const written = JSON.parse(readFileSync(join(path, 'sweep.json'), 'utf8'));
  expect(written).toMatchObject({ corpus: [resolve('some/text')], tokenizer: resolve('a/tokenizer.json') });
  expect(first).toMatchObject({ notes: [], setup: { engine: 'cpu', threads: 1, retries: 3 } });
  const again = await open(undefined, { threads: 2, retries: 5 });
  expect(idsOf(again.runs)).toEqual(idsOf(first.runs));
  expect(again.setup).toMatchObject({ threads: 2, retries: 5 });
  expect((await open()).setup).toMatchObject({ threads: 2, retries: 5 });
});

test('a sweep that has changed says which of its runs are as before', async () => {
  await open(starterSweep);
  const { notes, runs } = await open({ ...starterSweep, tokens: [120e3, 250e3, 1e6] });
  expect(runs).toHaveLength(18);
  expect(notes).toEqual([
    'the sweep has changed: 12 of its runs are as before, 6 are new, and 12 are no longer part of it (their files stay)',
  ]);
});

test('a sweep is not changed under workers that are at work on it', async () => {
  const { runs } = await open(starterSweep);
  const claim = await folder.claims.take(runs[0]!.runId);
  await expect(open({ ...starterSweep, batch: 8 })).rejects.toMatchObject({
    code: 'bad-run-directory',
    details: { pid: process.pid },
  });
  await open(starterSweep);
  await claim!.release();
  await open({ ...starterSweep, batch: 8 });
});

test('runs that failed for what may have passed are tried again, and those that would fail again are not', async () => {
  const { runs } = await open(starterSweep);
  const [full, wild] = [runs[0]!.runId, runs[1]!.runId];
  await folder.writeFailure(full, { code: 'write-failed', message: 'the disk is full' });
  await folder.writeFailure(wild, { code: 'diverged', message: 'no longer finite' });
  await open();
  expect((await folder.endings()).failed).toEqual(new Set([wild]));
  expect(await folder.readAttempts(full)).toEqual([]);
});
