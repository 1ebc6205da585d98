import {
  add,
  addRows,
  addToRows,
  cast,
  constant,
  custom,
  type Dims,
  type DType,
  div,
  equal,
  exp,
  gatherRows,
  greater,
  input,
  inverseRms,
  isPositive,
  log,
  matMul,
  maximum,
  minimum,
  mul,
  neg,
  type Operation,
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
} from '../src/train/graph/index.js';

/** Numbers in a range, the same at each call, without ties, each a float32 so that every engine is given the same. */
export function spread(count: number, low = -1.5, high = 1.5, seed = 1): readonly number[] {
  let state = seed;
  return Array.from({ length: count }, () => {
    // Park & Miller 1988.
    state = (16807 * state) % 2147483647;
    return Math.fround(low + ((high - low) * state) / 2147483647);
  });
}

/** One use of an operator: tensors from outside with their values, and what is made of them. */
export interface OperatorCase {
  readonly name: string;
  readonly given: readonly { readonly tensor: Tensor; readonly values: readonly number[] }[];
  readonly result: Tensor;
}

interface Given {
  readonly leaf?: 'state';
  readonly dtype: DType;
  readonly dims: Dims;
  readonly values?: readonly number[];
  readonly range?: readonly [low: number, high: number];
}

const float = (dims: Dims, low = -1.5, high = 1.5): Given => ({ dtype: 'float32', dims, range: [low, high] });
const whole = (values: readonly number[], dims: Dims = [values.length], dtype: DType = 'int32'): Given => ({
  dtype,
  dims,
  values,
});
const flags = (values: readonly number[], dims: Dims): Given => ({ dtype: 'bool', dims, values });

let made = 0;
function of(name: string, given: readonly Given[], build: (...tensors: Tensor[]) => Tensor): OperatorCase {
  const tensors = given.map(({ leaf, dtype, dims, values, range }, index) => ({
    tensor: (leaf === 'state' ? state : input)(`${name} ${index}`, dtype, dims),
    values: values ?? spread(sizeOf(dims), ...range!, ++made),
  }));
  return { name, given: tensors, result: build(...tensors.map(({ tensor }) => tensor)) };
}

const unaryCases = (name: string, make: (x: Tensor) => Tensor, low?: number, high?: number) => [
  of(name, [float([3, 4], low, high)], make),
  of(`${name} of a scalar`, [float([], low, high)], make),
];

/** Every way in which two shapes meet; the second side stays away from 0, so that it may divide. */
function binaryCases(
  name: string,
  make: (a: Tensor | number, b: Tensor | number) => Tensor,
  integers: boolean,
): readonly OperatorCase[] {
  const pair = (what: string, a: Dims, b: Dims) => of(`${name} ${what}`, [float(a), float(b, 0.4, 2)], make);
  return [
    pair('of one shape', [2, 3], [2, 3]),
    pair('with a row', [2, 3], [3]),
    pair('of a row', [3], [2, 3]),
    pair('with a column', [2, 3], [2, 1]),
    pair('of a column and a row', [2, 1], [1, 3]),
    pair('in the middle', [2, 1, 3], [4, 1]),
    pair('with a scalar', [2, 3], []),
    pair('of a scalar', [], [2, 3]),
    pair('of scalars', [], []),
    pair('with one element of higher rank', [3], [1, 1, 1]),
    of(`${name} with a number`, [float([2, 3])], (x) => make(x, 0.75)),
    of(`${name} of a number`, [float([2, 3], 0.4, 2)], (x) => make(0.75, x)),
    of(`${name} with one number stretched`, [float([2, 1])], (x) => make(x, constant(0.75, [2, 3]))),
    of(`${name} with a list`, [float([2, 3])], (x) => make(x, constant([0.5, 0.75, 1.25], [3]))),
    of(`${name} of a tensor and itself`, [float([2, 3], 0.4, 2)], (x) => make(x, x)),
    ...(integers
      ? (['int32', 'int64'] as const).map((dtype) =>
          of(`${name} of ${dtype}`, [whole([-7, 5, 3], [3], dtype), whole([2, 5], [2, 1], dtype)], make),
        )
      : []),
  ];
}

