import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterAll, describe, expect, test } from 'vitest';
import { presetShape } from '../../flops/presets/index.js';
import { type ImportOptions, importRuns } from './index.js';

const fixtures = fileURLToPath(new URL('../../../fixtures/imports', import.meta.url));
const fixture = (...parts: string[]) => join(fixtures, ...parts);
const folder = mkdtempSync(join(tmpdir(), 'shapelaw-import-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Writes a file, and gives its path. */
function file(name: string, text: string | Uint8Array): string {
  const path = join(folder, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text);
  return path;
}

// The surface and the steps of fixtures/imports/write.py.
const steps = [250, 500, 1000, 2000];
const tokensPerStep = 524_288;
const sizes = { '10m': 1e7, '20m': 2e7, '40m': 4e7 };
const lossOf = (params: number, tokens: number) => 1.8 + 480 * params ** -0.35 + 2000 * tokens ** -0.36;
const expected = (name: keyof typeof sizes, round = (loss: number) => loss) =>
  steps.map((step) => ({ step, loss: round(lossOf(sizes[name], step * tokensPerStep)) }));

const rows = async (path: string | string[], options: ImportOptions = {}) =>
  (await importRuns([path].flat(), { set: { params: 1e7 }, ...options })).records;
const brief = (records: readonly { runId: string; step?: number | undefined; loss: number }[], run: string) =>
  records.filter(({ runId }) => runId === run).map(({ step, loss }) => ({ step, loss }));
/** Python's last digit of a power may be another than JavaScript's. */
const near = (points: readonly { step: number; loss: number }[]) =>
  points.map(({ step, loss }) => ({ step, loss: expect.closeTo(loss, 12) }));

const refusal = (code: string, message: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });
const refused = async (paths: string[], options: ImportOptions, code: string, message: RegExp) =>
  expect(importRuns(paths, { set: { params: 1e7 }, ...options })).rejects.toThrow(refusal(code, message));

describe('TensorBoard', () => {
  test('a folder of runs by three writers: simple_value, tensors of 32 and of 64 bits', async () => {
    const { records, runs, format, files, warnings, dropped } = await importRuns([fixture('tensorboard')], {
      set: { params: 1e7 },
      tokensPerStep,
    });
    expect({ format, runs, files: files.length }).toEqual({ format: 'tensorboard', runs: 3, files: 4 });
    for (const name of ['10m', '20m'] as const) {
      const single = (loss: number) => Math.fround(loss);
      expect(brief(records, name)).toEqual(expected(name, single));
    }
    expect(brief(records, '40m')).toEqual(near(expected('40m')));
    expect(records.map(({ tokens }) => tokens)).toEqual(
      [0, 1, 2].flatMap(() => steps.map((step) => step * tokensPerStep)),
    );
    // The evaluation at 1000 of before the crash.
    expect(warnings).toEqual([expect.stringMatching(/^40m went back to an earlier step.* 1 in all$/)]);
    expect(dropped).toEqual([
      expect.objectContaining({ runId: '40m', tag: 'eval/loss', value: expect.stringMatching(/^4\.80/) }),
    ]);
  });

  test('a single file is the run of its folder; another tag is a field', async () => {
    const path = fixture('tensorboard', '10m', 'events.out.tfevents.1700000000.host');
    const [first] = await rows(path, { map: { 'scores.accuracy': 'eval/accuracy' } });
    expect(first).toMatchObject({ runId: '10m', step: 250, scores: { accuracy: expect.closeTo(1 / first!.loss, 6) } });
  });

  test('a last record that is cut off is left out with a warning, a damaged one refused', async () => {
    const bytes = readFileSync(fixture('tensorboard', '20m', 'events.out.tfevents.1700000000.host'));
    const cut = file('cut/events.out.tfevents.1.host', bytes.subarray(0, -5));
    const { records, warnings } = await importRuns([cut], { set: { params: 1e7 }, tokensPerStep });
    expect(records).toHaveLength(3);
    expect(warnings).toEqual([expect.stringMatching(/offset \d+: the last record is cut off/)]);
    bytes[100]! ^= 1;
    await refused(
      [file('bad/events.out.tfevents.1.host', bytes)],
      {},
      'unreadable',
      /offset \d+: the data of this record/,
    );
  });

  test('runs are named by the shortest end of their paths that tells them apart', async () => {
    for (const run of ['a', 'b'])
      cpSync(fixture('tensorboard', '10m'), join(folder, 'keras', run, 'eval'), { recursive: true });
    const found = await rows(join(folder, 'keras'));
    expect(new Set(found.map(({ runId }) => runId))).toEqual(new Set(['a/eval', 'b/eval']));
    const eachAlone = [join(folder, 'keras/a'), join(folder, 'keras/b')];
    expect(new Set((await rows(eachAlone)).map(({ runId }) => runId))).toEqual(new Set(['a/eval', 'b/eval']));
    await refused([join(folder, 'keras'), join(folder, 'keras/a')], {}, 'bad-usage', /given twice/);
  });
});

describe("transformers' Trainer", () => {
  test('takes the last of an output folder and its checkpoints', async () => {
    for (const name of ['10m', '20m', '40m'] as const) {
      const { records, files } = await importRuns([fixture('trainer-state', name)], { set: { params: sizes[name] } });
      expect(brief(records, name)).toEqual(near(expected(name)));
      expect(records.map(({ tokens }) => tokens)).toEqual(steps.map((step) => step * tokensPerStep));
      expect(files).toEqual([
        fixture('trainer-state', name, ...(name === '40m' ? ['checkpoint-2000'] : []), 'trainer_state.json'),
      ]);
    }
    const early = fixture('trainer-state', '10m', 'checkpoint-1000', 'trainer_state.json');
    expect(await rows(early)).toMatchObject([{ runId: '10m' }, {}, { step: 1000 }]);
  });

  test('total_flos is 6ND of the last step alone, and only where it is mapped', async () => {
    const path = [fixture('trainer-state', '40m')];
    const map = { flops: 'total_flos' };
    await refused(path, { map }, 'bad-rows', /entry 2 \(40m\), total_flos has no value here, where eval_loss has one/);
    const { records, warnings } = await importRuns(path, { set: { params: 4e7 }, map, last: true });
    expect(records).toEqual([
      expect.objectContaining({ step: 2000, flops: 6 * 2000 * tokensPerStep * 3.2e7, flopsConvention: '6ND' }),
    ]);
    expect(warnings).toContainEqual(expect.stringMatching(/total_flos of transformers is 6 \* tokens/));
    expect(Object.keys((await rows(path))[0]!)).not.toContain('flops');
  });

  test('the first evaluation of a step is that step: a later one may be of the best model', async () => {
    const state = {
      global_step: 20,
      total_flos: 0,
      num_input_tokens_seen: 0,
      log_history: [
        { step: 10, eval_loss: 2.5 },
        { step: 20, eval_loss: 2.75 },
        { step: 20, eval_loss: 2.75, eval_runtime: 1 },
        { step: 20, eval_loss: 2.5, eval_runtime: 1 },
      ],
    };
    const path = file('best/trainer_state.json', JSON.stringify(state));
    const { records, warnings } = await importRuns([path], { set: { params: 1e7 } });
    expect(brief(records, 'best')).toEqual([
      { step: 10, loss: 2.5 },
      { step: 20, loss: 2.75 },
    ]);
    expect(warnings).toContainEqual(expect.stringMatching(/^best was evaluated again at step 20: the first is taken/));
    expect(records[0]).not.toHaveProperty('tokens');
  });

  test.each([
    ['not JSON', '{"log_history": [', /is not JSON/],
    ['another file', '{"model_type": "t5"}', /no list log_history/],
    ['a broken entry', '{"log_history": [3]}', /entry 1 of log_history is no object/],
  ])('%s is refused', async (name, text, message) => {
    await refused([file(`${name}.json`, text)], {}, 'unreadable', message);
  });
});

describe('Weights & Biases', () => {
  test('a chart: runs by column, the trainer step as x-axis, bands passed over', async () => {
    const { records, runs, tags, warnings } = await importRuns([fixture('wandb', 'chart.csv')], {
      set: { params: 1e7 },
      tokensPerStep,
    });
    expect({ runs, tags, warnings }).toEqual({
      runs: 3,
      tags: { step: 'train/global_step', loss: 'eval/loss' },
      warnings: [],
    });
    for (const name of ['10m', '20m', '40m'] as const) {
      expect(brief(records, `sweep - ${name}`)).toEqual(near(expected(name).slice(0, name === '40m' ? 3 : 4)));
    }
  });

  test('a chart of means says so, and that Step counts calls', async () => {
    const path = file(
      'means.csv',
      '"Step","Group: a - val_loss","Group: a - val_loss__MIN","Group: a - val_loss__MAX"\n10,3,2.5,3.5\n',
    );
    const { records, warnings } = await importRuns([path], { set: { params: 1e7, tokens: 1e9 } });
    expect(records).toEqual([{ runId: 'Group: a', params: 1e7, tokens: 1e9, loss: 3, step: 10 }]);
    expect(warnings).toEqual([
      expect.stringMatching(/^Step counts the calls of wandb\.log/),
      expect.stringMatching(/are means, of a group of runs or of several steps/),
    ]);
  });

  test('a history as CSV, JSON Lines and Parquet', async () => {
    const fromCsv = await importRuns([fixture('wandb', 'history-10m.csv')], { set: { params: 1e7 } });
    expect(brief(fromCsv.records, 'history-10m')).toEqual(near(expected('10m')));
    expect(fromCsv.tags).toEqual({
      step: 'train/global_step',
      tokens: 'train/num_input_tokens_seen',
      loss: 'eval/loss',
    });
    const data = { _step: [0, 1], 'val/loss': [3, 2.5], params: [1e7, 1e7] };
    const columnData = Object.entries(data).map(([name, values]) => ({ name, data: values, type: 'DOUBLE' as const }));
    const path = file('h.parquet', new Uint8Array(parquetWriteBuffer({ columnData })));
    expect(brief(await rows(path, { set: { params: 2 } }), 'h')).toEqual([
      { step: 0, loss: 3 },
      { step: 1, loss: 2.5 },
    ]);
  });

  test('a value at the same step of another row is the same evaluation', async () => {
    const lines = [
      { _step: 0, 'train/global_step': 5, tokens_seen: 100 },
      { _step: 1, 'train/global_step': 5, eval: { loss: 3 } },
    ];
    const path = file('rows.jsonl', lines.map((line) => JSON.stringify(line)).join('\n'));
    const options = { map: { tokens: 'tokens_seen' } };
    // A nested object is shown under a dotted name, as the pages of Weights & Biases do.
    expect(await rows(path, { ...options, loss: 'eval.loss' })).toMatchObject([{ step: 5, tokens: 100, loss: 3 }]);
  });

  test('a loss that is not finite is refused with file, line, tag and value, or left out', async () => {
    const path = fixture('wandb', 'history-diverged.jsonl');
    await refused(
      [path],
      {},
      'non-finite',
      /history-diverged\.jsonl, line 9 \(history-diverged\), eval\/loss: "NaN" is not finite/,
    );
    const { records, dropped } = await importRuns([path], { set: { params: 1e7 }, dropBadRows: true });
    expect(records).toHaveLength(4);
    expect(dropped).toEqual([
      { runId: 'history-diverged', file: path, at: 9, tag: 'eval/loss', value: 'NaN', reason: 'is not finite' },
    ]);
    // The last evaluation of a run that diverged is no earlier one.
    await refused([path], { last: true, dropBadRows: true }, 'no-rows', /no evaluation of eval\/loss is left/);
  });

  test('the runs table: a row a run, its configuration mapped', async () => {
    const { records, warnings } = await importRuns([fixture('wandb', 'runs.csv')], {
      map: { params: 'n_params', tokens: 'tokens_seen', dModel: 'd_model', seed: 'seed' },
    });
    expect(records).toHaveLength(12);
    const { loss, ...last } = records.at(-1)!;
    const params = 12 * 4 * 512 ** 2 + 384 * 512;
    expect(last).toEqual({
      runId: 'd512-4000',
      params,
      tokens: 4000 * tokensPerStep,
      step: 4000,
      seed: 0,
      dModel: 512,
    });
    expect(loss).toBeCloseTo(lossOf(params, 4000 * tokensPerStep), 12);
    expect(warnings).toEqual([expect.stringMatching(/not finished, .*: d512-4000 \(crashed\)$/)]);
  });

  test('a runs table may show _step', async () => {
    const path = file('stepped.csv', 'Name,State,_step,eval/loss\na,finished,7,3\nb,finished,7,2.5\n');
    const { records, warnings } = await importRuns([path], { set: { params: 1e7, tokens: 1e9 } });
    expect(records.map(({ runId, step }) => [runId, step])).toEqual([
      ['a', 7],
      ['b', 7],
    ]);
    expect(warnings).toEqual([expect.stringMatching(/^_step counts the calls/)]);
  });

  test('runs of one name need another that tells them apart', async () => {
    const path = file('same.csv', 'Name,ID,eval/loss\na,x1,3\na,x2,2.5\n');
    await refused([path], {}, 'bad-usage', /several logs are of a run "a": .*line 2; .*line 3; .*--map runId=TAG/);
    expect((await rows(path, { map: { runId: 'ID' } })).map(({ runId }) => runId)).toEqual(['x1', 'x2']);
  });

  test.each([
    ['columns.csv', 'a,b\n1,2\n', /no export of Weights & Biases that is read here.*its columns are a, b/],
    ['list.jsonl', '[1]\n', /line 1 is not an object/],
    ['cut.jsonl', '{"_step": 1}\n{"_ste', /line 2 is not JSON/],
    ['ragged.csv', '_step,eval/loss\n1\n', /line 2: 1 cells under a header of 2/],
  ])('%s is refused', async (name, text, message) => {
    await refused([file(name, text)], {}, 'unreadable', message);
  });
});

describe('what a log does not say', () => {
  const history = fixture('wandb', 'history-10m.csv');
  const shape = presetShape('t5-efficient-tiny')!;

  test('comes from a shape, with its exact parameters', async () => {
    const { records, warnings } = await importRuns([history], {
      shape,
      tokensPerStep: 1000,
      set: { seed: 3, tokenizer: 't5' },
    });
    expect(records[0]).toMatchObject({
      params: 15_570_688,
      paramsConvention: 'total',
      encoderLayers: 4,
      dModel: 256,
      vocab: 32128,
      tokens: 250_000,
      seed: 3,
      tokenizer: 't5',
    });
    expect(warnings).toEqual([]);
    // Tokens of the encoder are not those of an encoder-decoder.
    const unasked = await importRuns([history], { shape });
    expect(unasked.records[0]).not.toHaveProperty('tokens');
    expect(unasked.warnings).toContainEqual(expect.stringMatching(/counts the tokens of the encoder alone/));
  });

  test('a training loss is taken where it is named, and says so in its rows', async () => {
    const { records, warnings } = await importRuns([history], { set: { params: 1e7 }, loss: 'train/loss' });
    expect(records[0]).toMatchObject({ split: 'train', step: 250 });
    expect(warnings).toContainEqual(expect.stringMatching(/train\/loss is a training loss by its name/));
  });

  test.each<[string, ImportOptions, string, RegExp]>([
    ['params', { set: {} }, 'missing-column', /--shape SHAPE, --set params=60M or --map params=TAG/],
    ['a tag', { map: { tokens: 'tokens' } }, 'missing-column', /no tag "tokens".*the tags found are .*eval\/loss/],
    ['a loss', { loss: 'val' }, 'missing-column', /no tag "val" for --loss.*the tags found are /],
    ['a field', { set: { params: 1, parms: 1 } }, 'bad-usage', /"parms" is not a field of a run.*"params"/],
    [
      'one giver',
      { set: { params: 1 }, map: { params: 'eval/runtime' } },
      'bad-usage',
      /--map and --set both give params/,
    ],
    ['one giver beside a shape', { shape }, 'bad-usage', /--set and --shape both give params/],
    [
      'a value that can be',
      { set: { params: 1, seed: 0.5 } },
      'bad-usage',
      /--set seed=0\.5: it must be a whole number/,
    ],
    ['a measured loss', { set: { params: 1, loss: 2 } }, 'bad-usage', /a loss is measured/],
    [
      'own tokens of checkpoints',
      { set: { params: 1, tokens: 1e9 } },
      'bad-usage',
      /all 4 evaluations of history-10m the same tokens.*--last/,
    ],
    ['one rule of tokens', { tokensPerStep: 1, map: { tokens: 'eval/runtime' } }, 'bad-usage', /keep one of them/],
    ['tokens of a step', { tokensPerStep: 0 }, 'bad-usage', /greater than 0, not 0/],
    [
      'one name of the loss',
      { loss: 'eval/loss', map: { loss: 'eval/loss' } },
      'bad-usage',
      /--loss and --map both give loss/,
    ],
  ])('refuses without %s', async (_, options, code, message) => {
    return refused([history], options, code, message);
  });

  test('refuses a tag that is mapped and has no value where the loss has one', async () => {
    const path = file('sparse.jsonl', '{"_step":1,"eval/loss":3}\n{"_step":2,"lr":1}\n');
    await refused([path], { map: { flops: 'lr' } }, 'bad-rows', /line 1 \(sparse\), lr has no value here/);
  });
});

describe('which paths', () => {
  test('formats are told by names and contents; several or none are refused', async () => {
    await refused(
      [fixture('wandb/chart.csv'), fixture('tensorboard')],
      {},
      'bad-usage',
      /is of wandb, .* of tensorboard: import each/,
    );
    await refused([join(folder, 'none.csv')], {}, 'unreadable', /does not exist/);
    await refused([file('log.txt', '')], {}, 'unreadable', /of no format that is imported by its name/);
    await refused([fixture('wandb')], {}, 'unreadable', /holds neither event files .* nor a trainer_state\.json/);
    await refused([fixture('wandb')], { from: 'tensorboard' }, 'unreadable', /holds no event files/);
    await refused([fixture('wandb')], { from: 'trainer-state' }, 'unreadable', /holds no trainer_state\.json/);
    await refused([], {}, 'bad-usage', /name a file/);
    await refused([history()], { from: 'mlflow' as 'wandb' }, 'bad-usage', /no format mlflow; there are wandb/);
  });

  test('a Trainer output folder with its event files asks which', async () => {
    const output = join(folder, 'output');
    cpSync(fixture('trainer-state', '10m'), output, { recursive: true });
    cpSync(fixture('tensorboard', '10m'), join(output, 'runs', 'now'), { recursive: true });
    await refused([output], {}, 'bad-usage', /--from tensorboard or --from trainer-state/);
    expect((await rows(output, { from: 'trainer-state' }))[0]).toMatchObject({ runId: 'output' });
    expect((await rows(output, { from: 'tensorboard' }))[0]).toMatchObject({ runId: 'now' });
  });

  function history(): string {
    return fixture('wandb', 'history-10m.csv');
  }
});
