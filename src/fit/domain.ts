import { ShapelawError } from '../errors.js';
import { columnValue } from './columns.js';
import type { Law } from './law.js';
import type { LawColumn, LawPoint } from './law-form.js';

type Point = readonly [number, number];

/** Where a prediction stands against the evidence of its law, in decades (factors of ten). */
export interface Extrapolation {
  /** Whether the point lies within the evidence; null where the law states none. */
  readonly inside: boolean | null;
  /** Distance to the convex hull of the evidence on log10 axes; 0 inside, null where the law states no evidence. */
  readonly decades: number | null;
  /** Distance outside the range of each variable by itself, negative below it; 0 inside. */
  readonly byVariable: Readonly<Record<string, number>>;
}

/** The evidence of a fit: range of each variable and, for two variables, the convex hull of their logarithms. */
export function domainOf(variables: readonly string[], columns: readonly Float64Array[]): NonNullable<Law['domain']> {
  const ranges: Record<string, [number, number]> = {};
  variables.forEach((name, k) => {
    const column = columns[k]!;
    ranges[name] = [column.reduce((a, b) => Math.min(a, b)), column.reduce((a, b) => Math.max(a, b))];
  });
  const [x, y] = columns;
  const hull =
    columns.length === 2 && x !== undefined && y !== undefined
      ? convexHull(Array.from(x, (value, row): Point => [Math.log10(value), Math.log10(y[row]!)]))
      : null;
  return { ranges, hull: hull === null ? null : hull.map(([a, b]): [number, number] => [a, b]) };
}

/**
 * Distance of a point from the evidence of a law.
 *
 * @throws ShapelawError `bad-usage` where the point lacks a variable of the evidence, or it is not positive.
 */
export function extrapolation(law: Law, point: LawPoint): Extrapolation {
  const domain = law.domain;
  if (domain === null) return { inside: null, decades: null, byVariable: {} };
  const byVariable: Record<string, number> = {};
  for (const [name, [low, high]] of Object.entries(domain.ranges)) {
    const value = columnValue(point, name as LawColumn);
    if (value === undefined || !(value > 0)) {
      throw new ShapelawError(
        'bad-usage',
        `the evidence of the ${law.law} law is of ${name}, which is ${value ?? 'absent'}`,
        {
          variable: name,
        },
      );
    }
    byVariable[name] = value < low ? Math.log10(value / low) : value > high ? Math.log10(value / high) : 0;
  }
  const [first, second] = law.variables;
  const decades =
    domain.hull !== null && first !== undefined && second !== undefined
      ? distanceToHull([Math.log10(columnValue(point, first)!), Math.log10(columnValue(point, second)!)], domain.hull)
      : Math.hypot(...Object.values(byVariable));
  // The hull's own vertices lie on it but for rounding.
  const outside = decades > 1e-9 ? decades : 0;
  return { inside: outside === 0, decades: outside, byVariable };
}

function cross(origin: Point, a: Point, b: Point): number {
  return (a[0] - origin[0]) * (b[1] - origin[1]) - (a[1] - origin[1]) * (b[0] - origin[0]);
}

/** Andrew's monotone chain, anticlockwise. */
function convexHull(points: readonly Point[]): Point[] {
  const sorted = [...points].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const chain = (ordered: readonly Point[]) => {
    const hull: Point[] = [];
    for (const point of ordered) {
      while (hull.length >= 2 && cross(hull[hull.length - 2]!, hull[hull.length - 1]!, point) <= 0) hull.pop();
      hull.push(point);
    }
    return hull.slice(0, -1);
  };
  return [...chain(sorted), ...chain(sorted.reverse())];
}

function distanceToHull(point: Point, hull: readonly Point[]): number {
  let inside = hull.length > 2;
  let nearest = Number.POSITIVE_INFINITY;
  hull.forEach((from, k) => {
    const to = hull[(k + 1) % hull.length]!;
    if (cross(from, to, point) < 0) inside = false;
    nearest = Math.min(nearest, distanceToSegment(point, from, to));
  });
  return inside ? 0 : nearest;
}

function distanceToSegment(point: Point, from: Point, to: Point): number {
  const along = [to[0] - from[0], to[1] - from[1]] as const;
  const length = along[0] ** 2 + along[1] ** 2;
  const share = length === 0 ? 0 : ((point[0] - from[0]) * along[0] + (point[1] - from[1]) * along[1]) / length;
  const t = Math.min(1, Math.max(0, share));
  return Math.hypot(point[0] - from[0] - t * along[0], point[1] - from[1] - t * along[1]);
}
