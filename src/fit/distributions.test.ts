import { describe, expect, test } from 'vitest';
import { relativeError } from '../../tests/simulated-runs.js';
import { chiSquaredQuantile, fExceedance, normalProbability, normalQuantile } from './distributions.js';

// scipy 1.17.1: stats.norm.cdf, norm.ppf, chi2.ppf, f.sf.
describe('as tabulated', () => {
  test.each([
    [-6, 9.865876450376946e-10],
    [-3, 0.0013498980316300933],
    [-1.959963984540054, 0.025],
    [-0.5, 0.3085375387259869],
    [0, 0.5],
    [1, 0.8413447460685429],
    [2.5, 0.9937903346742238],
    [5, 0.9999997133484281],
  ])('a normal number lies below %d', (z, expected) => {
    expect(Math.abs(normalProbability(z) - expected)).toBeLessThan(1e-14);
  });

  test.each([
    [1e-6, -4.753424308822899],
    [0.001, -3.090232306167813],
    [0.025, -1.9599639845400545],
    [0.2, -0.8416212335729142],
    [0.5, 0],
    [0.9, 1.2815515655446004],
    [0.995, 2.5758293035489004],
  ])('the normal quantile at %d', (probability, expected) => {
    expect(Math.abs(normalQuantile(probability) - expected)).toBeLessThan(1e-9);
  });

  test.each([
    [0.05, 1, 0.003932140000019522],
    [0.95, 1, 3.841458820694124],
    [0.95, 5, 11.070497693516351],
    [0.5, 10, 9.34181776559197],
    [0.999, 3, 16.26623619623813],
    [0.9, 100, 118.49800381106212],
  ])('the chi-squared quantile at %d of %d degrees', (probability, degrees, expected) => {
    expect(relativeError(chiSquaredQuantile(probability, degrees), expected)).toBeLessThan(1e-8);
  });

  test.each([
    [1, 1, 1, 0.5],
    [4.2, 3, 12, 0.030102077575266634],
    [0.3, 5, 40, 0.9099525618715706],
    [12, 10, 24, 4.291151496084987e-7],
    [2.5, 120, 7, 0.09929734778023117],
    [60, 4, 30, 6.961607907787028e-14],
  ])('F beyond %d with %d and %d degrees', (f, numerator, denominator, expected) => {
    // The incomplete beta function of jstat is right to some 1e-8.
    expect(Math.abs(fExceedance(f, numerator, denominator) - expected)).toBeLessThan(5e-8);
  });
});
