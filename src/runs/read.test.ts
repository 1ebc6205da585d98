import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, test } from 'vitest';
import { parseRunTable, readRunTable } from './read.js';

const utf8 = (text: string) => new TextEncoder().encode(text);
const parse = (name: string, text: string) => parseRunTable(utf8(text), name);

const unreadable = (message: RegExp) =>
  expect.objectContaining({ code: 'unreadable', message: expect.stringMatching(message) });

const records = [
  { runId: 'a', params: 1e8, tokens: 2e9, loss: 3.25, dModel: 512, schedule: 'wsd', 'scores.mmlu': 0.25 },
  { runId: 'b', params: 2.5e8, tokens: 4e9, loss: 3.125, dModel: 1024, schedule: 'a "b", c', 'scores.mmlu': 0.5 },
];
const names = Object.keys(records[0]!);

/** A cell of CSV or TSV, quoted where it must be. */
const quote = (cell: string) => (/[",\t\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);

function delimited(delimiter: string): string {
  const lines = [names, ...records.map((record) => Object.values(record).map(String))];
  return lines.map((cells) => `${cells.map(quote).join(delimiter)}\n`).join('');
}

const nested = records.map(({ 'scores.mmlu': mmlu, ...record }) => ({ ...record, scores: { mmlu } }));
const jsonLines = nested.map((record) => `${JSON.stringify(record)}\n`).join('');

function parquet(codec: 'SNAPPY' | 'UNCOMPRESSED' = 'SNAPPY'): Uint8Array {
  const column = (name: string) => records.map((record) => record[name as keyof typeof record]);
  const types: Record<string, 'STRING' | 'DOUBLE' | 'INT64' | 'INT32'> = { tokens: 'INT64', dModel: 'INT32' };
  const columnData = names.map((name) => {
    const data = column(name);
    const type = types[name] ?? (typeof data[0] === 'string' ? 'STRING' : 'DOUBLE');
    return { name, data: type === 'INT64' ? data.map((value) => BigInt(value as number)) : data, type };
  });
  return new Uint8Array(parquetWriteBuffer({ columnData, codec }));
}

describe('formats', () => {
  const files: [string, Uint8Array, number[]][] = [
    ['runs.csv', utf8(delimited(',')), [2, 3]],
    ['RUNS.CSV', utf8(`\uFEFF${delimited(',').replaceAll('\n', '\r\n')}`), [2, 3]],
    ['runs.tsv', utf8(delimited('\t')), [2, 3]],
    ['runs.jsonl', utf8(`\n${jsonLines.replace('\n', '\r\n\n')}`), [2, 4]],
    ['runs.ndjson', utf8(jsonLines), [1, 2]],
    ['runs.json', utf8(JSON.stringify(nested)), [1, 2]],
    ['runs.parquet', parquet(), [1, 2]],
    ['runs.plain.parquet', parquet('UNCOMPRESSED'), [1, 2]],
    ['runs.csv.gz', gzipSync(delimited(',')), [2, 3]],
    ['runs.jsonl.GZ', gzipSync(jsonLines), [1, 2]],
  ];
  test.each(files)('%s gives the same table', async (name, bytes, rows) => {
    const table = await parseRunTable(bytes, name);
    expect(table.rows).toEqual(
      records.map(({ 'scores.mmlu': mmlu, ...record }, index) => ({ ...record, scores: { mmlu }, row: rows[index] })),
    );
    expect(table).toMatchObject({ source: name, layout: 'own' });
    expect(table.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
  });
});

describe('unreadable files say what to do', () => {
  test.each([
    ['runs.xlsx', 'x', /no format that is read here: name it \.csv, .* or \.parquet/],
    ['runs', 'x', /no format/],
    ['runs.parquet.gz', 'x', /no format/],
    ['runs.csv', '', /is empty/],
    ['runs.csv', '\n\n', /has no header/],
    ['runs.csv', 'params,loss\n1,2\n1,2,3\n', /line 3: 3 cells under a header of 2/],
    ['runs.csv', 'params,loss\n"1\n",2\n\n1\n', /line 5: 1 cells under a header of 2/],
    ['runs.csv', 'params, loss ,loss\n1,2,3\n', /two columns named "loss"/],
    ['runs.csv', 'params,loss\n1,2\n"1,2\n3,4\n', /record that begins on line 3: Quote Not Closed/],
    ['runs.csv', 'params,loss\n1,2\n1,"2"3\n', /record that begins on line 3: Invalid Closing Quote/],
    ['runs.csv.gz', 'params,loss\n1,2\n', /not a whole gzip file/],
    ['runs.jsonl', '{"params": 1, "loss": 2}\n{"params": 1,\n', /line 2 is not JSON/],
    ['runs.jsonl', '{"params": 1, "loss": 2}\n[1]\n', /line 2 is not an object/],
    ['runs.jsonl', '{"params": 1, "loss": 2, "config": {"a": 1}}\n', /line 1: "config" is an object/],
    ['runs.jsonl', '{"params": 1, "loss": [2]}\n', /line 1: "loss" is a list/],
    ['runs.jsonl', '{"params": 1, "loss": 2, "scores": [1]}\n', /line 1: "scores" is a list/],
    ['runs.jsonl', '{"params": 1, "loss": 2, "scores": {"a": {"b": 1}}}\n', /line 1: "scores.a" is an object/],
    ['runs.jsonl', '{"params": 1, "loss": 2, "scores.a": 1, "scores": {"a": 1}}\n', /line 1 gives "scores.a" twice/],
    ['runs.json', '{"params": 1, "loss": 2}', /not a list of records/],
    ['runs.json', '{"params": 1}\n{"params": 1}', /not JSON .*name it \.jsonl/s],
    ['runs.parquet', 'PAR1 not quite PAR1', /not a whole Parquet file/],
  ])('%s holding %j', async (name, text, message) => {
    await expect(parse(name, text)).rejects.toThrow(unreadable(message));
  });

  test('text that is not UTF-8', async () => {
    const latin1 = Uint8Array.from('params,loss\n1,2é\n', (character) => character.charCodeAt(0));
    await expect(parseRunTable(latin1, 'runs.csv')).rejects.toThrow(unreadable(/not UTF-8 text; save it as UTF-8/));
  });

  test('a Parquet file that was cut, or holds lists', async () => {
    const whole = parquet();
    await expect(parseRunTable(whole.slice(0, whole.length / 2), 'a.parquet')).rejects.toThrow(
      unreadable(/not a whole/),
    );
    const broken = whole.map((byte, index) => (index > 10 && index < 60 ? 255 : byte));
    await expect(parseRunTable(broken, 'a.parquet')).rejects.toThrow(unreadable(/not a whole/));
    const columnData = [{ name: 'loss', data: [{ a: 1 }], type: 'JSON' as const }];
    await expect(parseRunTable(new Uint8Array(parquetWriteBuffer({ columnData })), 'a.parquet')).rejects.toThrow(
      unreadable(/row 1: "loss" is an object/),
    );
  });

  test('a missing file, a folder', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'shapelaw-runs-'));
    try {
      await expect(readRunTable(join(folder, 'none.csv'))).rejects.toThrow(unreadable(/none\.csv does not exist/));
      await expect(readRunTable(folder)).rejects.toThrow(unreadable(/is a folder/));
      const path = join(folder, 'runs.csv');
      await writeFile(path, delimited(','));
      expect(await readRunTable(path)).toEqual(await parseRunTable(utf8(delimited(',')), path));
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

test('a header without rows is a table without rows', async () => {
  await expect(parse('runs.csv', 'params,loss\n')).rejects.toThrow(expect.objectContaining({ code: 'no-rows' }));
  await expect(parse('runs.jsonl', '\n')).rejects.toThrow(expect.objectContaining({ code: 'no-rows' }));
});

test.each(['NaN', 'Infinity', '-Infinity', '1e999'])(
  '%s in JSONL is a value that is not finite, not a broken line',
  async (loss) => {
    const text = `{"params": 1, "loss": 2}\n{"schedule": "NaN \\" Infinity", "params": 1, "loss": ${loss}}\n`;
    await expect(parse('runs.jsonl', text)).rejects.toThrow(
      expect.objectContaining({ code: 'non-finite', message: expect.stringContaining('row 2, column "loss"') }),
    );
  },
);

describe('any column names and texts', () => {
  const text = fc.string({ unit: 'binary', maxLength: 12 });
  const awkward = fc.constantFrom(
    '__proto__',
    'a,b',
    '"',
    'line\nbreak',
    'cr\rhere',
    'both\r\nof them',
    'tab\t',
    'é',
    "'",
    '=1',
  );
  const name = fc
    .oneof(text, awkward)
    .map((value) => value.trim())
    .filter((value) => value !== '');
  const number = fc.double({ min: Number.MIN_VALUE, max: Number.MAX_VALUE, noNaN: true });
  const row = fc.record({ params: number, loss: number, schedule: fc.oneof(text, awkward) });

  test('read the same from CSV and JSONL, each record at the line it begins on', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(name, { minLength: 4, maxLength: 4 }),
        fc.array(row, { minLength: 1, maxLength: 5 }),
        fc.constantFrom('\n', '\r\n', '\r'),
        async (columns, rows, lineEnd) => {
          const [params, loss, schedule, other] = columns as [string, string, string, string];
          const map = { params, loss, schedule };
          const header = [other, schedule, loss, params];
          const lines = rows.map((values) => ['', values.schedule, String(values.loss), String(values.params)]);
          let csv = '';
          const begins: number[] = [];
          for (const cells of [header, ...lines]) {
            begins.push(1 + (csv.match(/\r\n|\r|\n/g)?.length ?? 0));
            csv += cells.map(quote).join(',') + lineEnd;
          }
          const jsonl = rows
            .map((values) =>
              JSON.stringify(
                Object.fromEntries([
                  [params, values.params],
                  [loss, values.loss],
                  [schedule, values.schedule],
                  [other, null],
                ]),
              ),
            )
            .join(lineEnd === '\r' ? '\n' : lineEnd);

          const expected = rows
            .map((values) => ({ ...values, schedule: values.schedule.trim() }))
            .map(({ schedule, ...values }) => (schedule === '' ? values : { ...values, schedule }));
          const fromCsv = await parseRunTable(utf8(csv), 'runs.csv', { map });
          const fromJson = await parseRunTable(utf8(jsonl), 'runs.jsonl', { map });
          const withoutPlace = (table: typeof fromCsv) => table.rows.map(({ row: _, runId: __, ...fields }) => fields);
          expect(withoutPlace(fromCsv)).toEqual(expected);
          expect(withoutPlace(fromJson)).toEqual(expected);
          expect(fromCsv.rows.map(({ runId }) => runId)).toEqual(fromJson.rows.map(({ runId }) => runId));
          expect(fromCsv.rows.map(({ row }) => row)).toEqual(begins.slice(1));
          expect(fromJson.rows.map(({ row }) => row)).toEqual(rows.map((_, index) => index + 1));
        },
      ),
    );
  });
});
