import { ShapelawError } from '../../errors.js';
import type { RunTable } from '../../runs/index.js';
import { scheduleNotes } from '../checks.js';
import { studentQuantile } from '../distributions.js';
import type { LawColumn } from '../law-form.js';
import { breakInterval } from './break-interval.js';
import { type ChosenRegions, chooseRegions, describeRegions, mostBreaks, requireDivisible } from './choose.js';
import { defaultReplicates, testDifference } from './difference-test.js';
import { exponentErrors } from './errors-of-exponents.js';
import { holdOutGain } from './hold-out.js';
import { askedOperators, type Operators, variedOperators } from './operators.js';
import type { Breakpoint, Region, RegionDifference, RegionReport, RegionReportOptions } from './report-types.js';
import { positionOf } from './rows.js';
import { type RegionSample, regionSample } from './sample.js';

/** Probability by chance below which the test speaks against the hypothesis. */
const significant = 0.05;
/** Runs in a region below which its intervals say little. */
const fewRuns = 8;

/**
 * Finds the compute regions of a table: how many, where, each one's exponents, and whether they differ by more than chance.
 * All by squared residuals of log loss.
 *
 * Tested are: the law against the one with a breakpoint less and, with two breakpoints or more, against one region; one
 * region against two where one was found.
 *
 * @throws ShapelawError `bad-usage`, `missing-column`, `bad-rows`, `non-finite`, `no-variation`, `collinear`,
 *   `too-few-configurations`.
 */
export function regionReport(table: RunTable, options: RegionReportOptions = {}): RegionReport {
  const { variable = 'flops', level = 0.95, replicates = defaultReplicates, seed = 1, force = false } = options;
  checkOptions(options);
  const overruled = scheduleNotes(table, force);
  const found = operatorsOf(table, options);
  const continuous = options.continuous ?? found.operators.length === 0;
  const columns = found.operators.length === 0 ? [variable] : found.operators;
  const sample = regionSample(table, variable, columns);
  requireVariation(sample, variable);
  requireDivisible(sample, continuous, options.breaks ?? 0);
  const choice = chooseRegions(sample, continuous, Math.max(options.mostBreaks ?? 3, options.breaks ?? 0));
  if (choice.fits.length <= (options.breaks ?? 0)) throw tooFew(sample, columns);
  const breaks = options.breaks ?? choice.breaks;
  const regions = regionsOf(choice, breaks, continuous, columns, level);
  const breakpoints = breakpointsOf(choice, breaks, continuous, columns, variable, level);
  const pairs =
    breaks <= 1
      ? [[0, 1]]
      : [
          [breaks - 1, breaks],
          [0, breaks],
        ];
  const tests =
    replicates === 0
      ? []
      : pairs.flatMap(([hypothesis, alternative]) => {
          const test = testDifference(sample, continuous, hypothesis!, alternative!, replicates, seed);
          return test === null ? [] : [{ ...test, holdOut: heldOut(choice, hypothesis!, alternative!) }];
        });
  return {
    ...{ source: table.source, variable, continuous, operators: found.operators },
    ...{ rows: choice.rows.size, runs: sample.runIds.length, effectiveRows: choice.effectiveRows, level },
    ...{ regions, breakpoints, counts: choice.counts },
    chosen: { breaks: choice.breaks, reason: choice.reason },
    tests,
    notes: [
      ...overruled,
      ...found.notes,
      ...notesOn(choice, options.breaks, regions, breakpoints, variable),
      ...notesOnTests(choice, tests),
    ],
  };
}

function checkOptions({
  breaks,
  mostBreaks: most,
  continuous,
  operators,
  level = 0.95,
  replicates = 0,
}: RegionReportOptions): void {
  const problem = [breaks, most].some(
    (count) => count !== undefined && !(Number.isInteger(count) && count >= 0 && count <= mostBreaks),
  )
    ? `breakpoints must be a whole number from 0 to ${mostBreaks}, not ${breaks ?? most}`
    : !(level > 0 && level < 1)
      ? `the level must lie between 0 and 1, not ${level}`
      : !(Number.isInteger(replicates) && replicates >= 0)
        ? `replicates must be a whole number from 0, not ${replicates}`
        : continuous === true && operators !== undefined && operators.length > 0
          ? 'a law of operators is not continuous at a breakpoint of compute; leave out the operators or what asks for continuity'
          : undefined;
  if (problem !== undefined) throw new ShapelawError('bad-usage', problem);
}

function operatorsOf(table: RunTable, { operators = [] }: RegionReportOptions): Operators {
  if (operators === 'varied') {
    const found = variedOperators(table);
    if (found.operators.length > 0) return found;
    throw new ShapelawError(
      'no-variation',
      `${table.source} varies no scaling operator (depth, width, feed-forward, heads, key-value size) by itself. Add runs of other shapes, or leave out the operators.`,
    );
  }
  return operators.length === 0 ? { operators: [], notes: [] } : askedOperators(table, operators);
}

function requireVariation({ source, x, logLoss }: RegionSample, variable: LawColumn): void {
  for (const [name, column] of [
    [variable, x],
    ['loss', logLoss],
  ] as const) {
    if (column.some((value) => Math.abs(value - column[0]!) > 1e-9)) continue;
    throw new ShapelawError(
      'no-variation',
      `${source}: ${name} is the same in every row; there are no regions to find. Add runs at other values of ${name}.`,
      { column: name },
    );
  }
}

