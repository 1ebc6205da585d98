import { describe, expect, test } from 'vitest';
import { crossedRows, logSpaced, type SimulatedRow, tableOf } from '../../tests/simulated-runs.js';
import { parseRunTable } from '../runs/index.js';
import { checkTable } from './checks.js';
import { fitLaw } from './fit.js';
import { lawForm } from './laws/registry.js';
import type { FitOptions } from './options.js';

const surface = { E: 1.8, A: 480, B: 2000, alpha: 0.35, beta: 0.37 };
const good = crossedRows(surface, logSpaced(1e8, 1e10, 4), logSpaced(1e9, 1e11, 4));
const check = (rows: readonly SimulatedRow[]) => checkTable(tableOf(rows), lawForm('chinchilla', {}));
const powerOf = (rows: readonly SimulatedRow[]) => checkTable(tableOf(rows), lawForm('power', { variable: 'params' }));

function refusal(code: string, message: RegExp, details: Record<string, unknown> = {}) {
  return expect.objectContaining({
    code,
    message: expect.stringMatching(message),
    details: expect.objectContaining(details),
  });
}

function without<K extends keyof SimulatedRow>(row: SimulatedRow, key: K): SimulatedRow {
  const { [key]: _, ...rest } = row;
  return rest as SimulatedRow;
}

test('a sound table gives its columns in the order of the law, and counts distinct points', () => {
  const { columns, loss, configurations } = check([...good, good[3]!]);
  expect(columns.map((column) => [...column].slice(0, 5))).toEqual([
    good.slice(0, 5).map((row) => row.params),
    good.slice(0, 5).map((row) => row.tokens),
  ]);
  expect(loss).toHaveLength(17);
  expect(configurations).toBe(16);
});

