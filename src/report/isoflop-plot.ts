import { type IntervalKind, intervalLabel, type MaybeEnds, requireEnds, requireNumber, requireRows } from './check.js';
import { figure, type PlotOptions } from './figure.js';
import type { Layer } from './layers.js';
import { orderedColours } from './marks.js';
import { ink, nthStyle } from './palette.js';
import { countLabel } from './ticks.js';

export interface IsoflopPlot extends PlotOptions {
  readonly budgets: readonly IsoflopBudget[];
  /** Level and method of the minima's intervals; needed where there are any. */
  readonly intervals?: IntervalKind;
  /** Defaults to `parameters`. */
  readonly paramsLabel?: string;
  /** `loss (nats per token)`. */
  readonly lossLabel: string;
}

/** Runs of one budget of training FLOPs, and what was fitted to them. */
export interface IsoflopBudget {
  readonly flops: number;
  readonly points: readonly ParamsLoss[];
  /** The fitted curve, at as many sizes as make it smooth. */
  readonly parabola?: readonly ParamsLoss[];
  /** The curve's minimum, with the interval of its params. */
  readonly minimum?: ParamsLoss & { readonly interval?: MaybeEnds };
}

export interface ParamsLoss {
  readonly params: number;
  readonly loss: number;
}

/**
 * Loss against parameters on logarithmic axes, a colour for each budget of FLOPs: runs, the curve fitted to each budget, and
 * its minimum.
 *
 * @returns an SVG file's text.
 * @throws ShapelawError `bad-usage` for no budgets, no points, a value that is not positive, ends in the wrong order, or
 * intervals of no stated kind; `non-finite` for a value that is not a finite number.
 */
export function isoflopPlot(data: IsoflopPlot): string {
  const { intervals, paramsLabel = 'parameters', lossLabel } = data;
  requireRows(data.budgets, 'budgets', { flops: 'positive' });
  data.budgets.forEach(requireBudget);
  const budgets = data.budgets.toSorted((a, b) => a.flops - b.flops);
  const colours = orderedColours(budgets.length);
  const layers = budgets.flatMap(({ flops, points, parabola = [] }, k): Layer[] => {
    const shared = { colour: colours[k]!, label: `${countLabel(flops)} FLOPs` };
    return [
      { kind: 'line', rows: parabola.map(toXY).sort((a, b) => a.x - b.x), ...shared },
      { kind: 'points', rows: points.map(toXY), symbol: nthStyle(k).symbol, ...shared },
    ];
  });
  layers.push(...minimumLayers(budgets, intervals));
  return figure({ label: paramsLabel, scale: 'log' }, { label: lossLabel, scale: 'log' }, layers, data);
}

/** Minima above all curves, joined from budget to budget. */
function minimumLayers(budgets: readonly IsoflopBudget[], intervals: IntervalKind | undefined): Layer[] {
  const minima = budgets.flatMap(({ minimum }) => (minimum === undefined ? [] : [minimum]));
  if (minima.length === 0) return [];
  const rows = minima.map(toXY);
  const bars = minima.flatMap(({ interval, ...minimum }) =>
    interval === undefined || interval === null ? [] : [{ ...toXY(minimum), ends: interval }],
  );
  const label = 'minimum of each budget';
  return [
    { kind: 'line', rows, colour: ink, dashed: true, label },
    ...(bars.length === 0
      ? []
      : [
          {
            kind: 'bars',
            along: 'x',
            rows: bars,
            colour: ink,
            label: intervalLabel('the minimum', intervals),
          } as const,
        ]),
    { kind: 'points', rows, symbol: 'diamond', hollow: true, colour: ink, label },
  ];
}

const toXY = ({ params, loss }: ParamsLoss) => ({ x: params, y: loss });

function requireBudget({ points, parabola, minimum }: IsoflopBudget, k: number): void {
  const columns = { params: 'positive', loss: 'positive' } as const;
  requireRows(points, `budgets[${k}].points`, columns);
  if (parabola !== undefined) requireRows(parabola, `budgets[${k}].parabola`, columns);
  if (minimum === undefined) return;
  requireNumber(minimum.params, `budgets[${k}].minimum.params`, 'positive');
  requireNumber(minimum.loss, `budgets[${k}].minimum.loss`, 'positive');
  if (minimum.interval) requireEnds(minimum.interval, `budgets[${k}].minimum.interval`, 'positive');
}
