/** What a shape costs and gives; each the less the better. */
export interface Objectives {
  readonly name: string;
  readonly parameters: number;
  readonly flopsPerToken: number;
  readonly stepSeconds: number;
  /** null where none is predicted; then it is not compared. */
  readonly loss: number | null;
}

/** Relative difference below which two quantities are equal: sums may be taken in another order. */
const equal = 1e-12;

function compare(a: number, b: number): -1 | 0 | 1 {
  if (Math.abs(a - b) <= equal * Math.abs(b)) return 0;
  return a < b ? -1 : 1;
}

/** Whether one shape is no worse than another in parameters, FLOPs a token, seconds a step and loss, and better in one of them. */
export function dominates(one: Objectives, other: Objectives): boolean {
  const signs = [
    compare(one.parameters, other.parameters),
    compare(one.flopsPerToken, other.flopsPerToken),
    compare(one.stepSeconds, other.stepSeconds),
    one.loss === null || other.loss === null ? 0 : compare(one.loss, other.loss),
  ];
  return signs.every((sign) => sign <= 0) && signs.some((sign) => sign < 0);
}

/** Whether one shape has no more parameters, FLOPs and seconds than another, less of one of them, and no greater loss. */
export function outdoes(one: Objectives, other: Objectives): boolean {
  if (one.loss === null || other.loss === null || compare(one.loss, other.loss) > 0) return false;
  return dominates({ ...one, loss: null }, { ...other, loss: null });
}
