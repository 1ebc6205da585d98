import { expect, test } from 'vitest';
import { firstLossScale, type LossScale, nextLossScale } from './loss-scale.js';

/** The scale after steps of which some were skipped. */
function after(steps: number, skipped: (step: number) => boolean, scale: LossScale = firstLossScale): LossScale {
  for (let step = 0; step < steps; step++) scale = nextLossScale(scale, !skipped(step));
  return scale;
}
const never = () => false;
const always = () => true;

test('the scale doubles after 1000 finite gradients in a row', () => {
  expect(after(999, never)).toEqual({ scale: 2 ** 16, steps: 999 });
  expect(after(1000, never)).toEqual({ scale: 2 ** 17, steps: 0 });
  expect(after(2000, never)).toEqual({ scale: 2 ** 18, steps: 0 });
  expect(after(1999, (step) => step === 500).scale).toBe(2 ** 16);
});

test('it halves with every skipped step, and the count of finite ones starts anew', () => {
  expect(nextLossScale({ scale: 64, steps: 998 }, false)).toEqual({ scale: 32, steps: 0 });
  expect(after(3, always).scale).toBe(2 ** 13);
});

test('it stays a power of 2 from 1 to 2^24', () => {
  expect(after(30, always)).toEqual({ scale: 1, steps: 0 });
  expect(after(20_000, never).scale).toBe(2 ** 24);
  expect(Number.isInteger(Math.log2(after(5000, (step) => step % 700 === 0).scale))).toBe(true);
});
