import { ShapelawError } from '../../errors.js';
import type { Extrapolation } from '../../fit/domain.js';
import type { LawColumn } from '../../fit/law-form.js';
import type { Shape } from '../../flops/shape.js';
import { deepest, depthOf } from '../candidates.js';
import type { Estimate, Samples } from '../law-use.js';
import { type Context, type Counted, type KnobsOptions, regionPlace, resolveContext } from './context.js';
import { nextShape, type OperatorName, type Sizes, sizesOf } from './dimensions.js';
import { sightsAt } from './knobs.js';
import { changeOf, type LossChange, type RegionBounds } from './law-view.js';
import { contextNotes, sightNotes } from './notes.js';
import { distinctOperators, type Sight } from './told-apart.js';

/** What a path must not exceed; at least one. */
export interface PathLimits {
  /** All parameters. */
  readonly params?: number;
  /** Training FLOPs of the whole run, tokens held. */
  readonly flops?: number;
  /** Training FLOPs for each token. */
  readonly flopsPerToken?: number;
}

export interface PathOptions extends KnobsOptions {
  /**
   * `law`: at each step what lowers the loss most for its FLOPs; `deep-narrow`: depth before all else, to 36 layers (Tay et al.
   * 2022). Defaults to `law`.
   */
  readonly rule?: 'law' | 'deep-narrow';
  /** Go on where a step leads further from the evidence of the law; only of the rule `law`. Defaults to false. */
  readonly beyondEvidence?: boolean;
  /** Steps after which the path ends in any case. Defaults to 2000. */
  readonly mostSteps?: number;
}

/** Why an operator could not go on. */
export type StopReason = 'parameters' | 'FLOPs' | 'FLOPs per token' | 'evidence' | 'no gain' | 'depth' | 'steps';

/** One step of a path, to the next shape of one dimension. */
export interface PathStep {
  readonly operator: OperatorName;
  readonly from: Sizes;
  readonly to: Sizes;
  readonly shape: Shape;
  readonly parameters: number;
  readonly flopsPerToken: number;
  readonly flops: number;
  /** By this step alone; null where the law sees nothing of it. */
  readonly change: LossChange | null;
  /** Seconds of a training step; null without a model of time. */
  readonly seconds: Estimate | null;
  readonly extrapolation: Extrapolation;
  /** Region whose exponents chose it, from 1; null of a law without regions. */
  readonly region: number | null;
}

/** A path from a shape to a budget. */
export interface GrowthPath {
  readonly rule: 'law' | 'deep-narrow';
  readonly limits: PathLimits;
  readonly start: Shape;
  readonly end: {
    readonly shape: Shape;
    readonly parameters: number;
    readonly flopsPerToken: number;
    readonly flops: number;
  };
  readonly steps: readonly PathStep[];
  /** Of all steps together; null where the law sees nothing of them, or there are none. */
  readonly change: LossChange | null;
  /** What kept each operator from going on at the end. */
  readonly stopped: readonly { readonly operator: OperatorName; readonly reason: StopReason }[];
  /** The budget's region, whose exponents chose all steps; null where the law has no regions, or the budget does not say one. */
  readonly region: (RegionBounds & { readonly region: number; readonly variable: LawColumn }) | null;
  readonly notes: readonly string[];
}

const defaultMostSteps = 2000;

/**
 * The steepest feasible path from a shape to a budget: step by step the next shape, by one scaling operator, that lowers the loss
 * most for each log of FLOPs, until no step fits the limits, stays as near to the evidence and lowers the loss. Tokens are held.
 * Of operators that the law can't tell apart only the first is taken; those that it sees through parameters or FLOPs alone are not.
 *
 * @throws ShapelawError `bad-usage` without a limit, for values out of range, or for a law that tells fewer than two operators
 * apart; `infeasible-budget` where the shape itself exceeds a limit.
 */
