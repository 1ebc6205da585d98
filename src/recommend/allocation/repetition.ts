import { ShapelawError } from '../../errors.js';
import type { LawParameters } from '../../fit/formulas.js';
import type { Law } from '../../fit/law.js';
import type { Estimate } from '../../fit/optimum/index.js';
import { estimates, requirePositive, type Surface } from './surface.js';

/** Parameters of the data-constrained law: RD and RN repetitions after which another is worth 1/e of the first. */
export interface RepetitionParameters extends Surface {
  readonly RD: number;
  readonly RN: number;
}

/** What repeated tokens are worth, counted in unique ones. */
export interface RepetitionWorth {
  readonly epochs: number;
  /** Epochs of unique tokens that would be worth as much as all the epochs. */
  readonly effectiveEpochs: Estimate;
  /** Worth of all tokens read, of which the first epoch is worth 1 each. */
  readonly tokenWorth: Estimate;
  /** Worth of the repeated tokens alone; 1 for one epoch, of which none are. */
  readonly repeatedWorth: Estimate;
  /** Worth of the next token. */
  readonly nextTokenWorth: Estimate;
  /** What `effectiveEpochs` comes to with epochs without end. */
  readonly mostEffectiveEpochs: Estimate;
  readonly level: number;
}

/**
 * What the tokens of some epochs are worth: `e` epochs of U unique tokens count as `U (1 + RD (1 - exp(-(e - 1) / RD)))`
 * (Muennighoff et al. 2023, section 3.2).
 *
 * @param options - `epochs`, 1 or more; `level` of the intervals, in (0, 1), which defaults to 0.95.
 * @throws ShapelawError `bad-usage` for a law that is not data-constrained, and values out of range.
 */
export function repetitionWorth(
  law: Law,
  options: { readonly epochs: number; readonly level?: number },
): RepetitionWorth {
  const { epochs, level = 0.95 } = options;
  requireEpochs('epochs', epochs);
  return {
    epochs,
    ...estimates(law, level, (parameters) => {
      const { RD } = repetitionParameters(law, parameters);
      const whole = effectiveEpochs(RD, epochs);
      return {
        effectiveEpochs: whole,
        tokenWorth: whole / epochs,
        repeatedWorth: epochs === 1 ? 1 : (whole - 1) / (epochs - 1),
        nextTokenWorth: Math.exp(-(epochs - 1) / RD),
        mostEffectiveEpochs: 1 + RD,
      };
    }),
    level,
  };
}

/**
 * Epochs after which the next token is worth no more than a share of a unique one: `1 + RD ln(1 / worth)`.
 *
 * @param options - `worth`, in (0, 1]; `level` of the interval, in (0, 1), which defaults to 0.95.
 * @throws ShapelawError `bad-usage` for a law that is not data-constrained, and values out of range.
 */
export function epochsAtWorth(law: Law, options: { readonly worth: number; readonly level?: number }): Estimate {
  const { worth, level = 0.95 } = options;
  if (!(worth > 0 && worth <= 1))
    throw new ShapelawError('bad-usage', `the worth of a token must be above 0 and at most 1, not ${worth}`, { worth });
  return estimates(law, level, (parameters) => ({
    epochs: 1 - repetitionParameters(law, parameters).RD * Math.log(worth),
  })).epochs;
}

/** @throws ShapelawError `bad-usage` for a law that is not data-constrained. */
export function repetitionParameters(law: Law, parameters: LawParameters): RepetitionParameters {
  if (law.law === 'data-constrained') return parameters as unknown as RepetitionParameters;
  throw new ShapelawError(
    'bad-usage',
    `${law.name} is a ${law.law} law, which does not tell repeated tokens from unique ones; a data-constrained law does, such as muennighoff-2023`,
    { law: law.law },
  );
}

/** @throws ShapelawError `bad-usage` for less than one epoch. */
export function requireEpochs(name: string, epochs: number): void {
  requirePositive(name, epochs);
  if (epochs < 1) throw new ShapelawError('bad-usage', `${name} must be 1 or more, not ${epochs}`, { [name]: epochs });
}

/** Epochs of unique tokens that epochs of the same tokens are worth. */
export function effectiveEpochs(RD: number, epochs: number): number {
  return 1 - RD * Math.expm1(-(epochs - 1) / RD);
}
