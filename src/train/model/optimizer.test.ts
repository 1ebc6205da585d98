import { describe, expect, test } from 'vitest';
import { spread } from '../../../tests/operator-cases.js';
import { evaluate } from '../engines/reference.js';
import { type Dims, input, type Slot, sizeOf, state } from '../graph/index.js';
import {
  type AdafactorOptions,
  type AdamWOptions,
  learningRateInput,
  type OptimizerOptions,
  optimizerNumbers,
  optimizerStates,
  stepScalars,
  updateOf,
} from './optimizer.js';

const steps = 30;
const learningRate = (step: number) => 0.02 / Math.sqrt(step);
const gradientAt = (dims: Dims, step: number, size: number) =>
  Float64Array.from(spread(sizeOf(dims), -size, size, 100 + step));
const startOf = (dims: Dims, size: number) => Float64Array.from(spread(sizeOf(dims), -size, size, 5));

/** A parameter and its states after each step, by the graph in float64. */
function run(dims: Dims, options: OptimizerOptions, gradientSize: number, size: number) {
  const slot: Slot = { name: 'w', dtype: 'float32', dims };
  const gradient = input('gradient', 'float32', dims);
  const update = updateOf('w', state('w', 'float32', dims), gradient, learningRateInput(), options);
  const states = optimizerStates(slot, options);
  expect(Object.keys(update.states).sort()).toEqual(states.map(({ name }) => name).sort());
  for (const { name, dims } of states) expect(update.states[name]!.dims).toEqual(dims);
  expect(update.parameter.dims).toEqual(dims);

  const values = new Map<string, ArrayLike<number>>([['w', startOf(dims, size)]]);
  for (const { name, dims } of states) values.set(name, new Float64Array(sizeOf(dims)));
  const names = ['w', ...Object.keys(update.states)];
  const parameters: Float64Array[] = [];
  for (let step = 1; step <= steps; step++) {
    for (const [name, value] of Object.entries(stepScalars(options, step, learningRate(step))))
      values.set(name, [value]);
    values.set('gradient', gradientAt(dims, step, gradientSize));
    const found = evaluate([update.parameter, ...Object.values(update.states)], values);
    names.forEach((name, index) => {
      values.set(name, found[index]!);
    });
    parameters.push(found[0]!);
  }
  return { parameters, values };
}

/** Algorithm 2 of Loshchilov & Hutter 2019 with the learning rate as its schedule. */
function plainAdamW(dims: Dims, options: AdamWOptions, gradientSize: number, size: number): Float64Array[] {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0 } = options;
  const [m, v] = [new Float64Array(sizeOf(dims)), new Float64Array(sizeOf(dims))];
  let w = startOf(dims, size);
  return Array.from({ length: steps }, (_, index) => {
    const [t, g] = [index + 1, gradientAt(dims, index + 1, gradientSize)];
    w = w.map((x, i) => {
      m[i] = beta1 * m[i]! + (1 - beta1) * g[i]!;
      v[i] = beta2 * v[i]! + (1 - beta2) * g[i]! ** 2;
      const step = m[i]! / (1 - beta1 ** t) / (Math.sqrt(v[i]! / (1 - beta2 ** t)) + epsilon);
      return x - learningRate(t) * (step + weightDecay * x);
    });
    return w;
  });
}

/** Algorithms 4 and 5 of Shazeer & Stern 2018, without momentum, with the sums of rows and columns as means. */
function plainAdafactor(dims: Dims, options: AdafactorOptions, gradientSize: number, size: number): Float64Array[] {
  const { factorFrom = 128, weightDecay = 0 } = options;
  const [rows, columns] = dims as [number, number];
  const isFactored = dims.length === 2 && rows >= factorFrom && columns >= factorFrom;
  const mean = (values: Float64Array) => values.reduce((sum, x) => sum + x, 0) / values.length;
  const rms = (values: Float64Array) => Math.sqrt(mean(values.map((x) => x * x)));
  const [r, c, v] = [new Float64Array(rows), new Float64Array(columns ?? 0), new Float64Array(sizeOf(dims))];
  let w = startOf(dims, size);
  return Array.from({ length: steps }, (_, index) => {
    const [t, g] = [index + 1, gradientAt(dims, index + 1, gradientSize)];
    const beta2 = 1 - t ** -0.8;
    const square = g.map((x) => x * x + 1e-30);
    if (isFactored) {
      for (let i = 0; i < rows; i++) {
        r[i] = beta2 * r[i]! + (1 - beta2) * mean(square.filter((_, at) => Math.floor(at / columns) === i));
      }
      for (let j = 0; j < columns; j++) {
        c[j] = beta2 * c[j]! + (1 - beta2) * mean(square.filter((_, at) => at % columns === j));
      }
    }
    const second = square.map((x, at) => {
      if (isFactored) return (r[Math.floor(at / columns)]! * c[at % columns]!) / mean(r);
      v[at] = beta2 * v[at]! + (1 - beta2) * x;
      return v[at]!;
    });
    const update = g.map((x, at) => x / Math.sqrt(second[at]!));
    const alpha = (Math.max(1e-3, rms(w)) * learningRate(t)) / Math.max(1, rms(update));
    w = w.map((x, at) => x - alpha * update[at]! - learningRate(t) * weightDecay * x);
    return w;
  });
}