export function steepestPath(shape: Shape, limits: PathLimits, options: PathOptions): GrowthPath {
  const { rule = 'law', mostSteps = defaultMostSteps } = options;
  requireOptions(limits, rule, mostSteps);
  const context = resolveContext(shape, options);
  const { law, view, level } = context;
  const start = context.count(shape);
  requireFeasible(start, limits);
  const sights = sightsAt(context, start);
  const operators: readonly OperatorName[] = rule === 'deep-narrow' ? ['NL'] : distinctOperators(sights);
  if (rule === 'law' && operators.length < 2) throw tellsNothing(law.name, operators);
  const place = regionPlace(context, start, limits);
  const region = place?.of === 'budget' ? view.regionAt(place.value) : null;

  const route: Route = {
    operators,
    seen: operators.some((operator) => sights.get(operator)!.through !== 'nothing'),
    limits,
    obstacle: rule === 'law' ? lawObstacle(context, options.beyondEvidence ?? false) : depthObstacle,
    region,
  };
  const { steps, end, stopped, total } = walk(context, start, route, mostSteps);
  const loss = steps.every(({ change }) => change?.loss != null) ? view.loss(start.point) : null;
  return {
    rule,
    limits,
    start: shape,
    end: { shape: end.shape, parameters: end.parameters, flopsPerToken: end.flopsPerToken, flops: end.flops },
    steps,
    change: route.seen && steps.length > 0 ? changeOf(total, loss, level) : null,
    stopped,
    region: region === null ? null : { region: region + 1, variable: view.variable!, ...view.regions[region]! },
    notes: pathNotes(context, shape, sights, steps, rule),
  };
}

interface Route {
  readonly operators: readonly OperatorName[];
  /** Whether the law sees anything of them. */
  readonly seen: boolean;
  readonly limits: PathLimits;
  readonly obstacle: Obstacle;
  /** Whose exponents hold throughout; null for those of each shape's own. */
  readonly region: number | null;
}

function walk(context: Context, start: Counted, route: Route, mostSteps: number) {
  const { view } = context;
  const steps: PathStep[] = [];
  let total: Samples = { value: 1, draws: view.loss(start.point).draws?.map(() => 1) ?? null };
  for (let end = start; ; ) {
    const own = view.regionAt(regionPlace(context, end)?.value ?? 0);
    const region = route.region ?? own;
    const options = optionsAt(context, end, route, region);
    const feasible = options.filter(({ reason }) => reason === null);
    if (feasible.length === 0 || steps.length >= mostSteps) {
      const stopped = options.map(({ operator, reason }) => ({ operator, reason: reason ?? ('steps' as const) }));
      return { steps, end, stopped, total };
    }
    const { operator, to } = feasible.reduce((best, option) => (option.slope > best.slope ? option : best));
    const ratios = view.ratios(region, end.point, to.point);
    total = times(total, ratios);
    const loss = own === region ? view.loss(end.point) : null;
    const change = route.seen ? changeOf(ratios, loss, context.level) : null;
    steps.push(stepOf(context, operator, end, to, change, view.variable === null ? null : region + 1));
    end = to;
  }
}

/** The next shape by each operator, what forbids it, and how steeply the loss falls on the way. */
function optionsAt(context: Context, from: Counted, { operators, limits, obstacle }: Route, region: number) {
  return operators.map((operator) => {
    const to = context.count(nextShape(from.shape, operator, context.growth));
    const ratio = context.view.ratio(region, from.point, to.point);
    const reason = exceeded(to, limits) ?? obstacle(from, to, ratio);
    // A width that reaches that of a wider embedding saves FLOPs, and is as steep as can be.
    const dearer = Math.max(Math.log(to.flopsPerToken / from.flopsPerToken), Number.MIN_VALUE);
    return { operator, to, reason, slope: (1 - ratio) / dearer };
  });
}

function stepOf(
  { growth, secondsOf, distance }: Context,
  operator: OperatorName,
  from: Counted,
  to: Counted,
  change: LossChange | null,
  region: number | null,
): PathStep {
  return {
    operator,
    from: sizesOf(from.shape, operator, growth.width),
    to: sizesOf(to.shape, operator, growth.width),
    shape: to.shape,
    parameters: to.parameters,
    flopsPerToken: to.flopsPerToken,
    flops: to.flops,
    change,
    seconds: secondsOf?.(to.shape) ?? null,
    extrapolation: distance(to),
    region,
  };
}

