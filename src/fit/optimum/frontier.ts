import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { ShapelawError } from '../../errors.js';
import type { RunTable } from '../../runs/index.js';
import { scheduleNotes } from '../checks.js';
import { type Envelope, type EnvelopePoint, frontierPoints, lowerHull, runningMinimum } from './envelope.js';
import {
  estimateOf,
  type OptimumEstimate,
  type OptimumLines,
  type OptimumOptions,
  type OptimumWarning,
} from './estimate.js';
import { fitLine } from './lines.js';
import { requireDrawing, requireSource } from './options.js';
import { type ComputePoint, computePoints } from './points.js';

/** How the frontier is found. */
export interface FrontierOptions extends OptimumOptions {
  /** `hull`: the lower convex hull of rows; `running-minimum`: the best run at 1500 values of C. Defaults to `hull`. */
  readonly envelope?: 'hull' | 'running-minimum';
  /**
   * Whether points at the smallest and at the largest size of the runs are left out: there the frontier is that of the sweep's ends, as the
   * better size was not trained. `keep` is the published recipe. Defaults to `drop`.
   */
  readonly edges?: 'drop' | 'keep';
  /** `table` for the column of FLOPs where there is one, `6ND` for 6 params tokens in any case. Defaults to `table`. */
  readonly flops?: 'table' | '6ND';
  /** Whether losses of several schedules are taken. Defaults to false. */
  readonly force?: boolean;
  /** Resamples of runs for intervals; 0 for none. Defaults to 1000. */
  readonly draws?: number;
  /** Seed of the draws, a 32-bit integer. Defaults to 0. */
  readonly seed?: number;
}

/** Points of the frontier, and sizes on it, below which a line has nothing to be checked by. */
const needed = 3;
/** Resamples in a row that may have no frontier before the bootstrap gives up. */
const patience = 1000;
/** Share of the frontier at the smallest or the largest size that is warned of. */
const muchAtEdge = 1 / 3;

/**
 * The compute optimum by the frontier (approach 1 of Hoffmann et al. 2022): lines of ln N and ln D on ln C through the points of least loss
 * for their compute. Rows may be checkpoints of runs.
 *
 * Points at the smallest and the largest size are left out: below and beyond its own stretch of the frontier such a model is the best
 * only of those trained, and on noise-free runs of a known surface, with ten times too few and too many tokens each, those points alone pull
 * the exponent off by .09 (by less than .001 without them).
 *
 * Intervals are percentiles of a bootstrap over runs. They hold neither the bias of rows at the first and last tokens of their run and of
 * losses of unfinished schedules, nor that the envelope picks the runs that chance favoured.
 *
 * @throws ShapelawError `too-few-configurations` (fewer than three points or three sizes on the frontier, its ends left out), `no-variation`, and as
 *   `computePoints`; `bad-usage` for options out of range.
 */
export function frontier(table: RunTable, options: FrontierOptions = {}): OptimumEstimate {
  const { envelope: kind = 'hull', edges = 'drop', flops = 'table', force = false } = options;
  const { draws = 1000, seed = 0, level = 0.95 } = options;
  if (!(kind === 'hull' || kind === 'running-minimum'))
    throw new ShapelawError('bad-usage', `no envelope "${kind}": hull, running-minimum`, { envelope: kind });
  if (!(edges === 'drop' || edges === 'keep'))
    throw new ShapelawError('bad-usage', `no way "${edges}" to take the edges: drop, keep`, { edges });
  requireSource(flops);
  requireDrawing(draws, seed, level);
  const overruled = scheduleNotes(table, force);
  const { points, compute, notes } = computePoints(table, flops);
  requireVariation(table.source, points);

  const runOf = new Map<string, number>();
  for (const { runId } of points) if (!runOf.has(runId)) runOf.set(runId, runOf.size);
  const whole = (kind === 'hull' ? lowerHull : runningMinimum)({ points, runOf });
  const envelope = edges === 'drop' ? withoutEdges(whole, points, runOf) : whole;
  const found = envelope(() => true);
  const left = whole(() => true).length - found.length;
  requireFrontier(table.source, found, runOf.size, edges);
  const drawn = drawLines(table.source, envelope, runOf.size, draws, seed);
  const at = frontierPoints(found);

  return estimateOf(linesOf(found), drawn.lines, drawn.redrawn, options.at ?? [], {
    method: 'frontier',
    compute,
    conventions: table.conventions,
    evidence: { flops: [at[0]!.flops, at.at(-1)!.flops], points: found.length },
    budgets: [],
    widthBias: null,
    frontier: at,
    droppedRows: [],
    level,
    intervalKind: draws > 0 ? 'percentile, bootstrap over runs' : null,
    seed: draws > 0 ? seed : null,
    notes: [
      ...overruled,
      ...notes,
      kind === 'hull'
        ? `the lower convex hull of ln loss over ln C has ${found.length} of ${points.length} rows, of ${runsOn(found)} of ${runOf.size} runs`
        : `the best run at ${found.length} values of C is one of ${runsOn(found)} of ${runOf.size} runs`,
      ...(left > 0
        ? [
            `${left} more, at the smallest and the largest size, are left out: beyond them the better size was not trained`,
          ]
        : []),
      ...(draws > 0 ? [] : ['no draws: nothing has an interval']),
    ],
    warnings: frontierWarnings(points, found),
  });
}

