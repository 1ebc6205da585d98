import { columnValue } from '../../fit/columns.js';
import { type LawParameters, lawLoss, pointOf } from '../../fit/formulas.js';
import type { Law } from '../../fit/law.js';
import type { LawColumn, LawPoint } from '../../fit/law-form.js';
import { regionExponent } from '../../fit/laws/region.js';
import { lawDraws } from '../../fit/predict.js';
import { type Estimate, estimateBy, estimateOf, type Samples } from '../law-use.js';

/** A region of the law's variable; null at an end that is open. */
export interface RegionBounds {
  readonly from: Estimate | null;
  readonly to: Estimate | null;
}

/** What growing a shape asks of a law. A law without regions has one, open at both ends. */
export interface LawView {
  /** The column that decides the region; null of a law without. */
  readonly variable: LawColumn | null;
  readonly regions: readonly RegionBounds[];
  /** Columns that its loss depends on within a region. */
  readonly columns: readonly LawColumn[];
  readonly regionAt: (variable: number) => number;
  /** Share of the draws that put a value of the variable in a region; null without draws. */
  readonly shareIn: (region: number, variable: number) => number | null;
  readonly loss: (point: LawPoint) => Samples;
  /** Loss at `to` over that at `from`, by the exponents of a region; the jumps between regions are left out. */
  readonly ratio: (region: number, from: LawPoint, to: LawPoint) => number;
  /** {@link ratio} with its draws. */
  readonly ratios: (region: number, from: LawPoint, to: LawPoint) => Samples;
}

export function lawView(law: Law, level: number): LawView {
  const { parameters, draws, loss } = lawLoss(law);
  const lossAt = (point: LawPoint): Samples => {
    const at = pointOf(law, point);
    return { value: loss(parameters, at), draws: draws?.map((draw) => loss(draw, at)) ?? null };
  };
  if (law.law === 'region') return { ...regionView(law, level), loss: lossAt };
  return {
    variable: null,
    regions: [{ from: null, to: null }],
    columns: law.variables,
    regionAt: () => 0,
    shareIn: () => (draws === null ? null : 1),
    loss: lossAt,
    ratio: (_, from, to) => loss(parameters, pointOf(law, to)) / loss(parameters, pointOf(law, from)),
    ratios: (_, from, to) => {
      const [before, after] = [lossAt(from), lossAt(to)];
      return {
        value: after.value / before.value,
        draws: after.draws?.map((value, k) => value / before.draws![k]!) ?? null,
      };
    },
  };
}

/** In region r the loss goes as the product of column^-exponent, so that a step's ratio is that of the columns' ratios. */
function regionView(law: Law, level: number): Omit<LawView, 'loss'> {
  const { variable = 'flops', breaks = 0, operators = [] } = law.form;
  const columns = operators.length === 0 ? [variable] : operators;
  const draws = lawDraws(law);
  const exponent = (named: LawParameters, region: number, column: LawColumn) =>
    named[regionExponent(law.form, region, column)]!;
  const logRatios = (from: LawPoint, to: LawPoint) => {
    const [before, after] = [pointOf(law, from), pointOf(law, to)];
    return columns.map((column) => Math.log(columnValue(after, column)! / columnValue(before, column)!));
  };
  const ratioBy = (named: LawParameters, region: number, logs: readonly number[]) =>
    Math.exp(-columns.reduce((sum, column, k) => sum + exponent(named, region, column) * logs[k]!, 0));
  const breakAt = (named: LawParameters, k: number) => named[`break${k}`]!;
  const regionBy = (named: LawParameters, value: number) =>
    Array.from({ length: breaks }, (_, k) => breakAt(named, k + 1)).filter((place) => value >= place).length;
  const bound = (k: number) => estimateBy(law, level, (named) => breakAt(named, k));
  return {
    variable,
    columns,
    regions: Array.from({ length: breaks + 1 }, (_, region) => ({
      from: region === 0 ? null : bound(region),
      to: region === breaks ? null : bound(region + 1),
    })),
    regionAt: (value) => regionBy(law.parameters, value),
    shareIn: (region, value) =>
      draws === null ? null : draws.filter((draw) => regionBy(draw, value) === region).length / draws.length,
    ratio: (region, from, to) => ratioBy(law.parameters, region, logRatios(from, to)),
    ratios: (region, from, to) => {
      const logs = logRatios(from, to);
      return {
        value: ratioBy(law.parameters, region, logs),
        draws: draws?.map((draw) => ratioBy(draw, region, logs)) ?? null,
      };
    },
  };
}

/** By what a loss changes: in its unit, and as a share of what it was. */
export interface LossChange {
  /** In the law's unit; null by the exponents of another region than the one that the loss is in. */
  readonly loss: Estimate | null;
  readonly relative: Estimate;
}

/**
 * The change that ratios of a loss make, each draw by its own loss and ratio.
 *
 * @param before - The loss before; null where its absolute change is not asked for.
 */
export function changeOf(ratios: Samples, before: Samples | null, level: number): LossChange {
  const relative: Samples = { value: ratios.value - 1, draws: ratios.draws?.map((ratio) => ratio - 1) ?? null };
  const times = (): Samples => ({
    value: before!.value * relative.value,
    draws: relative.draws?.map((share, k) => share * before!.draws![k]!) ?? null,
  });
  return { loss: before === null ? null : estimateOf(times(), level), relative: estimateOf(relative, level) };
}
