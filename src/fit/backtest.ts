import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { sampleRankCorrelation } from 'simple-statistics';
import { ShapelawError } from '../errors.js';
import type { Run, RunTable } from '../runs/index.js';
import { shapeFields } from '../runs/record.js';
import { columnValue } from './columns.js';
import { fitLaw } from './fit.js';
import { centralInterval, type Interval } from './intervals.js';
import type { LawColumn, LawPoint } from './law-form.js';
import type { FitOptions } from './options.js';
import { predictor } from './predict.js';
import { mixedSeed } from './random.js';

/**
 * How rows are held out, always by whole runs.
 *
 * - `compute`: a law is fitted to the runs up to some compute, and predicts those beyond it (roll-out).
 * - `shapes`: a law is fitted without some shapes, and predicts their runs.
 */
export type HoldOut = 'compute' | 'shapes';

export interface BacktestOptions {
  /** Laws to compare, each as it is fitted; their draws default to 200. */
  readonly laws: readonly FitOptions[];
  /** Defaults to `compute`. */
  readonly by?: HoldOut;
  /** Shares of the runs, in order of compute, that laws are fitted to. Defaults to 0.5, 0.6, 0.7, 0.8. */
  readonly shares?: readonly number[];
  /** Folds of shapes. Defaults to one for each shape, at most 10. */
  readonly folds?: number;
  /** Level of the intervals of new runs. Defaults to 0.95. */
  readonly level?: number;
}

/** One held-out row and what a law that had not seen its run said of it. */
export interface HeldOut {
  readonly row: number;
  readonly runId: string;
  readonly fold: number;
  readonly measured: number;
  readonly predicted: number;
  /** Log of the predicted loss over the measured one. */
  readonly logError: number;
  /** Whether the interval of a new run held the measured loss; null where the law had none. */
  readonly covered: boolean | null;
  /** Decades beyond the evidence of the fit. */
  readonly decades: number;
}

/** Errors of predictions, of a whole backtest or of some distances. */
export interface BacktestErrors {
  readonly rows: number;
  /** Mean of the log of predicted over measured: above 0 where the law expects too much loss. */
  readonly bias: number;
  /** Root mean square of the same. */
  readonly rmse: number;
  /** Rank correlation (Spearman) of predicted and measured losses; null of fewer than 3 rows, or where all are the same. */
  readonly rankCorrelation: number | null;
  /** Share of rows whose measured loss lay in the interval of a new run; null where no law had one. */
  readonly coverage: number | null;
}

export interface LawBacktest {
  readonly law: string;
  readonly formula: string;
  readonly errors: BacktestErrors | null;
  /** By distance from the evidence, in decades: from, up to. */
  readonly byDistance: readonly (BacktestErrors & { readonly from: number; readonly to: number | null })[];
  /** Folds that the law could not be fitted to, with the code of the refusal. */
  readonly refused: readonly { readonly fold: number; readonly code: string; readonly message: string }[];
  readonly predictions: readonly HeldOut[];
  /**
   * Its mean squared log error less that of the best law, on the rows that both predicted, with the interval of a bootstrap over
   * held-out runs; null of the best law itself. An interval that holds 0 can't tell the two apart.
   */
  readonly worse: { readonly value: number; readonly interval: Interval } | null;
}

export interface Backtest {
  readonly by: HoldOut;
  readonly level: number;
  readonly folds: readonly {
    readonly fold: number;
    readonly label: string;
    readonly fitted: number;
    readonly heldOut: number;
  }[];
  /** From the least error to the greatest. */
  readonly laws: readonly LawBacktest[];
}

const distances = [0, 0.25, 0.5, 1, 2] as const;
const mostFolds = 10;
const comparisonDraws = 2000;

/**
 * Predicts runs by laws that were fitted without them.
 *
 * @throws ShapelawError `bad-usage` for options out of range; `too-few-configurations` where no fold can be made; the first
 * refusal where no law can be fitted to any fold.
 */
