import { describe, expect, test } from 'vitest';
import { planColumns } from './columns.js';
import { parseFilter, testCell } from './filter.js';

const columns = ['params', 'loss', 'schedule', 'lr', 'a<b', 'eval/x=y'];
const plan = planColumns(new Set(columns), {}, 'runs.csv');
const parse = (text: string) => parseFilter(text, plan, new Set(['tokens']));
const verdicts = (text: string, cells: readonly unknown[]) => cells.map((cell) => testCell(parse(text), cell));

describe('parseFilter', () => {
  test.each([
    ['params>1e7', 'params', '>', '1e7'],
    ['params >= 1e7', 'params', '>=', '1e7'],
    ['lr<=0.1', 'lr', '<=', '0.1'],
    ['schedule==wsd', 'schedule', '=', 'wsd'],
    ['schedule!=a=b', 'schedule', '!=', 'a=b'],
    ["schedule = 'wsd'", 'schedule', '=', 'wsd'],
    ['schedule="a b"', 'schedule', '=', 'a b'],
    ['a<b<3', 'a<b', '<', '3'],
    ['eval/x=y=2', 'eval/x=y', '=', '2'],
    ['schedule=', 'schedule', '=', ''],
    ['tokens<5', 'tokens', '<', '5'],
  ])('reads %j', (text, name, operator, value) => {
    expect(parse(text)).toMatchObject({ text, name, operator, value });
  });

  test.each([
    ['params', 'bad-usage', 'NAME OPERATOR VALUE'],
    ['>3', 'bad-usage', 'NAME OPERATOR VALUE'],
    ['params>big', 'bad-usage', '"big" is no number'],
    ['params=big', 'bad-usage', 'params holds numbers'],
    ['schedule<3', 'bad-usage', 'schedule holds text'],
    ['Params>3', 'missing-column', 'did you mean "params"'],
    ['seed=1', 'missing-column', 'no column for the field seed'],
  ])('refuses %j', (text, code, part) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ code, message: expect.stringContaining(part) }));
  });
});

describe('testCell', () => {
  test('compares numbers by size, and an empty cell meets no size', () => {
    expect(verdicts('lr<2', ['1', '2', '3', '', null])).toEqual(['kept', 'dropped', 'dropped', 'dropped', 'dropped']);
    expect(verdicts('lr<=2', [1, 2, 3])).toEqual(['kept', 'kept', 'dropped']);
    expect(verdicts('lr>2', [1, 2, 3])).toEqual(['dropped', 'dropped', 'kept']);
    expect(verdicts('lr>=2', [1, 2, 3])).toEqual(['dropped', 'kept', 'kept']);
  });

  test('equals as numbers where both are, as text otherwise', () => {
    expect(verdicts('lr=1e3', ['1000', 1000, '1e3 ', 'x', ''])).toEqual(['kept', 'kept', 'kept', 'dropped', 'dropped']);
    expect(verdicts('lr!=x', ['x', 'y', '', true])).toEqual(['dropped', 'kept', 'kept', 'kept']);
    expect(verdicts('lr=true', [true, 'true', false])).toEqual(['kept', 'kept', 'dropped']);
    expect(verdicts('schedule=07', ['07', '7', 7])).toEqual(['kept', 'dropped', 'dropped']);
    expect(verdicts('schedule!=', ['', 'wsd'])).toEqual(['dropped', 'kept']);
  });

  test('a cell that it cannot read decides nothing', () => {
    expect(verdicts('params>1', ['nan', 'x'])).toMatchObject([{ nonFinite: true }, { nonFinite: false }]);
    expect(verdicts('params!=1', ['x'])).toMatchObject([{ reason: 'is not a number' }]);
  });
});
