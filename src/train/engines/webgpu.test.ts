import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { afterAll, describe, expect, test } from 'vitest';
import { goldenT5, trainGolden, worstLoss, worstNorm } from '../../../tests/golden-t5.js';
import { type OperatorCase, operatorCases, spread } from '../../../tests/operator-cases.js';
import { useSoftwareVulkan } from '../../../tests/software-vulkan.js';
import { ShapelawError } from '../../errors.js';
import { parseInlineShape } from '../../flops/index.js';
import { add, addRows, constant, type Dims, input, mul, type Program, reduceSum, state } from '../graph/index.js';
import { stepProgram } from '../model/step.js';
import type { Executor, HostTensor } from './executor.js';
import { onnxExecutor } from './onnx.js';
import { encodeOnnx } from './onnx-model.js';
import { reasonOf } from './onnx-runtime.js';
import { evaluate, hostTensor, numbersOf } from './reference.js';

const software = useSoftwareVulkan();
// Where there is neither a GPU nor a software driver, or the package is not installed, these tests are skipped.
const gpu = (await onnxExecutor({ provider: 'webgpu' }).catch(() => undefined)) as Executor;

afterAll(() => gpu?.dispose());

const program = (outputs: Program['outputs'], updates: Program['updates'] = {}): Program => ({
  name: 'program',
  outputs,
  updates,
});

const feedsOf = (given: OperatorCase['given'], leaf: 'input' | 'state') =>
  new Map(
    given.flatMap(({ tensor: { operation, dtype, dims }, values }) =>
      operation.kind === leaf ? [[operation.name, hostTensor(dtype, dims, values)] as const] : [],
    ),
  );

async function run(executor: Executor, cases: readonly OperatorCase[]): Promise<ReadonlyMap<string, HostTensor>> {
  const given = cases.flatMap((one) => one.given);
  await executor.writeStates(feedsOf(given, 'state'));
  const prepared = await executor.prepare(program(Object.fromEntries(cases.map(({ name, result }) => [name, result]))));
  const outputs = await prepared.run(feedsOf(given, 'input'));
  await prepared.dispose();
  return outputs;
}

/** Largest difference of two lists, over 1 and the largest size of the second. */
function worstDifference(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(found.length).toBe(expected.length);
  let [worst, size] = [0, 1];
  for (let index = 0; index < expected.length; index++) {
    const difference = Math.abs(found[index]! - expected[index]!);
    // No number is as wrong as can be.
    worst = Math.max(worst, Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference);
    size = Math.max(size, Math.abs(expected[index]!));
  }
  return worst / size;
}

const float = (dims: Dims, values: ArrayLike<number>) => hostTensor('float32', dims, values);

describe.skipIf(gpu === undefined)('WebGPU against the CPU provider', () => {
  // Its kernels take int64 as indices of rows and nothing else; float16 has a test of its own.
  const runs = ({ name }: OperatorCase) =>
    !/int64|float16/.test(name) || ['gatherRows of int64', 'cast to int64'].includes(name);

  test.each(Object.entries(operatorCases))('%s', async (_, cases) => {
    const covered = cases.filter(runs);
    expect(covered).not.toEqual([]);
    const cpu = await onnxExecutor({ provider: 'cpu' });
    const expected = await run(cpu, covered);
    await cpu.dispose();
    const found = await run(gpu, covered);
    for (const { name } of covered) {
      const [a, b] = [found.get(name)!, expected.get(name)!];
      expect([name, a.dtype, a.dims]).toEqual([name, b.dtype, b.dims]);
      // Results of order 1 and sums of few terms: some units of 2^-24 = 6e-8 on each side. Seen: up to 2.3e-7.
      const difference = worstDifference(numbersOf(a), numbersOf(b));
      expect([name, difference, difference <= 1e-6]).toEqual([name, difference, true]);
    }
  });
});

