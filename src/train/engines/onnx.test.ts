import { describe, expect, test } from 'vitest';
import { type OperatorCase, operatorCases, spread } from '../../../tests/operator-cases.js';
import { parseInlineShape } from '../../flops/index.js';
import {
  add,
  addRows,
  addToRows,
  cast,
  constant,
  custom,
  type Dims,
  div,
  equal,
  exp,
  gatherRows,
  gradients,
  greater,
  input,
  inverseRms,
  isPositive,
  lean,
  log,
  matMul,
  maximum,
  minimum,
  mul,
  neg,
  type Operation,
  type Program,
  reciprocal,
  reduceMax,
  reduceMean,
  reduceSum,
  relu,
  reshape,
  rmsNorm,
  sizeOf,
  softmax,
  sqrt,
  state,
  sub,
  type Tensor,
  takeFromRows,
  tanh,
  transpose,
  transposed,
  where,
} from '../graph/index.js';
import { initialParameters } from '../model/initial.js';
import { type OptimizerOptions, stepScalars } from '../model/optimizer.js';
import { stateSlots, stepProgram } from '../model/step.js';
import { inputNames } from '../model/t5.js';
import type { Executor, HostTensor } from './executor.js';
import { lowerToOnnx } from './lower-onnx.js';
import { onnxExecutor } from './onnx.js';
import { evaluate, hostTensor, numbersOf } from './reference.js';

const isInstalled = await import('onnxruntime-node').then(
  () => true,
  () => false,
);

type Tensors = ReadonlyMap<string, HostTensor>;
const program = (outputs: Program['outputs'], updates: Program['updates'] = {}): Program => ({
  name: 'program',
  outputs,
  updates,
});
const feedsOf = (given: OperatorCase['given'], leaf: 'input' | 'state'): Tensors =>
  new Map(
    given.flatMap(({ tensor: { operation, dtype, dims }, values }) =>
      operation.kind === leaf ? [[operation.name, hostTensor(dtype, dims, values)]] : [],
    ),
  );

async function withExecutor<T>(threads: number, use: (executor: Executor) => Promise<T>): Promise<T> {
  const executor = await onnxExecutor({ provider: 'cpu', threads });
  try {
    return await use(executor);
  } finally {
    await executor.dispose();
  }
}

/** Outputs of several runs on a number of threads. */
function run(given: OperatorCase['given'], outputs: Program['outputs'], threads = 1, runs = 1): Promise<Tensors[]> {
  return withExecutor(threads, async (executor) => {
    await executor.writeStates(feedsOf(given, 'state'));
    const prepared = await executor.prepare(program(outputs));
    const results: Tensors[] = [];
    for (let i = 0; i < runs; i++) results.push(await prepared.run(feedsOf(given, 'input')));
    await prepared.dispose();
    return results;
  });
}

/** Largest difference of two lists, over 1 and the largest size of the second. */
function worstDifference(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(found.length).toBe(expected.length);
  let [worst, size] = [0, 1];
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(found[i]! - expected[i]!);
    // No number is as wrong as can be.
    worst = Math.max(worst, Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference);
    size = Math.max(size, Math.abs(expected[i]!));
  }
  return worst / size;
}

/** The differences of ONNX Runtime from the float64 interpreter. */
async function differences(given: OperatorCase['given'], outputs: Program['outputs']): Promise<Record<string, number>> {
  const [results] = await run(given, outputs);
  const feeds = new Map(given.map(({ tensor, values }) => [(tensor.operation as { name: string }).name, values]));
  const expected = evaluate(Object.values(outputs), feeds);
  return Object.fromEntries(
    Object.entries(outputs).map(([name, { dtype, dims }], index) => {
      const found = results!.get(name)!;
      expect([name, found.dtype, found.dims]).toEqual([name, dtype, dims]);
      return [name, worstDifference(numbersOf(found), expected[index]!)];
    }),
  );
}

