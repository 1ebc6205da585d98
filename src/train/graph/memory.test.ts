import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseInlineShape } from '../../flops/index.js';
import { stepProgram } from '../model/step.js';
import {
  add,
  bytesOf,
  cast,
  constant,
  exp,
  input,
  lean,
  mul,
  neg,
  type Program,
  peakBytes,
  reduceSum,
  reshape,
  state,
  type Tensor,
} from './index.js';

const program = (outputs: Program['outputs'], updates: Program['updates'] = {}): Program => ({
  name: 'program',
  outputs,
  updates,
});
const x = input('x', 'float32', [10]);

test.each([
  ['float32', 24],
  ['float16', 12],
  ['int32', 24],
  ['int64', 48],
  ['bool', 6],
] as const)('six elements of %s take %i bytes', (dtype, bytes) => {
  expect(bytesOf({ name: '', dtype, dims: [2, 3] })).toBe(bytes);
  expect(bytesOf({ name: '', dtype, dims: [] }) * 6).toBe(bytes);
  expect(bytesOf({ name: '', dtype, dims: [4, 0] })).toBe(0);
});

describe('peakBytes', () => {
  // One vector of ten float32 is 40 bytes.
  const cases: [string, Program, number][] = [
    ['a chain: two at a time', program({ y: neg(exp(neg(exp(x)))) }), 80],
    ['a value that is read later is kept until then', program({ y: add(neg(exp(exp(x))), exp(x)) }), 120],
    ['outputs are kept to the end', program({ a: exp(x), b: neg(x), c: add(x, x) }), 160],
    ['a sum is small', program({ y: neg(reduceSum(exp(x))) }), 80],
    ['half is half', program({ y: neg(cast(x, 'float16')) }), 60],
    ['a reshape takes nothing', program({ y: neg(reshape(neg(reshape(x, [2, 5])), [10])) }), 80],
    ['a reshape keeps what it is of', program({ y: add(reshape(exp(x), [5, 2]), exp(reshape(neg(x), [5, 2]))) }), 120],
    ['states and constants are not counted', program({ y: add(state('s', 'float32', [10]), constant(2)) }), 40],
    [
      'a new state is written over the old one',
      program({}, { s: add(state('s', 'float32', [10]), x), t: mul(state('t', 'float32', [10]), 2) }),
      40,
    ],
    ['nothing', program({}), 0],
  ];
  test.each(cases)('%s', (_, given, bytes) => {
    expect(peakBytes(given)).toBe(bytes);
  });

  test('is what is held at the fullest moment of any graph of values', () => {
    const links = fc.array(fc.record({ left: fc.nat(), right: fc.nat(), sum: fc.boolean() }), {
      minLength: 1,
      maxLength: 25,
    });
    fc.assert(
      fc.property(links, fc.nat(), (given, second) => {
        const tensors: Tensor[] = [x];
        for (const { left, right, sum } of given) {
          const [a, b] = [tensors[left % tensors.length]!, tensors[right % tensors.length]!];
          tensors.push(sum ? reduceSum(add(a, b)) : add(a, b));
        }
        const asked = program({ last: tensors.at(-1)!, other: tensors[second % tensors.length]! });
        const results = Object.values(lean(asked).outputs);
        const order: Tensor[] = [];
        const visit = (tensor: Tensor): void => {
          if (order.includes(tensor)) return;
          for (const input of tensor.inputs.toReversed()) visit(input);
          order.push(tensor);
        };
        for (const result of results.toReversed()) visit(result);
        const isLive = (tensor: Tensor, at: number) =>
          order.indexOf(tensor) <= at &&
          (results.includes(tensor) || order.some((reader, when) => when >= at && reader.inputs.includes(tensor)));
        const held = order.map((_, at) =>
          order.filter((tensor) => isLive(tensor, at)).reduce((sum, tensor) => sum + bytesOf(tensor), 0),
        );
        expect(peakBytes(asked)).toBe(Math.max(...held));
      }),
    );
  });

  test('of a training step grows with the batch, and less with layers computed again', () => {
    const shape = parseInlineShape('enc=4,dec=4,d=16,ff=64,kv=8,h=2,vocab=50');
    const peakOf = (batch: number, recompute: boolean) =>
      peakBytes(
        stepProgram(shape, { batch, encoderTokens: 32, decoderTokens: 8, optimizer: { kind: 'adafactor' }, recompute }),
      );
    expect(peakOf(16, false) / peakOf(8, false)).toBeGreaterThan(1.7);
    expect(peakOf(16, false) / peakOf(8, false)).toBeLessThan(2);
    expect(peakOf(16, true)).toBeLessThan(0.6 * peakOf(16, false));
    // What eight layers keep for their gradients, at the least: their inputs and their feed-forward's inner values.
    expect(peakOf(16, false)).toBeGreaterThan(4 * 16 * 4 * (32 + 8) * (16 + 64));
  });
});
