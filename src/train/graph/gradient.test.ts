import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { allCases, type OperatorCase, operatorCases, spread } from '../../../tests/operator-cases.js';
import { evaluate } from '../engines/reference.js';
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
  GraphError,
  gatherRows,
  gradients,
  greater,
  inOrder,
  input,
  inverseRms,
  isPositive,
  lean,
  matMul,
  maximum,
  minimum,
  mul,
  neg,
  recomputed,
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
  where,
} from './index.js';

type Feeds = ReadonlyMap<string, ArrayLike<number>>;
const nameOf = ({ operation }: Tensor) => (operation as { name: string }).name;

/**
 * Largest difference of the gradients of sum(seed * y) from central differences, over 1 and the differences' size.
 * Each element of `wrt` is moved by 1e-5: at values of order 1 the difference is then wrong by some 1e-10 for its cut-off
 * (h^2 / 6 times a third derivative of order 10) and 1e-10 for rounding (10 * 2^-53 / h).
 */
function worstDifference(y: Tensor, wrt: readonly Tensor[], feeds: Feeds): number {
  const seed = constant(spread(sizeOf(y.dims), 0.5, 1.5, 77), y.dims, y.dtype);
  const found = gradients(y, wrt, seed);
  const total = reduceSum(mul(y, seed));
  const valueAt = (changed: Feeds) => evaluate([total], changed)[0]![0]!;
  const given = found.filter((gradient) => gradient !== undefined);
  const values = evaluate(given, feeds);
  let worst = 0;
  wrt.forEach((tensor, index) => {
    const gradient = found[index];
    if (gradient !== undefined) expect(gradient.dims).toEqual(tensor.dims);
    const numbers = gradient === undefined ? undefined : values[given.indexOf(gradient)]!;
    const name = nameOf(tensor);
    const at = Float64Array.from(feeds.get(name)!);
    at.forEach((value, element) => {
      const [above, below] = [value + 1e-5, value - 1e-5];
      const difference =
        (valueAt(new Map(feeds).set(name, at.with(element, above))) -
          valueAt(new Map(feeds).set(name, at.with(element, below)))) /
        (above - below);
      worst = Math.max(worst, Math.abs((numbers?.[element] ?? 0) - difference) / Math.max(1, Math.abs(difference)));
    });
  });
  return worst;
}

const feedsOf = ({ given }: OperatorCase) => new Map(given.map(({ tensor, values }) => [nameOf(tensor), values]));
const floatsOf = ({ given }: OperatorCase) =>
  given.flatMap(({ tensor }) => (tensor.dtype === 'float32' ? [tensor] : []));

