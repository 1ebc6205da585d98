import type { LawColumn } from '../law-form.js';
import type { RegionCount } from './choose.js';
import type { DifferenceTest } from './difference-test.js';

/** What to ask of a table's compute regions. */
export interface RegionReportOptions {
  /** The column that decides the region. Defaults to `flops`. */
  readonly variable?: LawColumn;
  /** Breakpoints; defaults to the number that BIC and the error on held-out runs call for. */
  readonly breaks?: number;
  /** Breakpoints tried at most where their number is chosen, up to 4. Defaults to 3. */
  readonly mostBreaks?: number;
  /** Whether the law is continuous at its breakpoints. Defaults to true without operators, and must be false with them. */
  readonly continuous?: boolean;
  /** Columns with an exponent in each region in place of the variable; `varied` for those the table varies. Defaults to none. */
  readonly operators?: readonly LawColumn[] | 'varied';
  /** Whether losses of several schedules are taken. Defaults to false. */
  readonly force?: boolean;
  /** Of every interval, in (0, 1). Defaults to 0.95. */
  readonly level?: number;
  /** Simulated tables of each test; 0 for no test. Defaults to 199. */
  readonly replicates?: number;
  /** Defaults to 1. */
  readonly seed?: number;
}

/** An exponent of a region. */
export interface RegionExponent {
  readonly column: LawColumn;
  readonly value: number;
  /** From the scatter of whole runs; null where a single run decides. */
  readonly standardError: number | null;
  /** Student's, with a degree of freedom less than runs. */
  readonly interval: readonly [low: number, high: number] | null;
}

/** One compute region: `loss = amplitude * product of column^-exponent`. */
export interface Region {
  /** Bounds in the unit of the variable; null at the ends of the table. */
  readonly from: number | null;
  readonly to: number | null;
  /** Lowest and highest value of the variable in its rows, and the factors of ten between them. */
  readonly evidence: readonly [low: number, high: number];
  readonly decades: number;
  readonly rows: number;
  readonly runs: number;
  readonly amplitude: number;
  readonly exponents: readonly RegionExponent[];
}

/** A breakpoint with its profile likelihood interval. */
export interface Breakpoint {
  readonly value: number;
  readonly interval: readonly [low: number, high: number];
  /** Whether the interval goes on to where a region would be too small. */
  readonly open: readonly [low: boolean, high: boolean];
  /** By what the loss changes at the breakpoint, as a factor; null with operators, 1 of a continuous law. */
  readonly lossRatio: number | null;
}

/** Whether regions differ: the test by simulation, and on runs held out. */
export interface RegionDifference extends DifferenceTest {
  /** Mean squared error of log loss on held-out runs: that of the hypothesis less that of the alternative, over runs. */
  readonly holdOut: { readonly gain: number; readonly standardError: number } | null;
}

/** The compute regions of a table. */
export interface RegionReport {
  readonly source: string;
  readonly variable: LawColumn;
  readonly continuous: boolean;
  readonly operators: readonly LawColumn[];
  readonly rows: number;
  readonly runs: number;
  /** Independent rows that the table's are worth for likelihoods. */
  readonly effectiveRows: number;
  readonly level: number;
  readonly regions: readonly Region[];
  readonly breakpoints: readonly Breakpoint[];
  /** Each number of breakpoints that was tried. */
  readonly counts: readonly RegionCount[];
  readonly chosen: { readonly breaks: number; readonly reason: string };
  readonly tests: readonly RegionDifference[];
  readonly notes: readonly string[];
}
