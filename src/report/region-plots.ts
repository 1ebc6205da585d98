import { columnValue } from '../fit/columns.js';
import type { RegionReport } from '../fit/region/index.js';
import { logSpaced } from '../fit/statistics.js';
import type { RunTable } from '../runs/index.js';
import { lossLabel, type NamedPlot } from './law-plots.js';
import { regionPlot } from './region-plot.js';

const segmentPoints = 20;

/** The plot of a table's regions over their variable; none where operators take its place. */
export function regionPlots(report: RegionReport, table: RunTable): readonly NamedPlot[] {
  const { variable, operators, regions, breakpoints, level } = report;
  if (operators.length > 0) return [];
  return [
    {
      name: 'regions',
      svg: regionPlot({
        points: table.rows.map((row) => ({ x: columnValue(row, variable)!, loss: row.loss, inFit: true })),
        segments: regions.map(({ from, to, evidence, amplitude, exponents }) => {
          const [low, high] = [from ?? evidence[0], to ?? evidence[1]];
          return logSpaced(low, high, segmentPoints).map((x) => ({ x, loss: amplitude * x ** -exponents[0]!.value }));
        }),
        breakpoints: breakpoints.map(({ value, interval }) => ({ at: value, interval })),
        intervals: { level, method: 'profile likelihood' },
        xLabel: variable === 'flops' ? `training FLOPs (${table.conventions.flops})` : variable,
        lossLabel: lossLabel(table.conventions),
      }),
    },
  ];
}
