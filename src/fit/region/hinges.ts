import { hingeGains } from './hinge-gain.js';
import { hingeSums, lossSums } from './hinge-sums.js';
import { type ActiveRows, enough, middleOfGap } from './rows.js';
import type { Division } from './segments.js';

/**
 * Continuous power laws: `y = b - e x - sum_k d_k h_k`, with hinges `h_k = (x - t_k)+`. Of every candidate t what least squares
 * needs but for the log losses, with what a straight line explains taken out.
 */
export interface HingeTable {
  readonly rows: ActiveRows;
  readonly weights: Float64Array;
  /** Position before which each candidate stands. */
  readonly positions: Int32Array;
  readonly candidates: Float64Array;
  /** Row-major: products of the candidates' hinges. */
  readonly gram: Float64Array;
  /** Weighted mean of x, and sum of squares about it. */
  readonly line: { readonly mean: number; readonly spread: number };
  /** Product of each hinge with x less its mean. */
  readonly slopes: Float64Array;
}

/** Candidates that all combinations of so many breakpoints are tried of; then breakpoints are moved in turn among all. */
const combinedCandidates = [0, 5000, 100, 24, 16];

export function hingeTable(rows: ActiveRows, weights: Float64Array, boundaries: Int32Array): HingeTable {
  const positions = boundaries.filter(
    (position) =>
      position > 0 && position < rows.size && enough(rows, 0, position) && enough(rows, position, rows.size),
  );
  const count = positions.length;
  const candidates = Float64Array.from(positions, (position) => middleOfGap(rows.x, position));
  const { w, wx, wxx } = hingeSums(rows, weights);
  const mean = wx[0]! / w[0]!;
  const spread = wxx[0]! - mean * wx[0]!;
  const sums = candidates.map((t, k) => wx[positions[k]!]! - t * w[positions[k]!]!);
  const slopes = candidates.map((t, k) => wxx[positions[k]!]! - t * wx[positions[k]!]! - mean * sums[k]!);
  const gram = new Float64Array(count * count);
  for (let j = 0; j < count; j++) {
    for (let k = j; k < count; k++) {
      const [s, t, at] = [candidates[j]!, candidates[k]!, positions[k]!];
      const both = wxx[at]! - (s + t) * wx[at]! + s * t * w[at]!;
      gram[j * count + k] = both - (sums[j]! * sums[k]!) / w[0]! - (slopes[j]! * slopes[k]!) / spread;
      gram[k * count + j] = gram[j * count + k]!;
    }
  }
  return { rows, weights, positions, candidates, gram, line: { mean, spread }, slopes };
}

/** Log losses as the hinges see them. */
export interface HingeTargets {
  /** Product of each hinge with the log losses, less what a line explains. */
  readonly products: Float64Array;
  /** Sum of squares about the line. */
  readonly squares: number;
}

export function hingeTargets(table: HingeTable, rows: ActiveRows = table.rows): HingeTargets {
  const { positions, candidates, line, slopes } = table;
  const { wy, wxy, squares } = lossSums(rows, table.weights);
  const along = wxy[0]! - line.mean * wy[0]!;
  const slope = along / line.spread;
  const products = candidates.map((t, k) => wxy[positions[k]!]! - t * wy[positions[k]!]! - slope * slopes[k]!);
  return { products, squares: Math.max(0, squares - slope * along) };
}

/** By how much hinges at some candidates lower the sum of squares; minus infinite where they can't be told apart. */
function gainOf({ gram }: HingeTable, products: Float64Array, chosen: readonly number[]): number {
  const gain = hingeGains(gram, products, chosen.length);
  let sum = 0;
  for (let depth = 0; depth < chosen.length && Number.isFinite(sum); depth++) sum += gain(depth, chosen[depth]!);
  return sum;
}

/** The best candidates for `breaks` breakpoints; null where there are none. */
export function bestHinges(table: HingeTable, targets: HingeTargets, breaks: number): Division | null {
  if (breaks === 0) return { squares: targets.squares, breaks: [] };
  const count = table.candidates.length;
  const stride = Math.max(1, Math.ceil(count / combinedCandidates[breaks]!));
  const gain = hingeGains(table.gram, targets.products, breaks);
  const chosen: number[] = [];
  let best: readonly number[] | undefined;
  let most = Number.NEGATIVE_INFINITY;
  const visit = (depth: number, from: number, before: number) => {
    for (let k = from; k < count; k += stride) {
      if (!isApart(table, chosen[depth - 1], k)) continue;
      const sum = before + gain(depth, k);
      if (sum === Number.NEGATIVE_INFINITY) continue;
      chosen[depth] = k;
      if (depth + 1 < breaks) visit(depth + 1, k + stride, sum);
      else if (sum > most) {
        most = sum;
        best = [...chosen];
      }
    }
  };
  visit(0, Math.floor(((count - 1) % stride) / 2), 0);
  if (best === undefined) return null;
  const moved = moveInTurn(table, targets.products, best, most);
  return {
    squares: Math.max(0, targets.squares - moved.gain),
    breaks: moved.chosen.map((k) => table.candidates[k]!),
  };
}

