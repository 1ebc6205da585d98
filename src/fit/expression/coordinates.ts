import { ShapelawError } from '../../errors.js';
import type { Coordinate, LawColumn } from '../law-form.js';
import { build, partsOf, substitute } from './build.js';
import { differentiate } from './differentiate.js';
import type { Graph } from './graph.js';
import { type Expression, evaluateExpression, type ParsedExpression } from './parse.js';

/** Lowest and highest value of some parameters. */
export type ParameterBounds = Readonly<Record<string, readonly [low: number, high: number]>>;

/** How a formula's parameters follow from the coordinates that a solver moves. */
export interface Parametrisation {
  readonly coordinates: readonly Coordinate[];
  /** Whether a coordinate is the log of its parameter, but for `shift`. */
  readonly logarithmic: readonly boolean[];
  /** Nodes of what each coordinate has above the log of its parameter, or the parameter. */
  readonly shifts: readonly number[];
  /** Nodes of the parameters' values. */
  readonly parameters: readonly number[];
}

/** Where an amplitude is measured: a run of middling size. Any other would do; one amid the data fits best. */
const reference: Readonly<Record<LawColumn, number>> = {
  params: 1e9,
  tokens: 2e10,
  flops: 1e20,
  uniqueTokens: 2e10,
  layers: 24,
  encoderLayers: 24,
  decoderLayers: 24,
  dModel: 1024,
  dFf: 4096,
  dKv: 64,
  heads: 16,
  vocab: 32768,
};

/** Bounds of a parameter of which nothing is known: twice those of an exponent in the other laws. */
const farthest = 10;
/** Where such parameters are looked for: exponents from nearly flat to steeper than any published law. */
const usual = [0.03, 2] as const;
const moderate = 0.3;
/** A ratio of positive bounds from which orders of magnitude count, and not differences. */
const wide = 1e3;

/**
 * Chooses the coordinates of a formula's parameters.
 *
 * - With bounds: itself, or its log where both are positive and more than a factor of 1,000 apart.
 * - An amplitude, which multiplies, linearly together with the amplitudes before it, what is positive (at least for positive
 *   parameters): it is positive, and its coordinate is the log of what it contributes to the loss at a reference run,
 *   which takes out of it most of the correlation with the exponents beside it.
 * - The place of a change along a column, which is added to the column, taken from it, divided by it or divides it: its
 *   log, within the column's range and as far again on both sides. Taken from a column's log or added to it: itself, likewise.
 * - Any other, such as an exponent: itself, within 10 of 0, looked for from 0.03 to 2, or from -2 to -0.03 where only so the
 *   loss falls as the columns grow.
 *
 * @throws ShapelawError `bad-usage` for bounds of no parameter, or that are none.
 */
export function parametrise(
  graph: Graph,
  { columns, parameters: names, root }: ParsedExpression,
  bounds: ParameterBounds,
): Parametrisation {
  checkBounds(bounds, names);
  const references = columns.map((column) => reference[column as LawColumn]);
  const amplitudes = amplitudesOf(graph, root, columns.length, names, bounds);
  const places = names.map((_, j) => (amplitudes.has(j) ? undefined : placeOf(root, j)));

  const chosen = names.map((name, j): { readonly coordinate: Coordinate; readonly logarithmic: boolean } => {
    const own = bounds[name];
    if (own !== undefined) return boundedCoordinate(own);
    if (amplitudes.has(j)) return { coordinate: amplitude, logarithmic: true };
    const place = places[j];
    if (place !== undefined) return { coordinate: unbounded({ rangeOf: place.column }), logarithmic: !place.ofLog };
    const middle = names.map((_, k) => {
      const there = places[k];
      return there === undefined
        ? moderate
        : there.ofLog
          ? Math.log(references[there.column]!)
          : references[there.column]!;
    });
    const start = fallsFor(root, references, middle, j) ? usual : ([-usual[1], -usual[0]] as const);
    return { coordinate: { kind: 'free', lower: -farthest, upper: farthest, start }, logarithmic: false };
  });

  const free = chosen.map(({ logarithmic }, j) => {
    const coordinate = graph.coordinate(j);
    return logarithmic ? graph.exp(coordinate) : coordinate;
  });
  const columnNodes = columns.map((_, k) => graph.column(k));
  const atReference = references.map((value) => graph.number(value));
  const shifts = names.map((_, j) => {
    const basis = amplitudes.get(j);
    // What is positive for some parameters only has no log elsewhere.
    const positive =
      basis !== undefined && graph.nodes[substitute(graph, basis, columnNodes, free)]!.sign === 'positive';
    return positive ? graph.log(substitute(graph, basis, atReference, free)) : graph.number(0);
  });
  const parameters = shifts.map((shift, j) =>
    chosen[j]!.logarithmic ? graph.exp(graph.subtract(graph.coordinate(j), shift)) : free[j]!,
  );
  return {
    coordinates: chosen.map(({ coordinate }) => coordinate),
    logarithmic: chosen.map(({ logarithmic }) => logarithmic),
    shifts,
    parameters,
  };
}

