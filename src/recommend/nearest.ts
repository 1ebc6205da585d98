import { ShapelawError } from '../errors.js';
import { countParameters } from '../flops/parameters.js';
import type { Shape } from '../flops/shape.js';
import type { StandardSize } from './candidates.js';
import { excessOf, type Limits, type ShapeLimit } from './limits.js';

/** Excess of a standard size that an answer may still show as the nearest. */
const shown = 0.05;

/**
 * Refuses a budget that no candidate meets, unless the standard size nearly does.
 *
 * @throws ShapelawError `infeasible-budget`, with the size that comes nearest and by what it is beyond.
 */
export function refuseUnmet(limits: Limits, standard: StandardSize, fits: (shape: Shape) => boolean): void {
  const excess = excessOf(limits.shape, standard.shape);
  if (fits(standard.shape) || (excess.length > 0 && excess.every(({ share }) => share <= shown))) return;
  const { name } = standard.shape;
  const parameters = countParameters(standard.shape).total;
  if (excess.length === 0) {
    throw new ShapelawError(
      'infeasible-budget',
      `the budget pays for no training: serving ${limits.inferenceTokens.toPrecision(3)} tokens takes more than it has, even with ${name}`,
      { nearest: name, parameters, inferenceTokens: limits.inferenceTokens },
    );
  }
  const wanted = limits.shape
    .map((limit) => `${said(limit, limit.most)} or ${limit.unit === 'parameters' ? 'fewer' : 'less'}`)
    .join(' and ');
  const has = excess
    .map(({ kind, value }) => said(limits.shape.find((one) => one.kind === kind)!, value))
    .join(' and ');
  throw new ShapelawError(
    'infeasible-budget',
    `no shape has ${wanted}; the nearest is ${name} with ${has}. Allow so much, or ask for other candidates`,
    { nearest: name, parameters, exceeds: excess },
  );
}

function said({ what, unit }: ShapeLimit, value: number): string {
  return unit === 'parameters' ? `${written(value, unit)} ${what}` : `${written(value, unit)} of ${what}`;
}

function written(value: number, unit: ShapeLimit['unit']): string {
  if (unit === 'parameters') return Math.round(value).toLocaleString('en-US');
  if (unit === 'bytes') return `${Number((value / 1e9).toPrecision(3))} GB`;
  return `${Number((value * 1e3).toPrecision(3))} ms`;
}
