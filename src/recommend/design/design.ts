import { ShapelawError } from '../../errors.js';
import type { Law } from '../../fit/law.js';
import type { LawForm } from '../../fit/law-form.js';
import { lawForm } from '../../fit/laws/registry.js';
import { publishedLaw } from '../../fit/published.js';
import type { Range } from '../../flops/cost.js';
import type { Shape } from '../../flops/shape.js';
import { parseShape } from '../../flops/shape-schema.js';
import { spanCorruptionLengths } from '../../flops/span-corruption.js';
import { requirePositive } from '../require-positive.js';
import { mostEpochs } from '../token-plan.js';
import { type Candidate, type CandidateBounds, candidateRuns } from './candidates.js';
import { type CostSetting, costFlops, type SweepCost } from './cost.js';
import { designNotes } from './design-notes.js';
import { exchange } from './exchange.js';
import { expandSweep, type SweepRun, stepOf } from './expand-sweep.js';
import { localLaw } from './information.js';
import { drawsAveraged, runPoint, type SweepPrecision, sweepPrecision } from './precision.js';
import { exponentQuantities, type Quantity, recommendationQuantities } from './quantities.js';
import { badSweep, type Sweep, type SweepEntry } from './sweep-schema.js';
import { dimensionsText, sweepShape } from './sweep-shapes.js';
import { runsForWidth } from './widths.js';

/** What of a sweep a design leaves to its user. */
export type SweepSetting = Omit<Sweep, 'format' | 'base' | 'shapes' | 'grid' | 'tokens' | 'flops' | 'seeds'>;

export interface DesignOptions extends CostSetting {
  /** The law that says where runs tell most, and how much they scatter. Defaults to besiroglu-2024. */
  readonly prior?: Law;
  /** Training FLOPs of the recommendation that the sweep is for. Defaults to 1,000 times the cost. */
  readonly target?: number;
  /** The shape whose lattice is searched, as a sweep names it. Defaults to `enc=2,dec=2,d=128,ff=512,kv=32,h=4`. */
  readonly base?: NonNullable<Sweep['base']>;
  /**
   * What is made narrow: `recommendation`, the loss-optimal parameters at the target and the best ratios there; `exponent`, those
   * of the compute optimum; `determinant`, all parameters together (D-optimal). Defaults to `recommendation`, or to `determinant`
   * where the law has no optimum.
   */
  readonly criterion?: 'recommendation' | 'exponent' | 'determinant';
  /** Runs, at most. Defaults to 60. */
  readonly runs?: number;
  /** Seeds of one shape at one length, at most. Defaults to 2. */
  readonly seeds?: number;
  /** Optimizer steps of a run, at least. Defaults to 200. */
  readonly fewestSteps?: number;
  /** Tokens of a run, at most. Defaults to four epochs of the embedded corpus where that is trained on, else to no limit. */
  readonly mostTokens?: number;
  /** Standard deviation of log loss between runs. Defaults to what the prior says of its own runs. */
  readonly noise?: number;
  /** Level of intervals, in (0, 1). Defaults to 0.95. */
  readonly level?: number;
  /** Widths of intervals, by exponent or parameter, that the runs needed are asked for. Defaults to none. */
  readonly widths?: Readonly<Record<string, number>>;
  /** Seed of what part of too many candidates is looked at. Defaults to 0. */
  readonly seed?: number;
  /** How runs are trained. Defaults to the trainer's defaults. */
  readonly setting?: SweepSetting;
}

/** Runs that would narrow a quantity to a width; at least as many as the law needs to be fitted. */
export interface RunsNeeded {
  readonly name: string;
  readonly width: number;
  readonly runs: number;
  /** FLOPs of so many runs of the designed mix. */
  readonly flops: number;
}