describe('the gradient of each operator', () => {
  // A cast to integers and a largest element have none; both are tested below.
  const differentiable = allCases.filter(
    ([name, one]) => one.result.dtype === 'float32' && floatsOf(one).length > 0 && !name.startsWith('reduceMax'),
  );

  test('is tested for every kind that has one', () => {
    const without = Object.entries(operatorCases).flatMap(([kind, cases]) =>
      cases.some((one) => differentiable.some(([, other]) => other === one)) ? [] : [kind],
    );
    expect(without).toEqual(['greater', 'equal', 'reduceMax']);
    expect(new Set(allCases.map(([name]) => name)).size).toBe(allCases.length);
  });

  test.each(differentiable)('%s', (_, one) => {
    expect(worstDifference(one.result, floatsOf(one), feedsOf(one))).toBeLessThan(1e-8);
  });

  test('of sums over any axes, of any shapes that broadcast, in any order', () => {
    const pair = fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.constantFrom('both', 'left', 'right')), {
      maxLength: 4,
    });
    const options = fc.record({
      pair,
      cut: fc.nat(4),
      operator: fc.constantFrom(add, sub, mul, div, maximum, minimum),
      shuffle: fc.array(fc.nat(9), { minLength: 4, maxLength: 4 }),
      axes: fc.subarray([0, 1, 2, 3]),
    });
    fc.assert(
      fc.property(options, ({ pair, cut, operator, shuffle, axes }) => {
        const left = pair.map(([length, side]) => (side === 'right' ? 1 : length));
        // Leading axes may be missing on one side.
        const right = pair.map(([length, side]) => (side === 'left' ? 1 : length)).slice(cut);
        const [a, b] = [input('a', 'float32', left), input('b', 'float32', right)];
        const y = operator(a, b);
        const order = y.dims.map((_, axis) => axis).sort((i, j) => shuffle[i]! - shuffle[j]!);
        const turned = transpose(tanh(y), order);
        const reduced = reduceSum(
          turned,
          axes.filter((axis) => axis < turned.dims.length),
        );
        const feeds = new Map([
          ['a', spread(sizeOf(left), -1, 1, 3)],
          ['b', spread(sizeOf(right), 0.6, 2, 5)],
        ]);
        expect(worstDifference(reshape(reduced, [sizeOf(reduced.dims)]), [a, b], feeds)).toBeLessThan(1e-8);
      }),
      { numRuns: 60 },
    );
  });

  test('of any chain of operators', () => {
    const steps: ((x: Tensor, y: Tensor) => Tensor)[] = [
      (x, y) => mul(x, y),
      (x, y) => sub(y, x),
      (x, y) => div(x, add(mul(y, y), 1)),
      (x) => tanh(x),
      (x) => sqrt(add(mul(x, x), 1)),
      (x) => softmax(x),
      (x, y) => matMul(x, y),
      (x, y) => matMul(transpose(y, [1, 0]), x),
      (x, y) => rmsNorm(x, reshape(reduceMean(add(mul(y, y), 0.5), [0]), [3]), 0.1),
      (x) => mul(x, inverseRms(x, 0.1)),
      (x) => gatherRows(x, constant([2, 0, 2], [3], 'int32')),
      (x, y) => addRows(x, constant([1, 1, 0], [3], 'int32'), y),
      (x, y) => add(x, takeFromRows(y, constant([2, 0, 1], [3], 'int32'))),
      (x, y) => recomputed(([a, b]) => tanh(mul(a!, b!)), [x, y]),
    ];
    fc.assert(
      fc.property(fc.array(fc.nat(steps.length - 1), { minLength: 1, maxLength: 6 }), (chosen) => {
        const [a, b] = [input('a', 'float32', [3, 3]), input('b', 'float32', [3, 3])];
        let [x, y] = [a, b];
        for (const step of chosen) [x, y] = [y, tanh(steps[step]!(x, y))];
        const feeds = new Map([
          ['a', spread(9, -1, 1, 3)],
          ['b', spread(9, -1, 1, 5)],
        ]);
        expect(worstDifference(add(x, y), [a, b], feeds)).toBeLessThan(1e-7);
      }),
      { numRuns: 60 },
    );
  });
});

describe('gradients', () => {
  const x = input('x', 'float32', [2]);

  test('of a scalar need no seed', () => {
    const [gradient] = gradients(reshape(reduceSum(mul(x, x)), []), [x]);
    expect(evaluate([gradient!], new Map([['x', [3, -2]]]))).toEqual([Float64Array.of(6, -4)]);
  });

  test('are undefined where nothing depends on a tensor', () => {
    const other = input('other', 'float32', [2]);
    expect(gradients(add(x, where(greater(other, 0), x, 0)), [other])).toEqual([undefined]);
    expect(gradients(mul(x, isPositive(other)), [other])).toEqual([undefined]);
  });

  test('of a tensor that is not from outside, and of the result itself', () => {
    const inner = exp(x);
    const y = mul(inner, inner);
    const [ofInner, ofY] = gradients(y, [inner, y]);
    const [value, ones, expected] = evaluate([ofInner!, ofY!, mul(inner, 2)], new Map([['x', [0.5, -1]]]));
    expect(value).toEqual(expected);
    expect(ones).toEqual(Float64Array.of(1, 1));
  });

  test('of the same tensor many times over are added up', () => {
    const y = add(add(x, x), mul(add(x, x), x));
    const [gradient] = gradients(y, [x]);
    expect(evaluate([gradient!], new Map([['x', [3, -2]]]))).toEqual([Float64Array.of(14, -6)]);
  });

  // max(a, b) = b where they are equal: the convention of the code, whatever else would be as right.
  test('give the whole of a tie to the second', () => {
    const [a, b] = [input('a', 'float32', []), input('b', 'float32', [])];
    const feeds = new Map([
      ['a', [1]],
      ['b', [1]],
    ]);
    for (const operator of [maximum, minimum]) {
      expect(evaluate(gradients(operator(a, b), [a, b]) as Tensor[], feeds)).toEqual([
        Float64Array.of(0),
        Float64Array.of(1),
      ]);
    }
    expect(evaluate(gradients(relu(a), [a]) as Tensor[], new Map([['a', [0]]]))).toEqual([Float64Array.of(0)]);
  });

  test('refuse the largest element, but not what does not go through it', () => {
    expect(() => gradients(reduceMax(x), [x])).toThrow(/reduceMax is not differentiable/);
    const y = input('y', 'float32', [2]);
    expect(gradients(add(reduceMax(x), y), [y])).toHaveLength(1);
  });

  test('end at integers', () => {
    expect(gradients(cast(cast(x, 'int32'), 'float32'), [x])).toEqual([undefined]);
  });

  test('of a deep graph need no deep stack', () => {
    let y: Tensor = x;
    for (let depth = 0; depth < 20000; depth++) y = neg(y);
    const [gradient] = gradients(y, [x]);
    expect(evaluate([gradient!], new Map([['x', [1, 2]]]))).toEqual([Float64Array.of(1, 1)]);
  });
});

