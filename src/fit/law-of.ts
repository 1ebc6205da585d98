import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import type { RunTable } from '../runs/index.js';
import { version } from '../version.js';
import { overruledNote } from './checks.js';
import { columnValue } from './columns.js';
import { studentQuantile } from './distributions.js';
import { domainOf } from './domain.js';
import { type Interval, refitInterval } from './intervals.js';
import type { Law } from './law.js';
import type { LawForm } from './law-form.js';
import { gramOf, solveSymmetric, strongestCorrelation } from './linear-algebra.js';
import { estimateNoise } from './noise.js';
import { type FittedLaw, illConditioned, solveFromStarts } from './posed.js';
import type { PriorKnowledge } from './prior.js';
import { degreesOf, fewestRuns, type RefitResults, type Refits, wideningOf } from './refit.js';
import { ratioReports } from './shape-report.js';

/** Scale-free gradient up to which a solve counts as converged though it ran out of iterations. */
const acceptableGradient = 1e-6;
const residualQuantiles = 201;
/** Share of refits beyond which their trouble is worth a warning. */
const fewRefits = 0.05;
/** |correlation| of two parameters beyond which a note says so. */
const strongCorrelation = 0.995;
/** Probability of a lack-of-fit test below which a note says that the law misses something. */
const lackOfFit = 0.01;

/** The law file of a fit. */
export function lawOf(fit: FittedLaw, refits: RefitResults): Law {
  const { table, options, form, checked, solution, runs, residuals } = fit;
  const { objective, level, seed } = options;
  const parameters = form.toParameters(solution.theta, fit.centres);
  const drawn = parametersOf(fit, refits.draws);
  const leftOut = parametersOf(fit, refits.leftOut);
  const derived = { drawn: drawn.map(form.derive), leftOut: leftOut.map(form.derive) };
  const kind = drawKinds[refits.resampling](runs, fit.prior?.law.name);
  const named = (values: readonly number[]) => Object.fromEntries(form.parameters.map((name, k) => [name, values[k]!]));
  /** Of one quantity of each refit. */
  const between = <Refit>(refitted: Refitted<Refit>, quantity: (refit: Refit) => number, estimate: number) => {
    const bca = leftOut.length === 0 ? undefined : { estimate, leftOut: refitted.leftOut.map(quantity) };
    return pair(refitInterval(refitted.drawn.map(quantity), level, bca));
  };
  const noise = estimateNoise(table, form.columns, residuals, fit.runOfRow, runs, form.parameters.length);
  const condition = Number.isFinite(fit.condition) ? fit.condition : null;
  const correlation = strongestCorrelation(fit.jacobian, form.parameters.length);

  const law: Law = {
    format: 'shapelaw-law/2',
    name: `${form.law} fitted to ${table.source}`,
    law: form.law,
    form: form.options,
    formula: form.formula,
    variables: [...form.columns],
    parameters: named(parameters),
    objective: {
      kind: objective.kind,
      delta: objective.kind === 'squared' ? null : objective.delta,
      tau: objective.kind === 'quantile' ? objective.tau : null,
      value: solution.value,
    },
    status: statusOf(fit),
    solver: {
      gradientNorm: solution.gradientNorm,
      conditionNumber: condition,
      iterations: solution.iterations,
      starts: fit.starts,
      correlation:
        correlation === null
          ? null
          : {
              parameters: [form.parameters[correlation.columns[0]]!, form.parameters[correlation.columns[1]]!],
              value: correlation.value,
            },
    },
    rows: {
      used: table.rows.length,
      runs,
      configurations: checked.configurations,
      dropped: table.dropped.map((dropped) => ({ ...dropped })),
    },
    intervals:
      drawn.length > 0
        ? {
            level,
            kind: `${leftOut.length > 0 ? 'BCa' : 'percentile'}, ${kind}`,
            parameters: Object.fromEntries(
              form.parameters.flatMap((name, k) => {
                const ends = between({ drawn, leftOut }, (values) => values[k]!, parameters[k]!);
                return ends === null ? [] : [[name, ends]];
              }),
            ),
          }
        : null,
    derived: Object.fromEntries(
      Object.entries(form.derive(parameters)).map(([name, value]) => [
        name,
        {
          value: Number.isFinite(value) ? value : null,
          interval: between(derived, (quantities) => quantities[name]!, value),
        },
      ]),
    ),
    draws:
      refits.draws !== undefined && drawn.length > 0
        ? {
            kind,
            seed,
            notConverged: refits.draws.notConverged,
            atBound: refits.draws.atBound,
            redrawn: refits.draws.redrawn,
            parameters: [...form.parameters],
            values: drawn,
          }
        : null,
    residuals: { quantiles: quantilesOf(fit) },
    noise: { ...noise, lackOfFit: noise.lackOfFit && { ...noise.lackOfFit } },
    prior: priorOf(fit),
    forced: checked.forced.map(({ code }) => code),
    conventions: { ...table.conventions },
    domain: domainOf(form.columns, checked.columns),
    provenance: {
      source: table.source,
      fileSha256: table.sha256,
      rowsSha256: hashRows(table, form),
      options: {
        ...{ layout: table.layout, ...table.options, draws: options.draws },
        ...(objective.kind === 'squared' ? {} : { delta: objective.delta }),
        ...{ resampling: refits.resampling, interval: options.interval, seed, level },
      },
      rounded: false,
      notes: [
        ...table.warnings,
        ...fit.notes,
        ...checked.forced.map(overruledNote),
        ...notesOf(fit, refits, drawn.length),
        ...(correlation !== null && Math.abs(correlation.value) > strongCorrelation
          ? [
              `${form.parameters[correlation.columns[0]]} and ${form.parameters[correlation.columns[1]]} trade against each other (correlation ${correlation.value.toFixed(4)}): trust predictions near the rows, not each by itself`,
            ]
          : []),
        ...(noise.lackOfFit !== null && noise.lackOfFit.p < lackOfFit
          ? [
              `the rows scatter about the law by more than replicates do among themselves (F ${noise.lackOfFit.f.toPrecision(3)}, p ${noise.lackOfFit.p.toPrecision(2)}): the law misses something`,
            ]
          : []),
      ],
      version,
    },
  };
  return law.law === 'shape' ? noteUnidentified(law, table) : law;
}

