import { describe, expect, test } from 'vitest';
import { buildRunTable, type RunTableOptions } from './table.js';

const origin = { source: 'runs.csv', sha256: '00' };

/** A table of these cells, the first in row 2 as under a header. */
function build(cells: readonly Record<string, unknown>[], options: RunTableOptions = {}) {
  return buildRunTable(
    cells.map((row, index) => ({ row: index + 2, cells: row })),
    { ...options, ...origin },
  );
}

const refusal = (code: string, message: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });

const good = { runId: 'a', params: '1e8', tokens: '2e9', flops: '1.2e18', loss: '3.5' };

test('refuses losses of several splits, and names the filter', () => {
  const rows = [
    { ...good, split: 'train' },
    { ...good, split: 'val' },
  ];
  expect(() => build(rows)).toThrow(
    refusal('mixed-conventions', /several splits: train, val; keep one with --where split=train/),
  );
  expect(build(rows, { where: ['split=val'] }).rows).toHaveLength(1);
});

test('leaves out the rows of untrained models, and says so', () => {
  const table = build([{ ...good, tokens: '0', flops: '0', loss: '6' }, good]);
  expect(table.rows.map(({ row }) => row)).toEqual([3]);
  expect(table.dropped).toEqual([{ row: 2, runId: 'a', reason: 'untrained: 0 tokens' }]);
  expect(() => build([{ ...good, tokens: '0' }])).toThrow(refusal('no-rows', /1 untrained: 0 tokens/));
});

test('reads every field, scores by task, and ignores other columns', () => {
  const cells = {
    ...{ runId: 'a', params: '1e8', tokens: '2e9', flops: '1.2e18', loss: '3.5', step: '100', stepSeconds: '0.5' },
    ...{ nodes: '2', seed: '1', schedule: 'wsd', split: 'validation', encoderLayers: '0', decoderLayers: '12' },
    ...{ dModel: '768', dFf: '3072', dKv: '64', heads: '12', vocab: '32128', 'scores.mmlu': '0.25', 'scores.a.b': '' },
    ...{ paramsConvention: 'total', flopsConvention: '6ND', tokensConvention: 'decoder', lossUnit: 'nats-per-token' },
    ...{ tokenizer: 't5', color: 'red' },
  };
  const table = build([cells]);
  expect(table.rows).toEqual([
    {
      ...{ row: 2, runId: 'a', params: 1e8, tokens: 2e9, flops: 1.2e18, loss: 3.5, step: 100, stepSeconds: 0.5 },
      ...{ nodes: 2, seed: 1, schedule: 'wsd', split: 'validation', encoderLayers: 0, decoderLayers: 12 },
      ...{ dModel: 768, dFf: 3072, dKv: 64, heads: 12, vocab: 32128, scores: { mmlu: 0.25 } },
      ...{ paramsConvention: 'total', flopsConvention: '6ND', tokensConvention: 'decoder' },
      ...{ lossUnit: 'nats-per-token', tokenizer: 't5' },
    },
  ]);
  expect(table).toMatchObject({ ...origin, layout: 'own', dropped: [], warnings: [], options: {} });
});