/** A sweep that was chosen, and what it will tell. */
export interface SweepDesign extends SweepPrecision {
  readonly sweep: Sweep;
  readonly runs: readonly SweepRun[];
  /** Training FLOPs of all runs, exact convention. */
  readonly flops: number;
  /** What the cost pays for, at the lowest and the highest MFU; the sweep keeps to the lowest. */
  readonly budget: Range;
  readonly target: number;
  readonly criterion: NonNullable<DesignOptions['criterion']>;
  readonly prior: Law['name'];
  /** Candidates that were chosen from. */
  readonly candidates: number;
  /** Distinct shapes and lengths. */
  readonly configurations: number;
  readonly needed: readonly RunsNeeded[];
  readonly notes: readonly string[];
}

const defaultBase = 'enc=2,dec=2,d=128,ff=512,kv=32,h=4';
/** UTF-8 bytes of the embedded corpus, of which a twentieth is held out. */
export const embeddedBytes = 10_761_202;
/** Share of the cost that one run may take. */
const largestShare = 1 / 4;
/** The work grows with them. */
const mostCandidates = 2000;
/** Runs to one that repeats another, at most, so that noise can be told from misfit. */
const runsPerReplicate = 12;
const fewestReplicates = 3;
/** Share of the runs that is tried next. */
const fewerRuns = 0.75;

/**
 * Chooses calibration runs for a cost: those of a lattice around a small shape that make the expected interval of the
 * recommendation narrowest, locally about a prior law and averaged over some of its draws. What the sweep then tells rests on its own
 * runs alone, not on the prior.
 *
 * @throws ShapelawError `infeasible-budget` where the cost pays for too few runs; `bad-usage`, `bad-sweep`, `bad-quantity`,
 * `unknown-hardware`.
 */
export function designSweep(cost: SweepCost, options: DesignOptions = {}): SweepDesign {
  const { prior = publishedLaw('besiroglu-2024'), level = 0.95, setting = {}, noise } = options;
  const budget = costFlops(cost, options);
  const target = options.target ?? 1000 * budget[0];
  requirePositive({ 'the target': target });
  const sizes = sizesOf(options);
  const form = lawForm(prior.law, prior.form);
  const criterion = criterionOf(form, options.criterion);
  const base = baseOf(options.base ?? defaultBase, setting);
  const { candidates, chosen } = chooseRuns(
    prior,
    base,
    quantitiesOf(form, criterion, target),
    budget[0],
    sizes,
    options,
  );
  const shapes = entriesOf(candidates, chosen);
  const sweep: Sweep = { format: 'shapelaw-sweep/1', ...setting, vocab: base.vocab, shapes };
  const runs = expandSweep(sweep);
  const flops = runs.reduce((sum, run) => sum + run.flops, 0);
  const widths = Object.entries(options.widths ?? {});
  const names = widths.map(([name]) => name);
  const precision = sweepPrecision(prior, runs, { target, level, names, ...(noise === undefined ? {} : { noise }) });
  return {
    ...precision,
    ...{ sweep, runs, flops, budget, target, criterion, prior: prior.name },
    candidates: candidates.length,
    configurations: new Set(chosen).size,
    needed: widths.map(([name, width]) => {
      const { sd } = precision.expected.find((quantity) => quantity.name === name)!;
      const count = Math.max(fewestRuns(form), runsForWidth({ runs: runs.length, sd }, width, level));
      return { name, width, runs: count, flops: (flops * count) / runs.length };
    }),
    notes: designNotes(prior, base, sizes.runs, setting, { runs, flops, budget, target, reach: precision.reach }),
  };
}

/** The base; a sweep names its relatives by their dimensions alone. */
function baseOf(form: NonNullable<Sweep['base']>, setting: SweepSetting): Shape {
  const sweep: Sweep = { format: 'shapelaw-sweep/1', ...setting };
  const base = sweepShape(form, sweep, 'base');
  const told = sweepShape(dimensionsText(base), { ...sweep, vocab: base.vocab }, 'base');
  // Parsed shapes have their fields in one order.
  if (JSON.stringify(parseShape({ ...base, name: told.name })) === JSON.stringify(told)) return base;
  throw badSweep('base', base.name, 'its dimensions alone do not tell this shape; a design needs a plain T5');
}

