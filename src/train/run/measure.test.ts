import { describe, expect, test } from 'vitest';
import { parseInlineShape } from '../../flops/index.js';
import type { Executor, HostTensor } from '../engines/executor.js';
import { peakBytes } from '../graph/index.js';
import { stateSlots } from '../model/step.js';
import { estimateMemory, measurePeak, requireMemory } from './measure.js';
import { completeRecipe, type RecipeOptions } from './recipe.js';
import { trainingPrograms } from './trainer.js';

describe('requireMemory', () => {
  test('refuses what is not free, with both numbers and what to do', () => {
    const refused = () => requireMemory(7.5e9, 4e9);
    expect(refused).toThrow(/needs about 7\.50 GB of memory and 4\.00 GB are free: lower --batch .*--recompute/);
    expect(refused).toThrow(
      expect.objectContaining({
        code: 'out-of-memory',
        details: { estimateBytes: 7.5e9, availableBytes: 4e9 },
      }),
    );
  });

  test('takes what is free, to the byte, and asks the system where it is not told', () => {
    expect(() => requireMemory(4e9, 4e9)).not.toThrow();
    expect(() => requireMemory(1)).not.toThrow();
    expect(() => requireMemory(1e18)).toThrow('memory');
  });
});

describe('estimateMemory', () => {
  const shape = parseInlineShape('enc=2,dec=2,d=32,ff=64,kv=8,h=4,vocab=384');
  const recipeOf = (more: Partial<RecipeOptions> = {}) =>
    completeRecipe({ shape, tokens: 1e6, encoderTokens: 64, batch: 8, optimizer: { kind: 'adamw' }, ...more });
  const estimate = (more: Partial<RecipeOptions> = {}) =>
    estimateMemory(recipeOf(more), trainingPrograms(recipeOf(more)));
  const parameterBytes =
    (4 * stateSlots(shape, { kind: 'adamw' }).reduce((sum, { dims }) => sum + dims.reduce((a, b) => a * b), 0)) / 3;

  test('counts parameters, the optimizer’s states, and the fullest moment of a step', () => {
    const { step } = trainingPrograms(recipeOf());
    const rest = estimate() - 3 * parameterBytes - peakBytes(step);
    // What a process takes before any model.
    expect(rest).toBeGreaterThan(50e6);
    expect(rest).toBeLessThan(400e6);
    expect(estimate({ batch: 16 })).toBeGreaterThan(estimate());
    expect(estimate({ recompute: true })).toBeLessThan(estimate());
  });

  test('counts the sums of gradients where a step has several passes', () => {
    expect(estimate({ accumulate: 2 }) - estimate()).toBeGreaterThan(0.9 * parameterBytes);
    expect(estimate({ accumulate: 8 })).toBe(estimate({ accumulate: 2 }));
  });
});

describe('measurePeak', () => {
  /** An executor on which a product of n x n takes `seconds(n)`, and that keeps count of what it holds. */
  function fake(seconds: (size: number) => number) {
    const states = new Map<string, HostTensor>();
    let open = 0;
    let now = 0;
    const executor: Executor = {
      device: 'fake',
      versions: {},
      async prepare({ updates }) {
        open += 1;
        const size = Object.values(updates)[0]!.dims[0]!;
        return {
          async run() {
            expect([...states.values()].map(({ dims }) => dims)).toEqual(Array(3).fill([size, size]));
            now += 1000 * seconds(size);
            return new Map();
          },
          async dispose() {
            open -= 1;
          },
        };
      },
      async writeStates(values) {
        for (const [name, value] of values) states.set(name, value);
      },
      readStates: async () => new Map(),
      dispose: async () => {},
    };
    return { executor, states, open: () => open, now: () => now };
  }

  async function measured(seconds: (size: number) => number) {
    const { executor, states, open, now } = fake(seconds);
    const clock = performance.now;
    performance.now = now;
    try {
      return { peak: await measurePeak(executor), states, open: open() };
    } finally {
      performance.now = clock;
    }
  }

  test('is the best rate of any size, up to one that takes long enough to time', async () => {
    // 1 TFLOP/s and a fixed cost of 1 ms: 3 ms for 1024 rows, too few to time, and 18 ms for 2048.
    const secondsOf = (size: number) => 0.001 + (2 * size ** 3) / 1e12;
    const { peak, states, open } = await measured(secondsOf);
    expect(peak.size).toBe(2048);
    expect(peak.flopsPerSecond / ((2 * 2048 ** 3) / secondsOf(2048))).toBeCloseTo(1, 9);
    expect(open).toBe(0);
    const left = [...states.values()].reduce((sum, { values }) => sum + values.byteLength, 0);
    expect(left).toBeLessThan(100);
  });

  test('stops at the largest size on the fastest device', async () => {
    const { peak } = await measured((size) => (2 * size ** 3) / 1e15);
    expect(peak.size).toBe(8192);
    expect(peak.flopsPerSecond / 1e15).toBeCloseTo(1, 9);
  });
});
