import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { serializeLaw } from '../src/fit/law.js';
import { publishedLaw } from '../src/fit/published.js';
import { presetShape } from '../src/flops/presets/index.js';
import { designSweep, expandSweep, parseSweep } from '../src/recommend/design/index.js';
import { shapelaw } from './cli-harness.js';

const folder = mkdtempSync(join(tmpdir(), 'shapelaw-design-cli-'));
const sweepFile = join(folder, 'sweep.json');
afterAll(() => rmSync(folder, { recursive: true }));

const printed = async (...args: string[]) => {
  const { code, out, err } = await shapelaw(['design', ...args]);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return out;
};

describe('as text', () => {
  test('prints the runs, what they cost and tell, and writes the sweep', async () => {
    const out = await printed(
      ...['--cost', '1e15', '--target', '1e18', '--runs-for-width', 'a=0.05', '--runs-for-width', 'beta=0.1'],
      ...['-o', sweepFile],
    );
    const design = designSweep(
      { kind: 'flops', flops: 1e15 },
      { target: 1e18, widths: { a: 0.05, beta: 0.1 }, setting: {} },
    );
    const sweep = parseSweep(JSON.parse(readFileSync(sweepFile, 'utf8')));
    expect(sweep).toEqual(design.sweep);
    const runs = expandSweep(sweep);
    const lines = out.split('\n').filter((line) => line.startsWith('enc='));
    expect(lines).toHaveLength(new Set(runs.map(({ shape }) => shape.name)).size);
    expect(lines.reduce((sum, line) => sum + Number(line.split(/ {2,}/)[2]), 0)).toBe(runs.length);
    expect(out).toMatch(new RegExp(`^runs      ${runs.length} of ${design.configurations} shapes and lengths, `, 'm'));
    expect(out).toMatch(/^cost {6}\d\.\d\de1[45] FLOPs of 1\.00e15$/m);
    expect(out).toMatch(/^target {4}N\* at 1\.00e18 FLOPs; criterion: recommendation$/m);
    expect(out).toMatch(/^noise {5}0\.771% of the loss a run, .*; residuals of besiroglu-2024$/m);
    expect(out).toMatch(
      /^reach {5}the target lies \d\.\d\d decades of FLOPs and \d\.\d\d decades of parameters beyond/m,
    );
    expect(out).toMatch(
      new RegExp(`^width     ${design.needed[0]!.runs} runs of this mix, .* a to an interval of 0\\.05$`, 'm'),
    );
    expect(out).toMatch(/ would pin beta to an interval of 0\.1$/m);
    // .513 with (.475, .565) is the 95% interval of our draws of Besiroglu et al. 2024.
    expect(out).toMatch(/^a +0\.5126 +0\.\d{4} to 0\.\d{4} .* 0\.4754 to 0\.5649$/m);
    expect(out).toMatch(/^N\* +80\.5M .* x 1\.\d{3} /m);
    expect(out).toContain(`Saved as ${sweepFile}.`);
  });

  test('lists lengths of a shape one by one where they are few, and says that nothing was saved', async () => {
    const out = await printed('--cost', '1e14', '--runs', '8', '--prior', 'kaplan-2020');
    expect(out).toMatch(/^enc=\S+ .* \d[\d.]*[kM], \d[\d.]*[kM]/m);
    expect(out).toMatch(/criterion: determinant$/m);
    expect(out).toMatch(/^alphaN .* none$/m);
    expect(out).toMatch(/ beyond the largest run; /);
    expect(out).not.toMatch(/decades of parameters/);
    expect(out).toContain('Not saved; write the sweep file with -o SWEEP.json.');
  });
});