describe('refuses', () => {
  test('a missing column, saying how to get it', () => {
    const rows = good.map((row, index) => (index === 5 ? without(row, 'tokens') : row));
    expect(() => check(rows)).toThrow(
      refusal('missing-column', /^simulated\.csv, row 6: .*needs tokens.*--map tokens=COLUMN.*--tokens-from 6ND/, {
        row: 6,
        column: 'tokens',
      }),
    );
    expect(() =>
      checkTable(tableOf(good.map((row) => without(row, 'flops'))), lawForm('power', { variable: 'flops' })),
    ).toThrow(refusal('missing-column', /row 1: the power law needs flops.*--map flops=COLUMN/));
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('the value %d', (value) => {
    for (const column of ['params', 'tokens', 'loss'] as const) {
      const rows = good.map((row, index) => (index === 2 ? { ...row, [column]: value } : row));
      expect(() => check(rows)).toThrow(
        refusal('non-finite', new RegExp(`row 3: ${column} is ${value}`), { row: 3, column, value: String(value) }),
      );
    }
  });

  test.each([0, -1])('the value %d, whose logarithm does not exist', (value) => {
    const rows = good.map((row, index) => (index === 2 ? { ...row, loss: value } : row));
    expect(() => check(rows)).toThrow(refusal('bad-rows', /row 3: loss is .*must be positive/));
  });

  // Parameters and 2: 7 for chinchilla, 5 for a power law. Copies of a point don't count.
  test('fewer distinct points than the parameters and two, saying how many are missing', () => {
    const [six, seven] = [good.slice(0, 6), [...good.slice(0, 6), good[12]!]];
    expect(() => check([...six, ...six])).toThrow(
      refusal('too-few-configurations', /at least 7 distinct.*the 12 rows hold 6.*Add at least 1 runs/, {
        configurations: 6,
        needed: 7,
      }),
    );
    expect(check([...seven.slice(0, 6), good[12]!]).configurations).toBe(7);
    const line = logSpaced(1e8, 1e10, 5).map((params) => ({ params, loss: 2 + 1e3 * params ** -0.5 }));
    expect(() => powerOf(line.slice(0, 4))).toThrow(refusal('too-few-configurations', /at least 5.*hold 4/));
    expect(powerOf(line).configurations).toBe(5);
    expect(() => check([])).toThrow(refusal('too-few-configurations', /the 0 rows hold 0/));
  });

  test('a column, or a loss, that does not vary', () => {
    const oneSize = logSpaced(1e9, 1e11, 8).map((tokens) => ({ params: 3e8, tokens, loss: 2 + tokens ** -0.1 }));
    expect(() => check(oneSize)).toThrow(
      refusal('no-variation', /params is 300000000 in every row.*Add runs at other values of params/, {
        column: 'params',
      }),
    );
    expect(() => check(good.map((row) => ({ ...row, loss: 2.5 })))).toThrow(
      refusal('no-variation', /loss is 2\.5 in every row/, { column: 'loss', value: 2.5 }),
    );
    // Not by more than rounding of a printed value: 1e-9.
    expect(() => check(good.map((row, index) => ({ ...row, loss: 2.5 + index * 1e-10 })))).toThrow(
      refusal('no-variation', /loss is 2\.5 in every row/),
    );
  });

  // E + A x^-a goes through any two values at every a.
  test('a column of two values, whose exponent nothing decides', () => {
    const twoSizes = crossedRows(surface, [1e8, 1e10], logSpaced(1e9, 1e11, 6));
    expect(() => check(twoSizes)).toThrow(
      refusal('too-few-configurations', /params takes 2 values only \(100000000, 10000000000\).*need 3/, {
        column: 'params',
        needed: 3,
      }),
    );
    expect(() => check(crossedRows(surface, logSpaced(1e8, 1e10, 6), [1e9, 1e11]))).toThrow(
      refusal('too-few-configurations', /tokens takes 2 values only/, { column: 'tokens' }),
    );
    expect(check(crossedRows(surface, logSpaced(1e8, 1e10, 3), logSpaced(1e9, 1e11, 3))).configurations).toBe(9);
  });

  test('params and tokens that rise together, or apart', () => {
    for (const power of [1, -0.5]) {
      const rows = logSpaced(1e8, 1e10, 9).map((params) => ({
        params,
        tokens: 2e10 * (params / 1e8) ** power,
        loss: 2 + params ** -0.1,
      }));
      expect(() => check(rows)).toThrow(
        refusal('collinear', /correlate at -?1\.0000.*vary tokens at a fixed params.*power law of one column/),
      );
      expect(powerOf(rows).configurations).toBe(9);
    }
  });

  // Points (x, x + spread * (+-1)) of x = -4..4 taken twice: correlation sqrt(v / (v + spread^2)) of variance v = 20/3.
  test.each([
    [0.84, 'refused', 0.9509],
    [0.86, 'taken', 0.9487],
  ])('a correlation beyond .95: spread %d is %s', (spread, outcome, expected) => {
    const rows = Array.from({ length: 18 }, (_, k) => {
      const x = (k % 9) - 4;
      return {
        params: 1e9 * Math.exp(x),
        tokens: 1e10 * Math.exp(x + (k < 9 ? spread : -spread)),
        loss: 2 + Math.exp(-0.3 * x),
      };
    });
    if (outcome === 'taken') expect(check(rows).configurations).toBe(18);
    else expect(() => check(rows)).toThrow(refusal('collinear', new RegExp(`correlate at ${expected}`)));
  });
});

describe('of several refusals the first is made', () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const csv = (rows: readonly (readonly [number | string, number | string, number | string])[]) =>
    bytes(`params,tokens,loss\n${rows.map((row) => row.join(',')).join('\n')}\n`);
  const fitFile = async (content: Uint8Array) =>
    fitLaw(await parseRunTable(content, 'runs.csv'), { law: 'chinchilla' });

  // Each table has every fault of those after it: a row twice, few points, all alike, all on one line.
  const twice = [1, 2, 3].map(() => [1e8, 1e9, 3] as const);
  const few = [1, 2, 3].map((k) => [1e8, 1e9 * k, 3] as const);
  const alike = Array.from({ length: 9 }, (_, k) => [1e8, 1e9 * 2 ** k, 3] as const);
  const line = Array.from({ length: 9 }, (_, k) => [1e8 * 2 ** k, 1e9 * 2 ** k, 3 - 0.1 * k] as const);

  test.each([
    ['unreadable', Uint8Array.of(0xff, 0xfe, ...csv([[1e8, Number.NaN, 3]]))],
    ['non-finite', csv([[1e8, 'NaN', 3], ...twice])],
    ['duplicate-rows', csv(twice)],
    ['too-few-configurations', csv(few)],
    ['no-variation', csv(alike)],
    ['collinear', csv(line)],
  ])('%s', async (code, content) => {
    await expect(fitFile(content)).rejects.toThrow(expect.objectContaining({ code }));
  });

  test('in memory: a missing column, a value that is no number, too few points, two values', () => {
    const bad = { params: Number.NaN, tokens: 1e9, loss: 3 };
    const codeOf = (rows: readonly SimulatedRow[]) => {
      try {
        check(rows);
      } catch (error) {
        return (error as { code: string }).code;
      }
      return 'taken';
    };
    expect(codeOf([bad, { params: 1e8, loss: 3 }])).toBe('missing-column');
    expect(codeOf([bad, { params: 1e8, tokens: 1e9, loss: 3 }])).toBe('non-finite');
    // Two sizes at one number of tokens each: collinear too, but two values come first.
    const pairs = [1, 2, 3, 4].flatMap((k) => [
      { params: 1e8, tokens: 1e9 + k, loss: 3 + k / 10 },
      { params: 1e10, tokens: 1e11 + k, loss: 2 + k / 10 },
    ]);
    expect(codeOf(pairs)).toBe('too-few-configurations');
  });
});

describe('what a person may overrule', () => {
  const twice = [...good, { ...good[3]!, runId: 'run-4', loss: good[3]!.loss + 0.01 }];
  const scheduled = good.map((row, index) => (index < 12 ? { ...row, schedule: index < 9 ? 'cosine' : 'wsd' } : row));
  const line = logSpaced(1e8, 1e10, 9).map((params, k) => ({
    params,
    tokens: 20 * params * (1 + 0.01 * (k % 2)),
    loss: 2 + 480 / params ** 0.35,
  }));

  test('one run at one place twice, by rows, run and losses', () => {
    expect(() => check(twice)).toThrow(
      refusal(
        'duplicate-rows',
        /^simulated\.csv, rows 4 and 17: run run-4 at 1\d* tokens is there twice.*--map runId/,
        {
          rows: [4, 17],
          runId: 'run-4',
          losses: [good[3]!.loss, good[3]!.loss + 0.01],
        },
      ),
    );
    // A copy under another name is a run of another seed; another step of a run is another checkpoint.
    expect(check([...good, { ...good[3]!, runId: 'seed-2' }]).configurations).toBe(16);
    expect(check([...good, { ...good[3]!, runId: 'run-4', step: 9 }]).configurations).toBe(16);
  });

  test('a run whose place is not known only where every value is the same', () => {
    const placed = logSpaced(1e8, 1e10, 6).map((params) => ({ runId: 'one', params, loss: 2 + 1e3 * params ** -0.5 }));
    expect(powerOf(placed).configurations).toBe(6);
    expect(powerOf([...placed, { ...placed[2]!, dModel: 512 }]).configurations).toBe(6);
    expect(() => powerOf([...placed, placed[2]!])).toThrow(refusal('duplicate-rows', /run one at [\d.]+ parameters/));
  });

  test('several schedules, with the rows of each, naming the most frequent', () => {
    expect(() => check(scheduled)).toThrow(
      refusal(
        'mixed-schedules',
        /cosine \(9 rows\), wsd \(3 rows\), unstated \(4 rows\).*--where schedule=cosine.*--force/,
        {
          schedules: { cosine: 9, wsd: 3, unstated: 4 },
        },
      ),
    );
    expect(check(good.map((row) => ({ ...row, schedule: 'wsd' }))).configurations).toBe(16);
  });

  test.each<[string, readonly SimulatedRow[]]>([
    ['duplicate-rows', twice],
    ['mixed-schedules', scheduled],
    ['collinear', line],
  ])('%s: with force the law is fitted, and marked', (code, rows) => {
    const options: FitOptions = { law: 'chinchilla', draws: 0 };
    expect(() => fitLaw(tableOf(rows), options)).toThrow(expect.objectContaining({ code }));
    const law = fitLaw(tableOf(rows), { ...options, force: true });
    expect(law.forced).toEqual([code]);
    expect(law.provenance.notes).toContainEqual(expect.stringMatching(`^overruled: \\[${code}\\] simulated\\.csv`));
    expect(fitLaw(tableOf(good), { ...options, force: true }).forced).toEqual([]);
  });

  test('each refusal of several is marked, and what no one may overrule still refuses', () => {
    const both = twice.map((row, index) => ({ ...row, schedule: index % 13 < 6 ? 'cosine' : 'wsd' }));
    const { forced } = checkTable(tableOf(both), lawForm('chinchilla', {}), true);
    expect(forced.map(({ code }) => code)).toEqual(['duplicate-rows', 'mixed-schedules']);
    expect(() => checkTable(tableOf(good.slice(0, 6)), lawForm('chinchilla', {}), true)).toThrow(
      refusal('too-few-configurations', /at least 7/),
    );
    expect(() =>
      checkTable(tableOf(good.map((row) => ({ ...row, loss: 2 }))), lawForm('chinchilla', {}), true),
    ).toThrow(refusal('no-variation', /loss is 2/));
  });
});

// Of a prior on all five parameters two points are enough, of one on two of them five.
test('what a prior knows need not be in the table', () => {
  const form = lawForm('chinchilla', {});
  expect(checkTable(tableOf(good.slice(2, 4)), { ...form, apart: ['tokens'] }, false, 5).configurations).toBe(2);
  expect(() => checkTable(tableOf([good[1]!, good[6]!, good[11]!, good[12]!]), form, false, 2)).toThrow(
    refusal('too-few-configurations', /needs at least 5 distinct.*hold 4/),
  );
});