describe('custom', () => {
  const x = input('x', 'float32', [2]);
  const feeds = new Map([['x', [3, -2]]]);

  test('takes its own gradient instead of the derived one', () => {
    const y = custom(mul(x, x), [x], (gradient) => [mul(gradient, 10)]);
    expect(evaluate([y, ...(gradients(y, [x]) as Tensor[])], feeds)).toEqual([
      Float64Array.of(9, 4),
      Float64Array.of(10, 10),
    ]);
  });

  test('stops a gradient where it gives none', () => {
    expect(
      gradients(
        custom(mul(x, x), [x], () => [undefined]),
        [x],
      ),
    ).toEqual([undefined]);
    expect(
      gradients(
        custom(mul(x, x), [], () => []),
        [x],
      ),
    ).toEqual([undefined]);
  });

  test('asks for no gradient where nothing wants one', () => {
    const other = input('other', 'float32', [2]);
    const y = custom(mul(x, x), [x], () => expect.unreachable());
    expect(gradients(add(y, other), [other])).toHaveLength(1);
  });
});

describe('recomputed', () => {
  const feeds = new Map([
    ['x', spread(6, -1, 1, 3)],
    ['mask', [1, 0, 1, 1, 0, 1]],
    ['w', spread(9, -1, 1, 5)],
    ['n', spread(3, 0.5, 2, 7)],
  ]);
  const x = input('x', 'float32', [2, 3]);
  const mask = input('mask', 'bool', [2, 3]);
  const w = state('w', 'float32', [3, 3]);
  const n = state('n', 'float32', [3]);
  /** A layer of the usual kind, with a custom gradient within and a table that is read twice. */
  const body = ([x]: readonly Tensor[]) => {
    const normed = rmsNorm(x!, n, 1e-6);
    const hidden = custom(relu(matMul(normed, w)), [normed, w], (g) => {
      const cut = mul(g, isPositive(matMul(normed, w)));
      return [matMul(cut, transpose(w, [1, 0])), matMul(transpose(normed, [1, 0]), cut)];
    });
    return add(x!, where(mask, mul(matMul(hidden, w), 2), 0));
  };
  const twice = (layer: (inputs: readonly Tensor[]) => Tensor) => exp(layer([layer([exp(x)])]));
  const plain = twice(body);
  const again = twice((inputs) => recomputed(body, inputs));

  test('has the same values and gradients, bit for bit', () => {
    const all = (y: Tensor) => evaluate([y, ...(gradients(y, [x, w, n]) as Tensor[])], feeds);
    expect(all(again)).toEqual(all(plain));
    expect(worstDifference(again, [x, w, n], feeds)).toBeLessThan(1e-7);
  });

  test('waits for the gradient, and then keeps nothing of the first pass but the inputs', () => {
    const found = gradients(again, [x, w, n]) as Tensor[];
    const outputs = { again, ...Object.fromEntries(found.map((gradient, index) => [`gradient ${index}`, gradient])) };
    const { order, outputs: slim } = lean({ name: 'recomputed', outputs, updates: {} });
    const forward = new Set(inOrder([slim.again!]));
    const norms = order.filter(({ operation }) => operation.kind === 'rmsNorm');
    expect(norms.filter((norm) => forward.has(norm))).toHaveLength(2);
    const second = norms.filter((norm) => !forward.has(norm));
    expect(second).toHaveLength(2);
    // Each is behind the result, whose gradient starts it.
    for (const norm of second) expect(inOrder([norm])).toContain(slim.again);
    // What the backward pass reads of the forward pass: what is from outside, the layers' inputs and the result.
    const kept = new Set(
      order
        .filter((tensor) => !forward.has(tensor))
        .flatMap(({ inputs }) => inputs.filter((tensor) => forward.has(tensor))),
    );
    const fromOutside = ['input', 'state', 'constant'];
    const values = [...kept].filter(({ operation }) => !fromOutside.includes(operation.kind));
    expect(values.map(({ operation }) => operation.kind).sort()).toEqual(['add', 'exp', 'exp']);
  });

  test('keeps float16 inputs in their type', () => {
    const half = cast(x, 'float16');
    const y = cast(
      recomputed(([a]) => exp(mul(a!, a!)), [half]),
      'float32',
    );
    expect(worstDifference(y, [x], feeds)).toBeLessThan(1e-8);
  });
});

