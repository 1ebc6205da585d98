import { quantileSorted } from 'simple-statistics';
import { centralInterval, type Interval } from '../../fit/intervals.js';

/** Losses of candidates by a law and by its draws. */
export interface CandidateLosses {
  /** By the law's own parameters. */
  readonly value: Float64Array;
  /** By the draws: all of the first candidate, then all of the second. */
  readonly drawn: Float64Array;
  /** How many draws. */
  readonly draws: number;
}

/** A candidate against the best. */
export interface Standing {
  /** Whether the evidence can't tell it from the best, within the tolerance. */
  readonly member: boolean;
  /** Loss above the least of all candidates, in the law's unit. */
  readonly regret: { readonly value: number; readonly interval: Interval };
  /** Share of draws by which its regret is within the tolerance. */
  readonly probability: number;
}

/** The candidates that can't be told from the best. */
export interface ConfidenceSet {
  /** For each candidate. */
  readonly member: Uint8Array;
  readonly size: number;
  /** Standard deviations that a difference must reach, so that all comparisons hold together at the level. */
  readonly critical: number;
  /** Index of the candidate of least loss by the law's own parameters. */
  readonly best: number;
  /** How a candidate stands, of the set's own or any other. */
  readonly standing: (value: number, drawn: Float64Array) => Standing;
}

/** Rivals that every candidate is compared with: the best by the law, and those that are best by some draw. */
const mostRivals = 24;
/** Candidates, besides the rivals, over which the comparisons are made safe. */
const mostSpread = 200;
/** A difference that varies by less than this share of the loss does not vary. */
const noSpread = 1e-12;

/**
 * The set that holds the best candidate at a level: a model confidence set (Hansen, Lunde & Nason 2011) by pairwise comparisons,
 * whose draws are those of the law in place of resampled losses.
 *
 * A candidate leaves the set where a rival's loss is lower by more than the tolerance and `critical` standard deviations of
 * the difference. `critical` is the level's quantile, over draws, of the largest standardised deviation of any pair's
 * difference from its value: so no comparison errs in as many draws as the level says, however many are made.
 *
 * @param tolerance - In the law's unit of loss, 0 or more.
 * @param level - In (0, 1).
 */
export function confidenceSet(losses: CandidateLosses, tolerance: number, level: number): ConfidenceSet {
  const { value, drawn, draws } = losses;
  const count = value.length;
  const drawnOf = (candidate: number) => drawn.subarray(candidate * draws, (candidate + 1) * draws);
  const { least, winners } = leastOf(losses);
  const best = indexOfLeast(value);
  const rivals = chooseRivals(winners, value, best).map((index) => ({
    index,
    value: value[index]!,
    drawn: drawnOf(index),
  }));

  const largest = new Float64Array(draws);
  for (const candidate of new Set([...rivals.map(({ index }) => index), ...evenly(count, mostSpread)])) {
    const own = drawnOf(candidate);
    for (const rival of rivals) {
      const between = value[candidate]! - rival.value;
      const deviation = deviationOf(own, rival.drawn, between);
      if (deviation <= noSpread * Math.abs(rival.value)) continue;
      for (let b = 0; b < draws; b++) {
        const standard = (own[b]! - rival.drawn[b]! - between) / deviation;
        if (standard > largest[b]!) largest[b] = standard;
      }
    }
  }
  const critical = quantileSorted(largest.sort() as unknown as number[], level);

  const isMember = (own: number, ownDrawn: Float64Array) =>
    !rivals.some((rival) => {
      const between = own - rival.value;
      return between > tolerance && between - tolerance > critical * deviationOf(ownDrawn, rival.drawn, between);
    });
  const member = new Uint8Array(count);
  let size = 0;
  for (let candidate = 0; candidate < count; candidate++) {
    if (!isMember(value[candidate]!, drawnOf(candidate))) continue;
    member[candidate] = 1;
    size += 1;
  }
  return {
    member,
    size,
    critical,
    best,
    standing: (own, ownDrawn) => {
      const regrets = Array.from(least, (low, b) => Math.max(0, ownDrawn[b]! - low));
      return {
        member: isMember(own, ownDrawn),
        regret: { value: Math.max(0, own - value[best]!), interval: centralInterval(regrets, level) },
        probability: regrets.filter((regret) => regret <= tolerance).length / draws,
      };
    },
  };
}

/** The least loss by each draw, and the candidates that have it. */
function leastOf({ value, drawn, draws }: CandidateLosses): {
  readonly least: Float64Array;
  readonly winners: readonly number[];
} {
  const least = new Float64Array(draws).fill(Number.POSITIVE_INFINITY);
  const winner = new Int32Array(draws);
  for (let candidate = 0; candidate < value.length; candidate++) {
    const at = candidate * draws;
    for (let b = 0; b < draws; b++) {
      if (drawn[at + b]! >= least[b]!) continue;
      least[b] = drawn[at + b]!;
      winner[b] = candidate;
    }
  }
  return { least, winners: [...new Set(winner)] };
}

function indexOfLeast(values: Float64Array): number {
  let least = 0;
  for (let k = 1; k < values.length; k++) if (values[k]! < values[least]!) least = k;
  return least;
}

/** The best by the law; of those best by some draw, as many as there is room for, evenly over their loss. */
function chooseRivals(winners: readonly number[], value: Float64Array, best: number): readonly number[] {
  const sorted = [...winners].sort((a, b) => value[a]! - value[b]! || a - b);
  const taken = evenly(sorted.length, mostRivals - 1).map((k) => sorted[k]!);
  // The last is the furthest from the best, and the first to be missed.
  return [...new Set([best, ...taken, sorted.at(-1)!])];
}

/** So many places of a list, or all, evenly spread. */
export function evenly(count: number, most: number): readonly number[] {
  const taken = Math.min(count, most);
  return Array.from({ length: taken }, (_, k) => Math.floor((k * count) / taken));
}

/** Standard deviation over draws of a difference of two losses about the law's. */
function deviationOf(own: Float64Array, rival: Float64Array, between: number): number {
  let squares = 0;
  for (let b = 0; b < own.length; b++) {
    const off = own[b]! - rival[b]! - between;
    squares += off * off;
  }
  return Math.sqrt(squares / own.length);
}
