import { columnValue } from '../fit/columns.js';
import { centralInterval } from '../fit/intervals.js';
import type { Law } from '../fit/law.js';
import type { LawColumn, LawPoint } from '../fit/law-form.js';
import { lawForm } from '../fit/laws/registry.js';
import { ratiosNamed, ratioValue } from '../fit/laws/shape.js';
import { predictor } from '../fit/predict.js';
import { logSpaced } from '../fit/statistics.js';
import type { RunTable } from '../runs/index.js';
import type { IntervalKind } from './check.js';
import { lossPlot } from './loss-plot.js';
import { residualPlot } from './residual-plot.js';
import { shapeRatioPlot } from './shape-ratio-plot.js';

/** A plot by the name of its file. */
export interface NamedPlot {
  readonly name: string;
  readonly svg: string;
}

const curvePoints = 60;
/** How far a curve goes on beyond the evidence, as a factor: one decade. */
const beyond = 10;
/** Groups beyond which rows are not told apart by colour. */
const mostGroups = 12;

/**
 * The plots of a fitted law over its table: the loss along its variable, or along the compute-optimal frontier of a law of
 * params and tokens; residuals against each of its columns; and of a law of shape the best ratios.
 *
 * @param level - Level of the bands, in (0, 1). Defaults to 0.95.
 */
export function lawPlots(law: Law, table: RunTable, level = 0.95): readonly NamedPlot[] {
  return [...lossPlots(law, table, level), ...residualPlots(law, table), ...ratioPlots(law, table, level)];
}

function intervalKind(law: Law, level: number): IntervalKind {
  return { level, method: `percentiles of ${law.draws?.kind ?? 'no draws'}` };
}

const columnLabels: Partial<Record<LawColumn, string>> = {
  params: 'parameters',
  tokens: 'training tokens',
  flops: 'training FLOPs',
  layers: 'layers',
};

function labelOf(law: Law, column: LawColumn): string {
  const convention = (law.conventions as unknown as Record<string, string>)[column];
  const label = columnLabels[column] ?? column;
  return convention === undefined || convention === 'unstated' ? label : `${label} (${convention})`;
}

/** The loss with its unit, for an axis. */
export function lossLabel({ loss }: Law['conventions']): string {
  return loss === 'unstated' ? 'loss' : `loss (${loss.replaceAll('-', ' ')})`;
}

function lossPlots(law: Law, table: RunTable, level: number): readonly NamedPlot[] {
  const form = lawForm(law.law, law.form);
  const [variable] = law.variables;
  const range = law.domain?.ranges;
  if (variable === undefined || range === undefined) return [];
  const predictAt = predictor(law, level);
  const parameters = form.parameters.map((name) => law.parameters[name]!);
  const along = (
    [low, high]: readonly [number, number],
    pointAt: (x: number) => LawPoint,
    xOf: (row: RunTable['rows'][number]) => number,
    xLabel: string,
    title: string,
  ): NamedPlot => ({
    name: 'loss',
    svg: lossPlot({
      title,
      points: table.rows.map((row) => ({ x: xOf(row), loss: row.loss, inFit: true })),
      curve: logSpaced(low, high * beyond, curvePoints).map((x) => {
        const { loss } = predictAt(pointAt(x));
        return { x, loss: loss.value, mean: loss.mean, newRun: loss.newRun };
      }),
      intervals: intervalKind(law, level),
      evidence: [low, high],
      xLabel,
      lossLabel: lossLabel(law.conventions),
    }),
  });
  if (law.variables.length === 1) {
    return [
      along(
        range[variable] as [number, number],
        (x) => ({ [variable]: x }),
        (row) => columnValue(row, variable)!,
        labelOf(law, variable),
        law.formula,
      ),
    ];
  }
  const { optimum } = form;
  if (optimum === undefined || law.variables.join() !== 'params,tokens') return [];
  const compute = table.rows.map((row) => 6 * row.params * row.tokens!);
  return [
    along(
      [Math.min(...compute), Math.max(...compute)],
      (flops) => optimum(parameters, flops),
      (row) => 6 * row.params * row.tokens!,
      'training FLOPs (6ND)',
      'runs, and the law along its compute optimum',
    ),
  ];
}

function residualPlots(law: Law, table: RunTable): readonly NamedPlot[] {
  const predictAt = predictor({ ...law, draws: null });
  const groups = new Set(table.rows.map(({ params }) => params));
  const residuals = table.rows.map((row) => {
    const point = Object.fromEntries(law.variables.map((name) => [name, columnValue(row, name)!]));
    return Math.log(row.loss / predictAt(point).loss.value);
  });
  return law.variables.map((column) => ({
    name: `residuals-${column}`,
    svg: residualPlot({
      title: law.formula,
      points: table.rows.map((row, k) => ({
        x: columnValue(row, column)!,
        residual: residuals[k]!,
        inFit: true,
        ...(groups.size > 1 && groups.size <= mostGroups ? { group: `${row.params.toPrecision(3)} parameters` } : {}),
      })),
      xLabel: labelOf(law, column),
    }),
  }));
}

function ratioPlots(law: Law, table: RunTable, level: number): readonly NamedPlot[] {
  const range = law.domain?.ranges.params;
  if (law.law !== 'shape' || range === undefined) return [];
  const ratios = ratiosNamed(law.form.ratios ?? []);
  return ratios.map((ratio, k) => {
    const suffix = ratios.length === 1 ? '' : String(k + 1);
    const [a, rho] = [`a${suffix}`, `rho${suffix}`];
    const columns = law.draws === null ? null : [law.draws.parameters.indexOf(a), law.draws.parameters.indexOf(rho)];
    return {
      name: `ratio-${ratio.name.replaceAll(/[^A-Za-z]+/g, '-')}`,
      svg: shapeRatioPlot({
        points: table.rows.map((row) => ({ params: row.params, ratio: ratioValue(ratio, row)!, inFit: true })),
        best: logSpaced(range[0], range[1] * beyond, curvePoints).map((params) => {
          const at = (intercept: number, slope: number) => Math.exp(intercept + slope * Math.log(params));
          return {
            params,
            ratio: at(law.parameters[a]!, law.parameters[rho]!),
            interval:
              columns === null
                ? null
                : centralInterval(
                    law.draws!.values.map((draw) => at(draw[columns[0]!]!, draw[columns[1]!]!)),
                    level,
                  ),
          };
        }),
        intervals: intervalKind(law, level),
        evidence: range,
        ratioLabel: ratio.name,
        paramsLabel: labelOf(law, 'params'),
      }),
    };
  });
}
