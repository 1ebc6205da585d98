import type { LawForm } from './law-form.js';
import type { FitData } from './solve.js';

/** Lower and upper bound of each coordinate. */
export interface Bounds {
  readonly lower: Float64Array;
  readonly upper: Float64Array;
}

/** An amplitude below this share of the smallest loss can't be told from none. */
const smallestShare = 1e-6;

/** The bounds of a law's coordinates for a table. */
export function boundsOf(form: LawForm, data: FitData): Bounds {
  const size = form.coordinates.length;
  const lower = new Float64Array(size);
  const upper = new Float64Array(size);
  const floor =
    data.logLoss.reduce((low, value) => Math.min(low, value), Number.POSITIVE_INFINITY) + Math.log(smallestShare);
  form.coordinates.forEach((coordinate, j) => {
    const raised = coordinate.kind === 'amplitude' && form.outerExponent === undefined;
    lower[j] = raised ? Math.max(coordinate.lower, floor) : coordinate.lower;
    upper[j] = coordinate.upper;
    const { start } = coordinate;
    if (start === undefined || !('rangeOf' in start)) return;
    const [low, high] = startBox(form, j, data)!;
    lower[j] = Math.max(lower[j]!, low - (high - low));
    upper[j] = Math.min(upper[j]!, high + (high - low));
  });
  return { lower, upper };
}

/** Where starts of a coordinate are looked for; undefined for an amplitude. */
export function startBox(form: LawForm, coordinate: number, data: FitData): readonly [number, number] | undefined {
  const { start } = form.coordinates[coordinate]!;
  if (start === undefined || !('rangeOf' in start)) return start;
  const column = data.columns[start.rangeOf]!;
  const low = column.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const high = column.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return form.columnScale === 'raw' ? [Math.log(low), Math.log(high)] : [low, high];
}
