import type { Law } from '../../fit/law.js';
import { lossTable } from '../../fit/loss-table.js';
import type { Shape } from '../../flops/shape.js';
import { type CandidateLosses, type ConfidenceSet, confidenceSet, evenly, type Standing } from './confidence-set.js';
import type { KnownRatios } from './lattice.js';
import { lossFloor } from './loss-floor.js';
import { type Found, type SearchProblem, searchLattice, writePoint } from './search.js';
import { createSections, type SectionCounts } from './section-counts.js';

/** Losses that the set is computed from, at most: candidates times draws. */
const mostLosses = 8e6;
/** Candidates and draws of the first look, which says how far from the best the search must go. */
const firstCandidates = 1000;
const firstDraws = 200;
/** Share of the least loss within which the first look goes. */
const firstRegret = 0.1;
/** The search goes further than the first look's furthest member by this factor. */
const beyondFirst = 1.25;
/** Depths that are tried where the law can't be bounded and both stacks vary. */
const fewDepths = 24;

/** A candidate of the lattice that the evidence was asked about. */
export interface Candidate {
  readonly shape: Shape;
  readonly loss: number;
  readonly member: boolean;
}

/** The candidates of a lattice, as a law ranks them. */
export interface Ranking {
  /** Shapes of the lattice. */
  readonly searched: number;
  /** Shapes whose loss was computed; the others are worse, by a bound. */
  readonly asked: number;
  /** Members of the set, by one candidate in so many; 1 where all were compared. */
  readonly thinned: number;
  readonly best: Candidate;
  /** Those that were compared by every draw, the best first. */
  readonly candidates: readonly Candidate[];
  /** The set; null for a law without draws. */
  readonly set: ConfidenceSet | null;
  /** How a shape stands to the set; null for a law without draws. */
  readonly standing: (shape: Shape) => Standing | null;
  /** Whether depths were thinned, for a law that can't be bounded. */
  readonly depthsThinned: boolean;
}

/** Which ratios of a shape a law has a term of. */
export function knownRatios(law: Law): KnownRatios {
  const has = (...names: readonly Law['variables'][number][]) => names.some((name) => law.variables.includes(name));
  return {
    feedForward: has('dFf'),
    attention: has('heads', 'dKv'),
    stacks: has('encoderLayers', 'decoderLayers'),
  };
}

/**
 * Searches a lattice for the least loss, and compares what comes near it by every draw of the law.
 *
 * @param tolerance - In the law's unit of loss.
 * @param level - Of the set and of intervals, in (0, 1).
 * @returns null where no shape of the lattice keeps the limits and can be trained.
 */
export function rankLattice(
  law: Law,
  part: Omit<SearchProblem, 'table' | 'floor'>,
  tolerance: number,
  level: number,
): Ranking | null {
  const problem: SearchProblem = { ...part, table: lossTable(law), floor: lossFloor(law) };
  const { lattice, table } = problem;
  const depths = geometric(lattice.layers, 14);
  const depthsThinned = problem.floor === null && !lattice.tied;
  const finest = depthsThinned ? geometric(lattice.layers, fewDepths) : undefined;

  // The depths begin with the least: where no shape of them keeps the limits and can be trained, no deeper one does.
  const coarse = searchLattice(problem, 0, { depths });
  if (coarse.count === 0) return null;
  const least = coarse.loss.subarray(0, coarse.count).reduce((a, b) => Math.min(a, b));
  const regret = Math.max(tolerance, beyondFirst * furthestMember(problem, least, depths, tolerance, level));
  const found = searchLattice(problem, regret, { best: least, ...(finest === undefined ? {} : { depths: finest }) });

  const most = table.draws === 0 ? found.count : Math.max(1, Math.floor(mostLosses / table.draws));
  const kept = thin(found, most);
  const points = pointsOf(problem, kept);
  const losses = lossesOf(problem, points, table.draws);
  const set = table.draws === 0 ? null : confidenceSet(losses, tolerance, level);
  const order = Array.from(losses.value.keys()).sort((a, b) => losses.value[a]! - losses.value[b]! || a - b);
  const candidates = order.map((k) => ({
    shape: points.shapes[k]!,
    loss: losses.value[k]!,
    member: set?.member[k] === 1,
  }));
  return {
    searched: lattice.size,
    asked: coarse.asked + found.asked,
    thinned: found.count / kept.count,
    best: candidates[0]!,
    candidates,
    set,
    depthsThinned,
    standing: (shape) => {
      if (set === null) return null;
      const own = lossesOf(problem, pointOfShape(problem, shape), table.draws);
      return set.standing(own.value[0]!, own.drawn);
    },
  };
}

