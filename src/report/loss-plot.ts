import { type Ends, type IntervalKind, intervalLabel, type MaybeEnds, requireEnds, requireRows } from './check.js';
import { bandLayers, curveLayers, outsideLayers } from './curve-layers.js';
import { dataLayers, type Membership } from './data-layers.js';
import { figure, type PlotOptions } from './figure.js';
import { fitColour } from './palette.js';

export interface LossPlot extends PlotOptions {
  /** Runs: a variable such as parameters, tokens or FLOPs, and the loss; both positive. */
  readonly points: readonly (Membership & { readonly x: number; readonly loss: number })[];
  /** The fitted law along the variable, at as many values as make it smooth, with its intervals where it has them. */
  readonly curve: readonly LossCurvePoint[];
  /** Level and method of the curve's intervals; needed where it has any. */
  readonly intervals?: IntervalKind;
  /** Lowest and highest value of the variable that the law was fitted on. */
  readonly evidence?: Ends;
  /** `FLOPs`, `parameters (non-embedding)`. */
  readonly xLabel: string;
  /** `loss (nats per token)`. */
  readonly lossLabel: string;
}

export interface LossCurvePoint {
  readonly x: number;
  readonly loss: number;
  /** Interval of the law's mean. */
  readonly mean?: MaybeEnds;
  /** Interval of one new run. */
  readonly newRun?: MaybeEnds;
}

/**
 * Loss against one variable on logarithmic axes: runs, the fitted law, the bands of its mean and of a new run, and what lies
 * beyond the evidence shaded, where the law is dashed.
 *
 * @returns an SVG file's text.
 * @throws ShapelawError `bad-usage` for no points, a value that is not positive, ends in the wrong order, or intervals of no
 * stated kind; `non-finite` for a value that is not a finite number.
 */
export function lossPlot(data: LossPlot): string {
  const { points, curve, intervals, evidence, xLabel, lossLabel } = data;
  requireRows(points, 'points', { x: 'positive', loss: 'positive' });
  requireRows(curve, 'curve', { x: 'positive', loss: 'positive' });
  if (evidence !== undefined) requireEnds(evidence, 'evidence', 'positive');
  const band = (which: 'mean' | 'newRun', what: string, opacity: number) =>
    bandLayers(
      curve.map((point, k) => ({ x: point.x, ends: point[which], where: `curve[${k}].${which}` })),
      'positive',
      () => ({ label: intervalLabel(what, intervals), colour: fitColour, opacity }),
    );
  const layers = [
    ...outsideLayers(evidence),
    ...band('newRun', 'a new run', 0.15),
    ...band('mean', 'the mean', 0.35),
    ...dataLayers(points.map(({ x, loss, ...membership }) => ({ x, y: loss, ...membership }))),
    ...curveLayers(
      curve.map(({ x, loss }) => ({ x, y: loss })),
      evidence,
      { label: 'fitted law', colour: fitColour },
    ),
  ];
  return figure({ label: xLabel, scale: 'log' }, { label: lossLabel, scale: 'log' }, layers, data);
}