export function backtest(table: RunTable, options: BacktestOptions): Backtest {
  const { laws, by = 'compute', level = 0.95 } = options;
  if (laws.length === 0) throw new ShapelawError('bad-usage', 'name at least one law to test');
  const folds = by === 'compute' ? computeFolds(table, options.shares) : shapeFolds(table, options.folds);
  const tested = laws.map((law) => testLaw(table, folds, { draws: 200, ...law, level }));
  const refusal = tested.every(({ errors }) => errors === null) ? tested[0]!.refused[0] : undefined;
  if (refusal !== undefined) {
    throw new ShapelawError(
      'too-few-configurations',
      `${table.source}: no law can be fitted to any part of the table; the first refusal was [${refusal.code}] ${refusal.message}`,
      { refusal },
    );
  }
  const ranked = [...tested].sort(
    (a, b) => (a.errors?.rmse ?? Number.POSITIVE_INFINITY) - (b.errors?.rmse ?? Number.POSITIVE_INFINITY),
  );
  const [best] = ranked;
  return {
    by,
    level,
    folds: folds.map(({ label, heldOut }, fold) => ({
      ...{ fold, label, heldOut: heldOut.size },
      fitted: table.rows.length - heldOut.size,
    })),
    laws: ranked.map((law) => ({ ...law, worse: law === best ? null : compare(law, best!, level) })),
  };
}

interface Fold {
  readonly label: string;
  readonly heldOut: ReadonlySet<Run>;
}

/** Training compute of a row: as the table has it, else 6 N D, else that of its tokens or parameters alone. */
function computeOf(row: Run): number {
  return row.flops ?? 6 * row.params * (row.tokens ?? 1);
}

function computeFolds(table: RunTable, shares: readonly number[] = [0.5, 0.6, 0.7, 0.8]): Fold[] {
  const wrong = shares.find((share) => !(share > 0 && share < 1));
  if (wrong !== undefined || shares.length === 0) {
    throw new ShapelawError('bad-usage', `shares of a roll-out must lie between 0 and 1, not ${wrong ?? 'none'}`);
  }
  const largest = new Map<string, number>();
  for (const row of table.rows) largest.set(row.runId, Math.max(largest.get(row.runId) ?? 0, computeOf(row)));
  const ordered = [...largest].sort((a, b) => a[1] - b[1]);
  const folds = shares.flatMap((share) => {
    const limit = ordered[Math.floor(share * ordered.length) - 1]?.[1];
    if (limit === undefined || limit >= ordered.at(-1)![1]) return [];
    const heldOut = new Set(table.rows.filter((row) => largest.get(row.runId)! > limit));
    return [{ label: `runs of up to ${limit.toExponential(2)} FLOPs`, heldOut }];
  });
  if (folds.length > 0) return folds;
  throw new ShapelawError(
    'too-few-configurations',
    `${table.source}: its ${ordered.length} runs have too little range of compute for a roll-out; add larger runs`,
    { runs: ordered.length },
  );
}

