import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { parseLaw } from '../src/fit/law.js';
import { parseSweep } from '../src/recommend/design/index.js';
import { planSweep } from '../src/train/index.js';
import { shapelaw } from './cli-harness.js';

const folder = mkdtempSync(join(tmpdir(), 'shapelaw-calibration-'));
afterAll(() => rmSync(folder, { recursive: true }));

const at = (name: string) => fileURLToPath(new URL(`../fixtures/calibration/${name}`, import.meta.url));
const lines = (name: string) =>
  readFileSync(at(name), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

describe("the project's own calibration", () => {
  const runs = planSweep(parseSweep(JSON.parse(readFileSync(at('sweep.json'), 'utf8'))));

  test('has a final loss of each run of its sweep, by the name that the run has today', () => {
    const measured = new Map(lines('runs.jsonl').map((line) => [line.runId, line]));
    expect([...measured.keys()].sort()).toEqual(runs.map(({ runId }) => runId).sort());
    expect(runs.length).toBeGreaterThanOrEqual(60);
    for (const { runId, params, tokens, steps, flops, recipe } of runs) {
      expect(measured.get(runId)).toMatchObject({
        params,
        tokens,
        step: steps,
        flops,
        seed: recipe.seed,
        finished: true,
      });
    }
  });

  test('varies depth, width, feed-forward and heads at three levels and more, with two seeds on a part', () => {
    const shapes = runs.map(({ recipe }) => recipe.shape);
    for (const field of ['encoderLayers', 'dModel', 'dFf', 'heads'] as const) {
      expect(new Set(shapes.map((shape) => shape[field])).size).toBeGreaterThanOrEqual(3);
    }
    expect(new Set(runs.map(({ flops }) => Math.round(Math.log2(flops)))).size).toBeGreaterThanOrEqual(3);
    expect(new Set(runs.map(({ recipe }) => recipe.seed))).toEqual(new Set([0, 1]));
  });

  const fit = ['fit', at('runs.jsonl'), '--law', 'chinchilla', '--where', 'flops>1e12'];

  test('fits to the law in its folder', async () => {
    const path = join(folder, 'law.json');
    expect(await shapelaw([...fit, '-o', path])).toMatchObject({ code: 0 });
    const [law, committed] = [path, at('law.json')].map((file) => parseLaw(readFileSync(file, 'utf8'), file));
    expect(committed!.status).toBe('converged');
    for (const [name, value] of Object.entries(committed!.parameters)) {
      // Of other processors' last bits.
      expect(law!.parameters[name]! / value).toBeCloseTo(1, 5);
    }
    expect(committed!.rows!.used).toBe(law!.rows!.used);
  });

  test('backtests and recommends through the public commands', async () => {
    const backtest = await shapelaw([
      'backtest',
      at('runs.jsonl'),
      '--laws',
      'chinchilla,power',
      '--draws',
      '50',
      '--json',
    ]);
    expect(backtest.code).toBe(0);
    const [chinchilla, power] = JSON.parse(backtest.out).laws;
    expect(chinchilla.errors.rmse).toBeLessThan(power.errors.rmse);
    const recommended = await shapelaw([
      'recommend',
      '--flops',
      '1e14',
      '--law',
      at('law.json'),
      '--vocab',
      '384',
      '--d-model',
      '64-2048',
      '--d-model-step',
      '64',
      '--encoder-tokens',
      '128',
      '--json',
    ]);
    expect(recommended.code).toBe(0);
    expect(JSON.parse(recommended.out).set).toMatchObject({ level: 0.95 });
  });
});
