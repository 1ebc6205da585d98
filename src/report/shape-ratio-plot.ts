import { type Ends, type IntervalKind, intervalLabel, type MaybeEnds, requireEnds, requireRows } from './check.js';
import { bandLayers, curveLayers, outsideLayers } from './curve-layers.js';
import { dataLayers, type Membership } from './data-layers.js';
import { figure, type PlotOptions } from './figure.js';
import { fitColour } from './palette.js';

export interface ShapeRatioPlot extends PlotOptions {
  /** The ratio of each run's shape. */
  readonly points: readonly (Membership & { readonly params: number; readonly ratio: number })[];
  /** The best ratio at each size, with its interval where it has one. */
  readonly best: readonly { readonly params: number; readonly ratio: number; readonly interval?: MaybeEnds }[];
  /** Level and method of the intervals; needed where there are any. */
  readonly intervals?: IntervalKind;
  /** Lowest and highest params that the law was fitted on. */
  readonly evidence?: Ends;
  /** `dModel / layers`. */
  readonly ratioLabel: string;
  /** Defaults to `parameters`. */
  readonly paramsLabel?: string;
}

/**
 * The best ratio of a shape's dimensions against parameters on logarithmic axes, with its band, over the ratios of the runs
 * it was learned from.
 *
 * @returns an SVG file's text.
 * @throws ShapelawError `bad-usage` for no points, no line, a value that is not positive, ends in the wrong order, or
 * intervals of no stated kind; `non-finite` for a value that is not a finite number.
 */
export function shapeRatioPlot(data: ShapeRatioPlot): string {
  const { points, best, intervals, evidence, ratioLabel, paramsLabel = 'parameters' } = data;
  requireRows(points, 'points', { params: 'positive', ratio: 'positive' });
  requireRows(best, 'best', { params: 'positive', ratio: 'positive' });
  if (evidence !== undefined) requireEnds(evidence, 'evidence', 'positive');
  const band = best.map(({ params, interval }, k) => ({ x: params, ends: interval, where: `best[${k}].interval` }));
  const layers = [
    ...outsideLayers(evidence),
    ...bandLayers(band, 'positive', () => ({
      label: intervalLabel('the best ratio', intervals),
      colour: fitColour,
      opacity: 0.2,
    })),
    ...dataLayers(points.map(({ params, ratio, ...membership }) => ({ x: params, y: ratio, ...membership }))),
    ...curveLayers(
      best.map(({ params, ratio }) => ({ x: params, y: ratio })),
      evidence,
      { label: 'best ratio', colour: fitColour },
    ),
  ];
  return figure({ label: paramsLabel, scale: 'log' }, { label: ratioLabel, scale: 'log' }, layers, data);
}
