import { ShapelawError } from '../errors.js';

type Mathjs = typeof import('./mathjs.js');

let loaded: Mathjs | undefined;

/**
 * Loads the units of mathjs, which takes some 0.2 s: await this once before a text with a time or a memory is read, by
 * `parseBudget`, or by `parseQuantity` as `bytes` or `seconds`. Counts and money need no units.
 */
export async function loadUnits(): Promise<void> {
  loaded ??= await import('./mathjs.js');
}

/** @throws ShapelawError `bad-usage` where {@link loadUnits} has not been awaited. */
export function mathjsUnits(): Mathjs {
  if (loaded !== undefined) return loaded;
  throw new ShapelawError(
    'bad-usage',
    'the units are not loaded: call `await loadUnits()` once before a budget, a time or a memory is read',
  );
}

/** A unit as somebody wrote it; `name` is its spelling in mathjs. */
export interface PhysicalUnit {
  readonly name: string;
  readonly measures: 'time' | 'memory' | 'bits' | 'something else';
}

/** Spellings that mathjs lacks. */
const spellings: ReadonlyMap<string, string> = new Map([
  ['d', 'day'],
  ['KB', 'kB'],
  ['µs', 'us'],
  ['μs', 'us'],
]);

/**
 * The unit that a word names, such as `GB` (1e9 bytes), `GiB` (2^30), `ms`, `days`, or null. Words may be in any case;
 * in symbols case matters: `GB` is bytes, `Gb` is bits. A month is a twelfth of 365.25 days.
 *
 * @throws ShapelawError `bad-usage` where {@link loadUnits} has not been awaited.
 */
export function physicalUnit(word: string): PhysicalUnit | null {
  const { describeUnit } = mathjsUnits();
  if (!/^[\p{L}]+$/u.test(word)) return null;
  const written = spellings.get(word) ?? word;
  for (const name of word.length > 2 ? [written, written.toLowerCase()] : [written]) {
    const found = describeUnit(name);
    if (found === null) continue;
    const { dimension, bare, prefix } = found;
    if (dimension === 'BIT') return { name, measures: /^b(?:its?)?$/.test(bare) ? 'bits' : 'memory' };
    if (dimension !== 'TIME') return { name, measures: 'something else' };
    // Nobody means megaseconds: `50 Ms` is a slip for ms.
    if (prefix <= 1) return { name, measures: 'time' };
  }
  return null;
}

/**
 * A number of a unit in `to`, the nearest double to what is written: `inUnit('8.2', GB, 'B')` is 8200000000.
 *
 * @param number - Decimal, such as `1.5` or `2e3`, without separators.
 */
export function inUnit(number: string, { name }: PhysicalUnit, to: 's' | 'hour' | 'day' | 'B'): number {
  return mathjsUnits().convertUnit(number, name, to);
}