/** Each of 30 steps is the same to rounding: some 30 times 2^-53 of numbers of order 1. */
function expectSame(found: readonly Float64Array[], expected: readonly Float64Array[], size: number): void {
  expect(found).toHaveLength(expected.length);
  found.forEach((values, step) => {
    values.forEach((value, index) => {
      expect([step, index, value]).toEqual([
        step,
        index,
        expect.closeTo(expected[step]![index]!, 13 - Math.log10(size)),
      ]);
    });
  });
  // It moved.
  expect(Math.max(...found.at(-1)!.map((value, index) => Math.abs(value - found[0]![index]!)))).toBeGreaterThan(
    0.01 * size,
  );
}

describe('AdamW', () => {
  test.each<[string, Dims, AdamWOptions]>([
    ['by default', [3, 4], { kind: 'adamw' }],
    ['of a vector', [5], { kind: 'adamw' }],
    ['with decay', [3, 4], { kind: 'adamw', weightDecay: 0.1 }],
    ['with other settings', [3, 4], { kind: 'adamw', beta1: 0.5, beta2: 0.9, epsilon: 0.1, weightDecay: 0.01 }],
    ['without a mean of gradients', [3, 4], { kind: 'adamw', beta1: 0 }],
  ])('%s', (_, dims, options) => {
    expectSame(run(dims, options, 1, 1).parameters, plainAdamW(dims, options, 1, 1), 1);
  });

  test('has states of the shape of each parameter', () => {
    const slots = optimizerStates({ name: 'w', dtype: 'float32', dims: [3, 4] }, { kind: 'adamw' });
    expect(slots.map(({ dims }) => dims)).toEqual([
      [3, 4],
      [3, 4],
    ]);
  });
});

describe('Adafactor', () => {
  test.each<[string, Dims, AdafactorOptions, gradientSize: number, size: number]>([
    ['of a small matrix', [3, 4], { kind: 'adafactor' }, 1, 1],
    ['of a vector', [7], { kind: 'adafactor', factorFrom: 1 }, 1, 1],
    ['factored', [5, 7], { kind: 'adafactor', factorFrom: 2 }, 1, 1],
    ['factored, from its smaller side on', [5, 7], { kind: 'adafactor', factorFrom: 5 }, 1, 1],
    ['not factored below', [5, 7], { kind: 'adafactor', factorFrom: 6 }, 1, 1],
    ['factored, with decay', [5, 7], { kind: 'adafactor', factorFrom: 2, weightDecay: 0.1 }, 1, 1],
    ['with decay', [3, 4], { kind: 'adafactor', weightDecay: 0.1 }, 1, 1],
    ['of a parameter below the smallest scale', [3, 4], { kind: 'adafactor' }, 1, 1e-5],
    ['of a large parameter and small gradients', [5, 7], { kind: 'adafactor', factorFrom: 2 }, 1e-6, 100],
  ])('%s', (_, dims, options, gradientSize, size) => {
    const expected = plainAdafactor(dims, options, gradientSize, size);
    expectSame(run(dims, options, gradientSize, size).parameters, expected, size);
  });

  test('stays where all gradients are 0', () => {
    const { parameters } = run([3, 4], { kind: 'adafactor' }, 0, 1);
    expect(parameters.at(-1)).toEqual(startOf([3, 4], 1));
  });

  test('shortens steps whose root mean square is above 1', () => {
    const dims = [2, 2];
    const gradient = input('gradient', 'float32', dims);
    const options: AdafactorOptions = { kind: 'adafactor' };
    const { parameter } = updateOf('w', state('w', 'float32', dims), gradient, learningRateInput(), options);
    // A mean square of 1/100 of the gradient's own: an unclipped step is 10 times the size, at beta2 near 1.
    const values = new Map<string, ArrayLike<number>>([
      ...Object.entries(stepScalars(options, 1e12, 0.01)).map(([name, value]) => [name, [value]] as const),
      ['w', [3, 3, 3, 3]],
      ['gradient', [1, 1, -1, 1]],
      ['mean square of w', [0.01, 0.01, 0.01, 0.01]],
    ]);
    const [after] = evaluate([parameter], values);
    const expected = [2.97, 2.97, 3.03, 2.97];
    after!.forEach((value, index) => {
      expect(value).toBeCloseTo(expected[index]!, 12);
    });
  });

  test('keeps a row and a column of a factored matrix', () => {
    const options: AdafactorOptions = { kind: 'adafactor' };
    const slot = (name: string, dims: Dims): Slot => ({ name, dtype: 'float32', dims });
    const dimsOf = (dims: Dims) => optimizerStates(slot('w', dims), options).map(({ dims }) => dims);
    expect(dimsOf([128, 200])).toEqual([
      [128, 1],
      [1, 200],
    ]);
    expect(dimsOf([127, 200])).toEqual([[127, 200]]);
    expect(dimsOf([200])).toEqual([[200]]);
    const slots = [slot('a', [128, 200]), slot('b', [10]), slot('c', [2, 300])];
    expect(optimizerNumbers(slots, options)).toBe(328 + 10 + 600);
    expect(optimizerNumbers(slots, { kind: 'adamw' })).toBe(2 * (25600 + 10 + 600));
  });
});