// Results are of order 1 and sums of few terms: a few times 2^-24 = 6e-8, of which the largest found is 1.4e-7.
const smallTolerance = 5e-7;

describe.skipIf(!isInstalled)('ONNX Runtime on the CPU against the float64 interpreter', () => {
  test.each(Object.entries(operatorCases))('%s', async (_, cases) => {
    const outputs = Object.fromEntries(cases.map(({ name, result }) => [name, result]));
    const given = cases.flatMap(({ given }) => given);
    for (const [name, difference] of Object.entries(await differences(given, outputs))) {
      // float16 has 11 bits.
      const tolerance = name.includes('float16') ? 2 ** -10 : smallTolerance;
      expect([name, difference, difference <= tolerance]).toEqual([name, difference, true]);
    }
  });
});

/** A tensor from outside with numbers. */
const given = (name: string, dims: Dims, low = -1.5, high = 1.5, leaf: typeof input = input) => ({
  tensor: leaf(name, 'float32', dims),
  values: spread(sizeOf(dims), low, high, name.length * 100 + name.charCodeAt(0)),
});
const indices = (name: string, count: number, below: number) => ({
  tensor: input(name, 'int32', [count]),
  values: spread(count, 0, below - 0.01, 5).map(Math.floor),
});

describe.skipIf(!isInstalled)('every operator at a size that threads share', () => {
  const [x, y] = [given('x', [512, 256]), given('y', [512, 256], 0.3, 2)];
  const [row, kept] = [given('row', [256], 0.3, 2), given('kept', [512, 256], -1.5, 1.5, state)];
  const [table, rows] = [given('table', [16, 64]), given('rows', [4096, 64])];
  const [at, columns] = [indices('at', 4096, 16), indices('columns', 512, 256)];
  const all = [x, y, row, kept, table, rows, at, columns];
  const [X, Y] = [x.tensor, y.tensor];
  const three = (tensor: Tensor) => reshape(tensor, [16, 32, 256]);
  const inner = (tensor: Tensor) => reshape(tensor, [128, 8, 128]);

  const uses: Readonly<Record<Operation['kind'], readonly Tensor[]>> = {
    input: [X],
    state: [kept.tensor, neg(kept.tensor)],
    constant: [mul(X, constant(row.values, [256])), constant(0.5, [512, 256])],
    neg: [neg(X)],
    exp: [exp(X)],
    log: [log(Y)],
    sqrt: [sqrt(Y)],
    reciprocal: [reciprocal(Y)],
    tanh: [tanh(X)],
    relu: [relu(X)],
    isPositive: [isPositive(X)],
    add: [add(X, Y), add(X, row.tensor)],
    sub: [sub(X, Y)],
    mul: [mul(X, Y), mul(Y, Y)],
    div: [div(X, Y)],
    maximum: [maximum(X, Y)],
    minimum: [minimum(X, Y)],
    greater: [greater(X, Y)],
    equal: [equal(cast(mul(X, 3), 'int32'), cast(mul(Y, 3), 'int32'))],
    where: [where(greater(X, Y), X, row.tensor)],
    cast: [cast(mul(X, 100), 'int32')],
    reshape: [reshape(X, [256, 512])],
    transpose: [transposed(X), transpose(three(X), [1, 0, 2]), transpose(three(X), [2, 0, 1])],
    reduceSum: [
      reduceSum(X),
      reduceSum(X, [0]),
      reduceSum(X, [1]),
      reduceSum(three(X), [0, 2]),
      reduceSum(mul(X, X)),
      reduceSum(mul(three(X), three(X)), [1]),
    ],
    reduceMean: [reduceMean(X), reduceMean(X, [0]), reduceMean(X, [1]), reduceMean(three(X), [0, 1])],
    reduceMax: [reduceMax(X), reduceMax(X, [0]), reduceMax(X, [1])],
    matMul: [
      matMul(X, transposed(Y)),
      matMul(transposed(X), Y),
      relu(add(mul(matMul(X, transposed(kept.tensor)), 0.1), matMul(Y, transposed(Y)))),
      matMul(three(X), transposed(three(Y))),
      matMul(transposed(three(X)), three(Y)),
      matMul(transpose(inner(X), [1, 0, 2]), transpose(inner(Y), [1, 2, 0])),
      matMul(transpose(inner(X), [1, 2, 0]), transpose(inner(Y), [1, 0, 2])),
    ],
    softmax: [softmax(X), softmax(mul(three(X), 10))],
    rmsNorm: [rmsNorm(X, row.tensor, 1e-6), inverseRms(X, 1e-6)],
    inverseRms: [inverseRms(Y, 1e-6)],
    gatherRows: [gatherRows(table.tensor, at.tensor), gatherRows(X, at.tensor)],
    addRows: [
      addRows(table.tensor, at.tensor, rows.tensor),
      addRows(constant(0, [16, 64]), at.tensor, rows.tensor),
      addRows(constant(0, [512, 64]), at.tensor, rows.tensor),
    ],
    takeFromRows: [takeFromRows(X, columns.tensor)],
    addToRows: [addToRows(X, columns.tensor, -1)],
    custom: [custom(exp(Y), [Y], () => [])],
  };
  const outputs = Object.fromEntries(
    Object.entries(uses).flatMap(([kind, tensors]) =>
      tensors.map((tensor, index) => [`${kind} ${index}`, tensor] as const),
    ),
  );

  test('agrees with the float64 interpreter', async () => {
    for (const [name, difference] of Object.entries(await differences(all, outputs))) {
      expect([name, difference, difference < 1e-5]).toEqual([name, difference, true]);
    }
  });

  test('has the same bits on 1, 2 and 3 threads, at every run', async () => {
    const [expected] = await run(all, outputs);
    const differing = new Set<string>();
    for (const threads of [1, 2, 3]) {
      for (const results of await run(all, outputs, threads, 3)) {
        for (const name of Object.keys(outputs)) {
          if (!bytesOf(results.get(name)!).equals(bytesOf(expected!.get(name)!))) differing.add(name);
        }
      }
    }
    // The logarithm of the last elements of a thread's part is another function than that of whole vectors.
    differing.delete('log 0');
    expect([...differing]).toEqual([]);
  });

  test('has logarithms that differ by a unit in the last place at most, and none in few numbers', async () => {
    const logarithms = { all: log(Y), some: log(reshape(reduceSum(Y, [1]), [512])) };
    const [expected] = await run([y], logarithms);
    const [results] = await run([y], logarithms, 3);
    // All are of size 1.2 at most, where a unit is 2^-23.
    const difference = worstDifference(numbersOf(results!.get('all')!), numbersOf(expected!.get('all')!));
    expect(difference).toBeLessThanOrEqual(2 ** -23);
    expect(results!.get('some')).toEqual(expected!.get('some'));
  });
});

