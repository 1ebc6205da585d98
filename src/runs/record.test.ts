import { expect, test } from 'vitest';
import { z } from 'zod';
import { fieldKind, fieldNames, runRecordSchema } from './record.js';

test('a record is its fields, within their ranges', () => {
  const record = { runId: 'a', params: 1e8, loss: 3, encoderLayers: 0, dModel: 512, scores: { mmlu: -0.5 } };
  expect(runRecordSchema.parse(record)).toEqual(record);
  for (const wrong of [
    { runId: '' },
    { params: 0 },
    { loss: -1 },
    { loss: Number.POSITIVE_INFINITY },
    { tokens: -1 },
    { flops: -1 },
    { dModel: 0 },
    { dModel: 1.5 },
    { encoderLayers: -1 },
    { step: -1 },
    { scores: { mmlu: Number.NaN } },
    { paramsConvention: 'body' },
  ]) {
    expect(runRecordSchema.safeParse({ ...record, ...wrong }).success, JSON.stringify(wrong)).toBe(false);
  }
});

test('the JSON Schema describes every field', () => {
  const { properties } = z.toJSONSchema(runRecordSchema) as { properties: Record<string, { description?: string }> };
  expect(Object.entries(properties).filter(([, { description }]) => !description)).toEqual([]);
  expect(Object.keys(properties).filter((name) => name !== 'scores')).toEqual(fieldNames);
});

test('a field knows what its cells hold', () => {
  expect(fieldKind('params')).toBe('number');
  expect(fieldKind('dModel')).toBe('number');
  expect(fieldKind('schedule')).toBe('text');
  expect(fieldKind('lossUnit')).toBe('text');
  expect(fieldKind('scores.mmlu')).toBe('number');
  for (const name of ['scores', 'scores.', 'row', 'Loss', 'constructor']) expect(fieldKind(name)).toBeUndefined();
});
