import type { FrontierPoint } from './estimate.js';
import type { ComputePoint } from './points.js';

/** A point of an envelope, in logarithms. */
export interface EnvelopePoint {
  readonly runId: string;
  readonly row: number | null;
  readonly logFlops: number;
  readonly logParams: number;
  readonly logTokens: number;
  readonly logLoss: number;
}

/** The envelope of the rows of some runs. */
export type Envelope = (isIn: (run: number) => boolean) => readonly EnvelopePoint[];

/** Rows of a sweep with the index of each one's run. */
export interface RunRows {
  readonly points: readonly ComputePoint[];
  readonly runOf: ReadonlyMap<string, number>;
}

/**
 * The lower convex hull of (ln C, ln loss), from the least compute to the least loss: the rows that no straight line between two
 * others lies below (Andrew's monotone chain). Beyond the row of least loss more compute bought nothing.
 */
export function lowerHull({ points, runOf }: RunRows): Envelope {
  const sorted = points
    .map((point) => ({ ...envelopePoint(point), run: runOf.get(point.runId)! }))
    .sort((a, b) => a.logFlops - b.logFlops || a.logLoss - b.logLoss);
  return (isIn) => {
    const hull: EnvelopePoint[] = [];
    for (const point of sorted) {
      if (!isIn(point.run)) continue;
      // Of rows of equal compute the first has the least loss.
      if (hull.length > 0 && hull.at(-1)!.logFlops === point.logFlops) continue;
      while (hull.length >= 2 && !turnsLeft(hull.at(-2)!, hull.at(-1)!, point)) hull.pop();
      hull.push(point);
    }
    const end = hull.findIndex((point, k) => k > 0 && point.logLoss >= hull[k - 1]!.logLoss);
    return end < 0 ? hull : hull.slice(0, end);
  };
}

function turnsLeft(from: EnvelopePoint, middle: EnvelopePoint, to: EnvelopePoint): boolean {
  return (
    (middle.logFlops - from.logFlops) * (to.logLoss - from.logLoss) -
      (middle.logLoss - from.logLoss) * (to.logFlops - from.logFlops) >
    0
  );
}

/** FLOPs at which runs are compared, as in Hoffmann et al. 2022, section 3.1. */
const comparisons = 1500;

/**
 * At each of 1500 values of C, evenly spaced in ln C, the run of least loss; between rows of a run ln loss and ln tokens are
 * straight in ln C, and beyond its first and last row it has none.
 */
export function runningMinimum({ points, runOf }: RunRows): Envelope {
  const runs = [...runOf].map(([runId, run]) => ({
    run,
    rows: points
      .filter((point) => point.runId === runId)
      .map(envelopePoint)
      .sort((a, b) => a.logFlops - b.logFlops),
  }));
  const all = runs.flatMap(({ rows }) => rows.map(({ logFlops }) => logFlops));
  const low = all.reduce((a, b) => Math.min(a, b));
  const high = all.reduce((a, b) => Math.max(a, b));
  // The last value is the greatest itself, which rounding might miss.
  const values = Array.from({ length: comparisons }, (_, k) =>
    k === comparisons - 1 ? high : low + ((high - low) * k) / (comparisons - 1),
  );
  const curves = runs.map(({ run, rows }) => ({ run, at: values.map((value) => between(rows, value)) }));
  return (isIn) => {
    const those = curves.filter(({ run }) => isIn(run));
    return values.flatMap((_, k) => {
      let least: EnvelopePoint | null = null;
      for (const { at } of those) {
        const point = at[k]!;
        if (point !== null && (least === null || point.logLoss < least.logLoss)) least = point;
      }
      return least ?? [];
    });
  };
}

function between(rows: readonly EnvelopePoint[], logFlops: number): EnvelopePoint | null {
  const next = rows.findIndex((row) => row.logFlops >= logFlops);
  if (next < 0) return null;
  const to = rows[next]!;
  if (to.logFlops === logFlops) return to;
  const from = rows[next - 1];
  if (from === undefined) return null;
  const share = (logFlops - from.logFlops) / (to.logFlops - from.logFlops);
  const mix = (key: 'logParams' | 'logTokens' | 'logLoss') => from[key] + share * (to[key] - from[key]);
  return {
    runId: to.runId,
    row: null,
    logFlops,
    logParams: mix('logParams'),
    logTokens: mix('logTokens'),
    logLoss: mix('logLoss'),
  };
}

function envelopePoint({ runId, row, flops, params, tokens, loss }: ComputePoint): EnvelopePoint {
  return {
    ...{ runId, row },
    logFlops: Math.log(flops),
    logParams: Math.log(params),
    logTokens: Math.log(tokens),
    logLoss: Math.log(loss),
  };
}

/** Points as a reader wants them: of a stretch of one run between its rows only the ends. */
export function frontierPoints(envelope: readonly EnvelopePoint[]): readonly FrontierPoint[] {
  const isEnd = (point: EnvelopePoint, other: EnvelopePoint | undefined) => other?.runId !== point.runId;
  return envelope
    .filter((point, k) => point.row !== null || isEnd(point, envelope[k - 1]) || isEnd(point, envelope[k + 1]))
    .map(({ runId, row, logFlops, logParams, logTokens, logLoss }) => ({
      ...{ runId, row },
      flops: Math.exp(logFlops),
      params: Math.exp(logParams),
      tokens: Math.exp(logTokens),
      loss: Math.exp(logLoss),
    }));
}
