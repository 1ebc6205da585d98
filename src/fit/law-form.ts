/** Columns of a run table that a law may use. */
export type LawColumn = 'params' | 'tokens' | 'flops';

/**
 * A law that can be fitted: how its internal coordinates give the log of the loss at each row, with derivatives.
 * Columns come as logarithms less their mean ("centred"), which takes most of the correlation out of the coordinates.
 */
export interface LawForm {
  readonly name: string;
  /** The formula for people. */
  readonly formula: string;
  readonly columns: readonly LawColumn[];
  /** Names of the parameters in the table's own units, one for each coordinate. */
  readonly parameters: readonly string[];
  /** Lower and upper bound of each coordinate; `minLogLoss` is the smallest log loss of the table. */
  bounds(minLogLoss: number): { readonly lower: Float64Array; readonly upper: Float64Array };
  /** Writes the log loss of `rows` rows, and the derivatives to each coordinate row by row. */
  evaluate(
    theta: Float64Array,
    columns: readonly Float64Array[],
    rows: number,
    logLoss: Float64Array,
    jacobian: Float64Array,
  ): void;
  /** Starting points, best first, by variable projection on squared relative error of the loss. */
  starts(columns: readonly Float64Array[], loss: Float64Array): Float64Array[];
  /** The parameters in the table's own units. */
  toParameters(theta: Float64Array, centres: readonly number[]): number[];
  /** Quantities that follow from the parameters, such as exponents of the compute optimum. */
  derive(parameters: readonly number[]): Readonly<Record<string, number>>;
}