function tooFew({ source }: RegionSample, columns: readonly LawColumn[]): ShapelawError {
  return new ShapelawError(
    'too-few-configurations',
    `${source}: a region needs at least ${columns.length + 2} distinct values of ${columns.join(', ')}, apart from each other. Add runs.`,
    { needed: columns.length + 2 },
  );
}

function heldOut(
  { holdOut, rows }: ChosenRegions,
  hypothesis: number,
  alternative: number,
): RegionDifference['holdOut'] {
  const [one, other] = [hypothesis, alternative].map((breaks) => holdOut?.squaresByRun[breaks] ?? null);
  return one && other ? holdOutGain(one, other, rows.weightBefore[rows.size]!) : null;
}

function regionsOf(
  { sample, rows, fits }: ChosenRegions,
  breaks: number,
  continuous: boolean,
  columns: readonly LawColumn[],
  level: number,
): readonly Region[] {
  const fit = fits[breaks]!;
  const units = (at: number) => Math.exp(at + sample.centre);
  const runOfRow = Int32Array.from(rows.order, (row) => sample.runOfRow[row]!);
  const errors = exponentErrors(rows, fit, continuous, runOfRow);
  const starts = [0, ...fit.breaks.map((value) => positionOf(rows.x, value)), rows.size];
  return fit.coefficients.map((coefficients, region) => {
    const [from, to] = [starts[region]!, starts[region + 1]!];
    const [low, high] = [units(rows.x[from]!), units(rows.x[to - 1]!)];
    const { standardErrors, runs } = errors[region]!;
    return {
      from: region === 0 ? null : units(fit.breaks[region - 1]!),
      to: region === breaks ? null : units(fit.breaks[region]!),
      evidence: [low, high],
      decades: Math.log10(high / low),
      rows: to - from,
      runs: new Set(runOfRow.subarray(from, to)).size,
      amplitude: Math.exp(
        sample.regressorCentres.reduce((sum, mean, k) => sum + coefficients[k + 1]! * mean, coefficients[0]!),
      ),
      exponents: columns.map((column, k) => {
        const value = coefficients[k + 1]!;
        const error = standardErrors === null ? null : standardErrors[k + 1]!;
        const reach = error === null ? 0 : studentQuantile((1 + level) / 2, runs - 1) * error;
        return {
          ...{ column, value, standardError: error },
          interval: error === null ? null : ([value - reach, value + reach] as const),
        };
      }),
    };
  });
}

function breakpointsOf(
  choice: ChosenRegions,
  breaks: number,
  continuous: boolean,
  columns: readonly LawColumn[],
  variable: LawColumn,
  level: number,
): readonly Breakpoint[] {
  const { breaks: places, coefficients } = choice.fits[breaks]!;
  return places.map((place, k) => {
    const [before, after] = [coefficients[k]!, coefficients[k + 1]!];
    const ofVariable = columns.length === 1 && columns[0] === variable;
    const jump = after[0]! - before[0]! - (after[1]! - before[1]!) * place;
    return {
      value: Math.exp(place + choice.sample.centre),
      ...breakInterval(choice, continuous, breaks, k, level),
      lossRatio: continuous ? 1 : ofVariable ? Math.exp(jump) : null,
    };
  });
}

function notesOn(
  choice: ChosenRegions,
  asked: number | undefined,
  regions: readonly Region[],
  breakpoints: readonly Breakpoint[],
  variable: LawColumn,
): readonly string[] {
  const notes: string[] = [];
  if (asked !== undefined && asked !== choice.breaks) {
    notes.push(
      `${describeRegions(asked)} as asked; by BIC and held-out runs the table has ${describeRegions(choice.breaks)}`,
    );
  }
  regions.forEach(({ runs }, k) => {
    if (runs < fewRuns) notes.push(`region ${k + 1} rests on ${runs} ${runs === 1 ? 'run' : 'runs'} only`);
  });
  breakpoints.forEach(({ open }, k) => {
    if (!open.some(Boolean)) return;
    const side = open[0] && open[1] ? 'either way' : open[0] ? 'downwards' : 'upwards';
    notes.push(
      `breakpoint ${k + 1} is not bounded ${side}: its interval goes on to where too few rows are left of ${variable}`,
    );
  });
  return notes;
}

/** Where the test and the choice say different things. */
function notesOnTests({ breaks }: ChosenRegions, tests: readonly RegionDifference[]): readonly string[] {
  return tests.flatMap(({ hypothesis, alternative, p }) => {
    const pair = `${describeRegions(alternative)} against ${describeRegions(hypothesis)}`;
    if (breaks === hypothesis && p <= significant) {
      return [
        `by simulation ${pair} are no chance (p ${p.toPrecision(2)}), though BIC and held-out runs do not take them`,
      ];
    }
    if (breaks === alternative && p > significant) {
      return [`by simulation ${pair} may be chance (p ${p.toPrecision(2)}), though BIC and held-out runs take them`];
    }
    return [];
  });
}