const subsetsOfThree = [[0], [1], [2], [0, 1], [0, 2], [1, 2], [0, 1, 2]];
const reductionCases = (name: string, make: (x: Tensor, axes?: readonly number[]) => Tensor) => [
  ...subsetsOfThree.map((axes) => of(`${name} over ${axes}`, [float([2, 3, 4])], (x) => make(x, axes))),
  of(`${name} over all`, [float([2, 3])], (x) => make(x)),
  of(`${name} over axes in another order`, [float([2, 3, 4])], (x) => make(x, [2, 0])),
  of(`${name} over an axis of length 1`, [float([2, 1, 3])], (x) => exp(make(x, [1]))),
  of(`${name} over one axis of length 1 and another`, [float([2, 1, 3])], (x) => make(x, [1, 2])),
];

const permutationsOfThree = [
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
];

const cubed = (x: Tensor) =>
  custom(mul(x, mul(x, x)), [x], (gradient) => [mul(gradient, mul(mul(x, x), constant(3, [], x.dtype)))]);

/** Uses of each operator, small: a new kind of operation without one does not compile. */
export const operatorCases: Readonly<Record<Operation['kind'], readonly OperatorCase[]>> = {
  input: [of('an input as it is', [float([2, 3])], (x) => x)],
  state: [
    of('a state as it is', [{ ...float([2, 3]), leaf: 'state' }], (x) => x),
    of('a state', [{ ...float([2, 3]), leaf: 'state' }, float([3])], mul),
  ],
  constant: [
    of('a list', [float([2, 3])], (x) => mul(x, constant([1, 2, 3, 4, 5, 6], [2, 3]))),
    of('one number', [float([2, 3])], (x) => mul(x, constant(1.25, [2, 3]))),
    of('a constant as it is', [], () => constant(1.25, [2, 3])),
  ],
  neg: unaryCases('neg', neg),
  exp: unaryCases('exp', exp),
  log: unaryCases('log', log, 0.2, 3),
  sqrt: unaryCases('sqrt', sqrt, 0.2, 3),
  reciprocal: [...unaryCases('reciprocal', reciprocal, 0.3, 2), ...unaryCases('reciprocal < 0', reciprocal, -2, -0.3)],
  tanh: unaryCases('tanh', tanh, -3, 3),
  relu: unaryCases('relu', relu),
  isPositive: unaryCases('isPositive', isPositive),
  add: binaryCases('add', add, true),
  sub: binaryCases('sub', sub, true),
  mul: binaryCases('mul', mul, true),
  div: binaryCases('div', div, true),
  maximum: binaryCases('maximum', maximum, true),
  minimum: binaryCases('minimum', minimum, true),
  greater: binaryCases('greater', greater, true),
  equal: [
    ...binaryCases('equal', equal, true),
    of('equal of floats', [whole([1, 2, 3], [3], 'float32'), whole([3, 2, 1], [3], 'float32')], equal),
  ],
  where: [
    of('where', [flags([1, 0, 0, 1, 1, 0], [2, 3]), float([2, 3]), float([2, 3])], where),
    of('where with sides stretched', [flags([1, 0, 0, 1, 1, 0], [2, 3]), float([3]), float([2, 1])], where),
    of('where with its condition stretched', [flags([1, 0], [2, 1]), float([2, 3]), float([3])], where),
    of('where with scalars', [flags([1, 0], [2, 1]), float([]), float([1, 3])], where),
    of('where of a number', [flags([1, 0, 1], [3]), float([2, 3])], (c, x) => where(c, 0.5, x)),
    of('where with a number', [flags([1, 0, 1], [3]), float([2, 3])], (c, x) => where(c, x, 0)),
    of('where of a comparison', [float([2, 3]), float([2, 3])], (a, b) => where(greater(a, b), mul(a, a), b)),
  ],
  cast: [
    of('cast of int32', [whole([-2, 0, 3])], (x) => cast(x, 'float32')),
    of('cast of int64', [whole([-2, 0, 3], [3], 'int64')], (x) => cast(x, 'float32')),
    of('cast of bool', [flags([1, 0], [2])], (x) => cast(x, 'float32')),
    of('cast to int32', [whole([-1.75, -0.25, 0.75, 2.5], [4], 'float32')], (x) => cast(x, 'int32')),
    of('cast to int64', [whole([-1.75, -0.25, 0.75, 2.5], [4], 'float32')], (x) => cast(x, 'int64')),
    of('cast to bool', [whole([-1.75, 0, 0.75], [3], 'float32')], (x) => cast(x, 'bool')),
    of('cast to float16', [float([2, 3])], (x) => mul(cast(mul(cast(x, 'float16'), 1.5), 'float32'), x)),
  ],
  reshape: [
    of('reshape to a vector', [float([2, 3])], (x) => mul(reshape(x, [6]), constant([1, 2, 3, 4, 5, 6], [6]))),
    of('reshape to a higher rank', [float([4, 3])], (x) => mul(reshape(x, [2, 1, 2, 3]), constant([2, 3, 4], [3]))),
    of('reshape to a scalar', [float([1, 1])], (x) => exp(reshape(x, []))),
    of('reshape of a scalar', [float([])], (x) => exp(reshape(x, [1, 1]))),
    of('reshape of a reshape', [float([4, 3])], (x) => exp(reshape(reshape(x, [12]), [2, 6]))),
    of('reshape there and back', [float([4, 3])], (x) => exp(reshape(reshape(x, [12]), [4, 3]))),
    of('reshape of a transposition', [float([4, 3])], (x) => exp(reshape(transposed(x), [2, 6]))),
  ],
  transpose: [
    of('transpose of a matrix', [float([2, 3])], transposed),
    ...permutationsOfThree.map((axes) => of(`transpose by ${axes}`, [float([2, 3, 4])], (x) => transpose(x, axes))),
    of('transpose by 0,2,1,3', [float([2, 3, 4, 2])], (x) => transpose(x, [0, 2, 1, 3])),
    of('transpose by 3,0,2,1', [float([2, 3, 4, 2])], (x) => transpose(x, [3, 0, 2, 1])),
    of('transpose of a transpose', [float([2, 3, 4])], (x) => transpose(transpose(x, [1, 2, 0]), [2, 1, 0])),
    of('transpose of a product', [float([2, 3]), float([3, 4])], (a, b) => transposed(matMul(a, b))),
    of('transpose of products', [float([2, 2, 3]), float([2, 3, 4])], (a, b) => transposed(matMul(a, b))),
    of('a product of a transpose', [float([2, 3]), float([2, 4])], (a, b) => matMul(transposed(a), exp(b))),
    of('transpose of integers', [whole([1, 2, 3, 4, 5, 6], [2, 3])], transposed),
  ],
  reduceSum: reductionCases('reduceSum', reduceSum),
  reduceMean: reductionCases('reduceMean', reduceMean),
  reduceMax: reductionCases('reduceMax', reduceMax),
  matMul: [
    of('matMul', [float([2, 3]), float([3, 4])], matMul),
    of('matMul of a row and a column', [float([1, 3]), float([3, 1])], matMul),
    of('matMul of a column and a row', [float([3, 1]), float([1, 2])], matMul),
    of("matMul of a'", [float([3, 2]), float([3, 4])], (a, b) => matMul(transposed(a), b)),
    of("matMul with b'", [float([2, 3]), float([4, 3])], (a, b) => matMul(a, transposed(b))),
    of("matMul of a' and b'", [float([3, 2]), float([4, 3])], (a, b) => matMul(transposed(a), transposed(b))),
    of('matMul of a tensor and itself', [float([3, 3])], (a) => matMul(a, a)),
    of("matMul of a tensor and its own a'", [float([2, 3])], (a) => matMul(a, transposed(a))),
    of('matMul in batches', [float([2, 2, 3]), float([2, 3, 4])], matMul),
    of("matMul in batches of a'", [float([2, 3, 2]), float([2, 3, 4])], (a, b) => matMul(transposed(a), b)),
    of("matMul in batches with b'", [float([2, 2, 3]), float([2, 4, 3])], (a, b) => matMul(a, transposed(b))),
    of("matMul in batches of a' and b'", [float([2, 3, 2]), float([2, 4, 3])], (a, b) =>
      matMul(transposed(a), transposed(b)),
    ),
    of('matMul of four axes', [float([2, 3, 2, 3]), float([2, 3, 3, 2])], matMul),
    of("matMul of four axes of a' and b'", [float([2, 3, 3, 2]), float([2, 3, 2, 3])], (a, b) =>
      matMul(transposed(a), transposed(b)),
    ),
    of('matMul with batches inside', [float([4, 2, 3]), float([5, 2, 3])], (a, b) =>
      matMul(transpose(a, [1, 0, 2]), transpose(b, [1, 2, 0])),
    ),
    of("matMul with batches inside of a' and b", [float([4, 2, 3]), float([4, 2, 5])], (a, b) =>
      matMul(transpose(a, [1, 2, 0]), transpose(b, [1, 0, 2])),
    ),
  ],
  softmax: [
    of('softmax of a vector', [float([5])], softmax),
    of('softmax of rows', [float([3, 4])], softmax),
    of('softmax of rows of matrices', [float([2, 3, 4])], softmax),
    of('softmax of one element', [float([3, 1])], softmax),
    of('softmax of large numbers', [float([2, 3], 9999, 10001)], softmax),
  ],
  rmsNorm: [
    of('rmsNorm of a vector', [float([5]), float([5], 0.5, 2)], (x, w) => rmsNorm(x, w, 1e-6)),
    of('rmsNorm of rows', [float([3, 4]), float([4], 0.5, 2)], (x, w) => rmsNorm(x, w, 1e-6)),
    of('rmsNorm of rows of matrices', [float([2, 3, 4]), float([4], 0.5, 2)], (x, w) => rmsNorm(x, w, 0.5)),
    of('rmsNorm weighted by itself', [float([4], 0.5, 2)], (x) => rmsNorm(x, x, 0.5)),
  ],
  inverseRms: [
    of('inverseRms of a vector', [float([5])], (x) => inverseRms(x, 1e-6)),
    of('inverseRms of rows', [float([3, 4])], (x) => inverseRms(x, 1e-6)),
    of('inverseRms of rows of matrices', [float([2, 3, 4])], (x) => inverseRms(x, 0.5)),
    of('inverseRms beside rmsNorm', [float([3, 4]), float([4])], (x, w) =>
      mul(rmsNorm(x, w, 1e-6), inverseRms(x, 1e-6)),
    ),
  ],
  gatherRows: [
    of('gatherRows', [float([4, 3]), whole([2, 0])], gatherRows),
    of('gatherRows with indices repeated', [float([4, 3]), whole([2, 0, 2, 3, 2, 0])], gatherRows),
    of('gatherRows of int64', [float([4, 3]), whole([3, 3, 1], [3], 'int64')], gatherRows),
    of('gatherRows and what else reads the table', [float([4, 3]), whole([1, 1])], (x, at) =>
      matMul(gatherRows(x, at), transposed(mul(x, x))),
    ),
    of('gatherRows twice', [float([4, 3]), whole([1, 1]), whole([0, 1])], (x, at, other) =>
      mul(gatherRows(x, at), gatherRows(x, other)),
    ),
    of('gatherRows with a constant', [float([4, 3])], (x) => gatherRows(x, constant([3, 0, 3], [3], 'int32'))),
    of('gatherRows of integers', [whole([1, 2, 3, 4, 5, 6], [3, 2]), whole([2, 2, 0])], gatherRows),
  ],
  addRows: [
    of('addRows', [float([4, 3]), whole([2, 0]), float([2, 3])], addRows),
    of('addRows with indices repeated', [float([4, 3]), whole([2, 0, 2, 3, 2, 0]), float([6, 3])], addRows),
    of('addRows of int64', [float([4, 3]), whole([3, 3, 1], [3], 'int64'), float([3, 3])], addRows),
    of('addRows to zeros', [whole([2, 0, 2]), float([3, 3])], (at, rows) => addRows(constant(0, [4, 3]), at, rows)),
    of('addRows of the table itself', [float([3, 3]), whole([2, 0, 2])], (x, at) => addRows(x, at, mul(x, x))),
  ],
  takeFromRows: [
    of('takeFromRows', [float([3, 4]), whole([3, 0, 3])], takeFromRows),
    of('takeFromRows of int64', [float([3, 4]), whole([1, 1, 2], [3], 'int64')], takeFromRows),
    of('takeFromRows of one row', [float([1, 4]), whole([2])], takeFromRows),
  ],
  addToRows: [
    of('addToRows', [float([3, 4]), whole([3, 0, 3])], (x, at) => addToRows(mul(x, x), at, -0.75)),
    of('addToRows of int64', [float([3, 4]), whole([1, 1, 2], [3], 'int64')], (x, at) => addToRows(x, at, 2)),
  ],
  custom: [
    of('custom', [float([2, 3])], cubed),
    of('custom inside and outside', [float([2, 3])], (x) => mul(cubed(exp(x)), tanh(cubed(x)))),
    of('custom of two', [float([2, 3]), float([3])], (a, b) =>
      custom(mul(a, b), [a, b], (g) => [mul(g, b), reshape(reduceSum(mul(g, a), [0]), [3])]),
    ),
  ],
};

/** Every case under its name. */
export const allCases: readonly (readonly [name: string, OperatorCase])[] = Object.values(operatorCases).flatMap(
  (cases) => cases.map((one) => [one.name, one] as const),
);
