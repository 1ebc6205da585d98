import type { RunTable } from '../runs/index.js';
import { shapeFields } from '../runs/record.js';
import { columnValue } from './columns.js';
import { fExceedance } from './distributions.js';
import type { LawColumn } from './law-form.js';
import { mean } from './statistics.js';

/** Scatter of log loss about a law, and between runs that differ in their seed alone. */
export interface Noise {
  readonly replicateSd: number | null;
  readonly degrees: number;
  readonly lackOfFit: { readonly f: number; readonly p: number } | null;
  readonly runSd: number;
  readonly rowSd: number;
}

/**
 * Estimates the scatter of log loss.
 *
 * Between replicates: the pooled variance of log loss of different runs at one point (same law columns, shape and schedule). Against
 * it, the scatter of the means of points about the law is tested for lack of fit (F test, as of a linear model). About the law:
 * what the rows of a run share and what each has by itself, by the analysis of variance of residuals by run.
 *
 * @param residuals - Of log loss about the law, row by row.
 * @param parameters - Of the law.
 */
export function estimateNoise(
  table: RunTable,
  columns: readonly LawColumn[],
  residuals: Float64Array,
  runOfRow: Int32Array,
  runs: number,
  parameters: number,
): Noise {
  const points = new Map<string, { readonly residuals: number[]; readonly runs: Set<number> }>();
  table.rows.forEach((row, index) => {
    const values = [...columns.map((column) => columnValue(row, column)), ...shapeFields.map((column) => row[column])];
    const key = `${values.join()} ${row.schedule ?? ''}`;
    const point = points.get(key) ?? { residuals: [], runs: new Set() };
    point.residuals.push(residuals[index]!);
    point.runs.add(runOfRow[index]!);
    points.set(key, point);
  });
  let [pure, degrees, about] = [0, 0, 0];
  for (const point of points.values()) {
    const centre = mean(point.residuals);
    about += point.residuals.length * centre * centre;
    if (point.runs.size < 2) continue;
    pure += point.residuals.reduce((sum, value) => sum + (value - centre) ** 2, 0);
    degrees += point.residuals.length - 1;
  }
  const aboutDegrees = points.size - parameters;
  const f = pure > 0 && aboutDegrees > 0 ? about / aboutDegrees / (pure / degrees) : null;
  return {
    replicateSd: degrees > 0 ? Math.sqrt(pure / degrees) : null,
    degrees,
    lackOfFit: f === null ? null : { f, p: fExceedance(f, aboutDegrees, degrees) },
    ...noiseComponents(residuals, runOfRow, runs),
  };
}

/** Standard deviations of what the rows of a run share, and of what each row has by itself. */
export function noiseComponents(
  residuals: Float64Array,
  runOfRow: Int32Array,
  runs: number,
): { readonly runSd: number; readonly rowSd: number } {
  const byRun = Array.from({ length: runs }, (): number[] => []);
  residuals.forEach((residual, row) => {
    byRun[runOfRow[row]!]!.push(residual);
  });
  const rows = residuals.length;
  if (rows === runs || runs < 2) return { runSd: 0, rowSd: Math.sqrt(mean(residuals.map((r) => r * r))) };
  const within =
    byRun.reduce((sum, values) => {
      const centre = mean(values);
      return sum + values.reduce((part, value) => part + (value - centre) ** 2, 0);
    }, 0) /
    (rows - runs);
  const whole = mean(residuals);
  const between = byRun.reduce((sum, values) => sum + values.length * (mean(values) - whole) ** 2, 0) / (runs - 1);
  const size = (rows - byRun.reduce((sum, values) => sum + values.length ** 2, 0) / rows) / (runs - 1);
  return { runSd: Math.sqrt(Math.max(0, (between - within) / size)), rowSd: Math.sqrt(within) };
}
