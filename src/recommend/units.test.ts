import { beforeAll, describe, expect, test, vi } from 'vitest';
import { inUnit, loadUnits, physicalUnit } from './units.js';

test('units that are not loaded say what to do', async () => {
  vi.resetModules();
  const fresh = await import('./units.js');
  const refusal = expect.objectContaining({ code: 'bad-usage', message: expect.stringContaining('await loadUnits()') });
  expect(() => fresh.physicalUnit('GB')).toThrow(refusal);
  await fresh.loadUnits();
  expect(fresh.physicalUnit('GB')).toEqual({ name: 'GB', measures: 'memory' });
});

describe('units of time and memory', () => {
  beforeAll(loadUnits);

  // Decimal and binary prefixes: IEC 80000-13. The Julian year has 365.25 days.
  test.each<[string, 's' | 'B', number]>([
    ['ns', 's', 1e-9],
    ['µs', 's', 1e-6],
    ['μs', 's', 1e-6],
    ['ms', 's', 1e-3],
    ['sec', 's', 1],
    ['Minutes', 's', 60],
    ['min', 's', 60],
    ['hrs', 's', 3600],
    ['d', 's', 86400],
    ['DAYS', 's', 86400],
    ['week', 's', 604800],
    ['months', 's', 2629800],
    ['year', 's', 31557600],
    ['B', 'B', 1],
    ['bytes', 'B', 1],
    ['KB', 'B', 1e3],
    ['kB', 'B', 1e3],
    ['MB', 'B', 1e6],
    ['GB', 'B', 1e9],
    ['gigabytes', 'B', 1e9],
    ['TB', 'B', 1e12],
    ['KiB', 'B', 2 ** 10],
    ['MiB', 'B', 2 ** 20],
    ['GiB', 'B', 2 ** 30],
    ['TiB', 'B', 2 ** 40],
  ])('one %s', (word, base, value) => {
    const unit = physicalUnit(word)!;
    expect(unit.measures).toBe(base === 's' ? 'time' : 'memory');
    expect(inUnit('1', unit, base)).toBe(value);
  });

  test('a number is the nearest double to what is written', () => {
    // 8.2 * 1e9 is 8199999999.999999, 7 * 1e-9 is 7.000000000000001e-9, 5 * 1e-6 is 4.9999999999999996e-6.
    expect(inUnit('8.2', physicalUnit('GB')!, 'B')).toBe(8.2e9);
    expect(inUnit('7', physicalUnit('ns')!, 's')).toBe(7e-9);
    expect(inUnit('5', physicalUnit('us')!, 's')).toBe(5e-6);
    expect(inUnit('12', physicalUnit('h')!, 'day')).toBe(0.5);
    expect(inUnit('2e3', physicalUnit('min')!, 'hour')).toBe(2e3 / 60);
  });

  test.each(['b', 'bit', 'bits', 'Gb', 'Gib', 'kilobits'])('%s counts bits', (word) => {
    expect(physicalUnit(word)?.measures).toBe('bits');
  });

  test.each(['m', 'g', 'kg', 'T', 'watt'])('%s measures something else', (word) => {
    expect(physicalUnit(word)?.measures).toBe('something else');
  });

  test.each(['', 'Q', 'gb', 'GBs', 'mB', 'Ms', 'ks', 'constructor', '__proto__', 'ms^2', 's/s', 'GB s', '5 s'])(
    '%j is no unit',
    (word) => {
      expect(physicalUnit(word)).toBeNull();
    },
  );
});
