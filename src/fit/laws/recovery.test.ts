import { describe, expect, test } from 'vitest';
import { lawCases, lawRows } from '../../../tests/law-cases.js';
import { relativeError, tableOf } from '../../../tests/simulated-runs.js';
import { fitLaw } from '../fit.js';
import { lawDefinitions } from './registry.js';

test('every law of the registry has a case, but for those with tests of their own', () => {
  const cases = new Set([...lawCases.map(({ form }) => form.law), 'region', 'expression']);
  expect(cases).toEqual(new Set(lawDefinitions().map(({ name }) => name)));
});

describe.each(lawCases)('$name: noise-free rows give back', ({ options, form, points, truths }) => {
  test.each(truths)('E or the first amplitude %d', (...truth) => {
    const rows = lawRows(form, truth, points);
    const law = fitLaw(tableOf(rows), { ...options, draws: 0, force: true });
    // Some hundred residuals of some units in the last place.
    expect(law.objective!.value).toBeLessThan(1e-27);
    expect(law.status).toBe('converged');
    expect(law.form).toEqual(form.options);
    form.parameters.forEach((name, k) => {
      // Log losses are right to 1e-16; an amplitude multiplies the error of its exponent by the log of its column, up to 53.
      expect(Math.abs(law.parameters[name]! - truth[k]!), name).toBeLessThan(1e-8 * Math.max(1, Math.abs(truth[k]!)));
    });
    for (const [name, { value }] of Object.entries(law.derived)) {
      expect(relativeError(value!, form.derive(truth)[name]!), name).toBeLessThan(1e-7);
    }
  });
});
