export type AxisScale = 'log' | 'linear';

export interface Ticks {
  readonly values: readonly number[];
  readonly labels: readonly string[];
}

/**
 * Ticks of an axis, at numbers that people read easily: on a logarithmic axis 1, 2 and 5 times powers of ten, or powers of ten
 * alone where those are too many; equal steps where the axis spans less. Labels are as the field writes them: 10M, 1B, 1e18.
 *
 * @param domain - Lowest and highest value of the axis, the first below the second; both positive where it is logarithmic.
 * @param most - Most ticks wanted, at least 2.
 */
export function ticksOf(domain: readonly [low: number, high: number], scale: AxisScale, most: number): Ticks {
  const values = (scale === 'log' ? logTicks(domain, most) : undefined) ?? linearTicks(domain, most);
  return { values, labels: tickLabels(values) };
}

/** Ticks below which a logarithmic axis takes equal steps. */
const fewest = 4;

function logTicks([low, high]: readonly [number, number], most: number): number[] | undefined {
  const first = Math.floor(Math.log10(low));
  const last = Math.ceil(Math.log10(high));
  const within = (leading: readonly number[], everyDecade = 1) => {
    const values: number[] = [];
    for (let power = first; power <= last; power++) {
      if (power % everyDecade !== 0) continue;
      for (const digit of leading) values.push(Number(`${digit}e${power}`));
    }
    return values.filter((value) => value >= low && value <= high);
  };
  const dense = within([1, 2, 5]);
  if (dense.length < fewest) return undefined;
  if (dense.length <= most) return dense;
  for (let everyDecade = 1; ; everyDecade++) {
    const values = within([1], everyDecade);
    if (values.length <= most) return values;
  }
}

function linearTicks([low, high]: readonly [number, number], most: number): number[] {
  const step = niceStep((high - low) / most);
  const values: number[] = [];
  for (let k = Math.ceil(low / step); k * step <= high; k++) values.push(Number((k * step).toPrecision(12)));
  // A lowest value of next to nothing over a step is nothing.
  return values.filter((value) => value >= low);
}

/** The smallest of 1, 2, 5 times a power of ten that is not below a step. */
function niceStep(step: number): number {
  const power = Math.floor(Math.log10(step));
  const digit = [1, 2, 5].find((digit) => Number(`${digit}e${power}`) >= step);
  return digit === undefined ? Number(`1e${power + 1}`) : Number(`${digit}e${power}`);
}

const multiples = [
  [1e12, 'T'],
  [1e9, 'B'],
  [1e6, 'M'],
  [1e3, 'k'],
] as const;

function tickLabels(values: readonly number[]): string[] {
  const sizes = values.map(Math.abs).filter((size) => size > 0);
  if (Math.max(...sizes) >= 1e15 || Math.min(...sizes) < 1e-3) return values.map(scientific);
  const labels = values.map(countLabel);
  if (Math.max(...sizes) >= 1e3) return labels;
  const steps = values.slice(1).map((value, k) => value - values[k]!);
  const even = steps.every((step) => Math.abs(step - steps[0]!) < 1e-9 * Math.abs(step));
  if (!even) return labels;
  const decimals = Math.max(...labels.map((label) => label.split('.')[1]?.length ?? 0));
  return values.map((value) => value.toFixed(decimals));
}

/** 10M, 1.5B, 6.2e18: a number as the field writes it, without digits that say nothing. */
export function countLabel(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e15 || (size > 0 && size < 1e-4)) return scientific(value);
  const [factor, letter] = multiples.find(([multiple]) => size >= multiple) ?? [1, ''];
  return `${Number((value / factor).toPrecision(6))}${letter}`;
}

/** 1e18. */
function scientific(value: number): string {
  return value === 0 ? '0' : Number(value.toPrecision(6)).toExponential().replace('e+', 'e');
}
