import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { serializeLaw } from '../src/fit/law.js';
import { presetShape } from '../src/flops/presets/index.js';
import type { Shape } from '../src/flops/shape.js';
import { knobs, steepestPath } from '../src/recommend/knobs/index.js';
import { stepSeconds } from '../src/recommend/row-speed.js';
import { resolveSetting } from '../src/recommend/setting.js';
import { shapelaw } from './cli-harness.js';
import { depthThenWidth } from './hand-made-law.js';

const folder = mkdtempSync(join(tmpdir(), 'shapelaw-knobs-cli-'));
const regions = join(folder, 'regions.json');
const small = presetShape('t5-small')!;
/** Of 40 draws, breakpoints from 1e19 to 1e21 and exponents about the law's. */
const law = depthThenWidth(
  Array.from({ length: 40 }, (_, k) => ({ break1: 1e19 * 10 ** (k / 19.5), exponent1_layers: 0.1 + k / 1000 })),
);

beforeAll(() => writeFileSync(regions, serializeLaw(law)));
afterAll(() => rmSync(folder, { recursive: true }));

const printed = async (...args: string[]) => {
  const { code, out, err } = await shapelaw(['knobs', ...args]);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return out;
};
/** Cells of the line of a table that starts with a word. */
const line = (text: string, first: string) =>
  text
    .split('\n')
    .find((one) => one.trim().startsWith(`${first} `))!
    .trim()
    .split(/ {2,}/);

