/**
 * Where an increasing function crosses zero between two points of different sign: halved until no number lies between, so that
 * the root is good to the last digits whatever the function's scale.
 */
export function increasingRoot(of: (x: number) => number, low: number, high: number): number {
  let [below, above] = [low, high];
  for (;;) {
    const middle = below + (above - below) / 2;
    if (!(middle > below && middle < above)) return above;
    if (of(middle) < 0) below = middle;
    else above = middle;
  }
}
