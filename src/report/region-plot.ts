import {
  type IntervalKind,
  intervalLabel,
  type MaybeEnds,
  requireEnds,
  requireNumber,
  requireRows,
  requireSome,
} from './check.js';
import { dataLayers, type Membership } from './data-layers.js';
import { figure, type PlotOptions } from './figure.js';
import type { Layer, XY } from './layers.js';
import { fitColour, ink } from './palette.js';

export interface RegionPlot extends PlotOptions {
  /** Runs: the variable whose regions they are, such as FLOPs, and the loss. */
  readonly points: readonly (Membership & { readonly x: number; readonly loss: number })[];
  /** The fitted law of each region, at two points or more; one region is a valid answer. */
  readonly segments: readonly (readonly { readonly x: number; readonly loss: number }[])[];
  /** Where one region ends and the next begins. */
  readonly breakpoints: readonly { readonly at: number; readonly interval?: MaybeEnds }[];
  /** Level and method of the breakpoints' intervals; needed where there are any. */
  readonly intervals?: IntervalKind;
  readonly xLabel: string;
  readonly lossLabel: string;
}

/**
 * Loss against compute, or another variable, on logarithmic axes: runs, the power law of each region, and the breakpoints
 * between them with their intervals as upright bands.
 *
 * @returns an SVG file's text.
 * @throws ShapelawError `bad-usage` for no points, no segment, a value that is not positive, ends in the wrong order, or
 * intervals of no stated kind; `non-finite` for a value that is not a finite number.
 */
export function regionPlot(data: RegionPlot): string {
  const { points, segments, breakpoints, intervals, xLabel, lossLabel } = data;
  requireRows(points, 'points', { x: 'positive', loss: 'positive' });
  requireSome(segments, 'segments');
  segments.forEach((segment, k) => {
    requireRows(segment, `segments[${k}]`, { x: 'positive', loss: 'positive' });
  });
  const toXY = ({ x, loss }: { readonly x: number; readonly loss: number }): XY => ({ x, y: loss });
  const layers: Layer[] = [
    ...breakpoints.flatMap((breakpoint, k) => breakpointLayers(breakpoint, `breakpoints[${k}]`, intervals)),
    ...dataLayers(points.map(({ x, loss, ...membership }) => ({ x, y: loss, ...membership }))),
    ...segments.map(
      (segment): Layer => ({
        kind: 'line',
        rows: segment.map(toXY).sort((a, b) => a.x - b.x),
        colour: fitColour,
        label: segments.length === 1 ? 'fitted law' : 'fitted law of each region',
      }),
    ),
  ];
  return figure({ label: xLabel, scale: 'log' }, { label: lossLabel, scale: 'log' }, layers, data);
}

function breakpointLayers(
  { at, interval }: RegionPlot['breakpoints'][number],
  where: string,
  intervals: IntervalKind | undefined,
): Layer[] {
  requireNumber(at, `${where}.at`, 'positive');
  const rule: Layer = { kind: 'rule', of: 'x', at, dashed: true, colour: ink, label: 'breakpoint' };
  if (interval === undefined || interval === null) return [rule];
  requireEnds(interval, `${where}.interval`, 'positive');
  const label = intervalLabel('the breakpoint', intervals);
  return [{ kind: 'strip', ends: interval, colour: ink, opacity: 0.12, label }, rule];
}
