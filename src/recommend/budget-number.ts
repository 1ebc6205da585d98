import { afterSpace, type Cursor, ended, peek, refusal, take, wordAt } from './budget-cursor.js';
import { decimalNumber, multiples, plainDecimal } from './quantity.js';
import { inUnit, type PhysicalUnit } from './units.js';

/** A positive number as written, and where it begins. */
export interface Written {
  readonly at: number;
  readonly digits: string;
  readonly exponent: string | undefined;
  /** Of ten, from a multiple such as M; null where none was written. */
  readonly power: number | null;
}

const numberHere = new RegExp(String.raw`\s*${decimalNumber}`, 'iy');

/** Reads a positive number with its multiple: `220M`, `1,500.5`, `1e21`, the `5 Z` of `5 ZFLOPs`. */
export function readNumber(cursor: Cursor): Written {
  const at = afterSpace(cursor);
  const expected = 'a positive number with its unit, as in 220M or 24 GB';
  if (take(cursor, /\s*[-−–]\s*(?=[.\d])/y)) throw refusal(cursor, 'a budget must be positive', { at, expected });
  const match = take(cursor, numberHere);
  if (match === null) {
    const problem = ended(cursor) ? 'a number is missing' : `"${wordAt(cursor)}" does not begin with a number`;
    throw refusal(cursor, problem, { expected });
  }
  if (peek(cursor, /,?\d|\.\d/y)) {
    const problem = 'the number goes on in a way that is not understood';
    throw refusal(cursor, problem, {
      expected: 'digits as in 1500.5 or 1,500.5, and a space behind a comma that separates',
    });
  }
  if (peek(cursor, /\s*[-–—]\s*[.\d]/y)) throw refusal(cursor, 'a range is no limit', { expected: 'one number' });
  return { at, digits: match[1]!, exponent: match[2], power: readMultiple(cursor) };
}

const siWords = ['kilo', 'mega', 'giga', 'tera', 'peta', 'exa', 'zetta', 'yotta'];
const counted = /^(?:tokens?|f|flops?|param(?:eter)?s?|dollars?|usd)$/i;

/** The power of ten of `M`, `billion`, or of the `Z` in `ZFLOP`, behind which the cursor then stands; else null. */
function readMultiple(cursor: Cursor): number | null {
  const match = peek(cursor, /(\s*)(\p{L}+)(?![\p{L}\p{N}])/uy);
  if (match === null) return null;
  const [, space, word] = match;
  const found = Object.entries(multiples).find(
    ([name]) =>
      name !== '' &&
      (word === name ||
        (name.length > 1 && word!.toLowerCase() === name) ||
        (word!.startsWith(name) && counted.test(word!.slice(name.length)))),
  );
  const si = siWords.findIndex((name) => word!.toLowerCase().startsWith(`${name}flop`));
  if (found === undefined && si < 0) return null;
  const [name, power] = found ?? [siWords[si]!, 3 * (si + 1)];
  cursor.at += space!.length + name.length;
  return power;
}

/** The number as mathjs and Number read it. */
function decimal({ digits, exponent, power }: Written): string {
  return plainDecimal(digits, exponent, power ?? 0);
}

/** The nearest double. */
export function plainValue(cursor: Cursor, number: Written): number {
  return checked(cursor, number, Number(decimal(number)));
}

/** The nearest double in another unit than the one written. */
export function inUnits(cursor: Cursor, number: Written, unit: PhysicalUnit, to: 's' | 'hour' | 'day' | 'B'): number {
  // mathjs reads no number that a double can't hold.
  plainValue(cursor, number);
  return checked(cursor, number, inUnit(decimal(number), unit, to));
}

function checked(cursor: Cursor, { at }: Written, value: number): number {
  if (value > 0 && Number.isFinite(value)) return value;
  throw refusal(cursor, 'the number must be positive and finite', { at, expected: 'a number from 1e-308 to 1e308' });
}

/** The number of devices, which is whole. */
export function deviceCount(cursor: Cursor, number: Written): number {
  const count = Number(decimal(number));
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw refusal(cursor, 'devices come in whole numbers', { at: number.at, expected: 'a whole number, as in 8xH100' });
}