describe.skipIf(gpu === undefined)('rows added to a table on WebGPU', () => {
  // Tables of up to 1024 rows take a one-hot product, in parts where the table is small; larger ones ScatterElements.
  test.each([
    [32, 8, 4096],
    [32, 8, 1031],
    [1024, 70, 300],
    [1025, 70, 300],
    [5000, 16, 4096],
  ])('%i rows of %i, %i added, most indices often', async (length, width, count) => {
    const table = input('table', 'float32', [length, width]);
    const at = input('at', 'int32', [count]);
    const rows = input('rows', 'float32', [count, width]);
    const indices = spread(count, 0, 13.99, 7).map((x) => Math.floor(x) * Math.floor((length - 1) / 13));
    const given = [
      { tensor: table, values: spread(length * width) },
      { tensor: at, values: indices },
      { tensor: rows, values: spread(count * width, -1, 1, 3) },
    ];
    for (const result of [addRows(table, at, rows), addRows(constant(0, [length, width]), at, rows)]) {
      const found = (await run(gpu, [{ name: 'sum', given, result }])).get('sum')!;
      const feeds = new Map(given.map(({ tensor, values }) => [(tensor.operation as { name: string }).name, values]));
      // Sums of some 300 numbers of size 1 in float32: their partial sums are of order 20.
      expect(worstDifference(numbersOf(found), evaluate([result], feeds)[0]!)).toBeLessThan(2e-6);
    }
  });
});

describe.skipIf(gpu === undefined)('states on WebGPU', () => {
  const x = state('x', 'float32', [3]);
  const y = state('y', 'float32', [3]);
  const rate = input('rate', 'float32', []);
  const step = program({ sum: reduceSum(x) }, { x: add(x, mul(y, rate)) });
  const look = program({ twice: mul(x, 2), both: add(x, y) });
  const feeds = new Map([['rate', float([], [0.5])]]);
  const valuesOf = async (names: readonly string[]) =>
    Object.fromEntries(
      [...(await gpu.readStates(names))].map(([name, { values }]) => [name, Array.from(values, Number)]),
    );

  test('follow each other, and outlive the program that made them', async () => {
    await gpu.writeStates(
      new Map([
        ['x', float([3], [1, 2, 3])],
        ['y', float([3], [2, 4, 6])],
      ]),
    );
    const prepared = await gpu.prepare(step);
    const sums: number[] = [];
    for (let turn = 0; turn < 3; turn++) sums.push(Number((await prepared.run(feeds)).get('sum')!.values[0]));
    expect(sums).toEqual([6, 12, 18]);
    await prepared.dispose();

    const other = await gpu.prepare(look);
    for (let turn = 0; turn < 2; turn++) {
      const outputs = await other.run(new Map());
      expect(Array.from(outputs.get('twice')!.values, Number)).toEqual([8, 16, 24]);
      expect(Array.from(outputs.get('both')!.values, Number)).toEqual([6, 12, 18]);
    }
    expect(await valuesOf(['x', 'y'])).toEqual({ x: [4, 8, 12], y: [2, 4, 6] });
    // What was read is a copy, and reading changes nothing.
    ((await gpu.readStates(['x'])).get('x')!.values as Float32Array).fill(0);
    expect(await valuesOf(['x'])).toEqual({ x: [4, 8, 12] });

    await gpu.writeStates(new Map([['x', float([3], [7, 7, 7])]]));
    const outputs = await other.run(new Map());
    expect(Array.from(outputs.get('both')!.values, Number)).toEqual([9, 11, 13]);
    await other.dispose();
    expect(await valuesOf(['x', 'y'])).toEqual({ x: [7, 7, 7], y: [2, 4, 6] });
  });

  test('of several executors do not meet', async () => {
    const other = await onnxExecutor({ provider: 'webgpu' });
    await gpu.writeStates(new Map([['x', float([3], [1, 1, 1])]]));
    await other.writeStates(new Map([['x', float([3], [2, 2, 2])]]));
    const read = await other.prepare(program({ twice: mul(x, 2) }));
    expect([...(await read.run(new Map())).get('twice')!.values]).toEqual([4, 4, 4]);
    await read.dispose();
    await other.dispose();
    expect(await valuesOf(['x'])).toEqual({ x: [1, 1, 1] });
  });
});

