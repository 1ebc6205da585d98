import type { LawColumn } from '../../fit/law-form.js';
import type { LossTable } from '../../fit/loss-table.js';
import type { Shape } from '../../flops/shape.js';
import type { Lattice, Section } from './lattice.js';
import type { LogRanges, LossFloor } from './loss-floor.js';
import { type Counts, createSections, type SectionCounts } from './section-counts.js';

/** A quantity of a shape that may not exceed a limit. */
export interface Limit {
  readonly most: number;
  readonly measure: (shape: Shape) => number;
}

/** What to look for in a lattice. */
export interface SearchProblem {
  readonly lattice: Lattice;
  readonly table: LossTable;
  /** Bounds the loss over boxes of shapes; null where the law can't be bounded. */
  readonly floor: LossFloor | null;
  readonly counts: (shape: Shape) => Counts;
  /** Training tokens of a shape; 0 or less where the budget pays for none. */
  readonly tokens: (counts: Counts) => number;
  /** Parameters as the law counts them. */
  readonly params: (counts: Counts) => number;
  /** Training FLOPs as the law counts them. */
  readonly flops: (counts: Counts, tokens: number) => number;
  readonly uniqueTokens: number;
  /** Each grows with the layers of either stack. */
  readonly limits: readonly Limit[];
}

/** Shapes of a lattice by section and layers, with the loss that the law's own parameters give them. */
export interface Found {
  readonly count: number;
  readonly section: Int32Array;
  readonly encoderLayers: Int16Array;
  readonly decoderLayers: Int16Array;
  readonly loss: Float64Array;
  /** Shapes whose loss was computed; of the others it was shown that they are worse. */
  readonly asked: number;
}

/** Shapes of a box below which its shapes are asked one by one. */
const leafSize = 64;
const blockSize = 4096;

/**
 * Searches a lattice, by branch and bound where the law's loss can be bounded and all of it elsewhere.
 *
 * @param regret - Shapes are kept whose loss exceeds the least by no more, in the law's unit.
 * @param depths - Layers that are tried. Defaults to all of the lattice.
 */
export function searchLattice(
  problem: SearchProblem,
  regret: number,
  options: { readonly best?: number; readonly depths?: readonly number[] } = {},
): Found {
  const { lattice, floor } = problem;
  const sections = createSections(problem);
  const kept = keeper();
  let best = options.best ?? Number.POSITIVE_INFINITY;
  const block = createBlock(problem, (section, encoder, decoder, loss) => {
    if (loss < best) best = loss;
    if (loss <= best + regret) kept.push(section, encoder, decoder, loss, best + regret);
  });

  const [least, most] = lattice.layers;
  const layers = options.depths ?? Array.from({ length: most - least + 1 }, (_, k) => least + k);
  const ask = (counts: SectionCounts, encoders: readonly number[], decoders: readonly number[]) => {
    if (lattice.tied) for (const depth of encoders) block.ask(counts, lattice.encoder ? depth : 0, depth);
    else for (const encoder of encoders) for (const decoder of decoders) block.ask(counts, encoder, decoder);
  };
  /** Box of layers by places in the list: `[from, to)`. */
  const branch = (counts: SectionCounts, e0: number, e1: number, d0: number, d1: number) => {
    const size = lattice.tied ? e1 - e0 : (e1 - e0) * (d1 - d0);
    const whole = e1 - e0 === layers.length;
    if (floor !== null && (size > leafSize || whole)) {
      const [decoderLow, decoderHigh] = lattice.tied ? [layers[e0]!, layers[e1 - 1]!] : [layers[d0]!, layers[d1 - 1]!];
      const [encoderLow, encoderHigh] = lattice.encoder ? [layers[e0]!, layers[e1 - 1]!] : [0, 0];
      if (!counts.holds(encoderLow, decoderLow)) return;
      const ranges = rangesOf(problem, counts, encoderLow, encoderHigh, decoderLow, decoderHigh);
      if (ranges === null || floor(ranges) > best + regret) return;
    }
    if (size <= leafSize || floor === null) {
      ask(counts, layers.slice(e0, e1), layers.slice(d0, d1));
      return;
    }
    const byEncoder = lattice.tied || e1 - e0 >= d1 - d0;
    if (byEncoder) {
      const middle = (e0 + e1) >> 1;
      branch(counts, e0, middle, d0, d1);
      branch(counts, middle, e1, d0, d1);
    } else {
      const middle = (d0 + d1) >> 1;
      branch(counts, e0, e1, d0, middle);
      branch(counts, e0, e1, middle, d1);
    }
  };
  for (const counts of sections) branch(counts, 0, layers.length, 0, layers.length);
  block.flush();
  return { ...kept.upTo(best + regret), asked: block.asked() };

  /** Shapes of the law's block, asked together. */
  function createBlock(
    { table, uniqueTokens }: SearchProblem,
    take: (section: number, encoder: number, decoder: number, loss: number) => void,
  ) {
    const columns = table.columns.map(() => new Float64Array(blockSize));
    const losses = new Float64Array(blockSize);
    const [section, encoder, decoder] = [
      new Int32Array(blockSize),
      new Int16Array(blockSize),
      new Int16Array(blockSize),
    ];
    let rows = 0;
    let asked = 0;
    const flush = () => {
      table.write(null, columns, rows, losses);
      for (let row = 0; row < rows; row++) take(section[row]!, encoder[row]!, decoder[row]!, losses[row]!);
      asked += rows;
      rows = 0;
    };
    const ask = (counts: SectionCounts, e: number, d: number) => {
      if (!counts.holds(e, d)) return;
      const found = counts.at(e, d);
      const tokens = problem.tokens(found);
      if (!(tokens > 0)) return;
      writePoint(problem, counts.section, found, tokens, uniqueTokens, e, d, columns, rows);
      section[rows] = counts.index;
      encoder[rows] = e;
      decoder[rows] = d;
      rows += 1;
      if (rows === blockSize) flush();
    };
    return { ask, flush, asked: () => asked };
  }
}

