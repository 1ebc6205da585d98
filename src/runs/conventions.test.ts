import { describe, expect, test } from 'vitest';
import type { Conventions } from '../conventions.js';
import { buildRunTable, type RunTableOptions } from './table.js';

function build(cells: readonly Record<string, unknown>[], options: RunTableOptions = {}) {
  const rows = cells.map((row, index) => ({ row: index + 1, cells: { params: 1e8, loss: 3, runId: 'a', ...row } }));
  return buildRunTable(rows, { ...options, source: 'runs.jsonl', sha256: '00' });
}

const refusal = (code: string, message: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });

const stated: Conventions = {
  params: 'non-embedding',
  flops: 'exact',
  tokens: 'encoder+decoder',
  loss: 'nats-per-token',
  tokenizer: 't5',
};

test('come from the options, else from the columns, else are unstated', () => {
  expect(build([{}], { conventions: stated }).conventions).toEqual(stated);
  expect(build([{ lossUnit: 'bits-per-byte' }], { conventions: { params: 'total' } }).conventions).toEqual({
    params: 'total',
    flops: 'unstated',
    tokens: 'unstated',
    loss: 'bits-per-byte',
    tokenizer: 'unstated',
  });
});

describe('unstated conventions', () => {
  test('are named in one warning, of the fields that the table has', () => {
    expect(build([{}]).warnings).toEqual([
      'runs.jsonl does not state paramsConvention, lossUnit, tokenizer, so that a law fitted to it will not either: add columns of these names, or give the conventions',
    ]);
    expect(
      build([{ tokens: 1, flops: 1 }], { conventions: { params: 'total', loss: 'bits-per-byte' } }).warnings,
    ).toEqual([expect.stringContaining('does not state flopsConvention, tokensConvention, so')]);
  });

  test('warn of nothing where all are stated', () => {
    expect(build([{ tokens: 1, flops: 1 }], { conventions: stated }).warnings).toEqual([]);
  });
});

describe('contradictions are refused', () => {
  test('between rows, with both values and rows', () => {
    const rows = [
      ...Array.from({ length: 7 }, () => ({ paramsConvention: 'total' })),
      { paramsConvention: 'non-embedding' },
    ];
    expect(() => build(rows)).toThrow(
      refusal(
        'mixed-conventions',
        /paramsConvention is "total" in rows 1, 2, 3, 4, 5 and 2 more, and "non-embedding" in row 8/,
      ),
    );
    expect(build(rows, { where: ['paramsConvention=total'] }).conventions.params).toBe('total');
  });

  test('between a row that states one and a row that states none, unless the caller vouches for it', () => {
    const rows = [{ lossUnit: 'nats-per-token' }, {}];
    expect(() => build(rows)).toThrow(refusal('mixed-units', /"unstated" in row 2.*--where lossUnit=nats-per-token/));
    expect(build(rows, { conventions: { loss: 'nats-per-token' } }).conventions.loss).toBe('nats-per-token');
  });

  test('between the caller and a row', () => {
    expect(() => build([{ tokenizer: 't5' }, { tokenizer: 'gpt2' }], { conventions: { tokenizer: 't5' } })).toThrow(
      refusal('mixed-conventions', /tokenizer was given as "t5", but the column "tokenizer" says "gpt2" in row 2/),
    );
    expect(build([{ tokenizer: 't5' }], { conventions: { tokenizer: 'unstated' } }).conventions.tokenizer).toBe('t5');
  });
});

test('a caller may overrule what the source of a layout states, with a warning', () => {
  const cells = [{ 'Model Size': 1e8, 'Training FLOP': 1e18, loss: 3 }];
  expect(build(cells).conventions.loss).toBe('nats-per-token');
  const table = build(cells, { conventions: { loss: 'bits-per-token' } });
  expect(table.conventions.loss).toBe('bits-per-token');
  expect(table.warnings).toContainEqual(expect.stringContaining('its layout epoch-chinchilla says "nats-per-token"'));
});

test('what the source of a layout states does not hold of another column', () => {
  const cells = [{ 'Model Size': 1e8, 'Training FLOP': 1e18, loss: 3, bits: 4 }];
  expect(build(cells, { map: { loss: 'bits' } }).conventions.loss).toBe('unstated');
});

test.each([
  [{ params: 'body' }, /params cannot be "body"; it is one of total, non-embedding, unstated/],
  [{ tokenizer: '' }, /tokenizer cannot be ""/],
  [{ unit: 'nats' }, /no convention of "unit"/],
])('refuses %j, which is no convention', (conventions, message) => {
  expect(() => build([{}], { conventions: conventions as Partial<Conventions> })).toThrow(
    refusal('bad-usage', message),
  );
});
