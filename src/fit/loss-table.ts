import { lawLoss } from './formulas.js';
import type { Law } from './law.js';
import type { LawColumn } from './law-form.js';
import { lawForm } from './laws/registry.js';

/** A law asked for many points at once: some 50 times as fast as one by one. */
export interface LossTable {
  /** What the law needs of each point, in the order that `write` takes it. */
  readonly columns: readonly LawColumn[];
  /** Whether `write` takes the logarithms of the columns, or the columns. */
  readonly logarithmic: boolean;
  /** How many draws the law has; 0 without any. */
  readonly draws: number;
  /**
   * Writes the loss at each of `rows` points, in the law's unit: by its parameters, or by one of its draws.
   *
   * @param draw - Index of the draw; null for the law's own parameters.
   */
  write(draw: number | null, columns: readonly Float64Array[], rows: number, losses: Float64Array): void;
}

/** Prepares a law for {@link LossTable.write}. */
export function lossTable(law: Law): LossTable {
  const form = lawForm(law.law, law.form);
  const { parameters, draws } = lawLoss(law);
  const centres = form.columns.map(() => 0);
  const own = form.toCoordinates(parameters, centres);
  const drawn = (draws ?? []).map((draw) => form.toCoordinates(draw, centres));
  let jacobian = new Float64Array(0);
  return {
    columns: form.columns,
    logarithmic: form.columnScale === 'centred-log',
    draws: drawn.length,
    write(draw, columns, rows, losses) {
      const size = rows * form.parameters.length;
      if (jacobian.length < size) jacobian = new Float64Array(size);
      form.evaluate(draw === null ? own : drawn[draw]!, columns, rows, losses, jacobian);
      for (let row = 0; row < rows; row++) losses[row] = Math.exp(losses[row]!);
    },
  };
}
