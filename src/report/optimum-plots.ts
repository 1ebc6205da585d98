import { type OptimumEstimate, optimumAt } from '../fit/optimum/index.js';
import { logSpaced } from '../fit/statistics.js';
import type { RunTable } from '../runs/index.js';
import { isoflopPlot } from './isoflop-plot.js';
import { lossLabel, type NamedPlot } from './law-plots.js';
import { optimumPlot } from './optimum-plot.js';

const linePoints = 30;

/** Plots of compute optima: the IsoFLOP profiles, and the lines of best parameters and best tokens of every method. */
export function optimumPlots(results: readonly OptimumEstimate[], table: RunTable): readonly NamedPlot[] {
  const byRow = new Map(table.rows.map((row) => [row.row, row]));
  const profiles = results
    .filter(({ budgets }) => budgets.length > 0)
    .map((result) => ({
      name: result.method,
      svg: isoflopPlot({
        title: result.method,
        lossLabel: lossLabel(table.conventions),
        paramsLabel:
          table.conventions.params === 'unstated' ? 'parameters' : `parameters (${table.conventions.params})`,
        budgets: result.budgets.map((budget) => ({
          flops: budget.flops,
          points: budget.rows.map((row) => ({ params: byRow.get(row)!.params, loss: byRow.get(row)!.loss })),
          ...(budget.params === null || budget.loss === null
            ? {}
            : { minimum: { params: budget.params, loss: budget.loss, interval: budget.paramsInterval } }),
        })),
        intervals: { level: result.level, method: result.intervalKind ?? 'none' },
      }),
    }));
  const evidences = results.flatMap(({ evidence }) => (evidence === null ? [] : [evidence.flops]));
  if (evidences.length === 0) return profiles;
  const low = Math.min(...evidences.map(([from]) => from));
  const high = Math.max(...evidences.map(([, to]) => to));
  const grid = logSpaced(low, high, linePoints);
  const lines = (['params', 'tokens'] as const).map((key) => ({
    name: `best-${key}`,
    svg: optimumPlot({
      label: key === 'params' ? 'best parameters' : 'best tokens',
      methods: results.map((result) => ({
        name: result.method,
        line: grid.map((flops) => {
          const { value, interval } = optimumAt(result, flops)[key];
          return { flops, value, interval };
        }),
        points: result.budgets.flatMap((budget) =>
          budget[key] === null || budget.status !== 'used' ? [] : [{ flops: budget.flops, value: budget[key] }],
        ),
        intervals: { level: result.level, method: result.intervalKind ?? 'none' },
      })),
    }),
  }));
  return [...profiles, ...lines];
}
