import { ShapelawError } from '../../errors.js';
import type { Extrapolation } from '../../fit/domain.js';
import type { LawColumn } from '../../fit/law-form.js';
import type { SequenceLengths } from '../../flops/flops.js';
import type { Shape } from '../../flops/shape.js';
import { increasingRoot } from '../increasing-root.js';
import { type Estimate, estimateOf, type Samples } from '../law-use.js';
import {
  type Context,
  type Counted,
  type HeldTokens,
  type KnobsOptions,
  type RunBudget,
  regionPlace,
  resolveContext,
} from './context.js';
import { grow, nextShape, type OperatorName, operatorSays, operatorsOf, type Sizes, sizesOf } from './dimensions.js';
import { changeOf, type LossChange, type RegionBounds } from './law-view.js';
import { knobNotes } from './notes.js';
import { distinctOperators, type Sight, sightOf } from './told-apart.js';

export interface KnobOptions extends KnobsOptions {
  /** Share of training FLOPs that each dimension is given more, positive. Defaults to 0.1. */
  readonly more?: number;
  /** What the run may take: of a law with regions, its region is marked in place of the shape's. Defaults to none. */
  readonly budget?: RunBudget;
}

/** What growing one dimension takes, whatever the law. */
export interface Knob {
  readonly operator: OperatorName;
  /** The dimension in words. */
  readonly dimension: string;
  readonly from: Sizes;
  /** Where training FLOPs are the given share higher; no whole numbers. */
  readonly to: Sizes;
  /** to / from. */
  readonly factor: number;
  /** At `to`. */
  readonly parameters: number;
  /** Share by which a training step takes longer, by the model of time; null where none is given. */
  readonly seconds: number | null;
  /** The nearest larger shape that can be trained. */
  readonly next: {
    readonly shape: Shape;
    readonly to: Sizes;
    readonly parameters: number;
    /** Share of training FLOPs more. */
    readonly flops: number;
    readonly seconds: number | null;
    readonly extrapolation: Extrapolation;
  };
}

/** What a law says of one dimension in one region. */
export interface KnobEffect extends Sight {
  readonly operator: OperatorName;
  /** At the given share of FLOPs more, tokens held; null where the law sees nothing of it. */
  readonly change: LossChange | null;
  /** The same at the next shape. */
  readonly next: LossChange | null;
}

/** A compute region of the law, and what each dimension buys in it. */
export interface KnobRegion extends RegionBounds {
  /** From 1. */
  readonly region: number;
  /** Whether the budget, or the shape where no budget decides, lies in it. */
  readonly here: boolean;
  /** Share of the draws that put it there; null where the law has none. */
  readonly share: number | null;
  readonly effects: readonly KnobEffect[];
  /** The dimension that lowers the loss most, of those that the law tells apart; null where it tells fewer than two, or none lowers it. */
  readonly choice: {
    readonly operator: OperatorName;
    /** Operators that the law can't tell from it. */
    readonly alike: readonly OperatorName[];
    /** Share of the draws in which it lowers the loss most; null where the law has none. */
    readonly share: number | null;
  } | null;
}

/** What more FLOPs buy in each dimension of a shape. */
export interface Knobs {
  readonly shape: Shape;
  readonly law: string;
  readonly unit: string;
  readonly level: number;
  readonly more: number;
  readonly tokens: HeldTokens;
  readonly lengths: SequenceLengths;
  readonly parameters: number;
  /** Exact training FLOPs for each token. */
  readonly flopsPerToken: number;
  readonly flops: number;
  readonly loss: Estimate;
  readonly extrapolation: Extrapolation;
  /** Seconds of a training step by the model of time; null where none is given. */
  readonly seconds: Estimate | null;
  readonly knobs: readonly Knob[];
  /** The column that decides regions, its value, and whether that is the budget's or the shape's; null of a law without regions. */
  readonly place: { readonly variable: LawColumn; readonly value: number; readonly of: 'budget' | 'shape' } | null;
  /** A law without regions has one, open at both ends. */
  readonly regions: readonly KnobRegion[];
  readonly notes: readonly string[];
}

/**
 * What 10% more training FLOPs, spent on one dimension of a shape at a time, change in loss and in time, and what the next shape
 * of each dimension does; in every region of a law with regions. Tokens are held.
 *
 * @throws ShapelawError `bad-usage` for values out of range, or a law that the shape lacks a variable of.
 */
