import type { RunTable, RunTableOptions } from '../../runs/index.js';

/** One published number beside ours. */
export interface ReproducedLine {
  readonly quantity: string;
  readonly published: number;
  readonly ours: number;
  /** Where they differ and why, or what kind of number it is; absent where nothing is to be said. */
  readonly note?: string;
}

/** One fit or set of numbers of a study. */
export interface ReproducedPart {
  readonly title: string;
  /** The objective first. */
  readonly lines: readonly ReproducedLine[];
}

/** A study's published results beside ours. */
export interface Reproduction {
  readonly study: string;
  readonly source: string;
  /** What ours rest on: the rows of a file, rows simulated from the published law, or no rows at all. */
  readonly evidence: string;
  readonly parts: readonly ReproducedPart[];
  readonly notes: readonly string[];
}

/** A published study that can be fitted again. */
export interface Study {
  readonly name: string;
  readonly source: string;
  /** How its table is read; null where it needs none. */
  readonly tableOptions: RunTableOptions | null;
  /** Where its table can be had. */
  readonly table: string | null;
  /**
   * The published results beside ours.
   *
   * @param table - As read with `tableOptions`; undefined for rows simulated from the published law.
   */
  reproduce(table: RunTable | undefined): Reproduction;
}