describe('as text', () => {
  test('states the shape, its tokens and loss, and what each dimension buys', async () => {
    const out = await printed('t5-small', '--law', 'gemstones-shape', '--tokens', '20B');
    expect(out).toMatch(/^shape {4}t5-small: 60,506,624 parameters, 1\.70e8 FLOPs a token, 3\.39e18 for all$/m);
    expect(out).toMatch(/^tokens {3}20B, given$/m);
    expect(out).toMatch(/^loss {5}\d\.\d{4} \(\d\.\d{4} to \d\.\d{4}\) by gemstones-shape; outside evidence: no$/m);
    // 192,673,280 - 185,330,688: a layer more of both stacks is 7,342,592 parameters.
    expect(line(out, 'NL').slice(1, 3)).toEqual(['depth', '6/6']);
    expect(line(out, 'NL').slice(6, 8)).toEqual(['7/7', '67.8M']);
    const effects = out.slice(out.indexOf('Loss by'));
    expect(line(effects, 'NL').at(-1)).toBe('a term of shape, as EL, DL');
    expect(line(effects, 'DM').at(-1)).toBe('a term of shape');
    expect(line(effects, 'FF').at(-1)).toBe('params alone');
    expect(effects).toMatch(/tells apart, NL \(or EL, DL, .*\) lowers the loss most, in 100% of its draws\./);
    expect(effects).toMatch(/^- Loss in nats-per-token; intervals: 95%/m);
    expect(effects).toMatch(/^- FLOPs are those of training, .* 512 encoder and 114 decoder tokens/m);
    expect(effects).not.toMatch(/Path to the budget/);
  });

  test('names each region with its bounds, and the one of the budget', async () => {
    const own = await printed('t5-small', '--law', regions, '--tokens', '1B', '--level', '0.9');
    expect(own).toMatch(
      /region 1, flops below 1\.00e20 \(.* to .*\), where the shape lies, at 1\.70e17 \(in 100% of draws\)$/m,
    );
    expect(own).toMatch(/region 2, flops from 1\.00e20 \(.* to .*\)$/m);
    const [first, second] = own.split('region 2, ');
    expect(first).toMatch(/NL \(or EL, DL, .*\) lowers the loss most/);
    expect(second).toMatch(/, DM lowers the loss most/);
    expect(line(first!.slice(first!.indexOf('region 1')), 'FF').at(-1)).toBe('nothing');

    const out = await printed('t5-small', '--law', regions, '--tokens', '1T', '--flops', '2e20');
    expect(out).toMatch(/region 2, flops from .*, where the budget lies, at 2\.00e20 \(in 65% of draws\)$/m);
    const path = out.slice(out.indexOf('Path to the budget'));
    expect(path).toMatch(/^Path to the budget, by the exponents of region 2, the budget's: flops from 1\.00e20/);
    expect(line(path, '1').slice(1, 4)).toEqual(['DM', '512', '576']);
    expect(path).toMatch(/^ends at {2}enc=6,dec=6,d=576,.* parameters, 1\.\d\de20 FLOPs$/m);
    expect(path).toMatch(/^stopped {2}NL by FLOPs, DM by FLOPs$/m);
  });

  test('cuts a long path in its middle', async () => {
    const out = await printed('t5-small', '--law', regions, '--tokens', '1B', '--params', '500M');
    const path = out.slice(out.indexOf('Path to the budget'));
    const [, more] = /^ *… (\d+) more$/m.exec(path)!;
    const numbers = [...path.matchAll(/^ *(\d+) {2}[A-Z]{2} /gm)].map(([, number]) => Number(number));
    expect(numbers).toHaveLength(40);
    expect(numbers.at(-1)).toBe(40 + Number(more));
  });

  test('grows by depth first where a law can not choose', async () => {
    const out = await printed('t5-small', '--law', 'besiroglu-2024', '--params', '220M', '--rule', 'deep-narrow');
    expect(out).toMatch(/tells no dimension from another, and names none to grow\./);
    expect(out).toMatch(/^Path to the budget, by depth before all else$/m);
    expect(out).toMatch(/^ends at {2}enc=27,dec=27,d=512,ff=2048,kv=64,h=8: 214,701,056 parameters/m);
  });
});

describe('as JSON', () => {
  test('is what the functions return', async () => {
    const out = await printed(
      ...[
        't5-small',
        '--law',
        regions,
        '--tokens',
        '1B',
        '--params',
        '80M',
        '--more',
        '20%',
        '--level',
        '0.9',
        '--json',
      ],
    );
    const lengths = { encoderTokens: 512, decoderTokens: 114 };
    const setting = resolveSetting([], { lengths }, 'encoder-decoder');
    const secondsOf = (shape: Shape) => stepSeconds(shape, lengths, setting);
    const options = { law, tokens: 1e9, level: 0.9, secondsOf };
    expect(JSON.parse(out)).toEqual(
      JSON.parse(
        JSON.stringify({
          knobs: knobs(small, { ...options, more: 0.2, budget: { params: 8e7 } }),
          path: steepestPath(small, { params: 8e7 }, options),
        }),
      ),
    );
  });

  test('takes lengths and width, and has no path without a budget', async () => {
    const out = await printed(
      ...[
        't5-small',
        '--law',
        'gemstones-shape',
        '--encoder-tokens',
        '256',
        '--decoder-tokens',
        '256',
        '--width',
        'uniform',
        '--json',
      ],
    );
    const { knobs: answer, path } = JSON.parse(out);
    expect(path).toBeNull();
    expect(answer.lengths).toEqual({ encoderTokens: 256, decoderTokens: 256 });
    expect(answer.knobs[3].from).toEqual({ dModel: 512, dFf: 2048, heads: 8 });
  });

  test('goes beyond the evidence where told to', async () => {
    const steps = async (...more: string[]) =>
      JSON.parse(
        await printed(
          'llama-3.2-1b',
          '--law',
          'gemstones-shape',
          '--tokens',
          '50B',
          '--params',
          '2.2B',
          '--json',
          ...more,
        ),
      ).path.steps;
    const inside = await steps();
    expect(inside.at(-1).parameters).toBeLessThan(2_007_837_696);
    expect((await steps('--beyond-evidence')).at(-1).parameters).toBeGreaterThan(2_007_837_696);
  });

  test('takes unique tokens', async () => {
    const out = await printed(
      't5-small',
      '--law',
      'muennighoff-2023',
      '--tokens',
      '10B',
      '--unique-tokens',
      '1B',
      '--json',
    );
    expect(JSON.parse(out).knobs.regions[0].choice).toBeNull();
  });
});

test.each<[readonly string[], string, RegExp]>([
  [['t5-small'], 'bad-usage', /--law/],
  [['t5-smal', '--law', 'besiroglu-2024'], 'unknown-shape', /t5-small/],
  [['t5-small', '--law', 'besiroglu'], 'unknown-law', /besiroglu-2024/],
  [['t5-small', '--law', 'besiroglu-2024', '--tokens', 'many'], 'bad-quantity', /many/],
  [['t5-small', '--law', 'besiroglu-2024', '--more', '0'], 'bad-usage', /--more/],
  [['t5-small', '--law', 'besiroglu-2024', '--params', '1B'], 'bad-usage', /rule deep-narrow/],
  [['t5-small', '--law', 'gemstones-shape', '--params', '50M'], 'infeasible-budget', /60,506,624/],
  [['t5-small', '--law', 'muennighoff-2023'], 'bad-usage', /unique tokens/],
])('knobs %j is refused as %s', async (args, code, message) => {
  const outcome = await shapelaw(['knobs', ...args]);
  expect(outcome).toMatchObject({ code: 2, out: '' });
  expect(outcome.err.startsWith(`[${code}] `)).toBe(true);
  expect(outcome.err).toMatch(message);
});