export function knobs(shape: Shape, options: KnobOptions): Knobs {
  const more = options.more ?? 0.1;
  if (!(more > 0 && Number.isFinite(more)))
    throw new ShapelawError('bad-usage', `the share of FLOPs more must be positive, not ${more}`, { more });
  const context = resolveContext(shape, options);
  const { law, view, level, growth, secondsOf } = context;
  const base = context.count(shape);
  const seconds = secondsOf === null ? null : secondsOf(shape);
  const grown = grownPoints(context, base, more);
  const longer = (other: Shape) => (seconds === null ? null : secondsOf!(other).value / seconds.value - 1);

  const rows = [...grown].map(
    ([operator, { factor, counted, next }]): Knob => ({
      operator,
      dimension: operatorSays[operator],
      from: sizesOf(shape, operator, growth.width),
      to: sizesOf(counted.shape, operator, growth.width),
      factor,
      parameters: counted.parameters,
      seconds: longer(counted.shape),
      next: {
        shape: next.shape,
        to: sizesOf(next.shape, operator, growth.width),
        parameters: next.parameters,
        flops: next.flopsPerToken / base.flopsPerToken - 1,
        seconds: longer(next.shape),
        extrapolation: context.distance(next),
      },
    }),
  );
  const place = regionPlace(context, base, options.budget);
  const sights = sightOf(law, view.columns, base.point, pointsOf(grown));
  const regions = view.regions.map(
    (bounds, region): KnobRegion => ({
      ...bounds,
      region: region + 1,
      here: place === null || view.regionAt(place.value) === region,
      share: view.shareIn(region, place?.value ?? 0),
      ...effectsIn(context, region, base, grown, sights),
    }),
  );
  return {
    shape,
    law: law.name,
    unit: law.conventions.loss,
    level,
    more,
    tokens: context.tokens,
    lengths: context.lengths,
    parameters: base.parameters,
    flopsPerToken: base.flopsPerToken,
    flops: base.flops,
    loss: estimateOf(view.loss(base.point), level),
    extrapolation: context.distance(base),
    seconds,
    knobs: rows,
    place: place === null ? null : { variable: view.variable!, ...place },
    regions,
    notes: knobNotes(context, shape, sights),
  };
}

interface Grown {
  readonly factor: number;
  readonly counted: Counted;
  readonly next: Counted;
}

type GrownPoints = ReadonlyMap<OperatorName, Grown>;

/** Each operator's growth until FLOPs are a share higher, and its next shape. */
function grownPoints({ count, growth }: Context, base: Counted, more: number): GrownPoints {
  const { shape } = base;
  return new Map(
    operatorsOf(shape).map((operator): [OperatorName, Grown] => {
      const at = (factor: number) => count(grow(shape, operator, factor, growth.width));
      const factor = factorFor((tried) => at(tried).flopsPerToken, base.flopsPerToken * (1 + more));
      return [operator, { factor, counted: at(factor), next: count(nextShape(shape, operator, growth)) }];
    }),
  );
}

function pointsOf(grown: GrownPoints) {
  return new Map([...grown].map(([operator, { counted }]) => [operator, counted.point]));
}

/** What a law sees of each operator at a shape. */
export function sightsAt(context: Context, base: Counted): ReadonlyMap<OperatorName, Sight> {
  return sightOf(context.law, context.view.columns, base.point, pointsOf(grownPoints(context, base, 0.1)));
}

/** The least factor at which an increasing function reaches a value, to the last bit. */
function factorFor(at: (factor: number) => number, value: number): number {
  let [low, high] = [1, 2];
  while (at(high) < value) [low, high] = [high, 2 * high];
  return increasingRoot((factor) => at(factor) - value, low, high);
}

function effectsIn(
  context: Context,
  region: number,
  base: Counted,
  grown: GrownPoints,
  sights: ReadonlyMap<OperatorName, Sight>,
): Pick<KnobRegion, 'effects' | 'choice'> {
  const { view, level } = context;
  const own = regionPlace(context, base);
  const before = own === null || view.regionAt(own.value) === region ? view.loss(base.point) : null;
  const ratios = new Map<OperatorName, Samples>();
  const effects = [...grown].map(([operator, { counted, next }]): KnobEffect => {
    const sight = sights.get(operator)!;
    if (sight.through === 'nothing') return { operator, ...sight, change: null, next: null };
    ratios.set(operator, view.ratios(region, base.point, counted.point));
    return {
      operator,
      ...sight,
      change: changeOf(ratios.get(operator)!, before, level),
      next: changeOf(view.ratios(region, base.point, next.point), before, level),
    };
  });
  return { effects, choice: choiceOf(ratios, sights) };
}

function choiceOf(
  ratios: ReadonlyMap<OperatorName, Samples>,
  sights: ReadonlyMap<OperatorName, Sight>,
): KnobRegion['choice'] {
  const candidates = distinctOperators(sights);
  if (candidates.length < 2) return null;
  const best = (of: (samples: Samples) => number) =>
    candidates.reduce((least, operator) => (of(ratios.get(operator)!) < of(ratios.get(least)!) ? operator : least));
  const operator = best(({ value }) => value);
  const { value, draws } = ratios.get(operator)!;
  if (!(value < 1)) return null;
  return {
    operator,
    alike: sights.get(operator)!.alike,
    share:
      draws === null
        ? null
        : draws.filter((_, k) => best((samples) => samples.draws![k]!) === operator).length / draws.length,
  };
}