const unbounded = (start: Coordinate['start'] & object): Coordinate => ({
  kind: 'free',
  lower: Number.NEGATIVE_INFINITY,
  upper: Number.POSITIVE_INFINITY,
  start,
});

const amplitude: Coordinate = {
  kind: 'amplitude',
  lower: Number.NEGATIVE_INFINITY,
  upper: Number.POSITIVE_INFINITY,
};

function boundedCoordinate([low, high]: readonly [number, number]) {
  const logarithmic = low > 0 && high / low > wide;
  const [lower, upper] = logarithmic ? [Math.log(low), Math.log(high)] : [low, high];
  return { coordinate: { kind: 'free', lower, upper, start: [lower, upper] } as const, logarithmic };
}

function checkBounds(bounds: ParameterBounds, names: readonly string[]): void {
  for (const [name, [low, high]] of Object.entries(bounds)) {
    if (!names.includes(name)) {
      throw new ShapelawError('bad-usage', `bounds of ${name}, but the parameters are ${names.join(', ')}`, { name });
    }
    if (!(Number.isFinite(low) && Number.isFinite(high) && low < high)) {
      throw new ShapelawError(
        'bad-usage',
        `bounds of ${name} must be two numbers, the lower first: not ${low}, ${high}`,
        {
          name,
          bounds: [low, high],
        },
      );
    }
  }
}

/** For each amplitude what it multiplies, as a node of the formula in which coordinates are the parameters themselves. */
function amplitudesOf(
  graph: Graph,
  root: Expression,
  columns: number,
  names: readonly string[],
  bounds: ParameterBounds,
): ReadonlyMap<number, number> {
  const value = build(
    graph,
    root,
    Array.from({ length: columns }, (_, k) => graph.column(k)),
    names.map((_, j) => graph.coordinate(j)),
  );
  const slopes = differentiate(graph, value, names.length);
  const uses = slopes.map((slope) => new Set(partsOf(graph, [slope])));
  const found = new Map<number, number>();
  names.forEach((name, j) => {
    if (Object.hasOwn(bounds, name) || graph.nodes[slopes[j]!]!.sign === 'any') return;
    // The second derivative to a parameter vanishes where the first has it not.
    const linear = [j, ...found.keys()].every((k) => !uses[j]!.has(graph.coordinate(k)));
    if (linear) found.set(j, slopes[j]!);
  });
  return found;
}

/** The column that a parameter stands beside in a sum, difference or ratio, or whose log it does in a sum or difference. */
function placeOf(
  root: Expression,
  parameter: number,
): { readonly column: number; readonly ofLog: boolean } | undefined {
  if (root.kind !== 'operator') return undefined;
  const { operator, operands } = root;
  const sum = operator === 'add' || operator === 'subtract';
  if ((sum || operator === 'divide') && operands.some((one) => one.kind === 'parameter' && one.index === parameter)) {
    for (const one of operands) {
      if (one.kind === 'column') return { column: one.index, ofLog: false };
      if (!sum || one.kind !== 'operator' || one.operator !== 'log') continue;
      const [inner] = one.operands;
      if (inner!.kind === 'column') return { column: inner!.index, ofLog: true };
    }
  }
  for (const one of operands) {
    const found = placeOf(one, parameter);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Whether the loss falls with ten times as much of each column where a parameter is positive, or does not where it is negative. */
function fallsFor(root: Expression, references: readonly number[], middle: readonly number[], parameter: number) {
  const falls = (value: number) => {
    const parameters = middle.map((other, k) => (k === parameter ? value : other));
    const tenfold = references.map((column) => 10 * column);
    return evaluateExpression(root, tenfold, parameters) < evaluateExpression(root, references, parameters);
  };
  return falls(moderate) || !falls(-moderate);
}