/** Something of each refit. */
interface Refitted<Refit> {
  readonly drawn: readonly Refit[];
  readonly leftOut: readonly Refit[];
}

/** Says which ratios of a law of shape the rows don't tell. */
function noteUnidentified(law: Law, table: RunTable): Law {
  const reasons = ratioReports(law, table).flatMap(({ name, reason }) =>
    reason === null ? [] : [`${name} is not identified: ${reason}`],
  );
  return { ...law, provenance: { ...law.provenance, notes: [...law.provenance.notes, ...reasons] } };
}

const drawKinds = {
  cluster: (runs: number, prior?: string) => `bootstrap over ${runs} runs${fromPrior(prior)}`,
  wild: (runs: number, prior?: string) => `wild bootstrap over ${runs} runs${fromPrior(prior)}`,
  parametric: (runs: number, prior?: string) => `parametric bootstrap over ${runs} runs${fromPrior(prior)}`,
} as const;

function fromPrior(prior: string | undefined): string {
  return prior === undefined ? '' : ` and the draws of the prior ${prior}`;
}

function pair(interval: Interval | null): [number, number] | null {
  return interval === null ? null : [interval[0], interval[1]];
}

/** Refits in the table's units. */
function parametersOf(fit: FittedLaw, refits: Refits | undefined): readonly (readonly number[])[] {
  if (refits === undefined) return [];
  const size = fit.form.parameters.length;
  return Array.from({ length: refits.theta.length / size }, (_, k) =>
    fit.form.toParameters(refits.theta.slice(k * size, (k + 1) * size), fit.centres),
  );
}

function statusOf({ solution, condition, flat }: FittedLaw): Law['status'] {
  if (solution.atBound) return 'bound-hit';
  if (flat) return 'flat';
  if (!(solution.converged || solution.gradientNorm <= acceptableGradient)) return 'max-iterations';
  return condition > illConditioned ? 'ill-conditioned' : 'converged';
}

/** How much of the answer is the prior's: by curvature, and by the distance from what the rows say alone. */
function priorOf({ prior, problem, form, solution, centres, jacobian, checked }: FittedLaw): Law['prior'] {
  if (prior === undefined) return null;
  const size = form.parameters.length;
  const { prior: _, ...bare } = problem;
  const alone = checked.configurations >= size + 2 ? solveFromStarts(bare).solution : undefined;
  const answer = form.toParameters(solution.theta, centres);
  const aloneParameters = alone && form.toParameters(alone.theta, centres);
  const priorParameters = form.toParameters(prior.quadratic.mean, centres);
  const moved = (k: number) => (alone === undefined ? null : (solution.theta[k]! - alone.theta[k]!) / prior.sd[k]!);
  return {
    law: prior.law.name,
    share: priorShare(prior, jacobian, problem.weights, size),
    parameters: Object.fromEntries(
      prior.on.map((k) => [
        form.parameters[k]!,
        {
          // A prior on some parameters alone leaves no amplitude to tell in the table's units.
          prior:
            prior.on.length === size ? priorParameters[k]! : priorValue(prior.law, form.parameters[k]!, answer[k]!),
          priorSd: prior.sd[k]!,
          alone: aloneParameters?.[k] ?? null,
          moved: moved(k),
        },
      ]),
    ),
  };
}