describe.skipIf(gpu === undefined)('training on WebGPU as the reference trains', () => {
  // Losses of 6 and 15 nats have steps of 5e-7 and 1e-6 in float32. Seen on SwiftShader: 1.0e-6 and 2.0e-6 over
  // 20 steps, which take it 1 and 2 s each. A wrong update of Adafactor shows in the next loss; its test on the CPU goes to the end.
  test.each([
    ['t5', 'adamw', 20],
    ['t5-v1.1', 'adafactor-mesh-factored-from-24', 5],
  ] as const)('%s with %s, %i steps', { timeout: 300_000 }, async (model, curve, count) => {
    const golden = await goldenT5(model);
    const results = await trainGolden(gpu, golden, curve, {}, new Map(), count);
    expect(results).toHaveLength(count);
    expect(worstLoss(results, golden.curves[curve]!)).toBeLessThan(1e-4);
    expect(worstNorm(results, golden.curves[curve]!)).toBeLessThan(1e-4);
  });
});

describe.skipIf(gpu === undefined)('training in float16 on WebGPU', () => {
  test('has a kernel for every node', async () => {
    for (const rest of ['ffn=gated,tied=no', 'ffn=plain,tied=yes']) {
      const shape = parseInlineShape(`enc=1,dec=1,d=16,ff=32,kv=8,h=2,vocab=2048,${rest}`);
      const sizes = { batch: 2, encoderTokens: 8, decoderTokens: 4, dropout: 0.1, recompute: true } as const;
      for (const optimizer of [{ kind: 'adamw' }, { kind: 'adafactor', factorFrom: 16 }] as const) {
        const prepared = await gpu.prepare(
          stepProgram(shape, { ...sizes, optimizer, clipNorm: 1, compute: 'float16' }),
        );
        await prepared.dispose();
      }
    }
  });
});

describe.skipIf(gpu === undefined)('what WebGPU refuses', () => {
  test('an operator without a kernel is an error and not run elsewhere', async () => {
    const long = input('long', 'int64', [2]);
    await expect(gpu.prepare(program({ sum: add(long, long) }))).rejects.toThrow(/fallback to CPU EP/);
  });

  // SwiftShader has no shader-f16.
  test.skipIf(software === undefined)('float16 on a device without it', async () => {
    const cases = operatorCases.cast.filter(({ name }) => name.includes('float16'));
    const error = await run(gpu, cases).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ShapelawError);
    expect(error).toMatchObject({ code: 'engine-unavailable', message: expect.stringContaining('use float32') });
  });

  test('a machine without a driver, which goes on living', () => {
    const slot = { name: 'x', dtype: 'float32', dims: [1] } as const;
    const model = encodeOnnx({
      name: 'probe',
      nodes: [{ operator: 'Neg', inputs: ['x'], outputs: ['y'] }],
      initializers: [],
      inputs: [slot],
      outputs: [{ ...slot, name: 'y' }],
    });
    const script = `
      const { InferenceSession } = require(${JSON.stringify(createRequire(import.meta.url).resolve('onnxruntime-node'))});
      InferenceSession.create(Buffer.from(process.argv[1], 'base64'), { executionProviders: ['webgpu'] })
        .then(() => 'it opened', (error) => error.message)
        .then((message) => console.log(JSON.stringify(message)));`;
    const said = execFileSync(process.execPath, ['-e', script, Buffer.from(model).toString('base64')], {
      env: { ...process.env, VK_DRIVER_FILES: '/nonexistent', VK_ICD_FILENAMES: '/nonexistent' },
      stdio: ['ignore', 'pipe', 'ignore'],
      encoding: 'utf8',
    });
    expect(reasonOf(new Error(JSON.parse(said)))).toBe('Failed to get a WebGPU adapter: No supported adapters');
  });
});