describe('as JSON', () => {
  const json = async (...args: string[]) => JSON.parse(await printed(...args, '--json'));

  test('is the design, whatever unit the cost is in', async () => {
    // 2 h of 3,600 s at 1e11 FLOP/s.
    const [byTime, byFlops] = [await json('--cost', '2h', '--rate', '1e11'), await json('--cost', '7.2e14')];
    expect(byTime).toEqual(byFlops);
    expect(byFlops.flops).toBeLessThanOrEqual(7.2e14);
    const byMoney = await json(
      '--cost',
      '$10',
      '--gpu',
      'H100',
      '--price',
      '2',
      '--mfu',
      '0.1-0.2',
      '--most-tokens',
      '1T',
    );
    expect(byMoney.budget[1] / byMoney.budget[0]).toBeCloseTo(2, 9);
    expect(byMoney.flops).toBeLessThanOrEqual(byMoney.budget[0]);
    expect(byMoney.notes.join()).toMatch(/lowest MFU/);
  });

  test('takes a law file, and a base from a file', async () => {
    const law = join(folder, 'law.json');
    const base = join(folder, 'base.json');
    writeFileSync(law, serializeLaw({ ...publishedLaw('gemstones-shape'), name: 'pilot' }));
    writeFileSync(base, JSON.stringify({ ...presetShape('t5-efficient-tiny')!, vocab: 384, name: 'own' }));
    const design = await json('--cost', '1e18', '--prior', law, '--base', base, '--runs', '40', '--noise', '0.01');
    expect(design.prior).toBe('pilot');
    expect(design.expected.map(({ name }: { name: string }) => name)).toEqual(['a', 'N*', 'best dModel/layers']);
    expect(design.noise.source).toBe('as given, normal');
    for (const { shape } of design.runs) expect(shape).toMatchObject({ dKv: 64, vocab: 384 });
  });

  test('carries what the trainer is told into the sweep', async () => {
    const training = ['--corpus', 'a.txt', 'b.txt', '--encoder-tokens', '64', '--batch', '8'];
    const design = await json('--cost', '1e16', ...training, '--engine', 'cpu', '--schedule', 'cosine', '--seeds', '1');
    expect(design.sweep).toMatchObject({
      corpus: ['a.txt', 'b.txt'],
      encoderTokens: 64,
      batch: 8,
      engine: 'cpu',
      schedule: 'cosine',
    });
    expect(design.configurations).toBe(design.runs.length);
    expect(expandSweep(parseSweep(design.sweep))).toEqual(design.runs);
  });
});

test.each([
  [[], 2, /\[bad-usage\] required option '--cost <cost>' not specified/],
  [['--cost', 'much'], 2, /\[bad-quantity\] "much"/],
  [['--cost', '2h'], 2, /\[bad-usage\] time and money buy FLOPs on a machine/],
  [['--cost', '1e15', '--rate', '1e11'], 2, /\[bad-usage\] FLOPs are counted, so that nothing reads rate/],
  [['--cost', '1e9'], 2, /\[infeasible-budget\] 1\.00e\+9 FLOPs do not pay for 7 distinct runs/],
  [['--cost', '1e15', '--runs-for-width', 'a'], 2, /\[bad-usage\] --runs-for-width "a" is not NAME=WIDTH/],
  [['--cost', '1e15', '--runs-for-width', 'a=wide'], 2, /\[bad-usage\] It must be a positive number/],
  [['--cost', '1e15', '--runs-for-width', 'gamma=1'], 2, /\[bad-usage\] the chinchilla law has no gamma/],
  [
    ['--cost', '1e15', '--engine', 'abacus'],
    2,
    /\[bad-sweep\] the sweep of these options is no sweep: engine is "abacus": /,
  ],
  [['--cost', '1e15', '--base', 'gpt2'], 2, /\[bad-sweep\] base of the sweep is "gpt2"/],
  [['--cost', '1e15', '--prior', 'nobody-2030'], 2, /\[unknown-law\]/],
  [['--cost', '1e15', '-o', join(folder, 'no', 'sweep.json')], 1, /\[write-failed\]/],
])('design %j ends with %d', async (args, code, message) => {
  const outcome = await shapelaw(['design', ...args]);
  expect(outcome.code).toBe(code);
  expect(outcome.err).toMatch(message);
  expect(outcome.out).toBe('');
  expect(existsSync(join(folder, 'no'))).toBe(false);
});