function priorValue(law: Law, name: string, otherwise: number): number {
  return law.parameters[name] ?? otherwise;
}

/**
 * The prior's part of the curvature, as the trace of (H + P)^-1 P over the parameters that it is on, with the curvature H that
 * rows give on average, since of few none may lie within delta.
 */
function priorShare(
  { quadratic: { precision }, on, curvature }: PriorKnowledge,
  jacobian: Float64Array,
  weights: Float64Array,
  size: number,
): number {
  const gram = gramOf(jacobian, size, weights);
  const total = precision.map((own, at) => own + curvature * gram[at]!);
  let trace = 0;
  for (const k of on) {
    const column = Float64Array.from({ length: size }, (_, j) => precision[j * size + k]!);
    const solved = solveSymmetric(Float64Array.from(total), column);
    if (solved === null) return 1;
    trace += solved[k]!;
  }
  return Math.min(1, Math.max(0, trace / on.length));
}

/**
 * Quantiles of the residuals at evenly spaced probabilities, for the scatter of a new run: the k-th of n residuals lies at
 * k / (n + 1), and beyond what so many runs can tell the quantiles go on as those of Student's t, since the largest of 10
 * residuals is no quantile of 97.5%.
 *
 * All are widened for the parameters that the fit took. Squares take a share h of a residual's variance, h its leverage; a
 * median, which Huber's objective is near at its usual delta, takes 2 - pi/2 of that, about half.
 */
function quantilesOf({ residuals, runs, form, prior, options }: FittedLaw): number[] {
  const taken = form.parameters.length - (prior?.on.length ?? 0);
  const whole = wideningOf(runs, taken);
  const widening = options.objective.kind === 'squared' ? whole : Math.sqrt(whole);
  const degrees = degreesOf(runs, taken);
  const sorted = Array.from(residuals).sort((a, b) => a - b);
  const sd = Math.sqrt(sorted.reduce((sum, value) => sum + value * value, 0) / sorted.length);
  const between = (probability: number) => {
    const at = Math.min(Math.max((sorted.length + 1) * probability - 1, 0), sorted.length - 1);
    const below = Math.floor(at);
    return sorted[below]! + (at - below) * ((sorted[below + 1] ?? sorted[below]!) - sorted[below]!);
  };
  const edge = 1 / (runs + 1);
  return Array.from({ length: residualQuantiles }, (_, k) => {
    const probability = (k + 0.5) / residualQuantiles;
    const told = Math.min(Math.max(probability, edge), 1 - edge);
    const beyond = told === probability ? 0 : studentQuantile(probability, degrees) - studentQuantile(told, degrees);
    return widening * (between(told) + sd * beyond);
  });
}

function hashRows(table: RunTable, form: LawForm): string {
  const columns = [...new Set([...form.columns, 'params', 'tokens', 'flops'] as const)];
  const lines = table.rows.map((row) =>
    JSON.stringify([row.runId, ...columns.map((column) => columnValue(row, column) ?? null), row.loss]),
  );
  return bytesToHex(sha256(utf8ToBytes(lines.join('\n'))));
}

function notesOf(fit: FittedLaw, { draws, resampling }: RefitResults, drawn: number): string[] {
  const { flat, runs, options } = fit;
  if (flat) {
    return [
      'hardly a row lies within delta of the law, so that a range of parameters fits equally well: there are no intervals; try a larger delta',
    ];
  }
  if (options.draws === 0) return [];
  if (draws === undefined) {
    return [
      `${runs} ${runs === 1 ? 'run is' : 'runs are'} too few to bootstrap over, so there are no intervals; ${fewestRuns} are needed`,
    ];
  }
  const notes = runs < 10 ? [`intervals rest on ${runs} runs only`] : [];
  if (options.resampling === 'auto' && resampling === 'parametric') {
    notes.push(
      `${runs} runs are few for ${fit.form.parameters.length} parameters: intervals come from a parametric bootstrap, of normal noise`,
    );
  }
  if (draws.notConverged > fewRefits * drawn)
    notes.push(`${draws.notConverged} of ${drawn} refits ran out of iterations`);
  if (draws.atBound > fewRefits * drawn) {
    notes.push(
      `${draws.atBound} of ${drawn} refits have a parameter at its bound: its interval ends there, not where the rows say`,
    );
  }
  return notes;
}