describe('an operator refuses', () => {
  const float = (...dims: number[]) => input('float', 'float32', dims);
  const half = (...dims: number[]) => input('half', 'float16', dims);
  const index = (...dims: number[]) => input('index', 'int32', dims);
  const bool = (...dims: number[]) => input('bool', 'bool', dims);

  const unaryOperators = operatorsNamed({
    neg,
    exp,
    sqrt,
    tanh,
    relu,
    isPositive,
    softmax,
    reduceSum,
    reduceMean,
    reduceMax,
  });
  const pairs = operatorsNamed({ add, sub, mul, div, maximum, minimum, greater, equal });
  const refusals: readonly (readonly [what: string, message: RegExp, build: () => Tensor])[] = [
    ...unaryOperators.flatMap(
      ([name, operator]) =>
        [
          [`${name} of integers`, new RegExp(`^${name}: .*int32\\[2\\]`), () => operator(index(2))],
          [`${name} of bools`, new RegExp(`^${name}: .*bool\\[2\\]`), () => operator(bool(2))],
        ] as const,
    ),
    ...pairs.flatMap(
      ([name, operator]) =>
        [
          [
            `${name} of shapes`,
            new RegExp(`^${name}: .*\\[2, 3\\], float32\\[2\\]`),
            () => operator(float(2, 3), float(2)),
          ],
          [
            `${name} of types`,
            new RegExp(`^${name}: .*float32\\[2\\], int32\\[2\\]`),
            () => operator(float(2), index(2)),
          ],
          [`${name} of floats`, new RegExp(`^${name}: .*float16`), () => operator(float(2), half(2))],
          [`${name} of bools`, new RegExp(`^${name}: .*bool`), () => operator(bool(2), bool(2))],
          [`${name} of numbers`, new RegExp(`^${name}: one side`), () => operator(1, 2)],
        ] as const,
    ),
    ['constant of too few values', /^constant: .*float32\[3\]/, () => constant([1, 2], [3])],
    ['where of no bool', /^where: .*float32/, () => where(float(2), float(2), float(2))],
    ['where of types', /^where: .*int32/, () => where(bool(2), float(2), index(2))],
    ['where of sides', /^where: .*broadcast/, () => where(bool(2), float(2), float(3))],
    ['where of a condition', /^where: .*broadcast/, () => where(bool(3), float(2), float(2))],
    ['where of numbers', /^where: one side/, () => where(bool(2), 1, 0)],
    ['reshape to more', /^reshape: to \[4, 2\].*\[2, 3\]/, () => reshape(float(2, 3), [4, 2])],
    ['transpose of an axis twice', /^transpose: by \[0, 0\]/, () => transpose(float(2, 3), [0, 0])],
    ['transpose of too few axes', /^transpose: by \[0\]/, () => transpose(float(2, 3), [0])],
    ['reduceSum of no axis', /^reduceSum: over axes \[2\]/, () => reduceSum(float(2, 3), [2])],
    ['reduceMean of an axis from the end', /^reduceMean: over axes \[-1\]/, () => reduceMean(float(2, 3), [-1])],
    ['matMul of lengths', /^matMul: .*\[2, 3\], float32\[2, 3\]/, () => matMul(float(2, 3), float(2, 3))],
    ['matMul of ranks', /^matMul/, () => matMul(float(1, 2, 3), float(3, 2))],
    ['matMul of batches', /^matMul/, () => matMul(float(1, 2, 3), float(2, 3, 2))],
    ['matMul of vectors', /^matMul/, () => matMul(float(3), float(3))],
    ['matMul of types', /^matMul: .*float16/, () => matMul(float(2, 3), half(3, 2))],
    ['matMul of integers', /^matMul: .*int32/, () => matMul(index(2, 3), index(3, 2))],
    ['softmax of a scalar', /^softmax/, () => softmax(float())],
    ['rmsNorm of another width', /^rmsNorm: .*\[2, 3\], float32\[2\]/, () => rmsNorm(float(2, 3), float(2), 1e-6)],
    ['rmsNorm of a matrix of weights', /^rmsNorm/, () => rmsNorm(float(2, 3), float(1, 3), 1e-6)],
    ['rmsNorm of types', /^rmsNorm: .*float16/, () => rmsNorm(float(2, 3), half(3), 1e-6)],
    ['rmsNorm of a scalar', /^rmsNorm/, () => rmsNorm(float(), float(1), 1e-6)],
    ['inverseRms of a scalar', /^inverseRms/, () => inverseRms(float(), 1e-6)],
    ['inverseRms of integers', /^inverseRms: .*int32/, () => inverseRms(index(2), 1e-6)],
    ['gatherRows of a vector', /^gatherRows: .*float32\[3\]/, () => gatherRows(float(3), index(2))],
    ['gatherRows of floats', /^gatherRows: .*float32\[2\]/, () => gatherRows(float(3, 2), float(2))],
    ['gatherRows of a matrix of indices', /^gatherRows/, () => gatherRows(float(3, 2), index(2, 2))],
    ['addRows of integers', /^addRows: .*int32\[3, 2\]/, () => addRows(index(3, 2), index(2), index(2, 2))],
    ['addRows of another number', /^addRows/, () => addRows(float(3, 2), index(2), float(3, 2))],
    ['addRows of another width', /^addRows/, () => addRows(float(3, 2), index(2), float(2, 3))],
    ['addRows of types', /^addRows: .*float16/, () => addRows(float(3, 2), index(2), half(2, 2))],
    ['addRows of a vector', /^addRows/, () => addRows(float(3), index(2), float(2))],
    ['takeFromRows of too few', /^takeFromRows: .*int32\[2\]/, () => takeFromRows(float(3, 2), index(2))],
    ['takeFromRows of a vector', /^takeFromRows/, () => takeFromRows(float(3), index(3))],
    ['takeFromRows of floats', /^takeFromRows/, () => takeFromRows(float(3, 2), float(3))],
    ['addToRows of too few', /^addToRows: .*int32\[2\]/, () => addToRows(float(3, 2), index(2), 1)],
    ['addToRows of integers', /^addToRows/, () => addToRows(index(3, 2), index(3), 1)],
  ];

  test.each(refusals)('%s', (_, message, build) => {
    expect(build).toThrow(GraphError);
    expect(build).toThrow(message);
  });
});

