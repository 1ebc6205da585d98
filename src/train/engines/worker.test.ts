import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, inject, test } from 'vitest';
import { parseInlineShape } from '../../flops/index.js';
import { add, input, matMul, mul, type Program, state } from '../graph/index.js';
import { stepScalars } from '../model/optimizer.js';
import { stateSlots, stepProgram } from '../model/step.js';
import { batchFeeds, scalarFeeds } from '../run/feeds.js';
import { completeRecipe } from '../run/recipe.js';
import { initialStates } from '../run/trainer.js';
import { type EngineOptions, openExecutor } from './engine.js';
import type { Executor, HostTensor } from './executor.js';

const isInstalled = await import('onnxruntime-node').then(
  () => true,
  () => false,
);

// A thread runs JavaScript, not the sources here.
const { workerExecutor }: { workerExecutor: (options: EngineOptions) => Promise<Executor> } = await import(
  pathToFileURL(join(inject('build'), 'train/engines/worker.js')).href
);

const vector = (...values: number[]): HostTensor => ({
  dtype: 'float32',
  dims: [values.length],
  values: Float32Array.from(values),
});
const numbers = (tensor: HostTensor | undefined) => [...(tensor!.values as Float32Array)];

/** Adds what it is fed to a state. */
const counter: Program = (() => {
  const sum = add(state('sum', 'float32', [2]), input('x', 'float32', [2]));
  return { name: 'counter', outputs: { twice: mul(sum, 2) }, updates: { sum } };
})();

async function withWorker<T>(use: (executor: Executor) => Promise<T>): Promise<T> {
  const executor = await workerExecutor({ kind: 'cpu' });
  try {
    return await use(executor);
  } finally {
    await executor.dispose();
  }
}

describe.skipIf(!isInstalled)('an engine in a thread of its own', () => {
  test('makes the same training steps as one in this thread, bit for bit', async () => {
    const shape = parseInlineShape('enc=1,dec=1,d=16,ff=32,kv=8,h=2,vocab=384');
    const optimizer = { kind: 'adamw' } as const;
    const recipe = completeRecipe({ shape, tokens: 1e4, optimizer });
    const program = stepProgram(shape, { batch: 2, encoderTokens: 8, decoderTokens: 4, optimizer });
    const trained = async (executor: Executor, isThread = true) => {
      for (const [name, { shape: dims, load }] of initialStates(recipe)) {
        const values = (await load()) as Float32Array;
        await executor.writeStates(new Map([[name, { dtype: 'float32', dims, values }]]), true);
        // A thread takes the array along.
        expect(values.length === 0).toBe(isThread);
      }
      const prepared = await executor.prepare(program);
      const results: unknown[] = [];
      for (let step = 1; step <= 3; step++) {
        const ids = (count: number) => Int32Array.from({ length: count }, (_, index) => (step * 31 + index * 7) % 384);
        const feeds = new Map([
          ...batchFeeds({ encoderIds: ids(16), targetIds: ids(8) }, 2),
          ...scalarFeeds(stepScalars(optimizer, step, 0.01)),
        ]);
        results.push(await prepared.run(feeds));
      }
      await prepared.dispose();
      return { results, states: await executor.readStates(stateSlots(shape, optimizer).map(({ name }) => name)) };
    };
    const here = await openExecutor({ kind: 'cpu' });
    const expected = await trained(here, false);
    expect(await withWorker((executor) => trained(executor))).toEqual(expected);
    expect(expected.states.size).toBeGreaterThan(40);
    await withWorker(async ({ device, versions }) =>
      expect({ device, versions }).toEqual({ device: here.device, versions: here.versions }),
    );
    await here.dispose();
  });

  test('takes calls in the order they were made, none waited for', async () => {
    await withWorker(async (executor) => {
      const written = executor.writeStates(new Map([['sum', vector(1, 2)]]));
      const prepared = await executor.prepare(counter);
      const runs = [10, 20, 30].map((value) => prepared.run(new Map([['x', vector(value, 0)]])));
      const read = executor.readStates(['sum']);
      const again = executor.writeStates(new Map([['sum', vector(0, 0)]]));
      expect((await Promise.all(runs)).map((outputs) => numbers(outputs.get('twice')))).toEqual([
        [22, 4],
        [62, 4],
        [122, 4],
      ]);
      expect(numbers((await read).get('sum'))).toEqual([61, 2]);
      await Promise.all([written, again]);
    });
  });

  test('leaves what it is given as it was', async () => {
    await withWorker(async (executor) => {
      const states = new Map([['sum', vector(1, 2)]]);
      await executor.writeStates(states);
      const prepared = await executor.prepare(counter);
      const feeds = new Map([['x', vector(5, 5)]]);
      await prepared.run(feeds);
      await prepared.run(feeds);
      expect(numbers(states.get('sum'))).toEqual([1, 2]);
      expect(numbers(feeds.get('x'))).toEqual([5, 5]);
    });
  });

  test('leaves this thread free during a step', async () => {
    const size = 1024;
    let x = matMul(state('a', 'float32', [size, size]), state('a', 'float32', [size, size]));
    for (let turn = 0; turn < 5; turn++) x = matMul(x, state('a', 'float32', [size, size]));
    const values = new Float32Array(size * size).fill(1 / size);
    /** Ticks of this thread during the step, of one every 2 ms. */
    const ticksDuring = async (executor: Executor) => {
      await executor.writeStates(new Map([['a', { dtype: 'float32', dims: [size, size], values }]]));
      const prepared = await executor.prepare({ name: 'slow', outputs: {}, updates: { a: x } });
      let ticks = 0;
      const timer = setInterval(() => ticks++, 2);
      await prepared.run(new Map());
      clearInterval(timer);
      return ticks;
    };
    const here = await openExecutor({ kind: 'cpu' });
    const blocked = await ticksDuring(here);
    await here.dispose();
    // 13 GFLOPs take a tenth of a second at least.
    expect(blocked).toBeLessThan(3);
    expect(await withWorker(ticksDuring)).toBeGreaterThan(9);
  });

  test('hands errors on: with code and details where they have one', async () => {
    await expect(workerExecutor({ kind: 'abacus' as never })).rejects.toMatchObject({
      code: 'bad-usage',
      message: expect.stringMatching(/^no engine "abacus": cpu, webgpu/),
      details: { engine: 'abacus' },
    });
  });

  test('works on after an error', async () => {
    await withWorker(async (executor) => {
      await executor.writeStates(new Map([['sum', vector(1, 2)]]));
      const prepared = await executor.prepare(counter);
      await expect(prepared.run(new Map())).rejects.toThrow(/x/);
      await expect(executor.readStates(['none'])).rejects.toThrow();
      expect(numbers((await prepared.run(new Map([['x', vector(1, 1)]]))).get('twice'))).toEqual([4, 6]);
      await prepared.dispose();
      await expect(prepared.run(new Map([['x', vector(1, 1)]]))).rejects.toThrow();
      expect(numbers((await executor.readStates(['sum'])).get('sum'))).toEqual([2, 3]);
    });
  });

  test('refuses calls after its end instead of letting them wait', async () => {
    const executor = await workerExecutor({ kind: 'cpu' });
    await executor.dispose();
    await expect(executor.readStates(['sum'])).rejects.toThrow(/the engine's thread ended/);
    await executor.dispose();
  });
});
