import { type Ends, type IntervalKind, intervalLabel, requireEnds, requireNumber, requireRows } from './check.js';
import { figure, type PlotOptions } from './figure.js';
import type { Layer } from './layers.js';
import { fitColour, ink, muted } from './palette.js';
import { type AxisScale, countLabel } from './ticks.js';

export interface ProfilePlot extends PlotOptions {
  /** Values of a parameter, and the deviance of the best fit that has it: twice the log likelihood lost, 0 at the best. */
  readonly points: readonly { readonly value: number; readonly deviance: number }[];
  /** The deviance at the ends of the interval: 3.84 for 95% of one parameter. */
  readonly threshold: number;
  /** Where the deviance stays below the threshold; an end is null where it does so for ever. */
  readonly interval?: readonly [low: number | null, high: number | null] | null;
  /** Level and method of the interval; needed where there is one. */
  readonly intervals?: IntervalKind;
  /** The parameter, with its unit. */
  readonly label: string;
  /** Of the parameter. Defaults to `linear`. */
  readonly scale?: AxisScale;
}

/**
 * The profile of a parameter's likelihood: how much worse the best fit gets as the parameter is held at other values. A curve
 * that doesn't rise above the threshold on one side says that the data do not bound the parameter there.
 *
 * @returns an SVG file's text.
 * @throws ShapelawError `bad-usage` for no points, a value that is not positive on a logarithmic axis, ends in the wrong
 * order, or an interval of no stated kind; `non-finite` for a value that is not a finite number.
 */
export function profilePlot(data: ProfilePlot): string {
  const { points, threshold, interval, intervals, label, scale = 'linear' } = data;
  const range = scale === 'log' ? 'positive' : 'finite';
  requireRows(points, 'points', { value: range, deviance: 'finite' });
  requireNumber(threshold, 'threshold', 'finite');
  const rows = points.map(({ value, deviance }) => ({ x: value, y: deviance })).sort((a, b) => a.x - b.x);
  const layers: Layer[] = [
    ...intervalLayers(interval, range, label, intervals),
    { kind: 'rule', of: 'y', at: threshold, dashed: true, colour: muted, label: `threshold ${countLabel(threshold)}` },
    { kind: 'line', rows, colour: fitColour, label: 'profile' },
    { kind: 'points', rows, symbol: 'circle', colour: fitColour, label: 'profile' },
  ];
  return figure({ label, scale }, { label: 'deviance', scale: 'linear' }, layers, data);
}

function intervalLayers(
  interval: ProfilePlot['interval'],
  range: 'finite' | 'positive',
  name: string,
  intervals: IntervalKind | undefined,
): Layer[] {
  if (interval === undefined || interval === null) return [];
  const [low, high] = interval;
  if (low !== null) requireNumber(low, 'interval[0]', range);
  if (high !== null) requireNumber(high, 'interval[1]', range);
  if (low !== null && high !== null) requireEnds([low, high], 'interval', range);
  const ends: Ends = [low ?? Number.NEGATIVE_INFINITY, high ?? Number.POSITIVE_INFINITY];
  return [{ kind: 'strip', ends, colour: ink, opacity: 0.1, label: intervalLabel(name, intervals) }];
}
