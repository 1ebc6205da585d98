import { expect, test } from 'vitest';
import { measuredOf, noSteps, withStep } from './step-meter.js';

const step = (loss: number, gradientNorm: number, skipped = false) => ({ loss, gradientNorm, skipped });

test('gives means of the steps, the last rate, and the last norm that was finite', () => {
  expect(measuredOf(noSteps)).toBeUndefined();
  const one = withStep(noSteps, step(3, 2), 0.5, 0.1);
  const two = withStep(one, step(2, Number.NaN, true), 1.5, 0.2);
  expect(measuredOf(one)).toEqual({ stepSeconds: 0.5, trainLoss: 3, gradientNorm: 2, learningRate: 0.1 });
  expect(measuredOf(two)).toEqual({ stepSeconds: 1, trainLoss: 2.5, gradientNorm: 2, learningRate: 0.2 });
});

test('names no norm where none was finite', () => {
  const skipped = withStep(noSteps, step(3, Number.POSITIVE_INFINITY, true), 1, 0.1);
  expect(measuredOf(skipped)).toEqual({ stepSeconds: 1, trainLoss: 3, learningRate: 0.1 });
});

test('is the same after a checkpoint, to the bit', () => {
  const meter = withStep(withStep(noSteps, step(0.1, 1 / 3), 0.1, 1e-3), step(0.2, 1 / 7), 0.2, 1e-4);
  expect(JSON.parse(JSON.stringify(meter))).toEqual(meter);
});
