/** Least share of a hinge that the line and the hinges before it leave unexplained. */
const leastOwnShare = 1e-9;

/**
 * Cholesky's factorisation of some hinges' products, one hinge after the other, so that combinations that begin alike share
 * their beginning.
 *
 * @param gram - Row-major products of all candidates' hinges.
 * @param products - Of the candidates' hinges with the log losses.
 * @param most - Hinges at most.
 * @returns a function that takes a candidate as the hinge number `depth`, from 0 on, in place of any hinge of that number and
 *   later ones, and says by how much it lowers the sum of squares beside those before it; minus infinite where it can't be told
 *   from them.
 */
export function hingeGains(
  gram: Float64Array,
  products: Float64Array,
  most: number,
): (depth: number, candidate: number) => number {
  const count = products.length;
  const factor = new Float64Array(most * most);
  const solved = new Float64Array(most);
  const taken = new Int32Array(most);
  return (depth, candidate) => {
    const row = candidate * count;
    const own = gram[row + candidate]!;
    let pivot = own;
    let product = products[candidate]!;
    for (let j = 0; j < depth; j++) {
      let sum = gram[row + taken[j]!]!;
      for (let m = 0; m < j; m++) sum -= factor[depth * most + m]! * factor[j * most + m]!;
      const element = sum / factor[j * most + j]!;
      factor[depth * most + j] = element;
      pivot -= element * element;
      product -= element * solved[j]!;
    }
    if (!(pivot > leastOwnShare * own)) return Number.NEGATIVE_INFINITY;
    taken[depth] = candidate;
    factor[depth * most + depth] = Math.sqrt(pivot);
    solved[depth] = product / Math.sqrt(pivot);
    return solved[depth]! ** 2;
  };
}
