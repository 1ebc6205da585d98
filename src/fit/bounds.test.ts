import { expect, test } from 'vitest';
import { relativeError } from '../../tests/simulated-runs.js';
import { boundsOf } from './bounds.js';
import type { LawForm } from './law-form.js';
import { lawForm } from './laws/registry.js';

const data = { columns: [Float64Array.of(-1, 3, 0.5)], logLoss: Float64Array.of(1.2, Math.log(2.5), 4) };

test.each<[string, LawForm]>([
  ['power', lawForm('power', {})],
  ['chinchilla', lawForm('chinchilla', {})],
])('%s: amplitudes from a millionth of the smallest loss, exponents from 1e-3 to 5', (_, form) => {
  const { lower, upper } = boundsOf(form, data);
  const terms = form.columns.length;
  expect(lower).toHaveLength(form.parameters.length);
  for (let j = 0; j <= terms; j++) {
    expect(relativeError(Math.exp(lower[j]!), 2.5e-6)).toBeLessThan(1e-14);
    expect(upper[j]).toBe(Number.POSITIVE_INFINITY);
  }
  for (let j = terms + 1; j <= 2 * terms; j++) expect([lower[j], upper[j]]).toEqual([1e-3, 5]);
});

// There the amplitudes are of a power of the loss, which no loss bounds.
test('kaplan: amplitudes without bounds', () => {
  const { lower, upper } = boundsOf(lawForm('kaplan', {}), data);
  expect([...lower.subarray(0, 2)]).toEqual([Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]);
  expect([lower[3], upper[3]]).toEqual([1e-3, 5]);
});

// The column spans 4, from -1 to 3.
test('a place on a column goes beyond its ends by no more than their distance', () => {
  const { lower, upper } = boundsOf(lawForm('broken', { breaks: 2 }), data);
  for (const place of [4, 7]) expect([lower[place], upper[place]]).toEqual([-5, 7]);
});
