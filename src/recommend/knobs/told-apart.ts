import { columnValue } from '../../fit/columns.js';
import type { Law } from '../../fit/law.js';
import type { LawColumn, LawPoint } from '../../fit/law-form.js';
import { ratiosNamed, ratioValue } from '../../fit/laws/shape.js';
import { shapeColumns } from '../law-use.js';
import type { OperatorName } from './dimensions.js';

/** What a law sees of an operator, and which others it sees the same way. */
export interface Sight {
  /**
   * `operator`: an exponent of a region law; `shape`: a term of the shape; else the law sees the operator by what it adds to
   * parameters or FLOPs alone, or not at all.
   */
  readonly through: 'operator' | 'shape' | 'params alone' | 'FLOPs alone' | 'params and FLOPs' | 'nothing';
  /** Whether the law has a term that this operator moves as no other does. */
  readonly toldApart: boolean;
  /** The other operators that move the law's terms of shape as this one does, by parameters and FLOPs apart. */
  readonly alike: readonly OperatorName[];
}

/** Below this a term does not move, and two directions are one: rounding of logarithms is far less. */
const tolerance = 1e-9;

/**
 * What a law sees of each operator: the direction in which it moves the law's terms of shape (the ratios of a law of shape, else
 * the columns of dimensions). Operators of one direction differ to the law by parameters and FLOPs alone, on which it has no say
 * about shape.
 *
 * @param columns - That the law's loss depends on.
 * @param grown - The point to which each operator leads.
 */
export function sightOf(
  law: Law,
  columns: readonly LawColumn[],
  from: LawPoint,
  grown: ReadonlyMap<OperatorName, LawPoint>,
): ReadonlyMap<OperatorName, Sight> {
  const terms = termsOf(law, columns);
  const before = terms(from);
  const directions = new Map(
    [...grown].map(([operator, point]) => {
      const moved = terms(point).map((term, k) => term - before[k]!);
      const length = Math.hypot(...moved);
      return [operator, length < tolerance ? null : moved.map((term) => term / length)];
    }),
  );
  return new Map(
    [...directions].map(([operator, direction]): [OperatorName, Sight] => {
      const alike = [...directions].flatMap(([other, its]) =>
        other !== operator && same(direction, its) ? [other] : [],
      );
      return [
        operator,
        {
          through: throughOf(law, columns, direction !== null),
          toldApart: direction !== null && alike.length === 0,
          alike,
        },
      ];
    }),
  );
}

/** One operator for each direction that a law knows: the first of those that are alike. */
export function distinctOperators(sights: ReadonlyMap<OperatorName, Sight>): readonly OperatorName[] {
  const seen = new Set<OperatorName>();
  return [...sights].flatMap(([operator, { through, alike }]) => {
    if (seen.has(operator) || (through !== 'shape' && through !== 'operator')) return [];
    for (const other of alike) seen.add(other);
    return [operator];
  });
}

/** The logs of a law's terms of shape at a point. */
function termsOf(law: Law, columns: readonly LawColumn[]): (point: LawPoint) => readonly number[] {
  if (law.law === 'shape') {
    const ratios = ratiosNamed(law.form.ratios ?? ['dModel/layers']);
    return (point) => ratios.map((ratio) => Math.log(ratioValue(ratio, point)!));
  }
  const known = columns.filter((column) => shapeColumns.includes(column));
  return (point) => known.map((column) => Math.log(columnValue(point, column)!));
}

function same(one: readonly number[] | null, other: readonly number[] | null): boolean {
  if (one === null || other === null) return one === other;
  return one.every((value, k) => Math.abs(value - other[k]!) < tolerance);
}

function throughOf(law: Law, columns: readonly LawColumn[], moves: boolean): Sight['through'] {
  if (moves) return law.law === 'region' ? 'operator' : 'shape';
  const [params, flops] = [columns.includes('params'), columns.includes('flops')];
  if (params) return flops ? 'params and FLOPs' : 'params alone';
  return flops ? 'FLOPs alone' : 'nothing';
}
