import { requireRows } from './check.js';
import { dataLayers, type Membership } from './data-layers.js';
import { figure, type PlotOptions } from './figure.js';
import { ink } from './palette.js';
import type { AxisScale } from './ticks.js';

export interface ResidualPlot extends PlotOptions {
  /** A column's value, and the log of the observed loss less the log of the fitted one. */
  readonly points: readonly (Membership & { readonly x: number; readonly residual: number })[];
  readonly xLabel: string;
  /** Of the column. Defaults to `log`. */
  readonly xScale?: AxisScale;
}

/**
 * Residuals of log loss against a column, about a line at zero. What a law misses shows as a slope or a bend in them, or as
 * groups that lie to one side.
 *
 * @returns an SVG file's text.
 * @throws ShapelawError `bad-usage` for no points, or a column's value that is not positive on a logarithmic axis;
 * `non-finite` for a value that is not a finite number.
 */
export function residualPlot(data: ResidualPlot): string {
  const { points, xLabel, xScale = 'log' } = data;
  requireRows(points, 'points', { x: xScale === 'log' ? 'positive' : 'finite', residual: 'finite' });
  return figure(
    { label: xLabel, scale: xScale },
    { label: 'residual of log loss (observed less fitted)', scale: 'linear' },
    [
      { kind: 'rule', of: 'y', at: 0, colour: ink },
      ...dataLayers(points.map(({ x, residual, ...membership }) => ({ x, y: residual, ...membership }))),
    ],
    data,
  );
}