type Operator = (...sides: (Tensor | number)[]) => Tensor;
/** Operators of any number of sides under their names. */
function operatorsNamed(
  operators: Readonly<Record<string, (...sides: never[]) => Tensor>>,
): readonly [string, Operator][] {
  return Object.entries(operators) as unknown as [string, Operator][];
}

describe('the shape of a result', () => {
  const x = (...dims: number[]) => input('x', 'float32', dims);
  test.each<readonly [string, Tensor, Dims]>([
    ['reductions keep their axes', reduceSum(x(2, 3, 4), [1]), [2, 1, 4]],
    ['shapes meet at their ends', add(x(2, 1, 3), x(4, 1)), [2, 4, 3]],
    ['a row of a scalar condition', where(greater(x(), 0), x(1, 3), 0), [1, 3]],
    ['products', matMul(x(5, 2, 3), x(5, 3, 4)), [5, 2, 4]],
    ['transpositions', transpose(x(2, 3, 4), [2, 0, 1]), [4, 2, 3]],
    ['taken elements', takeFromRows(x(3, 4), input('at', 'int32', [3])), [3, 1]],
  ])('%s', (_, tensor, dims) => {
    expect(tensor.dims).toEqual(dims);
  });

  test('needless steps are none', () => {
    const a = x(2, 3);
    expect(reshape(a, [2, 3])).toBe(a);
    expect(transpose(transpose(a, [1, 0]), [1, 0])).toBe(a);
    expect(cast(a, 'float32')).toBe(a);
    expect(reduceSum(x(1, 3), [0]).operation.kind).toBe('input');
    expect(reshape(reshape(a, [6]), [3, 2]).inputs[0]).toBe(a);
  });
});
