import { ShapelawError } from '../errors.js';

/** Powers of ten of the multiples as people write them; B is a billion. */
const powers: Readonly<Record<string, number>> = {
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
};

/** What a quantity counts, with the unit words that may follow it and an example for messages. */
const quantities = {
  params: { units: ['', 'param', 'params', 'parameters'], example: '220M' },
  tokens: { units: ['', 'token', 'tokens'], example: '5B' },
  flops: { units: ['', 'flop', 'flops'], example: '1e21' },
  hours: { units: ['', 'h', 'hour', 'hours', 'gpu-hours'], example: '500' },
  days: { units: ['', 'd', 'day', 'days'], example: '3' },
  dollars: { units: ['', 'usd', 'dollars'], example: '$5000' },
} as const satisfies Readonly<Record<QuantityKind, { readonly units: readonly string[]; readonly example: string }>>;

/** What a quantity may count. */
export type QuantityKind = 'params' | 'tokens' | 'flops' | 'hours' | 'days' | 'dollars';

/**
 * Reads a positive quantity as people write it: `220M`, `1e21 FLOP`, `$5,000`, `3 days`.
 *
 * @throws ShapelawError `bad-quantity` with the text, what it should count, and an example.
 */
export function parseQuantity(text: string, kind: QuantityKind): number {
  const { units, example } = quantities[kind];
  const trimmed = text.trim();
  const written = kind === 'dollars' ? trimmed.replace(/^\$\s*/, '') : trimmed;
  const match = /^(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+\.?\d*|\.\d+)(?:e([+-]?\d+))?\s*(.*)$/i.exec(written);
  const refuse = (reason: string) =>
    new ShapelawError('bad-quantity', `"${text}" is not a quantity of ${kind}: ${reason}. Write it as in ${example}`, {
      text,
      kind,
    });
  if (match === null) throw refuse(/^-/.test(written) ? 'it must be positive' : 'no number at its start');
  const power = powerOf(match[3]!.trim(), units);
  if (power === undefined)
    throw refuse(`"${match[3]}" is neither a multiple (k, M, B, T, P, E, Z) nor a unit of ${kind}`);
  // The nearest double to what is written; a product would round twice, and 8.2M would not be whole.
  const value = Number(`${match[1]!.replaceAll(',', '')}e${Number(match[2] ?? 0) + power}`);
  if (!(value > 0 && Number.isFinite(value))) throw refuse('it must be positive and finite');
  return value;
}

/** The power of ten that a suffix such as `M`, `M params`, `Mtokens` or `tokens` stands for. */
function powerOf(suffix: string, units: readonly string[]): number | undefined {
  for (const letter of Object.keys(powers)) {
    if (suffix.startsWith(letter) && units.includes(suffix.slice(letter.length).trim().toLowerCase()))
      return powers[letter];
  }
  return undefined;
}
