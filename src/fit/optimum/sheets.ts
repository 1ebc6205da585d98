import { fExceedance } from '../distributions.js';
import { mean } from '../statistics.js';
import { akimaGrid, akimaPoints } from './akima.js';
import type { BudgetRows } from './budgets.js';
import type { BudgetRefusal } from './isoflop-result.js';
import { fitLine } from './lines.js';
import { type Minimum, type Parabola, type ParabolaGrid, parabolaGrid } from './parabola.js';

/** Losses of one budget over ln params, and what was made of them. */
export interface Sheet {
  readonly budget: BudgetRows;
  readonly x: Float64Array;
  readonly losses: Float64Array;
  readonly weights: Float64Array;
  /** ln of the tokens that the budget pays for at ln params x. */
  readonly tokensAt: (x: number) => number;
  /** Null where no parabola goes through the points. */
  readonly parabola: { readonly grid: ParabolaGrid; readonly fit: Parabola } | null;
  /** The method's minimum of losses on this grid; null where they have none. */
  readonly minimise: (losses: ArrayLike<number>) => Minimum | null;
  /** Set where a budget is refused before its curvature is known. */
  readonly refusal: Refusal | null;
}

/** Why a budget can't be used: a code, and a sentence with what to do. */
export interface Refusal {
  readonly code: BudgetRefusal;
  readonly reason: string;
}

/** Scatter of losses about the parabolas of all budgets, relative to the parabola. */
export interface PooledNoise {
  /** Of each point, at weight 1, of mean 0 and as wide as the noise itself. */
  readonly residuals: readonly number[];
  readonly sd: number;
  readonly degrees: number;
}

/** Distinct sizes that a budget needs: a parabola has three numbers, and one more point to tell whether it fits. */
const parabolaPoints = 4;
/** Offset from the grid's centre, of its half-width, beyond which one arm of the parabola is hardly there. */
const farOffCentre = 0.75;

/** Prepares the losses of a budget. */
export function makeSheet(budget: BudgetRows, method: 'quadratic' | 'akima'): Sheet {
  const { points, flops } = budget;
  const x = Float64Array.from(points, ({ params }) => Math.log(params));
  const losses = Float64Array.from(points, ({ loss }) => loss);
  const weights = Float64Array.from(points, ({ weight }) => weight);
  const refusal = refuseGrid(budget, method);
  const grid = refusal === null ? parabolaGrid(x, weights) : null;
  const spline = refusal === null && method === 'akima' ? akimaGrid(x, weights) : null;
  // What C has beside 6 N D changes slowly with the size: ln(C / 6 N D) is a line in ln N, and 0 where C is 6 N D.
  const beside = points.map((point) => Math.log(point.flops / (6 * point.params * point.tokens)));
  const { slope, intercept } = new Set(x).size > 1 ? fitLine(x, beside) : { slope: 0, intercept: beside[0]! };
  return {
    ...{ budget, x, losses, weights, refusal },
    tokensAt: (at) => Math.log(flops / 6) - at - (intercept + slope * at),
    parabola: grid === null ? null : { grid, fit: grid.fit(losses) },
    minimise: spline ?? ((values) => grid!.minimise(values)),
  };
}

function refuseGrid({ points, flops }: BudgetRows, method: 'quadratic' | 'akima'): Refusal | null {
  const where = `the budget of ${flops.toPrecision(3)} FLOPs`;
  const sizes = new Set(points.map(({ params }) => params));
  if (sizes.size === 1 && points.length > 1) {
    return {
      code: 'no-variation',
      reason: `${where}: params is ${points[0]!.params} in each of its ${points.length} rows; add runs of other sizes`,
    };
  }
  const needed = method === 'akima' ? akimaPoints : parabolaPoints;
  if (sizes.size < needed) {
    return {
      code: 'too-few-configurations',
      reason: `${where} has ${sizes.size} ${sizes.size === 1 ? 'size' : 'sizes'}, and ${method === 'akima' ? "Akima's spline" : 'a parabola that can be checked'} needs ${needed}; add ${needed - sizes.size} at other sizes, or leave the budget out by stating the others`,
    };
  }
  const losses = points.map(({ loss }) => loss);
  if (Math.max(...losses) <= Math.min(...losses) * (1 + 1e-9)) {
    return {
      code: 'no-variation',
      reason: `${where}: loss is ${losses[0]} at each of its ${sizes.size} sizes; check the column of losses`,
    };
  }
  return null;
}

