import { createRequire } from 'node:module';
import util from 'node:util';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { type OperatorCase, operatorCases, spread } from '../../../tests/operator-cases.js';
import { ShapelawError } from '../../errors.js';
import {
  add,
  addRows,
  cast,
  constant,
  gatherRows,
  gradients,
  input,
  matMul,
  mul,
  type Program,
  reduceSum,
  reshape,
  sizeOf,
  softmax,
  state,
  sub,
  transposed,
} from '../graph/index.js';
import type { Executor, HostTensor } from './executor.js';
import { evaluate, hostTensor, numbersOf } from './reference.js';
import { tfjsExecutor } from './tfjs.js';

const program = (outputs: Program['outputs'], updates: Program['updates'] = {}): Program => ({
  name: 'program',
  outputs,
  updates,
});
const feedsOf = (given: OperatorCase['given'], leaf: 'input' | 'state'): ReadonlyMap<string, HostTensor> =>
  new Map(
    given.flatMap(({ tensor: { operation, dtype, dims }, values }) =>
      operation.kind === leaf ? [[operation.name, hostTensor(dtype, dims, values)]] : [],
    ),
  );

async function withExecutor<T>(use: (executor: Executor) => Promise<T>): Promise<T> {
  const executor = await tfjsExecutor({ backend: 'cpu' });
  try {
    return await use(executor);
  } finally {
    await executor.dispose();
  }
}

describe('TensorFlow.js in plain JavaScript', () => {
  // It computes in float64 and stores float32; sums of few terms: a few times 2^-24. Found: 2e-7.
  test.each(Object.entries(operatorCases))('agrees with the float64 interpreter in %s', async (_, cases) => {
    await withExecutor(async (executor) => {
      for (const { name, given, result } of cases.filter(({ name }) => !name.includes('float16'))) {
        await executor.writeStates(feedsOf(given, 'state'));
        const prepared = await executor.prepare(program({ result }));
        const found = (await prepared.run(feedsOf(given, 'input'))).get('result')!;
        await prepared.dispose();
        expect([name, found.dtype, found.dims]).toEqual([name, result.dtype, result.dims]);
        const [expected] = evaluate(
          [result],
          new Map(given.map(({ tensor, values }) => [(tensor.operation as { name: string }).name, values])),
        );
        const numbers = numbersOf(found);
        expected!.forEach((value, index) => {
          const tolerance = 5e-7 * Math.max(1, Math.abs(value));
          expect([name, numbers[index], Math.abs(numbers[index]! - value) <= tolerance]).toEqual([
            name,
            numbers[index],
            true,
          ]);
        });
      }
    });
  });

  test('keeps no tensor over steps but its states', async () => {
    const before = tf.memory().numTensors;
    const [x, at] = [input('x', 'float32', [6, 4]), input('at', 'int32', [6])];
    const [w, table] = [state('w', 'float32', [4, 4]), state('table', 'float32', [5, 4])];
    const rows = add(matMul(x, transposed(w)), gatherRows(table, at));
    const loss = reshape(reduceSum(mul(softmax(rows), constant(spread(24), [6, 4]))), []);
    const [dw, dTable] = gradients(loss, [w, table]);
    const step = program(
      { loss, x, again: x, ones: constant(1, [2, 2]), table },
      { w: sub(w, mul(dw!, 0.1)), table: sub(table, mul(dTable!, 0.1)), copy: table },
    );
    await withExecutor(async (executor) => {
      const given = [x, at, w, table].map((tensor, index) => ({
        tensor,
        values: spread(sizeOf(tensor.dims), 0, 4.9, index + 1).map((value) =>
          tensor.dtype === 'int32' ? Math.floor(value) : value,
        ),
      }));
      await executor.writeStates(feedsOf(given, 'state'));
      const prepared = await executor.prepare(step);
      const counts: number[] = [];
      const losses: number[] = [];
      for (let index = 0; index < 4; index++) {
        const results = await prepared.run(feedsOf(given, 'input'));
        losses.push(numbersOf(results.get('loss')!)[0]!);
        counts.push(tf.memory().numTensors);
        expect(results.get('again')!.values).toEqual(results.get('x')!.values);
        expect([...results.get('ones')!.values]).toEqual([1, 1, 1, 1]);
        // The state before the step.
        expect((await executor.readStates(['copy'])).get('copy')!.values).toEqual(results.get('table')!.values);
      }
      expect(new Set(counts).size).toBe(1);
      expect(losses).toEqual([...losses].sort((a, b) => b - a));
      expect(new Set(losses).size).toBe(4);

      const broken = feedsOf(given, 'input');
      await expect(prepared.run(new Map([...broken].slice(0, 1)))).rejects.toThrow(/input: "at" is not given/);
      const outside = new Map(broken).set('at', hostTensor('int32', [6], [0, 1, 2, 3, 4, 99]));
      await expect(prepared.run(outside)).rejects.toThrow();
      expect(tf.memory().numTensors).toBe(counts[0]);
      await prepared.dispose();
    });
    expect(tf.memory().numTensors).toBe(before);
  });

  test('exchanges states, and copies what is written and read', async () => {
    await withExecutor(async (executor) => {
      const [a, b] = [state('a', 'float32', [2]), state('b', 'float32', [2])];
      const values = Float32Array.of(1, 2);
      await executor.writeStates(
        new Map([
          ['a', { dtype: 'float32', dims: [2], values }],
          ['b', hostTensor('float32', [2], [3, 4])],
        ]),
      );
      const read = (await executor.readStates(['a'])).get('a')!;
      read.values.fill(9 as never);
      values.fill(8);
      const prepared = await executor.prepare(program({}, { a: b, b: a }));
      await prepared.run(new Map());
      const after = await executor.readStates(['a', 'b']);
      expect([...after.values()].map((state) => [...state.values])).toEqual([
        [3, 4],
        [1, 2],
      ]);
      await expect(executor.readStates(['c'])).rejects.toThrow(/state: "c" is not given/);
    });
  });

  test('adds up thousands of rows of one index', async () => {
    const [at, rows] = [input('at', 'int32', [4096]), input('rows', 'float32', [4096, 8])];
    const result = addRows(constant(0, [16, 8]), at, rows);
    const numbers = spread(4096 * 8, 0, 1);
    const indices = spread(4096, 0, 15.99, 9).map(Math.floor);
    await withExecutor(async (executor) => {
      const prepared = await executor.prepare(program({ result }));
      const feeds = new Map([
        ['at', hostTensor('int32', [4096], indices)],
        ['rows', hostTensor('float32', [4096, 8], numbers)],
      ]);
      const found = numbersOf((await prepared.run(feeds)).get('result')!);
      const [expected] = evaluate(
        [result],
        new Map([
          ['at', indices],
          ['rows', numbers],
        ]),
      );
      // Some 256 terms, each sum rounded to float32: at most 256 * 2^-24 of it.
      expected!.forEach((sum, index) => {
        expect(Math.abs(found[index]! / sum - 1)).toBeLessThan(256 * 2 ** -24);
      });
    });
  });

  test('refuses float16, and integers that it has no type for', async () => {
    await withExecutor(async (executor) => {
      const half = cast(mul(cast(input('x', 'float32', []), 'float16'), 2), 'float32');
      const refused = expect.objectContaining({
        code: 'bad-usage',
        message: expect.stringMatching(/float16: use float32/),
      });
      await expect(executor.prepare(program({ half }))).rejects.toEqual(refused);
      await expect(executor.writeStates(new Map([['half', hostTensor('float16', [1], [1])]]))).rejects.toEqual(refused);
      const x = input('x', 'int64', [1]);
      const prepared = await executor.prepare(program({ x }));
      await expect(prepared.run(new Map([['x', hostTensor('int64', [1], [2 ** 31])]]))).rejects.toThrow(/2147483648/);
      const least = hostTensor('int64', [1], [-(2 ** 31)]);
      expect((await prepared.run(new Map([['x', least]]))).get('x')).toEqual(least);
    });
  });

  test('says what it is', async () => {
    await withExecutor(async ({ device, versions }) => {
      expect(device).toBe('CPU');
      expect(Object.keys(versions)).toEqual(['@tensorflow/tfjs-core', '@tensorflow/tfjs-backend-cpu']);
      for (const version of Object.values(versions)) expect(version).toMatch(/^\d+\.\d+\.\d+/);
    });
  });
});

