import { ShapelawError } from '../errors.js';
import { computeOptimum } from './compute-optimum.js';
import type { Law } from './law.js';

/** Where a law is asked for its loss; what a law does not use may be absent. */
export interface LawPoint {
  readonly params?: number;
  readonly tokens?: number;
  readonly flops?: number;
  /** Unique tokens at hand, for a law of repeated data. */
  readonly uniqueTokens?: number;
}

/** Parameters of a law by name. */
export type LawParameters = Readonly<Record<string, number>>;

/**
 * The loss that a law states for a point, in the law's own unit.
 *
 * @throws ShapelawError `bad-usage` where the point lacks a variable of the law, or it is not positive.
 */
export function lossOf(law: Law, parameters: LawParameters, point: LawPoint): number {
  const value = (name: keyof LawPoint): number => {
    const found = point[name];
    if (found === undefined)
      throw new ShapelawError('bad-usage', `the ${law.law} law needs ${name}`, { missing: name });
    if (!(found > 0 && Number.isFinite(found)))
      throw new ShapelawError('bad-usage', `${name} must be positive, not ${found}`);
    return found;
  };
  switch (law.law) {
    case 'chinchilla':
      return (
        parameters.E! +
        parameters.A! * value('params') ** -parameters.alpha! +
        parameters.B! * value('tokens') ** -parameters.beta!
      );
    case 'power':
      return parameters.E! + parameters.A! * value(law.variables[0]!) ** -parameters.a!;
    case 'kaplan':
      // Kaplan et al. 2020, equation 1.5.
      return (
        ((parameters.Nc! / value('params')) ** (parameters.alphaN! / parameters.alphaD!) +
          parameters.Dc! / value('tokens')) **
        parameters.alphaD!
      );
    case 'data-constrained':
      return dataConstrainedLoss(parameters, value('params'), value('tokens'), value('uniqueTokens'));
  }
}

/**
 * Muennighoff et al. 2023, section 3.2: the Chinchilla law in effective tokens and parameters. Tokens beyond the unique
 * ones, and parameters beyond those that the unique tokens call for, lose their worth exponentially.
 */
function dataConstrainedLoss(p: LawParameters, params: number, tokens: number, unique: number): number {
  const uniqueTokens = Math.min(unique, tokens);
  const repetitions = tokens / uniqueTokens - 1;
  const { G } = computeOptimum({ A: p.A!, B: p.B!, alpha: p.alpha!, beta: p.beta! });
  const uniqueParams = Math.min(params, (uniqueTokens * G) ** (p.beta! / p.alpha!) * G);
  const excess = params / uniqueParams - 1;
  const effectiveTokens = uniqueTokens * (1 + p.RD! * (1 - Math.exp(-repetitions / p.RD!)));
  const effectiveParams = uniqueParams * (1 + p.RN! * (1 - Math.exp(-excess / p.RN!)));
  return p.E! + p.A! * effectiveParams ** -p.alpha! + p.B! * effectiveTokens ** -p.beta!;
}