/** How far the members of a thin sample lie above its best. */
function furthestMember(
  problem: SearchProblem,
  least: number,
  depths: readonly number[],
  tolerance: number,
  level: number,
): number {
  const draws = Math.min(firstDraws, problem.table.draws);
  if (draws === 0) return 0;
  const near = searchLattice(problem, firstRegret * Math.abs(least), { depths, best: least });
  const losses = lossesOf(problem, pointsOf(problem, thin(near, firstCandidates)), draws);
  const { member, best } = confidenceSet(losses, tolerance, level);
  let furthest = 0;
  for (let k = 0; k < member.length; k++) {
    if (member[k] === 1) furthest = Math.max(furthest, losses.value[k]! - losses.value[best]!);
  }
  return furthest;
}

interface Points {
  readonly columns: readonly Float64Array[];
  readonly shapes: readonly Shape[];
}

/** Columns of the law for candidates that were found. */
function pointsOf(problem: SearchProblem, found: Omit<Found, 'asked'>): Points {
  const { lattice, table } = problem;
  const columns = table.columns.map(() => new Float64Array(found.count));
  const shapes: Shape[] = [];
  const rowsOf = new Map<number, number[]>();
  for (let row = 0; row < found.count; row++) {
    const rows = rowsOf.get(found.section[row]!);
    if (rows === undefined) rowsOf.set(found.section[row]!, [row]);
    else rows.push(row);
  }
  for (const counts of createSections(problem, (index) => rowsOf.has(index))) {
    for (const row of rowsOf.get(counts.index)!) {
      const [encoder, decoder] = [found.encoderLayers[row]!, found.decoderLayers[row]!];
      shapes[row] = lattice.shape(counts.section, encoder, decoder);
      writeRow(problem, counts, encoder, decoder, columns, row);
    }
  }
  return { columns, shapes };
}

function writeRow(
  problem: SearchProblem,
  counts: Pick<SectionCounts, 'section' | 'at'>,
  encoder: number,
  decoder: number,
  columns: readonly Float64Array[],
  row: number,
): void {
  const found = counts.at(encoder, decoder);
  writePoint(
    problem,
    counts.section,
    found,
    problem.tokens(found),
    problem.uniqueTokens,
    encoder,
    decoder,
    columns,
    row,
  );
}

function pointOfShape(problem: SearchProblem, shape: Shape): Points {
  const columns = problem.table.columns.map(() => new Float64Array(1));
  const counts = problem.counts(shape);
  writeRow(problem, { section: shape, at: () => counts }, shape.encoderLayers, shape.decoderLayers, columns, 0);
  return { columns, shapes: [shape] };
}

/** Losses by the law and by its first draws. */
function lossesOf({ table }: SearchProblem, { columns, shapes }: Points, draws: number): CandidateLosses {
  const rows = shapes.length;
  const value = new Float64Array(rows);
  table.write(null, columns, rows, value);
  const drawn = new Float64Array(rows * draws);
  const losses = new Float64Array(rows);
  for (let b = 0; b < draws; b++) {
    table.write(b, columns, rows, losses);
    for (let row = 0; row < rows; row++) drawn[row * draws + b] = losses[row]!;
  }
  return { value, drawn, draws };
}

/** So many of the candidates, evenly over the lattice, with the best. */
function thin(found: Omit<Found, 'asked'>, most: number): Omit<Found, 'asked'> {
  if (found.count <= most) return found;
  let best = 0;
  for (let k = 1; k < found.count; k++) if (found.loss[k]! < found.loss[best]!) best = k;
  const kept = [...new Set([best, ...evenly(found.count, most - 1)])].sort((a, b) => a - b);
  return {
    count: kept.length,
    section: Int32Array.from(kept, (k) => found.section[k]!),
    encoderLayers: Int16Array.from(kept, (k) => found.encoderLayers[k]!),
    decoderLayers: Int16Array.from(kept, (k) => found.decoderLayers[k]!),
    loss: Float64Array.from(kept, (k) => found.loss[k]!),
  };
}

/** Whole numbers of a range, about evenly spaced in the logarithm. */
function geometric([least, most]: readonly [number, number], count: number): readonly number[] {
  const values = Array.from({ length: count }, (_, k) => Math.round(least * (most / least) ** (k / (count - 1))));
  return [...new Set(values)];
}