describe('bad rows', () => {
  test('are refused with file, row, column and value', () => {
    const rows = [
      good,
      { ...good, loss: 'oops' },
      { ...good, params: '' },
      { ...good, dModel: '1.5' },
      { ...good, loss: '-1' },
    ];
    expect(() => build(rows)).toThrow(
      refusal(
        'bad-rows',
        /^runs\.csv has 4 bad values in 4 rows:\n {2}row 3, column "loss": "oops" is not a number\n {2}row 4, column "params" is empty\n {2}row 5, column "dModel": "1\.5" must be a whole number\n {2}row 6, column "loss": "-1" must be greater than 0\n/,
      ),
    );
  });

  test('name the column of the file, and every bad value of a row', () => {
    expect(() => build([{ N: '1,000', L: '0', lossUnit: 'bits' }], { map: { params: 'N', loss: 'L' } })).toThrow(
      refusal('bad-rows', /column "N": "1,000" is not a number/),
    );
    expect(() => build([{ N: '10', L: '0', lossUnit: 'bits' }], { map: { params: 'N', loss: 'L' } })).toThrow(
      refusal(
        'bad-rows',
        /2 bad values in 1 row:\n.*"L": "0" must.*\n.*"lossUnit": "bits" must be one of nats-per-token/,
      ),
    );
  });

  test('list the first ten and count the rest', () => {
    expect(() => build(Array.from({ length: 13 }, () => ({ ...good, loss: 'x' })))).toThrow(
      refusal('bad-rows', /row 11, column "loss": "x" is not a number\n {2}and 3 more\n/),
    );
  });

  test.each(['nan', 'NaN', 'inf', '-Infinity', '1e999', Number.NaN, Number.POSITIVE_INFINITY])(
    'are non-finite where any is %s, and that one is listed first',
    (loss) => {
      const rows = [...Array.from({ length: 12 }, () => ({ ...good, loss: 'x' })), { ...good, loss }];
      expect(() => build(rows)).toThrow(refusal('non-finite', /:\n {2}row 14, column "loss": ".*" is not finite\n/));
    },
  );

  test('are dropped when asked, with the reason and a warning', () => {
    const table = build([good, { ...good, loss: 'nan' }, { ...good, runId: '', params: 'x' }], { dropBadRows: true });
    expect(table.rows.map(({ row }) => row)).toEqual([2]);
    expect(table.dropped).toEqual([
      { row: 3, runId: 'a', column: 'loss', value: 'nan', reason: 'bad value: "loss": "nan" is not finite' },
      { row: 4, column: 'runId', value: '', reason: 'bad value: "runId" is empty' },
    ]);
    expect(table.warnings).toContain('runs.csv: 2 rows with bad values dropped, of 3');
  });

  test('an empty optional cell is absent, an empty id is bad', () => {
    expect(build([{ ...good, tokens: '', flops: ' ' }]).rows[0]).toEqual({
      row: 2,
      runId: 'a',
      params: 1e8,
      loss: 3.5,
    });
    expect(() => build([good, { ...good, runId: '' }])).toThrow(refusal('bad-rows', /row 3, column "runId" is empty/));
  });

  test('64-bit integers take the nearest number, as their digits in text do', () => {
    const digits = '9007199254740993123';
    const [inText] = build([{ ...good, flops: digits }]).rows;
    expect(build([{ ...good, flops: BigInt(digits) }]).rows).toEqual([inText]);
    expect(() => build([{ ...good, seed: BigInt(digits) }])).toThrow(refusal('bad-rows', /"seed"/));
  });
});

describe('where', () => {
  const rows = [good, { ...good, params: '1e6', schedule: 'cosine' }, { ...good, loss: '9', schedule: 'wsd' }];

  test('leaves rows out with its text as the reason', () => {
    const table = build(rows, { where: ['params>1e7', 'schedule=wsd'] });
    expect(table.rows.map(({ row }) => row)).toEqual([4]);
    expect(table.dropped).toEqual([
      { row: 2, runId: 'a', reason: 'filtered: schedule=wsd' },
      { row: 3, runId: 'a', reason: 'filtered: params>1e7' },
    ]);
  });

  test('takes a field before a column of the same name, and any column', () => {
    const cells = [{ N: 1, L: 2, tokens: 5, color: 'red' }];
    const map = { params: 'N', loss: 'L', flops: 'tokens' };
    expect(build(cells, { map, where: ['flops=5', 'tokens=5', 'N<2', 'params<2', 'color=red'] }).rows).toHaveLength(1);
  });

  test('spares rows that it leaves out from the check of bad values, if it can read its own cell', () => {
    const mixed = [good, { ...good, params: '1e6', loss: 'nan' }];
    expect(build(mixed, { where: ['params>1e7'] }).rows).toHaveLength(1);
    expect(() => build(mixed, { where: ['loss<5'] })).toThrow(refusal('non-finite', /row 3/));
    expect(() => build([good, { ...good, params: '' }], { where: ['params>1e7'] })).toThrow(
      refusal('bad-rows', /empty/),
    );
  });

  test('reports a cell of another column that it cannot compare', () => {
    expect(() => build([{ ...good, lr: 'fast' }], { where: ['lr>1'] })).toThrow(
      refusal('bad-rows', /row 2, column "lr": "fast" is not a number/),
    );
  });
});