const bytesOf = ({ values }: HostTensor) => Buffer.from(values.buffer, values.byteOffset, values.byteLength);

describe.skipIf(!isInstalled)('what is done in one node', () => {
  const [a, b, c] = [given('a', [6, 5]), given('b', [5, 7]), given('c', [6, 7])];
  const [d, e] = [given('d', [2, 6, 5]), given('e', [2, 5, 7])];
  const [f, g] = [given('f', [6, 2, 5]), given('g', [7, 2, 5])];
  const [w, v] = [given('w', [5], 0.5, 2), given('v', [5], 0.5, 2)];
  const row = given('row', [1, 7]);
  const all = [a, b, c, d, e, f, g, w, v, row];
  const [A, B, C, D, E] = [a.tensor, b.tensor, c.tensor, d.tensor, e.tensor];
  const [F, G, W, V] = [f.tensor, g.tensor, w.tensor, v.tensor];
  const T = transposed;
  const AB = () => matMul(A, B);
  const batchRows = (x: Tensor) => transpose(x, [1, 0, 2]);
  const batchColumns = (x: Tensor) => transpose(x, [1, 2, 0]);
  const AsD = reshape(D, [12, 5]);

  const cases: readonly (readonly [what: string, operators: readonly string[], outputs: readonly Tensor[]])[] = [
    ['a product', ['Gemm'], [AB()]],
    ['a product added to', ['Gemm'], [add(AB(), C)]],
    ['a product added', ['Gemm'], [add(C, AB())]],
    ['a product scaled', ['Gemm'], [mul(AB(), 0.25)]],
    ['a product scaled twice and added to', ['Gemm'], [add(mul(4, mul(0.25, AB())), C)]],
    ['a product scaled and cut', ['FusedGemm'], [relu(mul(AB(), -2))]],
    ['a product scaled, added to and cut', ['FusedGemm'], [relu(add(C, mul(AB(), 2)))]],
    ['a product cut, then scaled', ['FusedGemm', 'Mul'], [mul(relu(AB()), 2)]],
    ['a product added to, then scaled', ['Gemm', 'Mul'], [mul(add(AB(), C), 2)]],
    ['a product with a row', ['Gemm', 'Add'], [add(AB(), row.tensor)]],
    ['a product with a constant', ['Gemm', 'Add'], [add(AB(), constant(c.values, [6, 7]))]],
    ['a product and a number', ['Gemm', 'Add'], [add(AB(), 1)]],
    ['products of transpositions', ['Gemm', 'Gemm', 'Gemm'], [matMul(T(A), C), matMul(C, T(B)), matMul(T(C), A)]],
    ['a sum of products', ['Add', 'Gemm', 'Gemm'], [add(matMul(T(A), C), mul(matMul(T(A), add(C, C)), 3))]],
    ['a sum of a product and its multiple', ['Gemm', 'Mul', 'Add'], [add(AB(), mul(AB(), 3))]],
    ['a sum of a product and itself', ['Gemm', 'Add'], [add(AB(), AB())]],
    ['a product that is read twice', ['Gemm', 'Add', 'Relu'], [add(AB(), C), relu(AB())]],
    ['a product that is given too', ['Gemm', 'Relu'], [AB(), relu(AB())]],
    ['a scaled product that is read twice', ['Gemm', 'Add', 'Relu'], [add(mul(AB(), 2), C), relu(mul(AB(), 2))]],
    ['a transposed side that is given too', ['Gemm', 'Transpose'], [matMul(T(A), C), T(A)]],
    ['a product of a product', ['Gemm', 'Gemm'], [matMul(AB(), T(C))]],
    ['products in batches', ['MatMul'], [matMul(D, E)]],
    ['products in batches, scaled', ['FusedMatMul'], [mul(matMul(D, E), 0.5)]],
    ['products in batches, transposed', ['FusedMatMul'], [matMul(T(E), T(D))]],
    ['products in batches, added to', ['MatMul', 'Add'], [add(matMul(D, E), C)]],
    ['batches inside rows', ['FusedMatMul'], [matMul(batchRows(F), batchColumns(G))]],
    ['batches inside, scaled', ['FusedMatMul'], [mul(matMul(batchRows(F), batchColumns(G)), 0.3)]],
    ['batches inside columns', ['FusedMatMul'], [matMul(batchColumns(F), batchRows(F))]],
    ['batches inside on one side', ['FusedMatMul'], [matMul(batchColumns(F), D)]],
    ['batches inside on the other', ['FusedMatMul'], [matMul(D, batchColumns(G))]],
    [
      'another transposition of a side',
      ['Transpose', 'Gemm'],
      [matMul(reshape(transpose(F, [2, 0, 1]), [5, 12]), AsD)],
    ],
    ['a sum of squares', ['ReduceSumSquare'], [reduceSum(mul(A, A))]],
    [
      'sums of squares over axes',
      Array(3).fill('ReduceSumSquare'),
      [reduceSum(mul(D, D), [0]), reduceSum(mul(E, E), [1]), reduceSum(mul(F, F), [0, 2])],
    ],
    ['a square that is read twice', ['Mul', 'ReduceSum', 'ReduceMean'], [reduceSum(mul(A, A)), reduceMean(mul(A, A))]],
    ['a square of a product', ['Gemm', 'ReduceSumSquare'], [reduceSum(mul(AB(), AB()))]],
    ['a square that is no sum', ['Mul', 'Neg'], [neg(mul(A, A))]],
    ['a norm and its 1/rms', ['SimplifiedLayerNormalization'], [rmsNorm(A, W, 1e-6), inverseRms(A, 1e-6)]],
    ['a 1/rms and its norm', ['SimplifiedLayerNormalization'], [inverseRms(D, 1e-6), rmsNorm(D, W, 1e-6)]],
    ['a 1/rms alone', ['Mul', 'ReduceMean', 'Add', 'Sqrt', 'Reciprocal'], [inverseRms(A, 1e-6)]],
    [
      'two norms of one tensor',
      ['SimplifiedLayerNormalization', 'SimplifiedLayerNormalization'],
      [rmsNorm(A, W, 1e-6), rmsNorm(A, V, 1e-6), inverseRms(A, 1e-6)],
    ],
    [
      'norms of two epsilons',
      ['SimplifiedLayerNormalization', 'SimplifiedLayerNormalization'],
      [rmsNorm(A, W, 1e-6), rmsNorm(A, W, 0.5), inverseRms(A, 0.5), inverseRms(A, 1e-6)],
    ],
    ['one value under two names', ['Exp', 'Identity'], [exp(A), exp(A)]],
    ['what is given as it is', ['Identity', 'Identity'], [A, constant([1, 2], [2])]],
    ['a number stretched', ['Expand', 'Exp'], [exp(constant(0.5, [2, 3]))]],
    ['a number stretched by a smaller tensor', ['Expand', 'Add'], [add(W, constant(0.5, [3, 5]))]],
    ['a number that need not be stretched', ['Add'], [add(A, constant(0.5, [1, 5]))]],
    ['a choice of numbers', ['Greater', 'Where'], [where(greater(A, 0), constant(1, [6, 5]), constant(0, [5]))]],
    [
      'a choice of numbers by less',
      ['Greater', 'Expand', 'Where'],
      [where(greater(W, 0), constant(1, [6, 5]), constant(0, [5]))],
    ],
  ];

  /** What outputs read. */
  const needed = (outputs: Program['outputs']) => {
    const names = new Set(lean(program(outputs)).inputs.map(({ name }) => name));
    return all.filter(({ tensor }) => names.has((tensor.operation as { name: string }).name));
  };

  test.each(cases)('%s', async (_, operators, tensors) => {
    const outputs = Object.fromEntries(tensors.map((tensor, index) => [`${index}`, tensor]));
    const { nodes } = lowerToOnnx(lean(program(outputs)), 'cpu', 'fused');
    expect(nodes.map(({ operator }) => operator).filter((operator) => operator !== 'Reshape')).toEqual(operators);
    for (const difference of Object.values(await differences(needed(outputs), outputs)))
      expect(difference).toBeLessThan(smallTolerance);
  });

  // Sums of some tens of terms more: the largest difference found is 7.5e-7.
  test('gradients of them all', async () => {
    for (const [what, , tensors] of cases) {
      const y = tensors.filter(({ dtype }) => dtype === 'float32').map((tensor) => reduceSum(tanh(tensor)));
      if (y.length === 0) continue;
      const total = y.map((sum) => reshape(sum, [])).reduce(add);
      const floats = all.map(({ tensor }) => tensor);
      const found = gradients(total, floats).map((gradient) => gradient ?? total);
      const outputs = Object.fromEntries(found.map((gradient, index) => [`${what} ${index}`, gradient]));
      for (const [name, difference] of Object.entries(await differences(needed(outputs), outputs))) {
        expect([name, difference, difference < 3e-6]).toEqual([name, difference, true]);
      }
    }
  });
});

