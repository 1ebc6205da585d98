import { describe, expect, test } from 'vitest';
import { parseColumnMap, planColumns, requireColumns } from './columns.js';

const plan = (columns: readonly string[], map: Record<string, string> = {}) =>
  planColumns(new Set(columns), map, 'runs.csv');

/** An error of this code whose message has these parts, in this order. */
function refusal(code: string, ...parts: string[]) {
  const message = parts.map((part) => part.replaceAll(/[^\w\s]/g, '\\$&')).join('.*');
  return expect.objectContaining({ code, message: expect.stringMatching(new RegExp(message, 's')) });
}

describe('planColumns', () => {
  test('takes columns by the names of fields', () => {
    const { columnOf, layout } = plan(['params', 'loss', 'scores.mmlu', 'lr']);
    expect(Object.fromEntries(columnOf)).toEqual({ params: 'params', loss: 'loss', 'scores.mmlu': 'scores.mmlu' });
    expect(layout?.name).toBe('own');
  });

  test('lets the map override the layout field by field', () => {
    const columns = ['x', 'Model Size', 'Training FLOP', 'loss', 'smooth'];
    const { columnOf, layout, asLaidOut } = plan(columns, { loss: 'smooth' });
    expect(layout?.name).toBe('epoch-chinchilla');
    expect(Object.fromEntries(columnOf)).toEqual({ params: 'Model Size', flops: 'Training FLOP', loss: 'smooth' });
    expect([...asLaidOut]).toEqual(['params', 'flops']);
  });

  test('a map that repeats the layout leaves its statements in force', () => {
    const { asLaidOut } = plan(['Model Size', 'Training FLOP', 'loss'], { loss: 'loss' });
    expect(asLaidOut.has('loss')).toBe(true);
  });

  test('a column that is mapped holds no other field', () => {
    const { columnOf } = plan(['N', 'tokens', 'loss'], { params: 'N', flops: 'tokens' });
    expect(Object.fromEntries(columnOf)).toEqual({ params: 'N', flops: 'tokens', loss: 'loss' });
  });

  test('no layout where the map alone makes sense of the columns', () => {
    expect(plan(['N', 'L'], { params: 'N', loss: 'L' }).layout).toBeNull();
  });

  test('refuses maps that cannot be meant', () => {
    expect(() => plan(['N', 'L'], { parms: 'N' })).toThrow(
      refusal('bad-usage', '"parms" is not a field', 'did you mean "params"'),
    );
    expect(() => plan(['N', 'val_loss'], { loss: 'valloss' })).toThrow(
      refusal('missing-column', 'runs.csv has no column "valloss"', 'did you mean "val_loss"', 'N, val_loss'),
    );
    expect(() => plan(['N', 'L'], { params: 'N', loss: 'N' })).toThrow(
      refusal('bad-usage', '"N" twice', 'params', 'loss'),
    );
  });
});

test('a table without a needed column is refused with its columns and the map to write', () => {
  expect(() => requireColumns(plan(['n_params', 'x']), ['params', 'loss'])).toThrow(
    refusal(
      'missing-column',
      'params (did you mean "n_params"?) and loss',
      'n_params, x',
      '--map params=COLUMN --map loss=COLUMN',
    ),
  );
});

describe('parseColumnMap', () => {
  test('splits at the first equals sign', () => {
    expect(parseColumnMap(['params=N', 'loss= a=b ', 'scores.x=s'])).toEqual({
      params: 'N',
      loss: 'a=b',
      'scores.x': 's',
    });
  });

  test.each(['params', '=N', 'params=', ''])('refuses %j', (text) => {
    expect(() => parseColumnMap([text])).toThrow(refusal('bad-usage', 'is not FIELD=COLUMN'));
  });

  test('refuses a field that is mapped twice', () => {
    expect(() => parseColumnMap(['loss=a', 'loss=b'])).toThrow(refusal('bad-usage', 'loss twice', '"a"', '"b"'));
  });
});
