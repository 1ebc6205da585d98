import { ShapelawError } from '../../errors.js';
import type { LawParameters } from '../../fit/formulas.js';
import { refitInterval, requireDraws, requireLevel } from '../../fit/intervals.js';
import type { Law } from '../../fit/law.js';
import { lawForm } from '../../fit/laws/registry.js';
import { efficiency, ratiosNamed } from '../../fit/laws/shape.js';
import type { Estimate } from '../../fit/optimum/index.js';
import { lawDraws } from '../../fit/predict.js';
import { countParameters } from '../../flops/parameters.js';
import { dimensionsOf, type Shape } from '../../flops/shape.js';
import { parametersFor } from '../law-use.js';

/** A surface `L = E + A N^-alpha + B D^-beta`: N parameters as its law counts them, D tokens. */
export interface Surface {
  readonly E: number;
  readonly A: number;
  readonly B: number;
  readonly alpha: number;
  readonly beta: number;
}

/** What every allocation takes. */
export interface AllocationOptions {
  /** Level of the intervals, in (0, 1). Defaults to 0.95. */
  readonly level?: number;
  /** For a law of shape: the shape whose efficiency counts, the same at all sizes. Defaults to the best shape of each size. */
  readonly shape?: Shape | null;
  /** FLOPs of training for each parameter and token; of a shape, its exact FLOPs for a token by its parameters. Defaults to 6. */
  readonly trainingFlopsPerParamToken?: number;
}

/** FLOPs of training for each parameter and token where none are given: `C = 6 N D` (Kaplan et al. 2020). */
export const defaultTrainingFlops = 6;

/**
 * The surface in parameters and tokens that a law is, for some of its parameters. A law of shape is one for shapes of one
 * efficiency e: `A (e N)^-alpha = (A e^-alpha) N^-alpha`.
 *
 * @param parameters - The law's own, or those of a draw.
 * @param shape - Whose efficiency a law of shape takes; null for that of the best shapes, which is 1. Other laws don't look at it.
 * @throws ShapelawError `bad-usage` for a law that is no such surface, and a shape that lacks a ratio of the law.
 */
export function surfaceAt(law: Law, parameters: LawParameters, shape: Shape | null): Surface {
  const { E, A, B, alpha, beta } = parameters as unknown as Surface;
  if (law.law === 'chinchilla' || (law.law === 'shape' && shape === null)) return { E, A, B, alpha, beta };
  if (law.law !== 'shape') {
    throw new ShapelawError(
      'bad-usage',
      law.law === 'data-constrained'
        ? `${law.name} is a data-constrained law, whose optimum depends on how many tokens are unique: state the unique tokens, or take a chinchilla law`
        : `${law.name} is a ${law.law} law, which is no surface E + A N^-alpha + B D^-beta; a chinchilla or shape law is`,
      { law: law.law },
    );
  }
  return { E, A: A * efficiencyOf(law, parameters, shape!) ** -alpha, B, alpha, beta };
}

function efficiencyOf(law: Law, parameters: LawParameters, shape: Shape): number {
  const ratios = ratiosNamed(law.form.ratios ?? []);
  const params = parametersFor(law, countParameters(shape));
  const ordered = lawForm(law.law, law.form).parameters.map((name) => parameters[name]!);
  const found = efficiency(ordered, ratios, { ...dimensionsOf(shape), params });
  if (found > 0) return found;
  throw new ShapelawError(
    'bad-usage',
    `${shape.name} has no efficiency by ${law.name}: it lacks a ratio of the law (${ratios.map(({ name }) => name).join(', ')})`,
    { shape: shape.name, ratios: ratios.map(({ name }) => name) },
  );
}

/**
 * Quantities that follow from the parameters of a law, with the central interval of its draws. The interval is null where the
 * law has no draws, and where so many of them make the quantity infinite that an end of the interval is.
 *
 * @param of - From the law's parameters, or those of a draw.
 * @throws ShapelawError `bad-usage` for a level out of range, and fewer draws than it needs.
 */
export function estimates<Name extends string>(
  law: Law,
  level: number,
  of: (parameters: LawParameters) => Readonly<Record<Name, number>>,
): Readonly<Record<Name, Estimate>> {
  requireLevel(level);
  const draws = lawDraws(law);
  if (draws !== null) requireDraws(draws.length, level);
  const value = of(law.parameters);
  const drawn = draws?.map(of) ?? [];
  const entries = (Object.keys(value) as Name[]).map((name): [Name, Estimate] => [
    name,
    {
      value: value[name],
      interval: refitInterval(
        drawn.map((draw) => draw[name]),
        level,
      ),
    },
  ]);
  return Object.fromEntries(entries) as Record<Name, Estimate>;
}

/** The surface of a law's own parameters. @throws ShapelawError `bad-usage` where it has no optimum. */
export function ownSurface(law: Law, shape: Shape | null): Surface {
  const surface = surfaceAt(law, law.parameters, shape);
  for (const name of ['A', 'B', 'alpha', 'beta'] as const) requirePositive(`${name} of ${law.name}`, surface[name]);
  return surface;
}

/** @throws ShapelawError `bad-usage` for what is not a positive finite number. */
export function requirePositive(name: string, value: number): void {
  if (value > 0 && Number.isFinite(value)) return;
  throw new ShapelawError('bad-usage', `${name} must be a positive number, not ${value}`, { [name]: value });
}