/** Whether the rows between two candidates can be a region; from the first row where the first is absent. */
function isApart({ rows, positions }: HingeTable, left: number | undefined, right: number | undefined): boolean {
  return enough(rows, left === undefined ? 0 : positions[left]!, right === undefined ? rows.size : positions[right]!);
}

/**
 * Moves one breakpoint after the other to its best candidate, the others staying, until none moves.
 *
 * @param held - Index of a breakpoint that stays.
 */
export function moveInTurn(
  table: HingeTable,
  products: Float64Array,
  start: readonly number[],
  startGain: number,
  held?: number,
): { readonly chosen: readonly number[]; readonly gain: number } {
  // A lone breakpoint has been at every candidate.
  if (start.length === 1) return { chosen: start, gain: startGain };
  let chosen = start;
  let gain = startGain;
  for (let moves = true; moves; ) {
    moves = false;
    for (let k = 0; k < start.length; k++) {
      if (k === held) continue;
      // The one that moves comes last, so that the others are taken once.
      const gainAt = hingeGains(table.gram, products, start.length);
      let others = 0;
      [...chosen.slice(0, k), ...chosen.slice(k + 1)].forEach((other, depth) => {
        others += gainAt(depth, other);
      });
      for (let to = (chosen[k - 1] ?? -1) + 1; to < (chosen[k + 1] ?? table.candidates.length); to++) {
        if (!isApart(table, chosen[k - 1], to) || !isApart(table, to, chosen[k + 1])) continue;
        const trial = others + gainAt(start.length - 1, to);
        if (!(trial > gain + 1e-12 * Math.abs(gain))) continue;
        chosen = chosen.with(k, to);
        gain = trial;
        moves = true;
      }
    }
  }
  return { chosen, gain };
}

/**
 * For every candidate, the least sum of squares with the k-th breakpoint there and the others wherever they are best, moved in turn
 * from where they are best of all. Infinite where that leaves a region too small.
 */
export function hingeProfile(
  table: HingeTable,
  targets: HingeTargets,
  best: Pick<Division, 'breaks'>,
  k: number,
): Float64Array {
  const nearest = best.breaks.map((value) => nearestIndex(table.candidates, value));
  const profile = new Float64Array(table.candidates.length).fill(Number.POSITIVE_INFINITY);
  for (const direction of [1, -1]) {
    // The others follow from one candidate to the next.
    let others = nearest;
    for (let at = nearest[k]!; at >= 0 && at < profile.length; at += direction) {
      const start = makeRoom(table, others.with(k, at), k);
      if (start === null) break;
      const { chosen, gain } = moveInTurn(table, targets.products, start, gainOf(table, targets.products, start), k);
      others = [...chosen];
      profile[at] = Math.max(0, targets.squares - gain);
    }
  }
  return profile;
}

/** Pushes the other breakpoints away from the k-th until every region is large enough; null where the table ends before that. */
function makeRoom(table: HingeTable, chosen: readonly number[], k: number): readonly number[] | null {
  const moved = [...chosen];
  for (let j = k + 1; j < moved.length; j++) {
    while (moved[j]! < table.candidates.length && !isApart(table, moved[j - 1], moved[j])) moved[j]! += 1;
    if (moved[j]! >= table.candidates.length) return null;
  }
  for (let j = k - 1; j >= 0; j--) {
    while (moved[j]! >= 0 && !isApart(table, moved[j], moved[j + 1])) moved[j]! -= 1;
    if (moved[j]! < 0) return null;
  }
  const fits = moved.every((at, j) => isApart(table, moved[j - 1], at));
  return fits && isApart(table, moved.at(-1), undefined) ? moved : null;
}

function nearestIndex(candidates: Float64Array, value: number): number {
  return candidates.reduce(
    (best, candidate, k) => (Math.abs(candidate - value) < Math.abs(candidates[best]! - value) ? k : best),
    0,
  );
}