/** Candidates about a base, and indices of those to run. */
function chooseRuns(
  prior: Law,
  base: Shape,
  quantities: readonly Quantity[],
  budget: number,
  sizes: Sizes,
  { mostTokens, setting = {}, seed = 0 }: DesignOptions,
): { readonly candidates: readonly Candidate[]; readonly chosen: readonly number[] } {
  const form = lawForm(prior.law, prior.form);
  const bounds: CandidateBounds = {
    mostFlops: largestShare * budget,
    mostTokens: mostTokens ?? defaultMostTokens(setting),
    fewestSteps: sizes.fewestSteps,
    mostCandidates,
    seed,
  };
  const candidatesWithin = (flops: number) =>
    candidateRuns(base, form.columns, stepOf(setting), { ...bounds, mostFlops: flops });
  const candidates = candidatesWithin(bounds.mostFlops);
  const fewest = fewestRuns(form);
  const largest = startOf(candidates, budget, sizes, fewest);
  if (largest === null) throw infeasible(candidatesWithin(Number.MAX_VALUE), budget, fewest);
  const points = candidates.map((candidate) => runPoint(prior, candidate));
  const problem = {
    law: localLaw(prior, points, quantities, drawsAveraged),
    criterion: quantities.length === 0 ? ('determinant' as const) : ('variance' as const),
    costs: Float64Array.from(candidates, ({ flops }) => flops),
    budget,
  };
  const designOf = (start: readonly number[]) => {
    const mostSeeds = seedsFor(start.length, sizes.seeds, fewest);
    const replicates = mostSeeds > 1 ? Math.max(fewestReplicates, Math.ceil(start.length / runsPerReplicate)) : 0;
    return exchange({ ...problem, mostSeeds, replicates }, start);
  };
  let best = designOf(largest);
  // Fewer runs can be larger: as long as that tells more.
  for (;;) {
    const fewer = Math.max(fewest, Math.floor(best.chosen.length * fewerRuns));
    const start = fewer < best.chosen.length ? startOf(candidates, budget, { ...sizes, runs: fewer }, fewest) : null;
    const next = start === null ? best : designOf(start);
    if (!(next.value < best.value)) return { candidates, chosen: best.chosen };
    best = next;
  }
}

function criterionOf(form: LawForm, asked: DesignOptions['criterion']): NonNullable<DesignOptions['criterion']> {
  const known = ['recommendation', 'exponent', 'determinant'];
  if (asked !== undefined && !known.includes(asked))
    throw new ShapelawError('bad-usage', `no criterion "${asked}": ${known.join(', ')}`, { criterion: asked });
  if (asked === 'recommendation' && form.optimum === undefined) {
    throw new ShapelawError(
      'bad-usage',
      `a ${form.law} law states no compute optimum to recommend; take the criterion determinant, or a chinchilla or shape law`,
      { law: form.law },
    );
  }
  return asked ?? (form.optimum === undefined ? 'determinant' : 'recommendation');
}

function quantitiesOf(form: LawForm, criterion: SweepDesign['criterion'], target: number): readonly Quantity[] {
  if (criterion === 'recommendation') return recommendationQuantities(form, target);
  return criterion === 'exponent' ? exponentQuantities(form) : [];
}

interface Sizes {
  readonly runs: number;
  readonly seeds: number;
  readonly fewestSteps: number;
}

function sizesOf(options: DesignOptions): Sizes {
  const sizes = { runs: options.runs ?? 60, seeds: options.seeds ?? 2, fewestSteps: options.fewestSteps ?? 200 };
  for (const [name, value] of Object.entries(sizes)) {
    if (!(Number.isSafeInteger(value) && value > 0))
      throw new ShapelawError('bad-usage', `${name} must be a positive integer, not ${value}`, { [name]: value });
  }
  if (options.mostTokens !== undefined) requirePositive({ mostTokens: options.mostTokens });
  return sizes;
}

