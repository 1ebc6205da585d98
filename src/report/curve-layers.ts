import { type Ends, type MaybeEnds, type Range, requireEnds } from './check.js';
import type { Layer, XY } from './layers.js';
import { ink } from './palette.js';

/** One entry of the legend for the shade and the dashes. */
const beyond = 'beyond the evidence';

/**
 * A fitted line, solid within the evidence and dashed outside of it. Where it crosses the edge of the evidence between two
 * of its points, it does so on the straight line between them on logarithmic axes.
 */
export function curveLayers(
  rows: readonly XY[],
  evidence: Ends | undefined,
  { label, colour }: { readonly label: string; readonly colour: string },
): Layer[] {
  const sorted = rows.toSorted((a, b) => a.x - b.x);
  if (evidence === undefined) return [{ kind: 'line', rows: sorted, label, colour }];
  const edges = evidence.flatMap((x) => crossing(sorted, x));
  const all = [...sorted, ...edges].sort((a, b) => a.x - b.x);
  const [low, high] = evidence;
  const parts = [
    { rows: all.filter(({ x }) => x >= low && x <= high), outside: false },
    { rows: all.filter(({ x }) => x <= low), outside: true },
    { rows: all.filter(({ x }) => x >= high), outside: true },
  ];
  return parts.flatMap(({ rows, outside }): Layer[] =>
    rows.length < 2 ? [] : [{ kind: 'line', rows, colour, dashed: outside, label: outside ? beyond : label }],
  );
}

/** What lies outside of the evidence, shaded. */
export function outsideLayers(evidence: Ends | undefined): Layer[] {
  if (evidence === undefined) return [];
  const shade = { kind: 'strip', colour: ink, opacity: 0.07, label: beyond } as const;
  return [
    { ...shade, ends: [Number.NEGATIVE_INFINITY, evidence[0]] },
    { ...shade, ends: [evidence[1], Number.POSITIVE_INFINITY] },
  ];
}

/** A band over the rows that have an interval; none where no row has one. */
export function bandLayers(
  rows: readonly { readonly x: number; readonly ends: MaybeEnds; readonly where: string }[],
  range: Range,
  look: () => { readonly label: string; readonly colour: string; readonly opacity: number },
): Layer[] {
  const kept = rows.flatMap(({ x, ends, where }) => {
    if (ends === undefined || ends === null) return [];
    requireEnds(ends, where, range);
    return [{ x, ends }];
  });
  return kept.length === 0 ? [] : [{ kind: 'band', rows: kept.sort((a, b) => a.x - b.x), ...look() }];
}

/** The point of a line at x, if x lies between two of its points. */
function crossing(sorted: readonly XY[], x: number): XY[] {
  const next = sorted.findIndex((row) => row.x >= x);
  const [before, after] = [sorted[next - 1], sorted[next]];
  if (before === undefined || after === undefined || after.x === x) return [];
  const share = Math.log(x / before.x) / Math.log(after.x / before.x);
  return [{ x, y: before.y * (after.y / before.y) ** share }];
}
