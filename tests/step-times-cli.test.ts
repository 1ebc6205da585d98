import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { t5Shape } from '../src/flops/shape.js';
import { spanCorruptionLengths } from '../src/flops/span-corruption.js';
import { workloadNames, workloadOf } from '../src/recommend/speed/workload.js';
import { completeRecipe } from '../src/train/run/recipe.js';
import { shapelaw } from './cli-harness.js';

const folder = mkdtempSync(join(tmpdir(), 'shapelaw-step-times-'));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);

const truth = { flops: 2e-12, activationBytes: 1e-9, outputBytes: 5e-9, parameters: 1e-8 };
const lengths = { encoderTokens: 512, decoderTokens: 114 };
const shapes = [1, 2, 6].flatMap((layers) =>
  [64, 128, 512].map((dModel) =>
    t5Shape(`${dModel}x${layers}`, {
      ...{ encoderLayers: layers, decoderLayers: layers, dModel, dFf: 4 * dModel, dKv: 32, heads: dModel / 32 },
    }),
  ),
);
const secondsOf = (workload: ReturnType<typeof workloadOf>) =>
  workloadNames.reduce((sum, name) => sum + truth[name] * workload[name], 0);

/** Rows of one run each, of so many sequences a step on so many machines of so many devices. */
function rowsOf({ sequences = 8, nodes = 1, devices = 1, of = lengths } = {}) {
  return shapes.map(({ name, encoderLayers, decoderLayers, dModel, dFf, dKv, heads, vocab }) => ({
    ...{ runId: name, params: 1e6, loss: 3, step: 100, nodes },
    tokens: 100 * sequences * (of.encoderTokens + of.decoderTokens),
    ...{ encoderLayers, decoderLayers, dModel, dFf, dKv, heads, vocab },
    stepSeconds: secondsOf(
      workloadOf(
        t5Shape(name, { encoderLayers, decoderLayers, dModel, dFf, dKv, heads }),
        of,
        sequences / nodes / devices,
      ),
    ),
  }));
}

const written = (name: string, text: string) => {
  writeFileSync(at(name), text);
  return at(name);
};
const jsonl = (rows: readonly object[]) => rows.map((row) => JSON.stringify(row)).join('\n');
const csv = (rows: readonly Readonly<Record<string, unknown>>[]) =>
  [Object.keys(rows[0]!), ...rows.map((row) => Object.values(row))].map((cells) => cells.join(',')).join('\n');

const answer = async (...args: string[]) => {
  const { code, out, err } = await shapelaw([...args, '--json']);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return JSON.parse(out);
};
const recommended = (...args: string[]) => answer('recommend', '--params', '220M', '--top', '0', ...args);
/** Seconds of a step of T5-base by the coefficients that made the rows: 128 sequences on one device. */
async function expectTruth(...args: string[]) {
  const { recommendations, assumptions } = await recommended(...args);
  const base = recommendations.find(({ shape }: { shape: { name: string } }) => shape.name === 't5-base');
  expect(base.speed.stepSeconds.value / secondsOf(workloadOf(base.shape, lengths, 128))).toBeCloseTo(1, 5);
  return assumptions.find(({ name }: { name: string }) => name === 'speed');
}

describe('--step-times of a table', () => {
  test('gives back the coefficients that made it, as JSONL and as CSV, and says what it rests on', async () => {
    const speed = await expectTruth('--step-times', written('steps.jsonl', jsonl(rowsOf())));
    expect(speed).toMatchObject({ source: 'given', given: true });
    expect(speed.value).toMatch(/^fit to 9 measured step times of \d\.\de\+\d+ to \d\.\de\+\d+ FLOPs a device, which/);
    await expectTruth('--step-times', written('steps.csv', csv(rowsOf())));
  });

  test('divides the work of a step among machines and their devices', async () => {
    const path = written('cluster.jsonl', jsonl(rowsOf({ sequences: 64, nodes: 2, devices: 4 })));
    await expectTruth('--step-times', path, '--devices-per-node', '4');
    // A machine taken for one device seems four times as fast.
    const { recommendations } = await recommended('--step-times', path);
    const base = recommendations.find(({ shape }: { shape: { name: string } }) => shape.name === 't5-base');
    expect(base.speed.stepSeconds.value).toBeLessThan(0.5 * secondsOf(workloadOf(base.shape, lengths, 128)));
  });

  test('counts tokens as the table does', async () => {
    const rows = rowsOf().map((row) => ({ ...row, tokens: 100 * 8 * 114, tokensConvention: 'decoder' }));
    await expectTruth('--step-times', written('decoder-tokens.jsonl', jsonl(rows)));
  });

  test('of decoders takes sequences of 2,048 tokens where none are given', async () => {
    // Of 114, as the plan of a T5 has them, they would be no whole number.
    const rows = rowsOf().map((row) => ({ ...row, encoderLayers: 0, tokens: 100 * 8 * 2048 }));
    const { recommendations } = await recommended('--step-times', written('decoders.jsonl', jsonl(rows)));
    expect(recommendations[0].speed.step.source).toMatch(/^fit to 9 measured step times/);
  });

  test('is used in knobs, whose answer it changes', async () => {
    const path = written('knobs.jsonl', jsonl(rowsOf()));
    const knobs = (...args: string[]) => answer('knobs', 't5-small', '--law', 'gemstones-shape', ...args);
    const [own, carried] = [(await knobs('--step-times', path)).knobs, (await knobs()).knobs];
    const small = t5Shape('t5-small', {
      ...{ encoderLayers: 6, decoderLayers: 6, dModel: 512, dFf: 2048, dKv: 64, heads: 8 },
    });
    expect(own.seconds.value / secondsOf(workloadOf(small, lengths, 128))).toBeCloseTo(1, 5);
    expect(own.seconds.value).not.toBeCloseTo(carried.seconds.value, 2);
    // Of 10% more FLOPs the dimensions take more of other things too, each its own.
    for (const { seconds } of own.knobs) expect(seconds).toBeGreaterThan(0);
  });
});