describe('dropHighest', () => {
  const rows = ['3', '5', '4', '5', '5'].map((loss) => ({ ...good, loss }));

  test('leaves out the highest losses, of equal ones the earlier row', () => {
    const table = build(rows, { dropHighest: 2 });
    expect(table.rows.map(({ row }) => row)).toEqual([2, 4, 6]);
    expect(table.dropped).toEqual(
      [3, 5].map((row) => ({ row, runId: 'a', column: 'loss', value: '5', reason: 'one of the 2 highest losses' })),
    );
  });

  test('comes after where', () => {
    expect(build(rows, { dropHighest: 1, where: ['loss<5'] }).rows.map(({ row }) => row)).toEqual([2]);
  });

  test.each([-1, 1.5, Number.NaN])('refuses to drop %d rows', (dropHighest) => {
    expect(() => build(rows, { dropHighest })).toThrow(refusal('bad-usage', /whole number from 0/));
  });
});

describe('tokensFrom', () => {
  const { tokens: _, ...untokened } = good;

  test('derives tokens from FLOPs and says so', () => {
    const table = build([untokened], { tokensFrom: '6ND' });
    expect(table.rows[0]!.tokens).toBe(1.2e18 / (6 * 1e8));
    expect(table.warnings).toContain('runs.csv: tokens are not measured but derived, as flops / (6 params)');
    expect(build([untokened]).rows[0]).not.toHaveProperty('tokens');
  });

  test('derived tokens can be filtered; FLOPs are then required', () => {
    const rows = [untokened, { ...untokened, flops: '1e15' }];
    expect(build(rows, { tokensFrom: '6ND', where: ['tokens>1e9'] }).rows.map(({ row }) => row)).toEqual([2]);
    expect(() => build([{ ...untokened, flops: '' }], { tokensFrom: '6ND', where: ['tokens>1'] })).toThrow(
      refusal('bad-rows', /"flops" is empty/),
    );
  });

  test('is refused where tokens were measured, FLOPs are missing or exact', () => {
    expect(() => build([good], { tokensFrom: '6ND' })).toThrow(
      refusal('bad-usage', /has tokens already, in column "tokens"/),
    );
    expect(() => build([{ params: 1, loss: 1 }], { tokensFrom: '6ND' })).toThrow(
      refusal('missing-column', /--map flops=COLUMN/),
    );
    expect(() => build([untokened], { tokensFrom: '6ND', conventions: { flops: 'exact' } })).toThrow(
      refusal('mixed-conventions', /exact counts/),
    );
    expect(() => build([untokened], { tokensFrom: '3ND' as '6ND' })).toThrow(refusal('bad-usage', /not from "3ND"/));
  });
});

describe('no ids of runs', () => {
  test('rows of the same parameters, shape, schedule and seed are one run', () => {
    const rows = [
      { params: 2, loss: 4, dModel: 8 },
      { params: 1, loss: 4, dModel: 8 },
      { params: 2, loss: 3, dModel: 8 },
      { params: 2, loss: 3, dModel: 16 },
      { params: 2, loss: 3, dModel: 8, schedule: 'wsd' },
      { params: 2, loss: 3, dModel: 8, schedule: 'wsd', seed: 1 },
      { params: 2, loss: 3, dModel: 8, step: 100 },
    ];
    const table = build(rows);
    expect(table.rows.map(({ runId }) => runId)).toEqual([
      'run-1',
      'run-2',
      'run-1',
      'run-3',
      'run-4',
      'run-5',
      'run-1',
    ]);
    expect(table.warnings).toContainEqual(expect.stringMatching(/no column of run ids: 7 rows were taken as 5 runs/));
  });
});

describe('no rows', () => {
  test('at all, or none left', () => {
    expect(() => build([])).toThrow(refusal('no-rows', /runs\.csv has no rows/));
    const rows = [good, { ...good, loss: 'x' }, { ...good, params: '1' }];
    expect(() => build(rows, { dropBadRows: true, dropHighest: 1, where: ['params>2'] })).toThrow(
      refusal(
        'no-rows',
        /none of its 3 rows is left \(1 one of the 1 highest losses; 1 with bad values; 1 filtered: params>2\)/,
      ),
    );
  });
});

test('keeps the options that were given', () => {
  const options = { where: ['loss<9'], dropHighest: 0, map: undefined };
  expect(build([good], options).options).toEqual({ where: ['loss<9'], dropHighest: 0 });
  expect(build([good], options).options).not.toHaveProperty('map');
});
