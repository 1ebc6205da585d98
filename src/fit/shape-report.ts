import { ShapelawError } from '../errors.js';
import type { RunTable } from '../runs/index.js';
import { lawLoss } from './formulas.js';
import { type Interval, refitInterval, requireDraws, requireLevel } from './intervals.js';
import type { Law } from './law.js';
import { efficiency, ratiosNamed, ratioValue, type ShapeRatio } from './laws/shape.js';
import { logSpaced } from './statistics.js';

/** A number with the interval of the law's draws; null where the law has none. */
export interface WithInterval {
  readonly value: number;
  readonly interval: Interval | null;
}

/** What a law of shape says of the shapes of a table, and of shapes in general. */
export interface ShapeReport {
  /** Level of the intervals, which are percentiles of the draws. */
  readonly level: number;
  readonly shapes: readonly {
    readonly params: number;
    /** The ratios of the law, by name. */
    readonly ratios: Readonly<Record<string, number>>;
    readonly rows: readonly number[];
    /** Share of the parameters that the shape wastes, 1 - exp(-S). */
    readonly waste: WithInterval;
  }[];
  readonly ratios: readonly RatioReport[];
}

export interface RatioReport {
  readonly name: string;
  /** The best ratio at some numbers of parameters within the evidence: exp(a) N^rho. */
  readonly best: readonly ({ readonly params: number } & WithInterval)[];
  /** Of the ratio in the table. */
  readonly range: Interval;
  /** Whether the rows tell a best ratio at all. */
  readonly identified: boolean;
  /** Why not; null where identified. */
  readonly reason: string | null;
}

/** Numbers of parameters at which best ratios are told, evenly spaced in the logarithm over the evidence. */
const sizesTold = 5;
/** A curvature whose interval falls below this share of it can't be told from none. */
const vanishingCurvature = 0.05;

/**
 * Per shape of a table the share of its parameters that a law of shape calls wasted, and per ratio the best one as a function of
 * the number of parameters, or the reason why the rows don't tell it.
 *
 * @param table - The runs that the law was fitted to, or others with its columns.
 * @param level - In (0, 1). Defaults to that of the law's own intervals, else 0.95.
 * @throws ShapelawError `bad-usage` for another law or a level out of range, `missing-column` for a row without a ratio of the law.
 */
export function shapeReport(law: Law, table: RunTable, level?: number): ShapeReport {
  const { ratios, shapes, told, ...review } = reviewOf(law, table, level);
  return {
    level: review.level,
    shapes: shapes.map(({ point, ratios: own, rows }) => ({
      params: point.params,
      ratios: own,
      rows,
      waste: told((values) => -Math.expm1(Math.log(efficiency(values, ratios, point)))),
    })),
    ratios: ratioReports(law, table, level),
  };
}

/** The ratios of {@link shapeReport} alone. */
export function ratioReports(law: Law, table: RunTable, level?: number): readonly RatioReport[] {
  const { ratios, shapes, told } = reviewOf(law, table, level);
  return ratios.map((ratio, k) => reportRatio(ratio, k, told, sizesOf(law, shapes), rangeOf(ratio, shapes)));
}

/** What is asked of a law of shape and a table. */
function reviewOf(law: Law, table: RunTable, level = law.intervals?.level ?? 0.95) {
  if (law.law !== 'shape') {
    throw new ShapelawError('bad-usage', `a report of shapes needs a law of shape, and ${law.name} is ${law.law}`, {
      law: law.law,
    });
  }
  requireLevel(level);
  const { parameters, draws } = lawLoss(law);
  if (draws !== null) requireDraws(draws.length, level);
  const ratios = ratiosNamed(law.form.ratios ?? ['dModel/layers']);
  const told = (quantity: (values: readonly number[]) => number): WithInterval => ({
    value: quantity(parameters),
    interval: refitInterval((draws ?? []).map(quantity), level),
  });
  return { level, ratios, shapes: distinctShapes(table, ratios), told };
}

interface DistinctShape {
  readonly point: RunTable['rows'][number];
  readonly ratios: Readonly<Record<string, number>>;
  readonly rows: readonly number[];
}

function distinctShapes(table: RunTable, ratios: readonly ShapeRatio[]): readonly DistinctShape[] {
  const shapes = new Map<string, { point: DistinctShape['point']; ratios: Record<string, number>; rows: number[] }>();
  for (const row of table.rows) {
    const own = Object.fromEntries(
      ratios.map((ratio) => {
        const value = ratioValue(ratio, row);
        if (value !== undefined) return [ratio.name, value];
        throw new ShapelawError(
          'missing-column',
          `${table.source}, row ${row.row}: the ratio ${ratio.name} is absent`,
          {
            row: row.row,
            ratio: ratio.name,
          },
        );
      }),
    );
    const key = JSON.stringify([row.params, own]);
    const known = shapes.get(key);
    if (known === undefined) shapes.set(key, { point: row, ratios: own, rows: [row.row] });
    else known.rows.push(row.row);
  }
  return [...shapes.values()];
}

/** Within the evidence of the law, or of the table where the law states none. */
function sizesOf(law: Law, shapes: readonly DistinctShape[]): readonly number[] {
  const params = shapes.map(({ point }) => point.params);
  const [low, high] = law.domain?.ranges.params ?? [Math.min(...params), Math.max(...params)];
  return logSpaced(low, high, sizesTold);
}

function rangeOf(ratio: ShapeRatio, shapes: readonly DistinctShape[]): Interval {
  const values = shapes.map(({ ratios }) => ratios[ratio.name]!);
  return [Math.min(...values), Math.max(...values)];
}

function reportRatio(
  { name }: ShapeRatio,
  k: number,
  told: (quantity: (values: readonly number[]) => number) => WithInterval,
  sizes: readonly number[],
  range: Interval,
): RatioReport {
  const curvature = told((values) => values[5 + 3 * k]!);
  const best = sizes.map((params) => ({
    params,
    ...told((values) => Math.exp(values[6 + 3 * k]! + values[7 + 3 * k]! * Math.log(params))),
  }));
  const reason = unidentified(name, curvature, best[Math.floor(best.length / 2)]!, range);
  return { name, best, range, identified: reason === null, reason };
}

/** A best ratio is told by a curvature that is there, and by shapes on both sides of it. */
function unidentified(name: string, curvature: WithInterval, middle: WithInterval, range: Interval): string | null {
  if (curvature.value <= 1e-9) {
    return `the loss does not bend with ${name}: its curvature c is at its bound of 0, so that any ratio is as good`;
  }
  if (curvature.interval !== null && curvature.interval[0] < vanishingCurvature * curvature.value) {
    return `the curvature c of ${name} can't be told from 0: ${curvature.value.toPrecision(3)}, interval ${span(curvature.interval)}`;
  }
  const { interval } = middle;
  if (interval !== null && interval[1] / interval[0] > range[1] / range[0]) {
    return `the interval of the best ${name}, ${span(interval)}, is wider than the table's range of it, ${span(range)}`;
  }
  if (middle.value < range[0] || middle.value > range[1]) {
    return `the best ${name}, ${middle.value.toPrecision(3)}, lies beyond the table's range of it, ${span(range)}: no shape lies on its far side`;
  }
  return null;
}

function span([low, high]: Interval): string {
  return `${low.toPrecision(3)} to ${high.toPrecision(3)}`;
}
