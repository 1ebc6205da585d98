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
  /** The least step that was logged since the evaluation before, up to this one. */
  readonly leastSince: number;
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
  const evaluations: Evaluation[] = [];
  let leastSince = Number.POSITIVE_INFINITY;
  for (const entry of log.entries) {
    const step = stepOf(entry, plan);
    leastSince = Math.min(leastSince, step ?? Number.POSITIVE_INFINITY);
    if (readText(entry.get(plan.loss)?.value).kind === 'empty') continue;
    const read = idTag === undefined ? undefined : readText(entry.get(idTag)?.value);
    const runId = read?.kind === 'value' ? read.value : fixed === undefined ? name : String(fixed);
    evaluations.push({ log, entry, runId, step, leastSince });
    leastSince = Number.POSITIVE_INFINITY;
  }
  return evaluations;
}

/**
 * The evaluations of a run that stand, each at a step of its own. A run that went back in its steps was resumed from before: from
 * where it went back to, the later ones stand. One that was evaluated again at its step did not train in between, and the first
 * stands: transformers' Trainer evaluates the best model after training, where it loads that.
 *
 * @returns what is kept, what a resumed run replaced, and what was evaluated again to another loss.
 */
export function standing(
  evaluations: readonly Evaluation[],
  loss: string,
): {
  readonly kept: readonly Evaluation[];
  readonly replaced: readonly Evaluation[];
  readonly again: readonly Evaluation[];
} {
  const kept: Evaluation[] = [];
  const replaced: Evaluation[] = [];
  const again: Evaluation[] = [];
  for (const evaluation of evaluations) {
    const { step, leastSince } = evaluation;
    if (step !== undefined && kept.at(-1)?.step === step && leastSince >= step) {
      if (evaluation.entry.get(loss)!.value !== kept.at(-1)!.entry.get(loss)!.value) again.push(evaluation);
      continue;
    }
    while (step !== undefined && (kept.at(-1)?.step ?? Number.NEGATIVE_INFINITY) >= step) replaced.push(kept.pop()!);
    kept.push(evaluation);
  }
  return { kept, replaced, again };
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
