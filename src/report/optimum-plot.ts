import { ShapelawError } from '../errors.js';
import { type IntervalKind, intervalLabel, type MaybeEnds, requireEnds, requireRows, requireSome } from './check.js';
import { bandLayers } from './curve-layers.js';
import { figure, type PlotOptions } from './figure.js';
import type { Layer } from './layers.js';
import { type GroupStyle, groupStyles } from './palette.js';

export interface OptimumPlot extends PlotOptions {
  readonly methods: readonly OptimumMethod[];
  /** What is best at a budget, with its unit: `best parameters`, `best tokens`. */
  readonly label: string;
  /** Defaults to `training FLOPs`. */
  readonly flopsLabel?: string;
}

/** What one method says of the best size, or the best number of tokens, at each budget. */
export interface OptimumMethod {
  /** `IsoFLOP`, `chinchilla law`. */
  readonly name: string;
  /** The line over budgets, with its interval where it has one. */
  readonly line: readonly OptimumAt[];
  /** What the line was drawn through, such as the minimum of each budget. */
  readonly points?: readonly OptimumAt[];
  /** Level and method of the intervals; needed where there are any. */
  readonly intervals?: IntervalKind;
}

export interface OptimumAt {
  readonly flops: number;
  /** Parameters or tokens. */
  readonly value: number;
  readonly interval?: MaybeEnds;
}

/**
 * The best parameters, or the best tokens, against training FLOPs on logarithmic axes: the lines of several methods with
 * their bands, and the points that they go through with their intervals.
 *
 * @returns an SVG file's text.
 * @throws ShapelawError `bad-usage` for no methods, no line, a name that stands twice, a value that is not positive, ends in
 * the wrong order, or intervals of no stated kind; `non-finite` for a value that is not a finite number.
 */
export function optimumPlot(data: OptimumPlot): string {
  const { methods, label, flopsLabel = 'training FLOPs' } = data;
  requireSome(methods, 'methods');
  const styles = groupStyles(methods.map(({ name }) => name));
  if (styles.size < methods.length) {
    throw new ShapelawError('bad-usage', 'two methods have one name; give each its own', {
      names: methods.map(({ name }) => name),
    });
  }
  const layers = methods.map((method, k) => methodLayers(method, `methods[${k}]`, styles.get(method.name)!));
  return figure(
    { label: flopsLabel, scale: 'log' },
    { label, scale: 'log' },
    // The lines of all methods stand above the bands of any.
    [...layers.flatMap(({ below }) => below), ...layers.flatMap(({ above }) => above)],
    data,
  );
}

function methodLayers(
  { name, line, points = [], intervals }: OptimumMethod,
  where: string,
  { colour, symbol }: GroupStyle,
): { readonly below: readonly Layer[]; readonly above: readonly Layer[] } {
  requireRows(line, `${where}.line`, { flops: 'positive', value: 'positive' });
  if (points.length > 0) requireRows(points, `${where}.points`, { flops: 'positive', value: 'positive' });
  const bars = points.flatMap(({ interval, ...at }, k) => {
    if (interval === undefined || interval === null) return [];
    requireEnds(interval, `${where}.points[${k}].interval`, 'positive');
    return [{ ...toXY(at), ends: interval }];
  });
  const hasIntervals = [...line, ...points].some(({ interval }) => interval !== undefined && interval !== null);
  const shared = { colour, label: hasIntervals ? `${name}, ${intervalLabel('the optimum', intervals)}` : name };
  const band = line.map(({ flops, interval }, k) => ({
    x: flops,
    ends: interval,
    where: `${where}.line[${k}].interval`,
  }));
  return {
    below: bandLayers(band, 'positive', () => ({ ...shared, opacity: 0.15 })),
    above: [
      { kind: 'line', rows: line.map(toXY).sort((a, b) => a.x - b.x), ...shared },
      ...(bars.length === 0 ? [] : [{ kind: 'bars', along: 'y', rows: bars, colour } as const]),
      ...(points.length === 0 ? [] : [{ kind: 'points', rows: points.map(toXY), symbol, ...shared } as const]),
    ],
  };
}

const toXY = ({ flops, value }: OptimumAt) => ({ x: flops, y: value });
