import type { RunProgress } from './folder.js';
import type { WorkEnding } from './work.js';

/** A job: one attempt at a run. */
export interface Job {
  readonly runId: string;
  /** Bytes of memory that it is estimated to take. */
  readonly memoryBytes: () => number;
}

/** A job that has ended. */
export interface EndedJob {
  readonly runId: string;
  /** What its worker said; undefined where it ended without a word. */
  readonly ending: WorkEnding | undefined;
  /** Finds out what is known of its end; '' where nothing is. */
  readonly why: () => string | Promise<string>;
}

/** What an executor sees of its jobs. */
export interface Observation {
  /** Jobs that have not ended, with what is known of each: why it waits, or where it is. */
  readonly active: ReadonlyMap<string, { readonly waits?: string; readonly progress?: RunProgress }>;
  /** Jobs that ended since the last look. */
  readonly ended: readonly EndedJob[];
}

/** Where jobs run. It knows nothing of models; runs know nothing of it. */
export interface JobExecutor {
  readonly name: string;
  /** Starts jobs, the first ones first, as far as there is room; returns those that it took. */
  submit(jobs: Iterable<Job>): Promise<readonly string[]>;
  observe(): Promise<Observation>;
  /** Ends all jobs: after the step at hand, to be gone on with, or at once. */
  cancel(how: 'soon' | 'at-once'): Promise<void>;
  /** Settles when something may have changed, or after some seconds. */
  changed(seconds: number): Promise<void>;
}
