import { readNumber, readText, showCell } from '../cells.js';
import { type FieldKind, fieldKind, type RunRecord, runRecordSchema, scoreTask } from '../record.js';
import { groupBy } from './group-by.js';
import type { LogEntry, LoggedValue, RunLog } from './log.js';
import type { ImportPlan } from './plan.js';

/** An entry of a log that has the loss. */
export interface Evaluation {
  readonly log: RunLog;
  readonly entry: LogEntry;
  readonly runId: string;
  /** Undefined where the log gives none that is a number. */
  readonly step: number | undefined;
}

/** A value that no run can have, and where it stands. */
export interface BadLogged {
  readonly runId: string;
  readonly file: string;
  readonly at: number;
  readonly unit: RunLog['unit'];
  readonly tag: string;
  readonly value: string;
  readonly reason: string;
  readonly nonFinite: boolean;
}

const readers: Readonly<Record<FieldKind, typeof readNumber | typeof readText>> = {
  number: readNumber,
  text: readText,
};

function stepOf(entry: LogEntry, plan: ImportPlan): number | undefined {
  const tag = plan.tagOf.get('step');
  const reading = tag === undefined ? undefined : readNumber(entry.get(tag)?.value);
  return reading?.kind === 'value' ? reading.value : undefined;
}

/** The entries of a log that have the loss, in their order. */
export function evaluationsOf(log: RunLog, name: string, plan: ImportPlan): Evaluation[] {
  const { runId: fixed } = plan.constants;
  const idTag = plan.tagOf.get('runId');
  return log.entries
    .filter((entry) => readText(entry.get(plan.loss)?.value).kind !== 'empty')
    .map((entry) => {
      const read = idTag === undefined ? undefined : readText(entry.get(idTag)?.value);
      const runId = read?.kind === 'value' ? read.value : fixed === undefined ? name : String(fixed);
      return { log, entry, runId, step: stepOf(entry, plan) };
    });
}

/**
 * Of a run that was resumed from before its last evaluation, and so went back in its steps, the evaluations that stand: from
 * where it went back to, those that came later.
 */
export function standing(evaluations: readonly Evaluation[]): {
  readonly kept: readonly Evaluation[];
  readonly replaced: readonly Evaluation[];
} {
  const kept: Evaluation[] = [];
  const replaced: Evaluation[] = [];
  for (const evaluation of evaluations) {
    const { step } = evaluation;
    while (step !== undefined && (kept.at(-1)?.step ?? -Infinity) >= step) replaced.push(kept.pop()!);
    kept.push(evaluation);
  }
  return { kept, replaced };
}

/**
 * A function that makes the run record of an evaluation, or tells every bad value of it. A field whose tag the entry lacks is
 * taken from what was logged last at the same step.
 */
export function recordReader(
  log: RunLog,
  plan: ImportPlan,
): (evaluation: Evaluation) => { readonly record: RunRecord } | { readonly bad: readonly BadLogged[] } {
  const atStep = new Map([...plan.tagOf.values()].map((tag) => [tag, new Map<number, LoggedValue>()]));
  for (const entry of log.entries) {
    const step = stepOf(entry, plan);
    if (step === undefined) continue;
    for (const [tag, values] of atStep) {
      const logged = entry.get(tag);
      if (logged !== undefined) values.set(step, logged);
    }
  }
  return ({ entry, runId, step }) => {
    const bad: BadLogged[] = [];
    const lossValue = entry.get(plan.loss)!;
    const note = (tag: string, logged: LoggedValue | undefined, reason: string, nonFinite: boolean) => {
      const { file, at } = logged ?? lossValue;
      bad.push({ runId, file, at, unit: log.unit, tag, value: showCell(logged?.value), reason, nonFinite });
    };
    const fields: Record<string, unknown> = {};
    const scores: Record<string, unknown> = {};
    const put = (field: string, value: unknown) => {
      const task = scoreTask(field);
      if (task === undefined) fields[field] = value;
      else scores[task] = value;
    };
    for (const [field, value] of Object.entries(plan.constants)) put(field, value);
    for (const [field, tag] of plan.tagOf) {
      const logged = entry.get(tag) ?? (step === undefined ? undefined : atStep.get(tag)!.get(step));
      const reading = readers[fieldKind(field)!](logged?.value);
      if (reading.kind === 'value') put(field, reading.value);
      else if (reading.kind === 'bad') note(tag, logged, reading.reason, reading.nonFinite);
      else if (plan.required.has(field)) note(tag, logged, `has no value here, where ${plan.loss} has one`, false);
    }
    if (plan.tokensPerStep !== undefined && step !== undefined) fields.tokens = step * plan.tokensPerStep;
    fields.runId = runId;
    if (Object.keys(scores).length > 0) fields.scores = scores;
    if (bad.length > 0) return { bad };
    const parsed = runRecordSchema.safeParse(fields);
    if (parsed.success) return { record: parsed.data };
    for (const { path, message } of parsed.error.issues) {
      const tag = plan.tagOf.get(path.join('.')) ?? path.join('.');
      note(tag, entry.get(tag), message, false);
    }
    return { bad };
  };
}

/** The last evaluation of each run. */
export function lastOfEach(evaluations: readonly Evaluation[]): readonly Evaluation[] {
  return [...groupBy(evaluations, ({ runId }) => runId).values()].map((own) => own.at(-1)!);
}
