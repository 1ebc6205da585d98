import {
  type BinaryKind,
  type ComparisonKind,
  type Dims,
  type DType,
  type ReductionKind,
  sizeOf,
  type Tensor,
  type UnaryKind,
} from './tensor.js';

/** What the builder of a graph got wrong: never a user's error. */
export class GraphError extends Error {
  override readonly name = 'GraphError';
}

function check(condition: boolean, operator: string, what: string, ...tensors: readonly Tensor[]): void {
  if (condition) return;
  throw new GraphError(`${operator}: ${what}: ${tensors.map((t) => `${t.dtype}[${t.dims.join(', ')}]`).join(', ')}`);
}

const isFloat = (tensor: Tensor) => tensor.dtype === 'float32' || tensor.dtype === 'float16';
const isIndex = (tensor: Tensor) => tensor.dtype === 'int32' || tensor.dtype === 'int64';

/** A tensor fed at every run. */
export function input(name: string, dtype: DType, dims: Dims): Tensor {
  return { operation: { kind: 'input', name }, inputs: [], dtype, dims };
}

/** A tensor that the engine keeps from run to run. */
export function state(name: string, dtype: DType, dims: Dims): Tensor {
  return { operation: { kind: 'state', name }, inputs: [], dtype, dims };
}

/** Values in row-major order, or one value for every element. Defaults to a float32 scalar. */
export function constant(values: readonly number[] | number, dims: Dims = [], dtype: DType = 'float32'): Tensor {
  const tensor: Tensor = { operation: { kind: 'constant', values }, inputs: [], dtype, dims };
  check(typeof values === 'number' || values.length === sizeOf(dims), 'constant', 'as many values as elements', tensor);
  return tensor;
}

/** Axes of two shapes aligned at the end; a length of 1 stretches. */
export function broadcastDims(a: Dims, b: Dims): Dims | undefined {
  const rank = Math.max(a.length, b.length);
  const dims: number[] = [];
  for (let axis = 0; axis < rank; axis++) {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    if (left !== right && left !== 1 && right !== 1) return undefined;
    dims.push(left === 1 ? right : left);
  }
  return dims;
}

function unary(kind: UnaryKind) {
  return (x: Tensor): Tensor => {
    check(isFloat(x), kind, 'takes floats', x);
    return { operation: { kind }, inputs: [x], dtype: x.dtype, dims: x.dims };
  };
}

function scalarLike(value: Tensor | number, other: Tensor): Tensor {
  return typeof value === 'number' ? constant(value, [], other.dtype) : value;
}

function pair(kind: BinaryKind | ComparisonKind, a: Tensor | number, b: Tensor | number): [Tensor, Tensor, Dims] {
  if (typeof a === 'number' && typeof b === 'number') throw new GraphError(`${kind}: one side must be a tensor`);
  const left = scalarLike(a, b as Tensor);
  const right = scalarLike(b, left);
  check(left.dtype === right.dtype && left.dtype !== 'bool', kind, 'takes two of one type of numbers', left, right);
  const dims = broadcastDims(left.dims, right.dims);
  check(dims !== undefined, kind, 'shapes must broadcast', left, right);
  return [left, right, dims!];
}

function binary(kind: BinaryKind) {
  return (a: Tensor | number, b: Tensor | number): Tensor => {
    const [left, right, dims] = pair(kind, a, b);
    return { operation: { kind }, inputs: [left, right], dtype: left.dtype, dims };
  };
}

function comparison(kind: ComparisonKind) {
  return (a: Tensor | number, b: Tensor | number): Tensor => {
    const [left, right, dims] = pair(kind, a, b);
    return { operation: { kind }, inputs: [left, right], dtype: 'bool', dims };
  };
}

export const neg = unary('neg');
export const exp = unary('exp');
export const log = unary('log');
export const sqrt = unary('sqrt');
export const reciprocal = unary('reciprocal');
export const tanh = unary('tanh');
/** max(x, 0). */
export const relu = unary('relu');
/** 1 where x > 0, else 0; its gradient is zero. */
export const isPositive = unary('isPositive');
export const add = binary('add');
export const sub = binary('sub');
export const mul = binary('mul');
export const div = binary('div');
export const maximum = binary('maximum');
export const minimum = binary('minimum');
export const greater = comparison('greater');
export const equal = comparison('equal');