describe.skipIf(!isInstalled)('states', () => {
  const shape = parseInlineShape('enc=1,dec=1,d=64,ff=128,kv=16,h=4,vocab=128');
  const sizes = { batch: 4, encoderTokens: 24, decoderTokens: 16 };
  const ids = (tokens: number, seed: number) =>
    hostTensor('int32', [sizes.batch * tokens], spread(sizes.batch * tokens, 0, 127.9, seed).map(Math.floor));
  const batch = new Map<string, HostTensor>([
    [inputNames.encoder, ids(sizes.encoderTokens, 1)],
    [inputNames.decoder, ids(sizes.decoderTokens, 2)],
    [inputNames.targets, ids(sizes.decoderTokens, 3)],
  ]);
  const options: readonly (readonly [string, OptimizerOptions, recompute: boolean])[] = [
    ['AdamW', { kind: 'adamw', weightDecay: 0.01 }, false],
    ['AdamW with recomputation', { kind: 'adamw' }, true],
    ['Adafactor', { kind: 'adafactor', factorFrom: 100, weightDecay: 0.01 }, false],
  ];

  describe.each(options)('of %s', (_, optimizer, recompute) => {
    const step = stepProgram(shape, { ...sizes, optimizer, recompute, clipNorm: 1 });
    const names = stateSlots(shape, optimizer).map(({ name }) => name);
    const start = () => {
      const parameters = initialParameters(shape, 1);
      return new Map(
        stateSlots(shape, optimizer).map(({ name, dtype, dims }) => [
          name,
          parameters.get(name) ?? hostTensor(dtype, dims, new Float32Array(sizeOf(dims))),
        ]),
      );
    };

    /** The states after each of four steps. */
    const train = (threads: number, isInPlace: boolean) =>
      withExecutor(threads, async (executor) => {
        const { outputs, updates } = step;
        const prepared = await executor.prepare(isInPlace ? step : program({ ...outputs, ...updates }));
        await executor.writeStates(start());
        const after: Buffer[][] = [];
        for (let count = 1; count <= 4; count++) {
          const feeds = new Map(batch);
          for (const [name, value] of Object.entries(stepScalars(optimizer, count, 0.01)))
            feeds.set(name, hostTensor('float32', [], [value]));
          const results = await prepared.run(feeds);
          if (!isInPlace) await executor.writeStates(new Map(names.map((name) => [name, results.get(name)!])));
          const states = await executor.readStates(names);
          after.push([...states.values(), results.get('loss')!, results.get('gradient norm')!].map(bytesOf));
        }
        return after;
      });

    test('are written over the old ones without a change, on 1 and 2 threads', async () => {
      const expected = await train(1, false);
      expect(new Set(expected.map((states) => Buffer.concat(states).toString('latin1'))).size).toBe(4);
      for (const threads of [1, 2]) expect((await train(threads, true)).map(equalTo(expected))).toEqual([0, 0, 0, 0]);
    });
  });

  test('are copied when read and when written', async () => {
    await withExecutor(1, async (executor) => {
      const kept = state('kept', 'float32', [2]);
      const prepared = await executor.prepare(program({ twice: mul(kept, 2) }, { kept: add(kept, 1) }));
      const values = Float32Array.of(1, 2);
      await executor.writeStates(new Map([['kept', { dtype: 'float32', dims: [2], values }]]));
      const before = (await executor.readStates(['kept'])).get('kept')!;
      await prepared.run(new Map());
      const after = (await executor.readStates(['kept'])).get('kept')!;
      expect([[...values], [...before.values], [...after.values]]).toEqual([
        [1, 2],
        [1, 2],
        [2, 3],
      ]);
    });
  });
});

/** Of two lists of buffers how many differ. */
const equalTo = (expected: readonly (readonly Buffer[])[]) => (found: readonly Buffer[], step: number) =>
  found.filter((buffer, index) => !buffer.equals(expected[step]![index]!)).length;
