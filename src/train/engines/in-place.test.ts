import { describe, expect, test } from 'vitest';
import { parseInlineShape } from '../../flops/index.js';
import {
  add,
  greater,
  lean,
  matMul,
  mul,
  reduceSum,
  reshape,
  state,
  type Tensor,
  transposed,
  where,
} from '../graph/index.js';
import { stateSlots, stepProgram } from '../model/step.js';
import { inPlaceUpdates } from './in-place.js';

const [a, b] = ['a', 'b'].map((name) => state(name, 'float32', [3, 3])) as [Tensor, Tensor];
const sum = reduceSum(a);

const programs: readonly [
  what: string,
  updates: Record<string, Tensor>,
  outputs: Record<string, Tensor>,
  safe: string[],
][] = [
  ['an element from itself', { a: add(a, 1) }, {}, ['a']],
  ['after a reader that it needs', { a: add(a, sum) }, {}, ['a']],
  ['by a condition', { a: where(greater(a, 0), a, 1) }, {}, ['a']],
  ['read as another shape before', { a: add(a, reduceSum(reshape(a, [9]))) }, {}, ['a']],
  ['a sum with a product that another state is in', { a: add(a, matMul(b, b)) }, {}, ['a']],
  ['two exchanged', { a: b, b: a }, {}, []],
  ['two from each other', { a: add(b, 1), b: add(a, 1) }, {}, []],
  ['an output that reads it beside', { a: add(a, 1) }, { y: mul(a, 2) }, []],
  ['an output that is it', { a: add(a, 1) }, { y: a }, []],
  ['turned', { a: transposed(a) }, {}, []],
  ['a product of itself', { a: matMul(a, b) }, {}, []],
  ['a sum with a product of itself, one pass', { a: add(b, matMul(transposed(a), b)) }, {}, []],
  ['never read', { a: add(b, 1) }, {}, ['a']],
];

test.each(programs)('a new state is written over the old one or not: %s', (_, updates, outputs, safe) => {
  expect([...inPlaceUpdates(lean({ name: 'case', updates, outputs }))]).toEqual(safe);
});

describe('every state of a training step is', () => {
  const shape = parseInlineShape('enc=1,dec=1,d=16,ff=32,kv=8,h=2,vocab=48,ffn=gated,tied=no');
  test.each([{ kind: 'adamw' }, { kind: 'adafactor' }, { kind: 'adafactor', factorFrom: 16 }] as const)(
    '%o',
    (optimizer) => {
      const sizes = { batch: 2, encoderTokens: 8, decoderTokens: 4 };
      const found = inPlaceUpdates(lean(stepProgram(shape, { ...sizes, optimizer })));
      expect([...found].sort()).toEqual(
        stateSlots(shape, optimizer)
          .map(({ name }) => name)
          .sort(),
      );
    },
  );
});
