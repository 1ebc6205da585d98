import type { RunTable } from '../runs/index.js';
import type { Objective } from './objective.js';
import type { FitData, Solution } from './solve.js';

/** Columns of a run table that a law may use; `layers` is the decoder's, or the mean of two stacks. */
export const lawColumns = [
  'params',
  'tokens',
  'flops',
  'uniqueTokens',
  'layers',
  'encoderLayers',
  'decoderLayers',
  'dModel',
  'dFf',
  'dKv',
  'heads',
  'vocab',
] as const;

export type LawColumn = (typeof lawColumns)[number];

/** Where a law is asked for its loss; what a law does not use may be absent. */
export type LawPoint = { readonly [Column in LawColumn]?: number };

/** What tells one form of a law from another; each law uses some of it. It stands in the law file, and gives the form back. */
export interface LawOptions {
  /** `power`, `broken`, `region`: the column they are laws of. */
  readonly variable?: LawColumn;
  /** `broken`: 1 or 2. `region`: breakpoints between regions, from 0. */
  readonly breaks?: number;
  /** `region`: whether the law is continuous at its breakpoints. */
  readonly continuous?: boolean;
  /** `region`: columns that have an exponent of their own in each region, beside or in place of the variable. */
  readonly operators?: readonly LawColumn[];
  /** `shape`: names of the shape ratios. */
  readonly ratios?: readonly string[];
  /** `expression`: the formula. */
  readonly expression?: string;
  /** `expression`: lowest and highest value of a parameter. */
  readonly bounds?: Readonly<Record<string, readonly [low: number, high: number]>>;
}

/** One internal coordinate of a law, to which the solver moves. */
export interface Coordinate {
  /**
   * `amplitude`: the log of an amplitude that enters the loss linearly, which variable projection finds for given other
   * coordinates. `free`: any other.
   */
  readonly kind: 'amplitude' | 'free';
  /** Bounds. The lower bound of an amplitude is raised to a millionth of the smallest loss. */
  readonly lower: number;
  readonly upper: number;
  /**
   * Where starts are looked for, spread evenly, on a log scale where both ends are positive; or the range of one of the
   * law's columns, beyond which the coordinate goes by no more than that range. Absent for an amplitude.
   */
  readonly start?: readonly [low: number, high: number] | { readonly rangeOf: number };
}

/**
 * A law that can be fitted: how its internal coordinates give the log of the loss at each row, with derivatives.
 * Columns come as logarithms less their mean ("centred"), which takes most of the correlation out of the coordinates, or raw.
 */
export interface LawForm {
  readonly law: string;
  /** Give this form back from {@link LawDefinition.form}. */
  readonly options: LawOptions;
  /** The formula for people. */
  readonly formula: string;
  readonly columns: readonly LawColumn[];
  readonly columnScale: 'centred-log' | 'raw';
  /** For each column the one whose centre it takes. Defaults to its own. */
  readonly centredWith?: readonly number[];
  /** Columns that must vary, each by itself, for the law to be told from others. Defaults to all. */
  readonly apart?: readonly LawColumn[];
  /** Names of the parameters in the table's own units, one for each coordinate. */
  readonly parameters: readonly string[];
  readonly coordinates: readonly Coordinate[];
  /**
   * Writes the log loss of `rows` rows, and its derivatives to each coordinate row by row. A loss that is not positive is
   * written as NaN: the solver steps back from it.
   */
  evaluate(
    theta: Float64Array,
    columns: readonly Float64Array[],
    rows: number,
    logLoss: Float64Array,
    jacobian: Float64Array,
  ): void;
  /**
   * The exponent s where log L = s log(sum of amplitudes times functions of the free coordinates); absent where 1.
   * Variable projection works on L^(1/s).
   */
  outerExponent?(theta: Float64Array): number;
  /** Starts where variable projection over the boxes of the free coordinates does not find them; best first. */
  starts?(data: FitData): Float64Array[];
  /** Finds the coordinates by a way of its own, in place of the solver. */
  estimate?(data: FitData, weights: Float64Array, objective: Objective): Solution;
  /** The parameters in the table's own units; `centres` are the means of the log columns, 0 where raw. */
  toParameters(theta: Float64Array, centres: readonly number[]): number[];
  /** The inverse of `toParameters`. */
  toCoordinates(parameters: readonly number[], centres: readonly number[]): Float64Array;
  /** The law's formula: the loss at a point, whose columns are all there and positive. */
  loss(parameters: readonly number[], point: { readonly [Column in LawColumn]: number }): number;
  /** Quantities that follow from the parameters, such as exponents of the compute optimum. */
  derive(parameters: readonly number[]): Readonly<Record<string, number>>;
  /** Compute-optimal params and tokens for training FLOPs counted as 6 params tokens; absent where the law has none. */
  optimum?(parameters: readonly number[], flops: number): { readonly params: number; readonly tokens: number };
}

/** One law: what it is for, and its forms. A law is one file in `laws/` and one line of its registry. */
export interface LawDefinition {
  readonly name: string;
  /** One line for people: what it says, and when to take it. */
  readonly summary: string;
  /** Loads what its forms need, to be awaited before one is made; absent where they need nothing. */
  load?(): Promise<void>;
  /** Names of the options of {@link LawOptions} that it takes. */
  readonly takes: readonly (keyof LawOptions)[];
  /**
   * Completes what a user asked for by what the table holds, such as the ratios that it varies.
   *
   * @returns the options of the form, and notes for the user.
   */
  choose(asked: LawOptions, table: RunTable): { readonly options: LawOptions; readonly notes: readonly string[] };
  form(options: LawOptions): LawForm;
}
