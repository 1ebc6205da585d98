import { describe, expect, test } from 'vitest';
import {
  add,
  addRows,
  addToRows,
  cast,
  constant,
  div,
  gatherRows,
  input,
  inverseRms,
  matMul,
  mul,
  type Program,
  reduceMax,
  reduceMean,
  reduceSum,
  rmsNorm,
  softmax,
  state,
  sub,
  type Tensor,
  takeFromRows,
  transpose,
  where,
} from '../graph/index.js';
import { evaluate, hostTensor, numbersOf, referenceExecutor } from './reference.js';

const list = (values: readonly number[], dims: readonly number[], dtype?: 'int32' | 'bool') =>
  constant(values, dims, dtype);
const oneToSix = list([1, 2, 3, 4, 5, 6], [2, 3]);
const cube = list([1, 2, 3, 4, 5, 6, 7, 8], [2, 2, 2]);

/** By hand. */
const cases: readonly (readonly [string, Tensor, readonly number[]])[] = [
  ['a row stretched', add(oneToSix, list([10, 20, 30], [3])), [11, 22, 33, 14, 25, 36]],
  ['a column stretched', sub(oneToSix, list([1, 4], [2, 1])), [0, 1, 2, 0, 1, 2]],
  ['a column and a row', mul(list([1, 2], [2, 1]), list([3, 4], [1, 2])), [3, 4, 6, 8]],
  ['a quotient of integers', div(list([-7, 7], [2], 'int32'), list([2], [1], 'int32')), [-3, 3]],
  ['a choice', where(list([1, 0], [2, 1], 'bool'), oneToSix, -1), [1, 2, 3, -1, -1, -1]],
  ['a cast to integers', cast(list([-1.9, 1.9], [2]), 'int32'), [-1, 1]],
  ['a transposition', transpose(oneToSix, [1, 0]), [1, 4, 2, 5, 3, 6]],
  ['a rotation of axes', transpose(cube, [2, 0, 1]), [1, 3, 5, 7, 2, 4, 6, 8]],
  ['a sum over the middle', reduceSum(cube, [1]), [4, 6, 12, 14]],
  ['a mean over the first and last', reduceMean(cube, [0, 2]), [3.5, 5.5]],
  ['the largest of negative numbers', reduceMax(list([-3, -2, -5], [3])), [-2]],
  ['a product', matMul(oneToSix, transpose(oneToSix, [1, 0])), [14, 32, 32, 77]],
  ['products', matMul(cube, cube), [7, 10, 15, 22, 67, 78, 91, 106]],
  ['a softmax', softmax(list([1000, 1000, 0, Math.log(3)], [2, 2])), [0.5, 0.5, 0.25, 0.75]],
  ['1/rms', inverseRms(list([3, 4, 1, 1], [2, 2]), 3.5), [0.25, 1 / Math.sqrt(4.5)]],
  ['a norm', rmsNorm(list([3, 4], [2]), list([1, 2], [2]), 3.5), [0.75, 2]],
  ['rows', gatherRows(oneToSix, list([1, 1, 0], [3], 'int32')), [4, 5, 6, 4, 5, 6, 1, 2, 3]],
  [
    'rows added to one row',
    addRows(oneToSix, list([1, 1], [2], 'int32'), list([1, 1, 1, 10, 20, 30], [2, 3])),
    [1, 2, 3, 15, 26, 37],
  ],
  ['elements of rows', takeFromRows(oneToSix, list([2, 0], [2], 'int32')), [3, 4]],
  ['elements of rows added to', addToRows(oneToSix, list([2, 0], [2], 'int32'), -1), [1, 2, 2, 3, 5, 6]],
];

describe('evaluate', () => {
  test.each(cases)('%s', (_, tensor, expected) => {
    const [found] = evaluate([tensor], new Map());
    expect(found).toHaveLength(expected.length);
    // All but the softmax and 1/rms are exact.
    found!.forEach((value, index) => {
      expect(value).toBeCloseTo(expected[index]!, 14);
    });
  });

  test('computes in float64, whatever the type', () => {
    const x = input('x', 'float16', []);
    const feeds = new Map([['x', [1 + 2 ** -50]]]);
    expect(evaluate([mul(x, 2), cast(x, 'float32')], feeds)).toEqual([
      Float64Array.of(2 + 2 ** -49),
      Float64Array.of(1 + 2 ** -50),
    ]);
  });

  test('does not write to what it was fed or gave', () => {
    const x = input('x', 'float32', [1, 2]);
    const at = list([0], [1], 'int32');
    const fed = Float64Array.of(1, 2);
    const [before, after] = evaluate([x, addRows(x, at, x)], new Map([['x', fed]]));
    expect([fed, before, after]).toEqual([Float64Array.of(1, 2), Float64Array.of(1, 2), Float64Array.of(2, 4)]);
  });

  test('refuses what is not fed, or not in its shape', () => {
    const x = input('x', 'float32', [2]);
    expect(() => evaluate([x], new Map())).toThrow(/input: "x" is not given/);
    expect(() => evaluate([x], new Map([['x', [1]]]))).toThrow(/evaluate: 1 values for .*"x".* of \[2\]/);
  });
});

describe('referenceExecutor', () => {
  const program = (outputs: Program['outputs'], updates: Program['updates']): Program => ({
    name: 'program',
    outputs,
    updates,
  });

  test('rounds what it gives and not what it keeps', async () => {
    const executor = referenceExecutor();
    const kept = state('kept', 'float32', []);
    const prepared = await executor.prepare(program({ now: kept }, { kept: add(kept, 2 ** -30) }));
    await executor.writeStates(new Map([['kept', hostTensor('float32', [], [1])]]));
    const seen: number[] = [];
    for (let step = 0; step < 2 ** 8; step++) seen.push(numbersOf((await prepared.run(new Map())).get('now')!)[0]!);
    expect(seen[7]).toBe(1);
    expect((await executor.readStates(['kept'])).get('kept')).toEqual(hostTensor('float32', [], [1 + 2 ** -22]));
  });

  test('replaces all states at once', async () => {
    const executor = referenceExecutor();
    const [a, b] = [state('a', 'float32', []), state('b', 'float32', [])];
    await executor.writeStates(
      new Map([
        ['a', hostTensor('float32', [], [1])],
        ['b', hostTensor('float32', [], [2])],
      ]),
    );
    const prepared = await executor.prepare(program({}, { a: b, b: a }));
    expect(await prepared.run(new Map())).toEqual(new Map());
    expect([...(await executor.readStates(['a', 'b'])).values()].map((state) => numbersOf(state)[0])).toEqual([2, 1]);
    await expect(executor.readStates(['c'])).rejects.toThrow(/state: "c" is not given/);
  });
});

test.each(['float32', 'float16', 'int32', 'int64', 'bool'] as const)('%s goes out and comes back', (dtype) => {
  const tensor = hostTensor(dtype, [2], [1, 0]);
  expect(numbersOf(tensor)).toEqual(Float64Array.of(1, 0));
  expect([tensor.dtype, tensor.dims, tensor.values.length]).toEqual([dtype, [2], 2]);
});
