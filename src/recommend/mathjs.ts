// `mathjs/number` has no units. The main entry has them, in hundreds of files that take 0.6 s to load; this bundle, which
// the package exports as well, is one file, builds only the functions that are used, and takes 0.2 s.
import mathjs from 'mathjs/lib/browser/math.js';

// Decimal numbers of 64 digits: in doubles 8.2 GB would be 8199999999.999999 bytes.
const { unit } = mathjs.create({ number: 'BigNumber' });

/** What mathjs knows about a unit of that name: the dimension that it measures, the unit without prefix, the prefix. */
export function describeUnit(
  name: string,
): { readonly dimension: string; readonly bare: string; readonly prefix: number } | null {
  try {
    const [component] = unit(`1 ${name}`).units;
    const { unit: bare, prefix } = component as unknown as {
      readonly unit: { readonly name: string; readonly base: { readonly key: string } };
      readonly prefix: { readonly value: number };
    };
    return { dimension: bare.base.key, bare: bare.name, prefix: prefix.value };
  } catch {
    return null;
  }
}

/** A decimal number of one unit in another unit of its dimension, as the nearest double. */
export function convertUnit(number: string, from: string, to: string): number {
  return Number(unit(`${number} ${from}`).toNumeric(to));
}