/** Four epochs of the embedded corpus in bytes; else no limit. */
function defaultMostTokens({
  corpus = [],
  tokenizer = 'bytes',
  encoderTokens,
  density,
  meanSpan,
  validationFraction,
}: SweepSetting): number {
  if (corpus.length > 0 || tokenizer !== 'bytes') return Number.MAX_VALUE;
  const lengths = spanCorruptionLengths(encoderTokens ?? 128, density ?? 0.15, meanSpan ?? 3);
  const text = embeddedBytes * (1 - (validationFraction ?? 0.05));
  return (mostEpochs * text * (lengths.encoderTokens + lengths.decoderTokens)) / lengths.textTokens;
}

/**
 * As many runs as are asked for or can be paid: spread over the candidates that an equal share pays for, or the cheapest where
 * these are too few; null where not even those that the law needs can be paid.
 */
function startOf(
  candidates: readonly Candidate[],
  budget: number,
  { runs, seeds }: Sizes,
  fewest: number,
): readonly number[] | null {
  const byCost = candidates.map((_, index) => index).sort((a, b) => candidates[a]!.flops - candidates[b]!.flops);
  for (let count = runs; count >= fewest; count--) {
    const most = seedsFor(count, seeds, fewest);
    const paid = byCost.filter((index) => candidates[index]!.flops <= budget / count);
    if (paid.length >= fewest && paid.length * most >= count) {
      return Array.from({ length: count }, (_, k) => paid[Math.floor((k * paid.length) / count)]!);
    }
    if (byCost.length * most < count) continue;
    const distinct = Math.max(fewest, Math.ceil(count / most));
    const cheapest = Array.from({ length: count }, (_, k) => byCost[Math.floor((k * distinct) / count)]!);
    if (cheapest.reduce((sum, index) => sum + candidates[index]!.flops, 0) <= budget) return cheapest;
  }
  return null;
}

/** Distinct runs below which the law is not fitted. */
function fewestRuns(form: LawForm): number {
  return form.parameters.length + 2;
}

/** Seeds of a point, at most, that leave distinct points enough. */
function seedsFor(runs: number, seeds: number, fewest: number): number {
  return Math.max(1, Math.min(seeds, Math.floor(runs / fewest)));
}

function infeasible(candidates: readonly Candidate[], budget: number, fewest: number): ShapelawError {
  const costs = candidates
    .map(({ flops }) => flops)
    .sort((a, b) => a - b)
    .slice(0, fewest);
  const sum = costs.reduce((total, flops) => total + flops, 0);
  const nearest = costs.length < fewest ? null : Math.max(sum, costs.at(-1)! / largestShare);
  return new ShapelawError(
    'infeasible-budget',
    nearest === null
      ? `fewer than ${fewest} runs of the base lie within the limits on steps and tokens; take a smaller base, fewer steps or more tokens`
      : `${budget.toPrecision(3)} FLOPs do not pay for ${fewest} distinct runs, which this law needs; the least cost is about ${nearest.toPrecision(3)} FLOPs`,
    { budget, fewest, nearest },
  );
}

/** Shapes by growing FLOPs of a token, each with the lengths that have as many seeds. */
function entriesOf(candidates: readonly Candidate[], chosen: readonly number[]): SweepEntry[] {
  const seedsOf = new Map<number, number>();
  for (const index of chosen) seedsOf.set(index, (seedsOf.get(index) ?? 0) + 1);
  const entries = new Map<string, { readonly shape: string; readonly tokens: number[]; readonly seeds: number[] }>();
  const perToken = ({ flops, tokens }: Candidate) => flops / tokens;
  const ordered = [...seedsOf].sort(
    ([a], [b]) =>
      candidates[a]!.count.total - candidates[b]!.count.total ||
      perToken(candidates[a]!) - perToken(candidates[b]!) ||
      candidates[a]!.tokens - candidates[b]!.tokens,
  );
  for (const [index, seeds] of ordered) {
    const { shape, tokens } = candidates[index]!;
    const key = `${dimensionsText(shape)} ${seeds}`;
    const entry = entries.get(key) ?? {
      shape: dimensionsText(shape),
      tokens: [],
      seeds: Array.from({ length: seeds }, (_, k) => k),
    };
    entry.tokens.push(tokens);
    entries.set(key, entry);
  }
  return [...entries.values()];
}
