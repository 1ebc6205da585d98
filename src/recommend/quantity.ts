import { ShapelawError } from '../errors.js';
import { inUnit, physicalUnit } from './units.js';

/** Powers of ten of the multiples as people write them; B is a billion. */
export const multiples: Readonly<Record<string, number>> = {
  '': 0,
  k: 3,
  K: 3,
  M: 6,
  G: 9,
  B: 9,
  T: 12,
  P: 15,
  E: 18,
  Z: 21,
  Y: 24,
  thousand: 3,
  million: 6,
  billion: 9,
  trillion: 12,
};

/** What a quantity counts, with the unit words that may follow it and an example for messages. */
const quantities = {
  params: { units: ['', 'param', 'params', 'parameters'], example: '220M' },
  tokens: { units: ['', 'token', 'tokens'], example: '5B' },
  flops: { units: ['', 'flop', 'flops'], example: '1e21' },
  hours: { units: ['', 'h', 'hour', 'hours', 'gpu-hours'], example: '500' },
  days: { units: ['', 'd', 'day', 'days'], example: '3' },
  dollars: { units: ['', 'usd', 'dollars'], example: '$5000' },
} as const satisfies Readonly<Record<CountKind, { readonly units: readonly string[]; readonly example: string }>>;

/** Quantities with the units of mathjs, the unit of their value, and what to say of a wrong one. */
const physical = {
  bytes: { measures: 'memory', base: 'B', example: '24 GB', expected: 'MB, GB, GiB and the like' },
  seconds: { measures: 'time', base: 's', example: '50 ms', expected: 'ms, s, min, h, days and the like' },
} as const;

type CountKind = 'params' | 'tokens' | 'flops' | 'hours' | 'days' | 'dollars';

/** What a quantity may count. */
export type QuantityKind = 'params' | 'tokens' | 'flops' | 'hours' | 'days' | 'dollars' | 'bytes' | 'seconds';

/** A positive decimal number, with or without commas between groups of three digits: its digits, and its exponent if any. */
export const decimalNumber = String.raw`(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+\.?\d*|\.\d+)(?:e([+-]?\d+))?`;

const writtenNumber = new RegExp(`^${decimalNumber}\\s*(.*)$`, 'i');

/**
 * What was written, times a power of ten, as the text of a plain number. Its nearest double is the value; a product of
 * doubles would round twice, and 8.2M would not be whole.
 */
export function plainDecimal(digits: string, exponent: string | undefined, power: number): string {
  return `${digits.replaceAll(',', '')}e${Number(exponent ?? 0) + power}`;
}

/**
 * Reads a positive quantity as people write it: `220M`, `1e21 FLOP`, `$5,000`, `3 days`, `24 GB`, `50 ms`; the nearest
 * double to what is written, in the unit that `kind` names. Bare numbers are in that unit too.
 *
 * @throws ShapelawError `bad-quantity` with the text, what it should count, and an example; `bad-usage` where `bytes` or
 * `seconds` have a unit and `loadUnits` has not been awaited.
 */
export function parseQuantity(text: string, kind: QuantityKind): number {
  const { example } = isPhysical(kind) ? physical[kind] : quantities[kind];
  const trimmed = text.trim();
  const written = kind === 'dollars' ? trimmed.replace(/^\$\s*/, '') : trimmed;
  const match = writtenNumber.exec(written);
  const refuse = (reason: string) =>
    new ShapelawError('bad-quantity', `"${text}" is not a quantity of ${kind}: ${reason}. Write it as in ${example}`, {
      text,
      kind,
    });
  if (match === null) throw refuse(/^-/.test(written) ? 'it must be positive' : 'no number at its start');
  const [, digits, exponent, suffix] = match;
  const word = suffix!.trim();
  const value = isPhysical(kind)
    ? inBase(plainDecimal(digits!, exponent, 0), word, kind, refuse)
    : Number(plainDecimal(digits!, exponent, powerOf(word, kind, refuse)));
  if (!(value > 0 && Number.isFinite(value))) throw refuse('it must be positive and finite');
  return value;
}

function isPhysical(kind: QuantityKind): kind is keyof typeof physical {
  return kind in physical;
}

/** The power of ten that a suffix such as `M`, `M params`, `Mtokens` or `tokens` stands for. */
function powerOf(suffix: string, kind: CountKind, refuse: (reason: string) => ShapelawError): number {
  const units: readonly string[] = quantities[kind].units;
  for (const [multiple, power] of Object.entries(multiples)) {
    if (suffix.startsWith(multiple) && units.includes(suffix.slice(multiple.length).trim().toLowerCase())) return power;
  }
  throw refuse(`"${suffix}" is neither a multiple (k, M, B, T, P, E, Z, Y) nor a unit of ${kind}`);
}

/** Bytes or seconds. */
function inBase(
  number: string,
  word: string,
  kind: keyof typeof physical,
  refuse: (reason: string) => ShapelawError,
): number {
  const { measures, base, expected } = physical[kind];
  // mathjs reads no number that a double can't hold.
  if (word === '' || !Number.isFinite(Number(number))) return Number(number);
  const unit = physicalUnit(word);
  if (unit?.measures === measures) return inUnit(number, unit, base);
  throw refuse(
    unit?.measures === 'bits' ? `"${word}" counts bits` : `"${word}" is no unit of ${measures} (${expected})`,
  );
}
