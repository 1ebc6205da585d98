import { describe, expect, test } from 'vitest';
import { publishedLaw } from '../../fit/published.js';
import { designNoise } from './noise.js';

const law = publishedLaw('besiroglu-2024');

describe('what noise counts as in a fit', () => {
  test('as least squares where it is within delta', () => {
    const noise = designNoise(law, 1e-5);
    expect(noise.sd / 1e-5).toBeCloseTo(1, 2);
    expect(noise.effective).toBeCloseTo(noise.sd, 12);
  });

  test('as of a median where delta is small: sqrt(pi / 2) of normal noise', () => {
    // The slope is +-delta, its curvature 1 over 2 delta phi(0) / sd (Huber 1964).
    expect(designNoise(law, 0.05).effective / 0.05).toBeCloseTo(Math.sqrt(Math.PI / 2), 1);
  });

  test('as between them for normal noise of delta', () => {
    // E psi^2 = P(|z| < 1) - 2 phi(1) + P(|z| > 1) = 0.198748 + 0.317311; P(|z| < 1) = 0.682689.
    expect(designNoise(law, 1e-3).effective / 1e-3).toBeCloseTo(Math.sqrt(0.198748 + 0.317311) / 0.682689, 2);
  });
});

describe('where it comes from', () => {
  test('the residuals of the law, whose tails count for less than their square', () => {
    const noise = designNoise(law);
    const { quantiles } = law.residuals!;
    const sd = Math.sqrt(quantiles.reduce((sum, value) => sum + value ** 2, 0) / quantiles.length);
    expect(noise.source).toBe('residuals of besiroglu-2024');
    expect(noise.sd / sd).toBeCloseTo(1, 1);
    expect(noise.effective).toBeLessThan(noise.sd);
  });

  test('the noise of the law without residuals; else that of besiroglu-2024', () => {
    const noise = { replicateSd: null, degrees: 0, lackOfFit: null, runSd: 0.03, rowSd: 0.04 };
    const stated = designNoise({ ...law, name: 'mine', residuals: null, noise });
    expect(stated.sd).toBeCloseTo(0.05, 4);
    expect(stated.source).toBe('noise of mine, normal');
    const none = designNoise(publishedLaw('kaplan-2020'));
    expect(none.source).toBe('kaplan-2020 states none; residuals of besiroglu-2024 in its place');
    expect(none.sd).toBe(designNoise(law).sd);
  });
});