/** Elements of `yes` where the condition holds, else of `no`. */
export function where(condition: Tensor, yes: Tensor | number, no: Tensor | number): Tensor {
  if (typeof yes === 'number' && typeof no === 'number') throw new GraphError('where: one side must be a tensor');
  const left = scalarLike(yes, no as Tensor);
  const right = scalarLike(no, left);
  check(
    condition.dtype === 'bool' && left.dtype === right.dtype,
    'where',
    'takes a bool and two of one type',
    condition,
    left,
    right,
  );
  const sides = broadcastDims(left.dims, right.dims);
  const dims = sides && broadcastDims(condition.dims, sides);
  check(dims !== undefined, 'where', 'shapes must broadcast', condition, left, right);
  return { operation: { kind: 'where' }, inputs: [condition, left, right], dtype: left.dtype, dims: dims! };
}

/** The same values as another type. */
export function cast(x: Tensor, dtype: DType): Tensor {
  return x.dtype === dtype ? x : { operation: { kind: 'cast' }, inputs: [x], dtype, dims: x.dims };
}

/** The same elements in the same order under other lengths. */
export function reshape(x: Tensor, dims: Dims): Tensor {
  check(sizeOf(dims) === sizeOf(x.dims), 'reshape', `to [${dims.join(', ')}] must keep the number of elements`, x);
  if (dims.length === x.dims.length && dims.every((length, axis) => length === x.dims[axis])) return x;
  const source = x.operation.kind === 'reshape' ? x.inputs[0]! : x;
  if (source !== x) return reshape(source, dims);
  return { operation: { kind: 'reshape' }, inputs: [x], dtype: x.dtype, dims };
}

/** Axis `i` of the result is axis `permutation[i]` of x. */
export function transpose(x: Tensor, permutation: readonly number[]): Tensor {
  check(
    [...permutation].sort((a, b) => a - b).join() === x.dims.map((_, axis) => axis).join(),
    'transpose',
    `by [${permutation.join(', ')}]`,
    x,
  );
  if (permutation.every((from, to) => from === to)) return x;
  if (x.operation.kind === 'transpose') {
    const { permutation: inner } = x.operation;
    return transpose(
      x.inputs[0]!,
      permutation.map((axis) => inner[axis]!),
    );
  }
  return {
    operation: { kind: 'transpose', permutation },
    inputs: [x],
    dtype: x.dtype,
    dims: permutation.map((axis) => x.dims[axis]!),
  };
}

/** The last two axes exchanged. */
export function transposed(x: Tensor): Tensor {
  const axes = x.dims.map((_, axis) => axis);
  return transpose(x, [...axes.slice(0, -2), axes.length - 1, axes.length - 2]);
}

function reduction(kind: ReductionKind) {
  return (x: Tensor, axes: readonly number[] = x.dims.map((_, axis) => axis)): Tensor => {
    check(
      isFloat(x) && axes.every((axis) => axis >= 0 && axis < x.dims.length),
      kind,
      `over axes [${axes.join(', ')}]`,
      x,
    );
    if (axes.every((axis) => x.dims[axis] === 1)) return x;
    const dims = x.dims.map((length, axis) => (axes.includes(axis) ? 1 : length));
    return { operation: { kind, axes: [...axes].sort((a, b) => a - b) }, inputs: [x], dtype: x.dtype, dims };
  };
}

/** Sum over axes, each of which stays with length 1. Defaults to all axes. */
export const reduceSum = reduction('reduceSum');
/** Mean over axes, each of which stays with length 1. Defaults to all axes. */
export const reduceMean = reduction('reduceMean');
/** Largest over axes, each of which stays with length 1; not differentiable. Defaults to all axes. */
export const reduceMax = reduction('reduceMax');

/** Matrix product [..., m, k] x [..., k, n]; the axes before the last two are the same on both sides. */
export function matMul(a: Tensor, b: Tensor): Tensor {
  const rank = a.dims.length;
  const batch = a.dims.slice(0, -2);
  check(
    isFloat(a) &&
      a.dtype === b.dtype &&
      rank >= 2 &&
      b.dims.length === rank &&
      batch.every((length, axis) => length === b.dims[axis]) &&
      a.dims[rank - 1] === b.dims[rank - 2],
    'matMul',
    'takes [..., m, k] and [..., k, n]',
    a,
    b,
  );
  return {
    operation: { kind: 'matMul' },
    inputs: [a, b],
    dtype: a.dtype,
    dims: [...batch, a.dims[rank - 2]!, b.dims[rank - 1]!],
  };
}

