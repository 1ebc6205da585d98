/**
 * Stable codes of the errors that a user can meet. Every one means bad usage, bad input or a refusal (exit code 2),
 * but those of `isFailure` (exit code 1).
 */
export type ErrorCode =
  | 'bad-usage'
  | 'bad-quantity'
  | 'unknown-shape'
  | 'bad-shape'
  | 'unsupported-config'
  | 'unknown-hardware'
  | 'bad-hardware'
  | 'unknown-law'
  | 'bad-expression'
  | 'bad-law-file'
  | 'unreadable'
  | 'missing-column'
  | 'bad-rows'
  | 'no-rows'
  | 'non-finite'
  | 'too-few-configurations'
  | 'no-variation'
  | 'collinear'
  | 'mixed-conventions'
  | 'mixed-units'
  | 'mixed-schedules'
  | 'duplicate-rows'
  | 'unclustered-checkpoints'
  | 'edge-minimum'
  | 'negative-curvature'
  | 'weak-curvature'
  | 'off-centre-grid'
  | 'infeasible-budget'
  | 'bad-corpus'
  | 'bad-tokenizer'
  | 'bad-checkpoint'
  | 'bad-run-directory'
  | 'bad-sweep'
  | 'claim-lost'
  | 'killed'
  | 'runs-failed'
  | 'slurm-unavailable'
  | 'slurm-refused'
  | 'engine-unavailable'
  | 'out-of-memory'
  | 'diverged'
  | 'interrupted'
  | 'write-failed';

const failures: ReadonlySet<ErrorCode> = new Set([
  'write-failed',
  'diverged',
  'interrupted',
  'claim-lost',
  'killed',
  'runs-failed',
]);

/** Whether a code means that something failed on the way, with nothing wrong in what was asked. */
export function isFailure(code: ErrorCode): boolean {
  return failures.has(code);
}

/** An error that says what was wrong, where, and what to do; `code` is stable, the message is for people. */
export class ShapelawError extends Error {
  override readonly name = 'ShapelawError';

  constructor(
    readonly code: ErrorCode,
    message: string,
    /** The offending values, for programs. */
    readonly details: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
  }
}
