import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { shapelaw, surface } from './cli-harness.js';

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/imports/${name}`, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'shapelaw-import-cli-'));
const at = (name: string) => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

const json = async (...args: string[]) => {
  const { code, out, err } = await shapelaw([...args, '--json']);
  expect({ code, err: code === 0 ? '' : err }).toEqual({ code: 0, err: '' });
  return JSON.parse(out);
};
const stated = 'paramsConvention=total,tokensConvention=decoder,lossUnit=nats-per-token,tokenizer=simulated';

describe('imported runs fit without any further option', () => {
  /** The surface of fixtures/imports/write.py is that of the other tests. */
  async function fitted(path: string) {
    const { code, out, err } = await shapelaw(['fit', path, '--law', 'chinchilla', '--draws', '0', '--json']);
    expect({ code, err }).toEqual({ code: 0, err: expect.not.stringContaining('does not state') });
    const law = JSON.parse(out);
    for (const name of ['E', 'alpha', 'beta'] as const) expect(law.parameters[name] / surface[name]).toBeCloseTo(1, 3);
    return law;
  }

  test.each([
    ['trainer-state', (name: string) => fixture(`trainer-state/${name}`), []],
    ['tensorboard', (name: string) => fixture(`tensorboard/${name}`), ['--tokens-per-step', '524288']],
  ])('%s, a call for each size', async (_, path, options) => {
    const all = at(`${_}.jsonl`);
    for (const [name, params] of [
      ['10m', '10M'],
      ['20m', '20M'],
      ['40m', '4e7'],
    ] as const) {
      const { code, out } = await shapelaw(['import', path(name), '--set', `params=${params},${stated}`, ...options]);
      expect(code).toBe(0);
      writeFileSync(all, out, { flag: 'a' });
    }
    const law = await fitted(all);
    expect(law.rows).toMatchObject({ used: 12, runs: 3 });
    expect(law.conventions).toMatchObject({
      params: 'total',
      tokens: 'decoder',
      loss: 'nats-per-token',
      tokenizer: 'simulated',
    });
  });

  test('a runs table, in one call', async () => {
    const map = 'params=n_params,tokens=tokens_seen,dModel=d_model,seed=seed';
    const args = ['import', fixture('wandb/runs.csv'), '--map', map, '--set', stated, '-o', at('table.jsonl')];
    const { code, out, err } = await shapelaw(args);
    expect({ code, err }).toEqual({ code: 0, err: expect.stringMatching(/^warning: .*d512-4000 \(crashed\)\n$/) });
    expect(out).toMatch(
      /^12 evaluations of 12 runs, from 1 file \(wandb\)\ntags {2}.*loss=eval\/loss\nset {3}.*\n\nSaved as .*table\.jsonl\.\n$/,
    );
    expect((await fitted(at('table.jsonl'))).rows).toMatchObject({ used: 12, runs: 12 });
  });
});

test('rows go to standard output alone, the summary to standard error', async () => {
  const { code, out, err } = await shapelaw([
    'import',
    fixture('wandb/chart.csv'),
    '--shape',
    't5-efficient-tiny',
    '--tokens-per-step',
    '1000',
    '--last',
  ]);
  expect(code).toBe(0);
  expect(
    out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toMatchObject([
    { runId: 'sweep - 10m', params: 15_570_688, step: 2000, tokens: 2e6, decoderLayers: 4, paramsConvention: 'total' },
    { runId: 'sweep - 20m', step: 2000 },
    { runId: 'sweep - 40m', step: 1000 },
  ]);
  expect(err).toMatch(/^3 evaluations of 3 runs, from 1 file \(wandb\)\n/);
});

test('--json prints a summary, with what was left out', async () => {
  const path = fixture('wandb/history-diverged.jsonl');
  const { code, out, err } = await shapelaw([
    'import',
    path,
    '--set',
    'params=10M,scores.mmlu=0.3',
    '--drop-bad-rows',
    '-o',
    at('dropped.jsonl'),
    '--json',
  ]);
  expect({ code, err }).toEqual({
    code: 0,
    err: expect.stringMatching(/^warning: .*left out for bad values: .*line 9/m),
  });
  expect(JSON.parse(out)).toEqual({
    output: at('dropped.jsonl'),
    format: 'wandb',
    files: [path],
    runs: 1,
    rows: 4,
    tags: { step: 'train/global_step', tokens: 'train/num_input_tokens_seen', loss: 'eval/loss' },
    constants: { params: 1e7, 'scores.mmlu': 0.3 },
    dropped: [
      { runId: 'history-diverged', file: path, at: 9, tag: 'eval/loss', value: 'NaN', reason: 'is not finite' },
    ],
    warnings: [expect.stringMatching(/num_input_tokens_seen counts/), expect.stringContaining('line 9')],
  });
  expect(JSON.parse(readFileSync(at('dropped.jsonl'), 'utf8').split('\n')[0]!)).toMatchObject({
    scores: { mmlu: 0.3 },
  });
  const state = await json(
    'import',
    fixture('trainer-state/10m'),
    '--set',
    'params=1,tokens=1e9,uniqueTokens=5B',
    '--last',
    '-o',
    at('state.jsonl'),
  );
  expect(state).toMatchObject({ rows: 1, constants: { tokens: 1e9, uniqueTokens: 5e9 }, warnings: [] });
});

test.each<[string, string[], RegExp]>([
  ['bad-usage', ['wandb/runs.csv', '--json'], /give them a file with -o/],
  ['bad-usage', ['wandb/runs.csv', '-o', fixture('wandb/runs.csv')], /is among the logs/],
  ['bad-usage', ['wandb/runs.csv', '--set', 'params'], /"params" is not FIELD=VALUE/],
  ['bad-usage', ['wandb/runs.csv', '--set', 'seed=1', '--set', 'seed=2'], /sets seed a second time/],
  ['bad-usage', ['wandb/runs.csv', '--set', 'seed=one'], /is no number, which seed holds/],
  ['bad-usage', ['wandb/runs.csv', '--set', 'parms=1'], /"parms" is not a field/],
  ['bad-usage', ['wandb/runs.csv', '--map', 'params'], /is not FIELD=COLUMN/],
  ['bad-usage', ['wandb/runs.csv', '--from', 'mlflow'], /Allowed choices are wandb, tensorboard, trainer-state/],
  ['bad-usage', ['wandb/runs.csv', '--tokens-per-step', '0'], /positive number/],
  ['bad-quantity', ['wandb/runs.csv', '--set', 'params=12Q'], /12Q/],
  ['unknown-shape', ['wandb/runs.csv', '--shape', 't5-smal'], /t5-small/],
  ['missing-column', ['wandb/runs.csv'], /--set params=60M/],
  ['missing-column', ['wandb/runs.csv', '--set', 'params=1', '--loss', 'val/loss'], /no tag "val\/loss" for --loss/],
  ['non-finite', ['wandb/history-diverged.jsonl', '--set', 'params=1', '-o', at('never.jsonl')], /line 9/],
  ['unreadable', ['wandb/none.csv', '--set', 'params=1'], /does not exist/],
])('refuses with %s: %j', async (code, [name, ...args], message) => {
  const outcome = await shapelaw(['import', fixture(name!), ...args]);
  expect(outcome).toMatchObject({ code: 2, out: '' });
  expect(outcome.err).toMatch(new RegExp(`^\\[${code}\\] `));
  expect(outcome.err).toMatch(message);
});

test('nothing is left behind of what was refused', () => {
  expect(existsSync(at('never.jsonl'))).toBe(false);
  expect(readdirSync(folder).filter((name) => name.includes('partial'))).toEqual([]);
});
