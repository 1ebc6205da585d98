import { describe, expect, test } from 'vitest';
import { allCases } from '../../../tests/operator-cases.js';
import { parseInlineShape } from '../../flops/index.js';
import { lowerToOnnx } from '../engines/lower-onnx.js';
import { encodeOnnx } from '../engines/onnx-model.js';
import { stepProgram } from '../model/step.js';
import {
  add,
  constant,
  custom,
  exp,
  input,
  lean,
  neg,
  type Program,
  packProgram,
  state,
  type Tensor,
  unpackProgram,
} from './index.js';

const across = (program: Program): Program => unpackProgram(structuredClone(packProgram(program)));
const bytesOf = (program: Program) => Buffer.from(encodeOnnx(lowerToOnnx(lean(program), 'cpu', program.name)));

function expectSame(program: Program): void {
  const other = across(program);
  expect(other.name).toBe(program.name);
  expect(bytesOf(other).equals(bytesOf(program))).toBe(true);
  expect(Object.keys(other.outputs)).toEqual(Object.keys(program.outputs));
  expect(Object.keys(other.updates)).toEqual(Object.keys(program.updates));
}

describe('a program that was packed, sent and unpacked is lowered to the same bytes', () => {
  test.each(allCases)('%s', (_, { result }) => {
    expectSame({ name: 'case', outputs: { result }, updates: {} });
  });

  test.each([
    ['adafactor', {}],
    ['adamw', { dropout: 0.1, clipNorm: 1, recompute: true }],
    ['adafactor', { compute: 'float16', accumulate: 2 }],
  ] as const)('a training step with %s and %o', (kind, more) => {
    const shape = parseInlineShape('enc=2,dec=2,d=8,ff=16,kv=4,h=2,vocab=20');
    expectSame(stepProgram(shape, { batch: 2, encoderTokens: 5, decoderTokens: 3, optimizer: { kind }, ...more }));
  });

  test('one with the same tensor as an output, an update and an input of others', () => {
    const x = add(state('x', 'float32', [2]), input('y', 'float32', [2]));
    expectSame({ name: 'shared', outputs: { a: x, b: x, c: neg(x) }, updates: { x } });
  });

  test('one with constants that JSON has no words for', () => {
    const x = constant([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, -0], [4]);
    expectSame({ name: 'constants', outputs: { x: add(x, constant(Number.NEGATIVE_INFINITY)) }, updates: {} });
  });

  test('one deeper than the call stack', () => {
    let x: Tensor = input('x', 'float32', [1]);
    for (let depth = 0; depth < 20_000; depth++) x = depth % 2 === 0 ? neg(x) : exp(x);
    // Nested as it is, no message can hold it.
    expect(() => structuredClone(x)).toThrow();
    const program = { name: 'deep', outputs: { x }, updates: {} };
    expect(packProgram(program).tensors).toHaveLength(20_001);
    expectSame(program);
  });
});

test('custom gradients, which are functions and did their work, stay behind', () => {
  const x = input('x', 'float32', [3]);
  const y = custom(neg(x), [x], (gradient) => [gradient]);
  const packed = packProgram({ name: 'custom', outputs: { y }, updates: {} });
  expect(packed.tensors.map(({ operation }) => operation.kind)).toEqual(['input', 'neg']);
  expectSame({ name: 'custom', outputs: { y }, updates: {} });
});

test('each tensor is packed once, after its inputs', () => {
  const x = input('x', 'float32', [2]);
  // Built twice, they are one computation.
  const y = add(exp(x), exp(x));
  const { tensors, outputs } = packProgram({ name: 'twice', outputs: { y, z: y.inputs[1]! }, updates: {} });
  expect(tensors.map(({ operation, inputs }) => [operation.kind, inputs])).toEqual([
    ['input', []],
    ['exp', [0]],
    ['add', [1, 1]],
  ]);
  expect(outputs).toEqual({ y: 2, z: 1 });
});
