import { ShapelawError } from '../../errors.js';
import type { RunRecord } from '../record.js';
import { badLoggedError, describeLogged } from './bad-logged.js';
import { type BadLogged, type Evaluation, evaluationsOf, lastOfEach, recordReader, standing } from './evaluations.js';
import type { ImportFormat } from './formats.js';
import { groupBy } from './group-by.js';
import { placeOf, type ReadLogs } from './log.js';
import { lossTag } from './loss-tag.js';
import { type ImportFields, type ImportPlan, planImport } from './plan.js';
import { formatOf, readLogs } from './recognise.js';
import { namesOf } from './run-names.js';

/** How the logs of others' trainers become run records. */
export interface ImportOptions extends ImportFields {
  /** Whose logs they are. Defaults to what names and contents tell. */
  readonly from?: ImportFormat | undefined;
  /** Tag of the loss. Defaults to the one whose name says that it is held out; see `lossTag`. */
  readonly loss?: string | undefined;
  /** Whether only the last evaluation of each run is taken. Defaults to false. */
  readonly last?: boolean | undefined;
  /** Whether evaluations with bad values are left out instead of refused. Defaults to false. */
  readonly dropBadRows?: boolean | undefined;
}

/** An evaluation that was left out, and why. */
export interface DroppedEvaluation {
  readonly runId: string;
  readonly file: string;
  /** Line, byte or entry of the file. */
  readonly at: number;
  readonly tag: string;
  /** As the file has it. */
  readonly value: string;
  readonly reason: string;
}

/** Run records made of others' logs. */
export interface ImportedRuns {
  readonly format: ImportFormat;
  /** The files read, as their paths were given. */
  readonly files: readonly string[];
  /** Tag by field, the loss among them. */
  readonly tags: Readonly<Record<string, string>>;
  /** Fields that are the same in every row. */
  readonly constants: Readonly<Record<string, number | string>>;
  /** A row an evaluation, runs in the order of their files and each in the order of its steps. */
  readonly records: readonly RunRecord[];
  readonly runs: number;
  readonly dropped: readonly DroppedEvaluation[];
  readonly warnings: readonly string[];
}

/**
 * Reads the logs of others' trainers into run records, one for each evaluated checkpoint: exports of Weights & Biases, event
 * files of TensorBoard, `trainer_state.json` of transformers' Trainer; see `readWandb`, `readTensorBoard` and
 * `readTrainerState` for their formats and sources.
 *
 * Nothing is taken for what it does not say: a training loss is not held out, a convention is stated by `set` or unstated, and
 * params come from the shape, `set` or `map`. A run that was resumed from before its last evaluation keeps the later ones.
 *
 * @param paths files, or folders of event files or of a Trainer's output; all of one format.
 * @throws ShapelawError `unreadable`, with line, offset or entry; `missing-column` for tags that are not there; `bad-rows`,
 *   `non-finite` (any is NaN or infinite) for values that no run can have; `no-rows`; `bad-usage`.
 */
export async function importRuns(paths: readonly string[], options: ImportOptions = {}): Promise<ImportedRuns> {
  const format = await formatOf(paths, options.from);
  const read = await readLogs(paths, format);
  const { logs } = read;
  const source = paths.length === 1 ? paths[0]! : `${paths[0]} and ${paths.length - 1} more`;
  if (logs.length === 0) throw new ShapelawError('no-rows', `${source} has no rows`, { paths });
  const { loss: mappedLoss, ...map } = options.map ?? {};
  if (mappedLoss !== undefined && options.loss !== undefined) {
    throw new ShapelawError('bad-usage', '--loss and --map both give loss: keep one of them', { field: 'loss' });
  }
  const tags = new Set(logs.flatMap(({ entries }) => entries.flatMap((entry) => [...entry.keys()])));
  const loss = lossTag(tags, options.loss ?? mappedLoss, source);
  const plan = planImport(loss, tags, tagsBeside(loss, read), format, { ...options, map }, source);

  const names = namesOf(logs);
  const warnings = [...read.warnings, ...plan.warnings, ...tagNotes(plan, read)];
  const evaluations: Evaluation[] = [];
  const dropped: DroppedEvaluation[] = [];
  for (const [index, log] of logs.entries()) {
    const own = evaluationsOf(log, names[index]!, plan);
    if (own.length === 0) warnings.push(`${names[index]} has no ${loss}: left out`);
    for (const [runId, ofRun] of groupBy(own, (evaluation) => evaluation.runId)) {
      const { kept, replaced, again } = standing(ofRun, loss);
      for (const evaluation of kept) evaluations.push(evaluation);
      for (const evaluation of replaced) dropped.push(droppedAs(evaluation, plan, 'logged again by the run resumed'));
      for (const evaluation of again) dropped.push(droppedAs(evaluation, plan, 'evaluated again at its step'));
      if (replaced.length > 0) {
        warnings.push(
          `${runId} went back to an earlier step, as a resumed run does: left out are evaluations of before, ${replaced.length} in all`,
        );
      }
      if (again.length > 0) {
        warnings.push(
          `${runId} was evaluated again at step ${again.map(({ step }) => step).join(', ')}: the first is taken, since the later ` +
            'may be of the best model, loaded after training',
        );
      }
    }
  }
  requireApart(evaluations);
  const taken = options.last ? lastOfEach(evaluations) : evaluations;
  requireOwnLengths(taken, plan);
  const { records, bad } = readAll(taken, plan);
  if (bad.length > 0) {
    if (!options.dropBadRows) throw badLoggedError(source, bad);
    for (const { nonFinite: _, unit: __, ...value } of bad) dropped.push(value);
    warnings.push(
      `left out for bad values: ${bad.map(describeLogged).slice(0, 5).join('; ')}${bad.length > 5 ? ` and ${bad.length - 5} more` : ''}`,
    );
  }
  if (records.length === 0) {
    throw new ShapelawError('no-rows', `${source}: no evaluation of ${loss} is left`, { paths, loss });
  }
  return {
    format,
    files: read.files,
    tags: Object.fromEntries(plan.tagOf),
    constants: plan.constants,
    records,
    runs: new Set(records.map(({ runId }) => runId)).size,
    dropped,
    warnings,
  };
}