function requireOptions(limits: PathLimits, rule: string, mostSteps: number): void {
  const given = Object.entries(limits).filter(([, value]) => value !== undefined);
  if (given.length === 0)
    throw new ShapelawError(
      'bad-usage',
      'a path needs a limit: of parameters, FLOPs of the run, or FLOPs for each token',
    );
  for (const [name, value] of given) {
    if (!(value > 0)) throw new ShapelawError('bad-usage', `the limit of ${name} must be positive, not ${value}`);
  }
  if (rule !== 'law' && rule !== 'deep-narrow')
    throw new ShapelawError('bad-usage', `no rule "${rule}" of a path: law, deep-narrow`, { rule });
  if (!(Number.isSafeInteger(mostSteps) && mostSteps > 0))
    throw new ShapelawError('bad-usage', `the most steps must be a positive integer, not ${mostSteps}`, { mostSteps });
}

function exceeded({ parameters, flops, flopsPerToken }: Counted, limits: PathLimits): StopReason | null {
  if (parameters > (limits.params ?? Number.POSITIVE_INFINITY)) return 'parameters';
  if (flops > (limits.flops ?? Number.POSITIVE_INFINITY)) return 'FLOPs';
  return flopsPerToken > (limits.flopsPerToken ?? Number.POSITIVE_INFINITY) ? 'FLOPs per token' : null;
}

function requireFeasible(start: Counted, limits: PathLimits): void {
  const reason = exceeded(start, limits);
  if (reason === null) return;
  const [value, limit] = {
    parameters: [start.parameters, limits.params],
    FLOPs: [start.flops, limits.flops],
    'FLOPs per token': [start.flopsPerToken, limits.flopsPerToken],
  }[reason as 'parameters' | 'FLOPs' | 'FLOPs per token'];
  const fewer = reason === 'FLOPs' ? 'a smaller shape or fewer tokens' : 'a smaller shape';
  throw new ShapelawError(
    'infeasible-budget',
    `${start.shape.name} takes ${value!.toLocaleString('en-US', { maximumSignificantDigits: 9 })} ${reason}, beyond the limit of ${limit!.toLocaleString('en-US', { maximumSignificantDigits: 9 })}; start from ${fewer}`,
    { shape: start.shape.name, value, limit },
  );
}

function tellsNothing(name: string, operators: readonly OperatorName[]): ShapelawError {
  return new ShapelawError(
    'bad-usage',
    `${name} tells ${operators.length === 0 ? 'no dimension of this shape' : `only ${operators[0]}`} from others, so that it can't choose a path; ` +
      'take a law of shape, width-depth, or region with operators, fitted to runs that vary these dimensions, or follow the rule deep-narrow',
    { law: name, operators },
  );
}

type Obstacle = (from: Counted, to: Counted, ratio: number) => StopReason | null;

function lawObstacle(context: Context, beyondEvidence: boolean): Obstacle {
  return (from, to, ratio) => {
    const [before, after] = [context.distance(from).decades ?? 0, context.distance(to).decades ?? 0];
    // A distance that rounding alone makes larger is none.
    if (!beyondEvidence && after > before + 1e-9) return 'evidence';
    return ratio < 1 ? null : 'no gain';
  };
}

const depthObstacle: Obstacle = (_, { shape }) => (depthOf(shape) > deepest ? 'depth' : null);

function times(total: Samples, step: Samples): Samples {
  return {
    value: total.value * step.value,
    draws: total.draws?.map((ratio, k) => ratio * step.draws![k]!) ?? null,
  };
}

function pathNotes(
  context: Context,
  shape: Shape,
  sights: ReadonlyMap<OperatorName, Sight>,
  steps: readonly PathStep[],
  rule: GrowthPath['rule'],
): string[] {
  const deep = steps.find(({ shape: reached }) => depthOf(reached) > deepest);
  return [
    ...(rule === 'deep-narrow'
      ? [
          `DeepNarrow raises depth before all else, with gains ending at 32 to ${deepest} layers (Tay et al. 2022); the law has no part in the choice.`,
        ]
      : sightNotes(context, sights)),
    ...(deep === undefined
      ? []
      : [`From ${deep.shape.name} on the path is deeper than ${deepest} layers, where Tay et al. 2022 saw gains end.`]),
    ...contextNotes(context, shape),
  ];
}
