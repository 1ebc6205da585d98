import { unstatedConventions } from '../../conventions.js';
import type { RunTable } from '../../runs/index.js';
import { fitLaw } from '../fit.js';
import type { LawColumn } from '../law-form.js';
import { lawForm } from '../laws/registry.js';
import { completeOptions, type FitOptions } from '../options.js';
import { evaluateAt, poseLaw } from '../posed.js';
import { objectiveValue } from '../solve.js';
import type { ReproducedLine, ReproducedPart } from './study.js';

/** A fit as a study published it. */
export interface PublishedFit {
  readonly title: string;
  readonly options: FitOptions;
  readonly parameters: Readonly<Record<string, number>>;
  /** As published; absent where it was not. */
  readonly objective?: number;
  readonly notes?: Readonly<Record<string, string>>;
}

/** Objectives below it are of rounding errors. */
const exactFit = 1e-20;

/** The objective of a table at given parameters of a law. */
export function objectiveAt(
  table: RunTable,
  options: FitOptions,
  parameters: Readonly<Record<string, number>>,
): number {
  const { form, centres, problem } = poseLaw(table, completeOptions(options));
  const theta = form.toCoordinates(
    form.parameters.map((name) => parameters[name]!),
    centres,
  );
  return objectiveValue(problem, evaluateAt(problem, theta).fitted, theta);
}

/**
 * A published fit beside ours of the same table: the objective first, at its parameters and at ours.
 *
 * @param ours - Our fit. Defaults to one made here.
 */
export function reproduceFit(
  table: RunTable,
  { title, options, parameters, objective, notes = {} }: PublishedFit,
  ours = fitLaw(table, options),
): ReproducedPart {
  const there = objectiveAt(table, options, parameters);
  const least = ours.objective!.value;
  const lines: ReproducedLine[] = [
    {
      quantity: `objective (${options.objective ?? 'huber'}, delta ${options.delta ?? 1e-3}, summed)`,
      published: there,
      ours: least,
      note:
        notes.objective ??
        (least < there * (1 - 1e-6) && there > exactFit
          ? `evaluated here at the published parameters; ours is lower by ${(100 * (1 - least / there)).toPrecision(2)}%`
          : 'evaluated here at the published parameters'),
    },
    ...(objective === undefined
      ? []
      : [{ quantity: 'objective as the study reports it', published: objective, ours: least }]),
    ...Object.entries(parameters).map(([name, published]) => ({
      ...{ quantity: name, published, ours: ours.parameters[name]! },
      ...(notes[name] === undefined ? {} : { note: notes[name] }),
    })),
  ];
  return { title, lines };
}

/** A table of noise-free rows of a law, each a run of its own. */
export function simulatedTable(
  options: Pick<FitOptions, 'law'>,
  parameters: Readonly<Record<string, number>>,
  points: readonly ({ readonly params: number } & { readonly [Column in LawColumn]?: number })[],
): RunTable {
  const form = lawForm(options.law, {});
  const values = form.parameters.map((name) => parameters[name]!);
  return {
    source: 'simulated rows',
    sha256: '',
    layout: null,
    rows: points.map((point, index) => ({
      ...point,
      row: index + 1,
      runId: `run-${index + 1}`,
      loss: form.loss(values, point as Record<LawColumn, number>),
    })),
    dropped: [],
    conventions: { ...unstatedConventions, loss: 'nats-per-token' },
    options: {},
    warnings: [],
  };
}