const isInstalled = (name: string) => {
  try {
    createRequire(import.meta.url).resolve(name);
    return true;
  } catch {
    return false;
  }
};

describe('a backend that is not there', () => {
  test.each([
    ['node-gpu', '@tensorflow/tfjs-node-gpu', /CUDA 11\.2/],
    ['node', '@tensorflow/tfjs-node', /libtensorflow/],
    ['wasm', '@tensorflow/tfjs-backend-wasm', /tfjs-core/],
    ['webgpu', '@tensorflow/tfjs-backend-webgpu', /navigator\.gpu/],
  ])('%s is refused with what to install', async (backend, name, needs) => {
    if (isInstalled(name)) return;
    const error: unknown = await tfjsExecutor({ backend }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ShapelawError);
    const { code, message } = error as ShapelawError;
    expect(code).toBe('engine-unavailable');
    expect(message).toContain(`npm install ${backend.startsWith('node') ? name : '@tensorflow/tfjs-core'}`);
    expect(message).toContain(`the package ${name} can't be loaded`);
    expect(message).toMatch(needs);
  });

  test('has what tfjs-node takes from Node.js and newer ones lack', async () => {
    const functions = util as unknown as Record<string, unknown>;
    const { isNullOrUndefined, isArray } = functions;
    try {
      delete functions.isNullOrUndefined;
      delete functions.isArray;
      await tfjsExecutor({ backend: 'node' }).catch(() => {});
      const restored = functions as Record<string, (value: unknown) => boolean>;
      expect([null, undefined, 0].map((value) => restored.isNullOrUndefined!(value))).toEqual([true, true, false]);
      expect([[], 'text'].map((value) => restored.isArray!(value))).toEqual([true, false]);
    } finally {
      Object.assign(functions, { isNullOrUndefined, isArray });
    }
  });

  test('is refused where no such backend is known', async () => {
    await expect(tfjsExecutor({ backend: 'webgl' })).rejects.toEqual(
      expect.objectContaining({ code: 'bad-usage', message: expect.stringMatching(/"webgl": node-gpu, node, cpu/) }),
    );
  });
});