/** Writes what the law needs of one shape into a row of its columns. */
export function writePoint(
  { table, params, flops, lattice }: SearchProblem,
  section: Section,
  counts: Counts,
  tokens: number,
  uniqueTokens: number,
  encoderLayers: number,
  decoderLayers: number,
  columns: readonly Float64Array[],
  row: number,
): void {
  for (let k = 0; k < columns.length; k++) {
    const value = columnOf(table.columns[k]!);
    columns[k]![row] = table.logarithmic ? Math.log(value) : value;
  }
  function columnOf(column: LawColumn): number {
    switch (column) {
      case 'params':
        return params(counts);
      case 'tokens':
        return tokens;
      case 'flops':
        return flops(counts, tokens);
      case 'uniqueTokens':
        return uniqueTokens;
      case 'layers':
        return encoderLayers > 0 ? (encoderLayers + decoderLayers) / 2 : decoderLayers;
      case 'encoderLayers':
        return encoderLayers;
      case 'decoderLayers':
        return decoderLayers;
      case 'vocab':
        return lattice.vocab;
      default:
        return section[column];
    }
  }
}

/** Ranges of what the law needs over a box; null where the budget pays for no token of any of its shapes. */
function rangesOf(
  { lattice, params, tokens, flops, uniqueTokens }: SearchProblem,
  counts: SectionCounts,
  encoderLow: number,
  encoderHigh: number,
  decoderLow: number,
  decoderHigh: number,
): LogRanges | null {
  const low = counts.at(encoderLow, decoderLow);
  const high = counts.at(encoderHigh, decoderHigh);
  // The fewest FLOPs a token with the most parameters: no shape of the box has more tokens.
  const mostTokens = tokens({ ...high, training: low.training, inference: low.inference });
  if (!(mostTokens > 0)) return null;
  const same = (value: number): readonly [number, number] => [Math.log(value), Math.log(value)];
  const between = (a: number, b: number): readonly [number, number] => [Math.log(a), Math.log(b)];
  const { section } = counts;
  return {
    params: between(params(low), params(high)),
    tokens: [Number.NEGATIVE_INFINITY, Math.log(mostTokens)],
    flops: between(flops(low, 0), flops(high, mostTokens)),
    uniqueTokens: same(uniqueTokens),
    layers: lattice.encoder
      ? between((encoderLow + decoderLow) / 2, (encoderHigh + decoderHigh) / 2)
      : between(decoderLow, decoderHigh),
    encoderLayers: between(encoderLow, encoderHigh),
    decoderLayers: between(decoderLow, decoderHigh),
    dModel: same(section.dModel),
    dFf: same(section.dFf),
    dKv: same(section.dKv),
    heads: same(section.heads),
    vocab: same(lattice.vocab),
  };
}

/** Shapes kept so far; those that a better one has put beyond the regret are dropped when room is needed. */
function keeper() {
  let room = 1 << 14;
  let count = 0;
  let section = new Int32Array(room);
  let encoderLayers = new Int16Array(room);
  let decoderLayers = new Int16Array(room);
  let loss = new Float64Array(room);
  const compact = (most: number) => {
    let next = 0;
    for (let k = 0; k < count; k++) {
      if (!(loss[k]! <= most)) continue;
      section[next] = section[k]!;
      encoderLayers[next] = encoderLayers[k]!;
      decoderLayers[next] = decoderLayers[k]!;
      loss[next] = loss[k]!;
      next += 1;
    }
    count = next;
  };
  const grown = <Numbers extends Int32Array | Int16Array | Float64Array>(old: Numbers, make: Numbers): Numbers => {
    make.set(old as never);
    return make;
  };
  return {
    push(inSection: number, encoder: number, decoder: number, value: number, most: number) {
      if (count === room) {
        compact(most);
        if (count > room / 2) {
          room *= 2;
          section = grown(section, new Int32Array(room));
          encoderLayers = grown(encoderLayers, new Int16Array(room));
          decoderLayers = grown(decoderLayers, new Int16Array(room));
          loss = grown(loss, new Float64Array(room));
        }
      }
      section[count] = inSection;
      encoderLayers[count] = encoder;
      decoderLayers[count] = decoder;
      loss[count] = value;
      count += 1;
    },
    upTo(most: number): Omit<Found, 'asked'> {
      compact(most);
      return { count, section, encoderLayers, decoderLayers, loss };
    },
  };
}
