import jstat from 'jstat';

/** Probability that a standard normal number is at most `z`. */
export function normalProbability(z: number): number {
  return jstat.normal.cdf(z, 0, 1);
}

/** The standard normal number that `probability`, in (0, 1), lies below. */
export function normalQuantile(probability: number): number {
  return jstat.normal.inv(probability, 0, 1);
}

/** The chi-squared number of `degrees` of freedom that `probability`, in (0, 1), lies below. */
export function chiSquaredQuantile(probability: number, degrees: number): number {
  return jstat.chisquare.inv(probability, degrees);
}

/** The Student-t number of `degrees` of freedom that `probability`, in (0, 1), lies below. */
export function studentQuantile(probability: number, degrees: number): number {
  return jstat.studentt.inv(probability, degrees);
}

/** Probability that an F-distributed number exceeds `f`. */
export function fExceedance(f: number, numeratorDegrees: number, denominatorDegrees: number): number {
  return 1 - jstat.centralF.cdf(f, numeratorDegrees, denominatorDegrees);
}
