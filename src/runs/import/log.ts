/** A value as a trainer logged it, and where it stands. */
export interface LoggedValue {
  readonly value: unknown;
  readonly file: string;
  /** Line, byte or entry of the file, as the unit of the log says. */
  readonly at: number;
}

/** What was logged together, by tag. */
export type LogEntry = ReadonlyMap<string, LoggedValue>;

/** The log of one run. */
export interface RunLog {
  /** The run's name where the file gives one; null where its path names it. */
  readonly name: string | null;
  /** Folder or file that names the run, absolute. */
  readonly path: string;
  /** What `at` counts, for messages. */
  readonly unit: 'line' | 'offset' | 'entry' | 'record';
  /** In the order they were logged. */
  readonly entries: readonly LogEntry[];
  /** What a reader should be told where a tag is used. */
  readonly notes: ReadonlyMap<string, string>;
}

/** The logs of a path. */
export interface ReadLogs {
  readonly files: readonly string[];
  readonly logs: readonly RunLog[];
  readonly warnings: readonly string[];
}

/** Where a value stands, for messages. */
export function placeOf({ file, at }: Pick<LoggedValue, 'file' | 'at'>, unit: RunLog['unit']): string {
  return `${file}, ${unit} ${at}`;
}