/**
 * The noise, of the residuals of all parabolas: each relative to the loss, brought to weight 1 and widened by what its own
 * point pulled the parabola towards it, 1 / sqrt(1 - leverage).
 */
export function poolNoise(sheets: readonly Sheet[]): PooledNoise {
  const residuals: number[] = [];
  let [square, degrees] = [0, 0];
  for (const { parabola, losses, weights } of sheets) {
    if (parabola === null) continue;
    degrees += losses.length - 3;
    losses.forEach((loss, i) => {
      const relative = Math.sqrt(weights[i]!) * (loss / parabola.fit.fitted[i]! - 1);
      square += relative ** 2;
      // A point that the parabola must go through says nothing of the noise.
      const free = 1 - parabola.grid.leverage[i]!;
      if (free > 1e-6) residuals.push(relative / Math.sqrt(free));
    });
  }
  const sd = Math.sqrt(square / degrees);
  const centre = mean(residuals);
  const centred = residuals.map((value) => value - centre);
  const root = Math.sqrt(centred.reduce((sum, value) => sum + value ** 2, 0) / centred.length);
  return { residuals: root > 0 ? centred.map((value) => (value * sd) / root) : centred, sd, degrees };
}

/** What a budget says, by its own parabola and the noise of all. */
export interface Judgement {
  readonly refusal: Refusal | null;
  readonly minimum: Minimum | null;
  readonly offCentre: number | null;
  readonly curvature: number | null;
  readonly curvatureP: number | null;
}

/**
 * Whether a budget has a minimum that can be trusted: a parabola that opens upwards, by more than noise makes one do (F test of
 * the curvature against 0, at 5%), with its minimum within the grid and not in the outer eighth on either side.
 */
export function judge(sheet: Sheet, noise: PooledNoise): Judgement {
  const { parabola, refusal, x, losses, budget } = sheet;
  if (parabola === null) return { refusal, minimum: null, offCentre: null, curvature: null, curvatureP: null };
  const { curvature } = parabola.fit;
  const meanLoss = losses.reduce((sum, value) => sum + value, 0) / losses.length;
  const error = parabola.grid.curvatureError * noise.sd * meanLoss;
  const curvatureP = error > 0 ? fExceedance((curvature / error) ** 2, 1, noise.degrees) : 0;
  const [low, high] = [Math.min(...x), Math.max(...x)];
  const minimum = curvature > 0 ? sheet.minimise(losses) : null;
  const offCentre = minimum === null ? null : (minimum.x - (low + high) / 2) / ((high - low) / 2);
  const result = { minimum, offCentre, curvature, curvatureP };

  const where = `the budget of ${budget.flops.toPrecision(3)} FLOPs`;
  const grid = `${Math.exp(low).toPrecision(3)} to ${Math.exp(high).toPrecision(3)} parameters`;
  const refuse = (code: BudgetRefusal, reason: string) => ({ ...result, refusal: { code, reason } });
  if (minimum === null || offCentre === null) {
    return refuse(
      'negative-curvature',
      `${where}: the loss over ${grid} bends downwards (second derivative ${curvature.toPrecision(3)} by ln params), so that it has no minimum; add sizes on both sides of the best one`,
    );
  }
  if (curvatureP > 0.05) {
    return refuse(
      'weak-curvature',
      `${where}: the loss over ${grid} bends by ${curvature.toPrecision(3)} +- ${error.toPrecision(2)} (second derivative by ln params), which noise of ${(100 * noise.sd).toPrecision(2)}% of the loss may well do (p ${curvatureP.toPrecision(2)}); add sizes further out, or seeds`,
    );
  }
  const side = offCentre > 0 ? 'larger' : 'smaller';
  const at = `its loss is least at ${Math.exp(minimum.x).toPrecision(3)} parameters`;
  if (Math.abs(offCentre) >= 1 - 1e-9) {
    return refuse(
      'edge-minimum',
      `${where}: ${at}, at or beyond the edge of its grid of ${grid}; add runs of ${side} models`,
    );
  }
  if (Math.abs(offCentre) > farOffCentre) {
    return refuse(
      'off-centre-grid',
      `${where}: ${at}, ${(100 * Math.abs(offCentre)).toFixed(0)}% of the way from the centre of its grid (${grid}) to the edge; add runs of ${side} models`,
    );
  }
  return { ...result, refusal: null };
}
