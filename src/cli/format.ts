/** 222,903,552: every digit of a count; 2.83e22 where a double no longer holds every digit. */
export function exact(value: number): string {
  if (value > Number.MAX_SAFE_INTEGER) return scientific(value);
  return value.toLocaleString('en-US', { maximumFractionDigits: 0 });
}

/** 1,250.75: a number as somebody gave it. */
export function stated(value: number): string {
  if (value < 1e-4 || value > Number.MAX_SAFE_INTEGER) return scientific(value);
  return value.toLocaleString('en-US', { maximumSignificantDigits: 15 });
}

/** 95%: a share as somebody gave it, without the digits that a product by 100 adds. */
export function percent(share: number): string {
  return `${Number((100 * share).toPrecision(12))}%`;
}

const multiples = [
  [1e12, 'T'],
  [1e9, 'B'],
  [1e6, 'M'],
  [1e3, 'k'],
] as const;

/** Digits shown of an estimate. */
const digits = 3;

/** 5.61B: a count to three digits. */
export function short(value: number): string {
  if (Math.abs(value) >= 1e15) return scientific(value);
  const [factor, letter] = multiples.find(([size]) => Math.abs(value) >= size) ?? [1, ''];
  return `${significant(value / factor)}${letter}`;
}

/** Three significant digits, without an exponent for everyday sizes. */
export function significant(value: number): string {
  if (value !== 0 && (Math.abs(value) >= 1e6 || Math.abs(value) < 1e-4)) return scientific(value);
  return Number(value.toPrecision(digits)).toLocaleString('en-US', { maximumFractionDigits: 6 });
}

/** $2,420,000: a sum of money to three digits. */
export function dollars(value: number): string {
  return `$${Number(value.toPrecision(digits)).toLocaleString('en-US', { maximumFractionDigits: 4 })}`;
}

/** 3.02e11: a large quantity to three digits. */
export function scientific(value: number): string {
  return value.toExponential(digits - 1).replace('e+', 'e');
}

/** 4.86 GB: bytes in decimal units. */
export function bytes(value: number): string {
  const [factor, unit] = (
    [
      [1e12, 'TB'],
      [1e9, 'GB'],
      [1e6, 'MB'],
      [1e3, 'kB'],
    ] as const
  ).find(([size]) => value >= size) ?? [1, 'B'];
  return `${significant(value / factor)} ${unit}`;
}

const timeUnits = [
  [365.25 * 86400, 'years'],
  [86400, 'days'],
  [3600, 'h'],
  [60, 'min'],
  [1, 's'],
] as const;

/** 2.24 to 4.86 h: a range of times in the unit that suits its upper end. */
export function durations([low, high]: readonly [number, number]): string {
  const [factor, unit] = timeUnits.find(([size]) => high >= 2 * size) ?? [1, 's'];
  return `${range([low / factor, high / factor], significant)} ${unit}`;
}

/** +1.3%: a change. */
export function change(share: number): string {
  return signed(share, (value) => `${(100 * value).toFixed(1)}%`);
}

/** Both ends of a range by one format; one where they print alike. */
export function range(ends: readonly [number, number], format: (value: number) => string): string {
  const [low, high] = [format(ends[0]), format(ends[1])];
  return low === high ? low : `${low} to ${high}`;
}

/** 1.2 to 3.4: an interval by a format; none where there is none. */
export function interval(
  ends: readonly [number, number] | null | undefined,
  format: (value: number) => string,
): string {
  return ends == null ? 'none' : `${format(ends[0])} to ${format(ends[1])}`;
}

/** +1.3: a number by a format, with its sign. */
export function signed(value: number, format: (value: number) => string): string {
  return `${value >= 0 ? '+' : ''}${format(value)}`;
}