/** The envelope but for points at the smallest and at the largest size of the runs that it is of. */
function withoutEdges(
  envelope: Envelope,
  points: readonly ComputePoint[],
  runOf: ReadonlyMap<string, number>,
): Envelope {
  const sizes = points.map((point) => ({ run: runOf.get(point.runId)!, logParams: Math.log(point.params) }));
  return (isIn) => {
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const { run, logParams } of sizes) {
      if (!isIn(run)) continue;
      low = Math.min(low, logParams);
      high = Math.max(high, logParams);
    }
    // Between rows of a run its size comes out right but for rounding.
    const margin = 1e-9 * (high - low);
    return envelope(isIn).filter(({ logParams }) => logParams > low + margin && logParams < high - margin);
  };
}

function linesOf(found: readonly EnvelopePoint[]): OptimumLines {
  const logFlops = found.map((point) => point.logFlops);
  const line = (key: 'logParams' | 'logTokens') =>
    fitLine(
      logFlops,
      found.map((point) => point[key]),
    );
  return { params: line('logParams'), tokens: line('logTokens') };
}

/** Lines of resamples of runs, each with as many runs as there are; one without a frontier is drawn again. */
function drawLines(source: string, envelope: Envelope, runs: number, draws: number, seed: number) {
  const random = xoroshiro128plus(seed);
  const lines: OptimumLines[] = [];
  let redrawn = 0;
  let inARow = 0;
  while (lines.length < draws) {
    const isIn = new Uint8Array(runs);
    for (let k = 0; k < runs; k++) isIn[uniformInt(random, 0, runs - 1)] = 1;
    const found = envelope((run) => isIn[run] === 1);
    if (isFrontier(found)) {
      lines.push(linesOf(found));
      inARow = 0;
      continue;
    }
    redrawn += 1;
    inARow += 1;
    if (inARow > patience) {
      throw new ShapelawError(
        'too-few-configurations',
        `${source}: ${runs} runs are too few to bootstrap over: ${patience} resamples in a row had no frontier of ${needed} sizes. Add runs, or fit without intervals (--draws 0).`,
        { runs },
      );
    }
  }
  return { lines, redrawn };
}

function isFrontier(found: readonly EnvelopePoint[]): boolean {
  return found.length >= needed && sizesOn(found) >= needed;
}

function sizesOn(found: readonly EnvelopePoint[]): number {
  return new Set(found.map(({ logParams }) => logParams)).size;
}

function runsOn(found: readonly EnvelopePoint[]): number {
  return new Set(found.map(({ runId }) => runId)).size;
}

function requireVariation(source: string, points: readonly ComputePoint[]): void {
  for (const column of ['params', 'flops', 'loss'] as const) {
    const values = new Set(points.map((point) => point[column]));
    if (values.size > 1) continue;
    const [value] = values;
    throw new ShapelawError(
      'no-variation',
      `${source}: ${column} is ${value} in every row; there is no frontier. Add runs at other values of ${column}.`,
      { column, value },
    );
  }
}

function requireFrontier(source: string, found: readonly EnvelopePoint[], runs: number, edges: 'drop' | 'keep'): void {
  if (isFrontier(found)) return;
  throw new ShapelawError(
    'too-few-configurations',
    `${source}: a line that can be checked needs ${needed} points of ${needed} sizes on the frontier${edges === 'drop' ? ' but for its smallest and largest' : ''}, and there are ${found.length} of ${sizesOn(found)} (of ${runs} runs). ` +
      'Add runs of other sizes between the smallest and the largest, or more checkpoints of each.',
    { points: found.length, sizes: sizesOn(found), runs, needed },
  );
}

function frontierWarnings(points: readonly ComputePoint[], found: readonly EnvelopePoint[]): OptimumWarning[] {
  const sizes = points.map(({ params }) => Math.log(params));
  const [low, high] = [sizes.reduce((a, b) => Math.min(a, b)), sizes.reduce((a, b) => Math.max(a, b))];
  const ends = firstAndLastRows(points);
  const atSize = found.filter(({ logParams }) => logParams === low || logParams === high).length;
  const atRow = found.filter(({ row }) => row !== null && ends.has(row)).length;
  const much = (count: number) => count >= muchAtEdge * found.length;
  const code = 'edge-minimum';
  return [
    ...(much(atSize)
      ? [
          {
            code,
            message: `${atSize} of ${found.length} points of the frontier are at the smallest or the largest size (${Math.exp(low).toPrecision(3)}, ${Math.exp(high).toPrecision(3)} parameters): beyond them the better size was not trained; leave them out (edges: drop)`,
          },
        ]
      : []),
    ...(much(atRow)
      ? [
          {
            code,
            message: `${atRow} of ${found.length} points of the frontier are at the first or the last row of their run: before and beyond these the better number of tokens has no row`,
          },
        ]
      : []),
  ];
}

/** The first and the last row of each run that has several. */
function firstAndLastRows(points: readonly ComputePoint[]): ReadonlySet<number> {
  const ends = new Map<string, [ComputePoint, ComputePoint]>();
  for (const point of points) {
    const [first, last] = ends.get(point.runId) ?? [point, point];
    ends.set(point.runId, [point.flops < first.flops ? point : first, point.flops > last.flops ? point : last]);
  }
  return new Set([...ends.values()].flatMap(([first, last]) => (first === last ? [] : [first.row, last.row])));
}