/** exp(x) / sum(exp(x)) along the last axis. */
export function softmax(x: Tensor): Tensor {
  check(isFloat(x) && x.dims.length > 0, 'softmax', 'takes floats', x);
  return { operation: { kind: 'softmax' }, inputs: [x], dtype: x.dtype, dims: x.dims };
}

/** x / rms(x) * weight along the last axis (Zhang & Sennrich 2019), rms(x) = sqrt(mean(x^2) + epsilon). */
export function rmsNorm(x: Tensor, weight: Tensor, epsilon: number): Tensor {
  check(
    isFloat(x) && weight.dtype === x.dtype && weight.dims.length === 1 && weight.dims[0] === x.dims.at(-1),
    'rmsNorm',
    'takes [..., n] and [n]',
    x,
    weight,
  );
  return { operation: { kind: 'rmsNorm', epsilon }, inputs: [x, weight], dtype: x.dtype, dims: x.dims };
}

/** 1 / sqrt(mean(x^2) + epsilon) along the last axis, which stays with length 1. */
export function inverseRms(x: Tensor, epsilon: number): Tensor {
  check(isFloat(x) && x.dims.length > 0, 'inverseRms', 'takes floats', x);
  return { operation: { kind: 'inverseRms', epsilon }, inputs: [x], dtype: x.dtype, dims: [...x.dims.slice(0, -1), 1] };
}

/** Rows of [v, n] named by indices [m]: [m, n]. */
export function gatherRows(table: Tensor, indices: Tensor): Tensor {
  check(
    table.dims.length === 2 && isIndex(indices) && indices.dims.length === 1,
    'gatherRows',
    'takes [v, n] and indices [m]',
    table,
    indices,
  );
  return {
    operation: { kind: 'gatherRows' },
    inputs: [table, indices],
    dtype: table.dtype,
    dims: [indices.dims[0]!, table.dims[1]!],
  };
}

/** [v, n] with the rows of [m, n] added to those that indices [m] name; an index may repeat. */
export function addRows(table: Tensor, indices: Tensor, rows: Tensor): Tensor {
  check(
    isFloat(table) &&
      table.dims.length === 2 &&
      isIndex(indices) &&
      indices.dims.length === 1 &&
      rows.dtype === table.dtype &&
      rows.dims.length === 2 &&
      rows.dims[0] === indices.dims[0] &&
      rows.dims[1] === table.dims[1],
    'addRows',
    'takes [v, n], indices [m] and [m, n]',
    table,
    indices,
    rows,
  );
  return { operation: { kind: 'addRows' }, inputs: [table, indices, rows], dtype: table.dtype, dims: table.dims };
}

/** Of each row of [m, n] the element that its index of [m] names: [m, 1]. */
export function takeFromRows(x: Tensor, indices: Tensor): Tensor {
  check(
    x.dims.length === 2 && isIndex(indices) && indices.dims.length === 1 && indices.dims[0] === x.dims[0],
    'takeFromRows',
    'takes [m, n] and indices [m]',
    x,
    indices,
  );
  return { operation: { kind: 'takeFromRows' }, inputs: [x, indices], dtype: x.dtype, dims: [x.dims[0]!, 1] };
}

/** [m, n] with `value` added in each row to the element that its index of [m] names. */
export function addToRows(x: Tensor, indices: Tensor, value: number): Tensor {
  check(
    isFloat(x) && x.dims.length === 2 && isIndex(indices) && indices.dims.length === 1 && indices.dims[0] === x.dims[0],
    'addToRows',
    'takes [m, n] and indices [m]',
    x,
    indices,
  );
  return { operation: { kind: 'addToRows', value }, inputs: [x, indices], dtype: x.dtype, dims: x.dims };
}

/** `value`, whose gradient flows to `inputs` by `pullback` and not through the tensors that made it. */
export function custom(
  value: Tensor,
  inputs: readonly Tensor[],
  pullback: (gradient: Tensor) => readonly (Tensor | undefined)[],
): Tensor {
  return { operation: { kind: 'custom', pullback }, inputs: [...inputs, value], dtype: value.dtype, dims: value.dims };
}