/** Tags that are logged together with the loss, or at a step where it is. */
function tagsBeside(loss: string, { logs }: ReadLogs): ReadonlySet<string> {
  return new Set(
    logs.flatMap(({ entries }) => entries.filter((entry) => entry.has(loss)).flatMap((entry) => [...entry.keys()])),
  );
}

function tagNotes(plan: ImportPlan, { logs }: ReadLogs): string[] {
  const used = new Set(plan.tagOf.values());
  return [...new Set(logs.flatMap(({ notes }) => [...notes].filter(([tag]) => used.has(tag)).map(([, note]) => note)))];
}

function droppedAs({ entry, runId }: Evaluation, plan: ImportPlan, reason: string): DroppedEvaluation {
  const { file, at, value } = entry.get(plan.loss)!;
  return { runId, file, at, tag: plan.loss, value: String(value), reason };
}

/** Logs of the same name would pass for checkpoints of one run. */
function requireApart(evaluations: readonly Evaluation[]): void {
  for (const [runId, own] of groupBy(evaluations, (evaluation) => evaluation.runId)) {
    const logs = [...new Set(own.map(({ log }) => log))];
    if (logs.length === 1) continue;
    const places = logs.map((log) => {
      const first = own.find((evaluation) => evaluation.log === log)!;
      return placeOf(first.entry.values().next().value!, log.unit);
    });
    throw new ShapelawError(
      'bad-usage',
      `several logs are of a run "${runId}": ${places.slice(0, 3).join('; ')}; give each once, name a column of unique names with ` +
        '--map runId=TAG, or import them one by one with --set runId=NAME',
      { runId, places },
    );
  }
}

/** Checkpoints of one run have each seen other tokens, so that one number is not that of all. */
function requireOwnLengths(evaluations: readonly Evaluation[], { constants }: ImportPlan): void {
  const field = ['tokens', 'flops'].find((name) => name in constants);
  if (field === undefined) return;
  for (const [runId, own] of groupBy(evaluations, (evaluation) => evaluation.runId)) {
    if (own.length === 1) continue;
    throw new ShapelawError(
      'bad-usage',
      `--set ${field}=${constants[field]} would give all ${own.length} evaluations of ${runId} the same ${field}: take the last ` +
        'of each run alone with --last, or give --tokens-per-step N or --map instead',
      { field, runId, evaluations: own.length },
    );
  }
}

function readAll(
  evaluations: readonly Evaluation[],
  plan: ImportPlan,
): { readonly records: readonly RunRecord[]; readonly bad: readonly BadLogged[] } {
  const records: RunRecord[] = [];
  const bad: BadLogged[] = [];
  for (const own of groupBy(evaluations, ({ log }) => log).values()) {
    const readRecord = recordReader(own[0]!.log, plan);
    for (const evaluation of own) {
      const result = readRecord(evaluation);
      if ('record' in result) records.push(result.record);
      else for (const value of result.bad) bad.push(value);
    }
  }
  return { records, bad };
}