describe('--step-times of runs of train', () => {
  // At lengths of their own, 128 and what span corruption makes of them.
  const own = spanCorruptionLengths(128);
  const run = (name: string, shape: (typeof shapes)[number], rows: readonly object[]) => {
    mkdirSync(at(name), { recursive: true });
    const recipe = completeRecipe({ shape, tokens: [100_000], batch: 4 });
    writeFileSync(join(at(name), 'config.json'), JSON.stringify({ version: '0', runId: name, recipe }));
    writeFileSync(join(at(name), 'metrics.jsonl'), jsonl(rows));
  };
  beforeAll(() => {
    for (const [k, shape] of shapes.entries()) {
      const tokens = 4 * (own.encoderTokens + own.decoderTokens);
      const stepSeconds = secondsOf(workloadOf(shape, own, 4));
      const line = { runId: shape.name, params: 1e6, loss: 3, tokensConvention: 'encoder+decoder' };
      run(`runs/${k}`, shape, [
        { ...line, step: 0, tokens: 0 },
        // The first step takes long, and another by chance less.
        { ...line, step: 1, tokens, stepSeconds: 5 * stepSeconds },
        { ...line, step: 2, tokens: 2 * tokens, stepSeconds },
        { ...line, step: 3, tokens: 3 * tokens, stepSeconds: 0.9 * stepSeconds },
      ]);
    }
  });

  test('takes shape and lengths from their configurations', async () => {
    await expectTruth('--step-times', at('runs'));
    // One of them is one shape.
    const { code, err } = await shapelaw(['recommend', '--params', '220M', '--step-times', at('runs/0')]);
    expect({ code, err }).toMatchObject({
      code: 2,
      err: expect.stringMatching(/^\[too-few-configurations\] .* there are 1;/),
    });
  });

  test('their lines as a table are refused at lengths that they did not have', async () => {
    const lines = shapes.map((_, k) => readFileSync(join(at(`runs/${k}`), 'metrics.jsonl'), 'utf8'));
    const dimensions = (k: number) => rowsOf()[k]!;
    const rows = lines.flatMap((text, k) =>
      text.split('\n').map((line) => ({ ...dimensions(k), stepSeconds: undefined, ...JSON.parse(line) })),
    );
    const path = written('lines.jsonl', jsonl(rows));
    const { code, err } = await shapelaw(['recommend', '--params', '220M', '--step-times', path]);
    expect(code).toBe(2);
    expect(err).toMatch(
      /^\[bad-usage\] .* took 628 tokens a step, no whole number of sequences of 512 encoder and 114/,
    );
    const { code: then } = await shapelaw([
      'recommend',
      '--params',
      '220M',
      '--step-times',
      path,
      '--encoder-tokens',
      '128',
    ]);
    expect(then).toBe(0);
  });
});

describe('--step-times refuses', () => {
  const withoutDimension = () => rowsOf().map(({ dFf, ...row }) => row);
  test.each<[string, () => string[], RegExp]>([
    ['unreadable', () => [at('nowhere.jsonl')], /nowhere\.jsonl does not exist/],
    ['unreadable', () => [mkdtempSync(at('empty-'))], /holds no runs of train/],
    ['missing-column', () => [written('a.jsonl', jsonl(withoutDimension()))], /64x1 can't be fitted without its dFf/],
    [
      'missing-column',
      () => [written('b.jsonl', jsonl(rowsOf().map(({ stepSeconds, ...row }) => row)))],
      /b\.jsonl has no stepSeconds/,
    ],
    ['too-few-configurations', () => [written('c.jsonl', jsonl(rowsOf().slice(0, 5)))], /at least 6 .* there are 5/],
    [
      'no-variation',
      () => [
        written(
          'd.jsonl',
          jsonl([1, 2, 3, 4, 5, 6].map((sequences) => ({ ...rowsOf({ sequences })[0]!, runId: `r${sequences}` }))),
        ),
      ],
      /add runs of other widths/,
    ],
    ['bad-usage', () => [written('e.jsonl', jsonl(rowsOf())), '--devices-per-node', '0'], /positive integer/],
  ])('as %s', async (code, args, message) => {
    const outcome = await shapelaw(['recommend', '--params', '220M', '--step-times', ...args()]);
    expect(outcome).toMatchObject({ code: 2, out: '' });
    expect(outcome.err.startsWith(`[${code}] `)).toBe(true);
    expect(outcome.err).toMatch(message);
  });

  test('devices of machines that it does not name', async () => {
    const { code, err } = await shapelaw(['knobs', 't5-small', '--law', 'gemstones-shape', '--devices-per-node', '8']);
    expect({ code, err }).toMatchObject({
      code: 2,
      err: expect.stringMatching(/^\[bad-usage\] --devices-per-node is of/),
    });
  });
});

const published = process.env.SHAPELAW_DATA ?? '';

test.skipIf(!published)(
  'the table of Gemstones lacks dimensions (skipped where SHAPELAW_DATA does not name its folder)',
  async () => {
    const path = join(published, 'gemstones', 'wandb_df_for_fitting_hot.jsonl');
    const { code, err } = await shapelaw(['recommend', '--params', '220M', '--step-times', path]);
    expect(code).toBe(2);
    expect(err).toMatch(/^\[missing-column\] .*can't be fitted without its (dFf|dKv|heads|vocab)/);
  },
);