function shapeFolds(table: RunTable, count = mostFolds): Fold[] {
  if (!(Number.isInteger(count) && count >= 2)) {
    throw new ShapelawError('bad-usage', `folds must be a whole number from 2 on, not ${count}`);
  }
  const groups = new Map<string, Run[]>();
  for (const row of table.rows) {
    const key = JSON.stringify([row.params, ...shapeFields.map((field) => row[field] ?? null)]);
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  if (groups.size < 2) {
    throw new ShapelawError(
      'too-few-configurations',
      `${table.source} has one shape only; a backtest by shapes needs two or more, or take --by compute`,
      { shapes: groups.size },
    );
  }
  // Shapes in order of size go to the folds in turn, so that each fold has small and large ones.
  const ordered = [...groups.values()].sort((a, b) => a[0]!.params - b[0]!.params);
  const size = Math.min(count, ordered.length);
  return Array.from({ length: size }, (_, fold) => {
    const shapes = ordered.filter((_, k) => k % size === fold);
    return { label: `${shapes.length} of ${ordered.length} shapes left out`, heldOut: new Set(shapes.flat()) };
  });
}

function testLaw(
  table: RunTable,
  folds: readonly Fold[],
  options: FitOptions & { readonly level: number },
): Omit<LawBacktest, 'worse'> {
  const predictions: HeldOut[] = [];
  const refused: { fold: number; code: string; message: string }[] = [];
  let formula = '';
  folds.forEach(({ heldOut }, fold) => {
    try {
      const law = fitLaw({ ...table, rows: table.rows.filter((row) => !heldOut.has(row)) }, options);
      ({ formula } = law);
      const predictAt = predictor(law, options.level);
      for (const row of heldOut) {
        const point: LawPoint = Object.fromEntries(
          law.variables.map((name: LawColumn) => [name, columnValue(row, name)!]),
        );
        const { loss, extrapolation } = predictAt(point);
        predictions.push({
          ...{ row: row.row, runId: row.runId, fold, measured: row.loss, predicted: loss.value },
          logError: Math.log(loss.value / row.loss),
          covered: loss.newRun === null ? null : loss.newRun[0] <= row.loss && row.loss <= loss.newRun[1],
          decades: extrapolation.decades ?? 0,
        });
      }
    } catch (error) {
      if (!(error instanceof ShapelawError) || error.code === 'bad-usage' || error.code === 'unknown-law') throw error;
      refused.push({ fold, code: error.code, message: error.message });
    }
  });
  const bins = distances.map((from, k) => {
    const to = distances[k + 1] ?? null;
    const within = predictions.filter(({ decades }) =>
      from === 0 && to !== null ? decades <= to && decades >= 0 : decades > from && (to === null || decades <= to),
    );
    return { from, to, within };
  });
  return {
    law: options.law,
    formula,
    errors: predictions.length === 0 ? null : errorsOf(predictions),
    byDistance: bins.flatMap(({ from, to, within }) =>
      within.length === 0 ? [] : [{ from, to, ...errorsOf(within) }],
    ),
    refused,
    predictions,
  };
}

function errorsOf(predictions: readonly HeldOut[]): BacktestErrors {
  const rows = predictions.length;
  const mean = (value: (prediction: HeldOut) => number) =>
    predictions.reduce((sum, prediction) => sum + value(prediction), 0) / rows;
  const covered = predictions.flatMap((prediction) => (prediction.covered === null ? [] : [prediction.covered]));
  return {
    rows,
    bias: mean(({ logError }) => logError),
    rmse: Math.sqrt(mean(({ logError }) => logError ** 2)),
    rankCorrelation: rankCorrelation(predictions),
    coverage: covered.length === 0 ? null : covered.filter(Boolean).length / covered.length,
  };
}

function rankCorrelation(predictions: readonly HeldOut[]): number | null {
  if (predictions.length < 3) return null;
  const value = sampleRankCorrelation(
    predictions.map(({ predicted }) => predicted),
    predictions.map(({ measured }) => measured),
  );
  // Where all are the same, nothing has a rank.
  return Number.isFinite(value) ? value : null;
}

/** The difference of two laws' mean squared log errors, over the rows that both predicted. */
function compare(
  law: Omit<LawBacktest, 'worse'>,
  best: Omit<LawBacktest, 'worse'>,
  level: number,
): LawBacktest['worse'] {
  const other = new Map(best.predictions.map((prediction) => [`${prediction.fold} ${prediction.row}`, prediction]));
  const byRun = new Map<string, number[]>();
  for (const prediction of law.predictions) {
    const twin = other.get(`${prediction.fold} ${prediction.row}`);
    if (twin === undefined) continue;
    const difference = prediction.logError ** 2 - twin.logError ** 2;
    byRun.set(prediction.runId, [...(byRun.get(prediction.runId) ?? []), difference]);
  }
  const runs = [...byRun.values()];
  if (runs.length < 2) return null;
  const meanOf = (drawn: readonly (readonly number[])[]) => {
    const all = drawn.flat();
    return all.reduce((sum, value) => sum + value, 0) / all.length;
  };
  const random = xoroshiro128plus(mixedSeed(0, runs.length));
  const draws = Array.from({ length: comparisonDraws }, () =>
    meanOf(runs.map(() => runs[uniformInt(random, 0, runs.length - 1)]!)),
  );
  return { value: meanOf(runs), interval: centralInterval(draws, level) };
}
