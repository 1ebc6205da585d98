import { describe, expect, test } from 'vitest';
import { allCases } from '../../../tests/operator-cases.js';
import {
  add,
  cast,
  constant,
  custom,
  exp,
  inOrder,
  input,
  lean,
  mul,
  neg,
  type Program,
  recomputed,
  reduceSum,
  sizeOf,
  state,
  sub,
  type Tensor,
} from './index.js';

const program = (outputs: Program['outputs'], updates: Program['updates'] = {}): Program => ({
  name: 'program',
  outputs,
  updates,
});
const kinds = (order: readonly Tensor[]) => order.map(({ operation }) => operation.kind);

describe('inOrder', () => {
  const x = input('x', 'float32', [2]);

  test('gives each tensor once, after its inputs', () => {
    const square = mul(x, x);
    const y = sub(exp(square), square);
    expect(inOrder([y, square])).toEqual([x, square, y.inputs[0], y]);
  });

  test('gives outputs in their order where nothing else decides', () => {
    const [a, b] = [exp(x), neg(x)];
    expect(inOrder([b, a])).toEqual([x, b, a]);
  });

  test('needs no deep stack', () => {
    let y: Tensor = x;
    for (let depth = 0; depth < 50000; depth++) y = neg(y);
    expect(inOrder([y])).toHaveLength(50001);
  });
});

describe('lean', () => {
  const x = () => input('x', 'float32', [2, 3]);

  test('merges what is computed alike, however it was built', () => {
    const build = () => mul(exp(add(x(), 1)), constant([1, 2, 3], [3]));
    const { order, outputs } = lean(program({ a: build(), b: build() }));
    expect(outputs.a).toBe(outputs.b);
    expect(kinds(order)).toEqual(['input', 'constant', 'add', 'exp', 'constant', 'mul']);
  });

  test.each<readonly [string, (x: Tensor) => readonly [Tensor, Tensor]]>([
    ['operators', (x) => [add(x, 1), sub(x, 1)]],
    ['sides', (x) => [sub(x, exp(x)), sub(exp(x), x)]],
    ['numbers', (x) => [mul(x, 1), mul(x, 2)]],
    ['infinities', (x) => [add(x, Number.POSITIVE_INFINITY), add(x, Number.NEGATIVE_INFINITY)]],
    ['infinity and no number', (x) => [add(x, Number.POSITIVE_INFINITY), add(x, Number.NaN)]],
    ['shapes of a number', (x) => [add(x, constant(1, [3])), add(x, constant(1, [2, 3]))]],
    ['a number and a list', (x) => [add(x, constant(1, [1])), add(x, constant([1], [1]))]],
    ['types', (x) => [cast(x, 'int32'), cast(x, 'int64')]],
    ['axes', (x) => [reduceSum(x, [0]), reduceSum(x, [1])]],
    ['names', () => [input('a', 'float32', []), input('b', 'float32', [])]],
    ['an input and a state', () => [input('a', 'float32', []), state('a', 'float32', [])]],
  ])('keeps apart %s', (_, build) => {
    const [a, b] = build(x());
    const { outputs } = lean(program({ a, b }));
    expect(outputs.a).not.toBe(outputs.b);
  });

  test('looks through custom gradients, also one within another', () => {
    const inner = custom(exp(x()), [x()], () => []);
    const outer = custom(neg(inner), [inner], () => []);
    const { order, outputs, updates } = lean(program({ a: outer, b: neg(exp(x())) }, { c: inner }));
    expect(kinds(order)).toEqual(['input', 'exp', 'neg']);
    expect(outputs.a).toBe(outputs.b);
    expect(updates.c!.operation.kind).toBe('exp');
  });

  test('leaves out what nothing needs but the gradient of a custom tensor', () => {
    const unused = input('unused', 'float32', [2, 3]);
    const { inputs } = lean(program({ a: custom(exp(x()), [neg(unused)], () => []) }));
    expect(inputs).toEqual([{ name: 'x', dtype: 'float32', dims: [2, 3] }]);
  });

  test('names inputs and states once each, with type and shape', () => {
    const kept = () => state('kept', 'float32', [3]);
    const at = input('at', 'int64', [4]);
    const { inputs, states } = lean(program({ a: mul(x(), kept()), at }, { kept: exp(kept()), other: exp(x()) }));
    expect(inputs).toEqual([
      { name: 'x', dtype: 'float32', dims: [2, 3] },
      { name: 'at', dtype: 'int64', dims: [4] },
    ]);
    expect(states).toEqual([{ name: 'kept', dtype: 'float32', dims: [3] }]);
  });

  test('puts inputs before their users, for every operator at once', () => {
    const outputs = Object.fromEntries(allCases.map(([name, { result }]) => [name, result]));
    const slim = lean(program(outputs));
    const seen = new Set<Tensor>();
    for (const tensor of slim.order) {
      for (const input of tensor.inputs) expect(seen).toContain(input);
      seen.add(tensor);
      expect(tensor.operation.kind).not.toBe('custom');
    }
    expect(new Set(Object.keys(slim.outputs))).toEqual(new Set(Object.keys(outputs)));
    for (const [name, { dims, dtype }] of Object.entries(slim.outputs)) {
      expect([name, dtype, sizeOf(dims)]).toEqual([name, outputs[name]!.dtype, sizeOf(outputs[name]!.dims)]);
    }
  });

  test('does not merge a recomputation with the first computation', () => {
    const once = recomputed(([a]) => exp(a!), [x()]);
    const { order } = lean(program({ a: once, b: exp(x()) }));
    expect(kinds(order)).toEqual(['input', 'exp']);
  });

  test('gives what it was given where there is nothing to do', () => {
    const y = exp(x());
    const slim = lean(program({ y }));
    expect(slim.outputs.y).toBe(y);
    expect(lean({ ...program(slim.outputs), updates: slim.updates })).toEqual(slim);
  });
});
