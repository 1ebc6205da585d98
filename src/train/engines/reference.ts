import {
  type BinaryKind,
  type ComparisonKind,
  type Dims,
  type DType,
  GraphError,
  inOrder,
  lean,
  sizeOf,
  type Tensor,
  type UnaryKind,
} from '../graph/index.js';
import type { Executor, HostTensor, PreparedProgram } from './executor.js';
import { fromHalf, halfOf } from './half.js';

/** Elements from one of an axis to the next in row-major order; 0 along axes of length 1, so that they stretch. */
function stridesOf(dims: Dims): readonly number[] {
  return dims.map((length, axis) => (length === 1 ? 0 : sizeOf(dims.slice(axis + 1))));
}

/** Strides of a tensor under a shape that it broadcasts to. */
function stretchedStrides(from: Dims, to: Dims): readonly number[] {
  const strides = stridesOf(from);
  return to.map((_, axis) => strides[axis - to.length + from.length] ?? 0);
}

/** The offset of each element of a shape under the strides of where it lies. */
function offsetsOf(dims: Dims, strides: readonly number[]): Int32Array {
  const offsets = new Int32Array(sizeOf(dims));
  // What one element of an axis holds is repeated for its other elements, innermost axis first.
  let block = 1;
  for (let axis = dims.length - 1; axis >= 0; axis--) {
    for (let at = block; at < block * dims[axis]!; at++) offsets[at] = offsets[at - block]! + strides[axis]!;
    block *= dims[axis]!;
  }
  return offsets;
}

const unary: Readonly<Record<UnaryKind, (x: number) => number>> = {
  neg: (x) => -x,
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
  reciprocal: (x) => 1 / x,
  tanh: Math.tanh,
  relu: (x) => Math.max(x, 0),
  isPositive: (x) => Number(x > 0),
};

const binary: Readonly<Record<BinaryKind | ComparisonKind, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  maximum: Math.max,
  minimum: Math.min,
  greater: (a, b) => Number(a > b),
  equal: (a, b) => Number(a === b),
};

const isFloat = (dtype: DType) => dtype === 'float32' || dtype === 'float16';

/** One tensor from the values of its inputs. Types of floats are not told apart: nothing is rounded to them. */
function compute(tensor: Tensor, values: readonly Float64Array[]): Float64Array {
  const { operation, inputs, dims } = tensor;
  const [a, b, c] = values as [Float64Array, Float64Array, Float64Array];
  const result = new Float64Array(sizeOf(dims));
  const stretched = (index: number) => offsetsOf(dims, stretchedStrides(inputs[index]!.dims, dims));
  switch (operation.kind) {
    case 'input':
    case 'state':
      throw new GraphError(`${operation.kind}: "${operation.name}" is not given`);
    case 'constant':
      if (typeof operation.values === 'number') return result.fill(operation.values);
      result.set(operation.values);
      return result;
    case 'neg':
    case 'exp':
    case 'log':
    case 'sqrt':
    case 'reciprocal':
    case 'tanh':
    case 'relu':
    case 'isPositive':
      return a.map(unary[operation.kind]);
    case 'add':
    case 'sub':
    case 'mul':
    case 'div':
    case 'maximum':
    case 'minimum':
    case 'greater':
    case 'equal': {
      const [left, right, apply] = [stretched(0), stretched(1), binary[operation.kind]];
      for (let i = 0; i < result.length; i++) result[i] = apply(a[left[i]!]!, b[right[i]!]!);
      return operation.kind === 'div' && !isFloat(tensor.dtype) ? result.map(Math.trunc) : result;
    }
    case 'where': {
      const [condition, yes, no] = [stretched(0), stretched(1), stretched(2)];
      for (let i = 0; i < result.length; i++) result[i] = a[condition[i]!] !== 0 ? b[yes[i]!]! : c[no[i]!]!;
      return result;
    }
    case 'cast':
      if (isFloat(tensor.dtype)) return a;
      return tensor.dtype === 'bool' ? a.map((x) => Number(x !== 0)) : a.map(Math.trunc);
    case 'reshape':
      return a;
    case 'transpose': {
      const strides = stridesOf(inputs[0]!.dims);
      const from = offsetsOf(
        dims,
        operation.permutation.map((axis) => strides[axis]!),
      );
      return result.map((_, i) => a[from[i]!]!);
    }
    case 'reduceSum':
    case 'reduceMean':
    case 'reduceMax': {
      const into = offsetsOf(inputs[0]!.dims, stridesOf(dims));
      const isMax = operation.kind === 'reduceMax';
      if (isMax) result.fill(Number.NEGATIVE_INFINITY);
      for (let i = 0; i < a.length; i++) {
        const at = into[i]!;
        result[at] = isMax ? Math.max(result[at]!, a[i]!) : result[at]! + a[i]!;
      }
      return operation.kind === 'reduceMean' ? result.map((sum) => (sum * result.length) / a.length) : result;
    }
    case 'matMul': {
      const [rows, columns] = dims.slice(-2) as [number, number];
      const shared = inputs[0]!.dims.at(-1)!;
      for (let row = 0; row < result.length / columns; row++) {
        // Rows of all matrices of the left side lie one after the other.
        const matrix = Math.floor(row / rows);
        for (let k = 0; k < shared; k++) {
          const factor = a[row * shared + k]!;
          const from = (matrix * shared + k) * columns;
          for (let column = 0; column < columns; column++) {
            result[row * columns + column]! += factor * b[from + column]!;
          }
        }
      }
      return result;
    }
    case 'softmax':
      return byRows(a, dims.at(-1)!, (row) => {
        const largest = row.reduce((x, y) => Math.max(x, y));
        const powers = row.map((x) => Math.exp(x - largest));
        const sum = powers.reduce((x, y) => x + y);
        return powers.map((x) => x / sum);
      });
    case 'rmsNorm':
      return byRows(a, dims.at(-1)!, (row) => {
        const inverse = inverseRms(row, operation.epsilon);
        return row.map((x, i) => x * inverse * b[i]!);
      });
    case 'inverseRms':
      return byRows(a, inputs[0]!.dims.at(-1)!, (row) => [inverseRms(row, operation.epsilon)]);
    case 'gatherRows': {
      const width = dims[1]!;
      return result.map((_, i) => a[b[Math.floor(i / width)]! * width + (i % width)]!);
    }
    case 'addRows': {
      const width = dims[1]!;
      result.set(a);
      for (let i = 0; i < c.length; i++) result[b[Math.floor(i / width)]! * width + (i % width)]! += c[i]!;
      return result;
    }
    case 'takeFromRows': {
      const width = inputs[0]!.dims[1]!;
      return result.map((_, row) => a[row * width + b[row]!]!);
    }
    case 'addToRows': {
      const width = dims[1]!;
      result.set(a);
      for (let row = 0; row < dims[0]!; row++) result[row * width + b[row]!]! += operation.value;
      return result;
    }
    case 'custom':
      return values.at(-1)!;
  }
}

function inverseRms(row: Float64Array, epsilon: number): number {
  return 1 / Math.sqrt(row.reduce((sum, x) => sum + x * x, 0) / row.length + epsilon);
}

/** What a function makes of each row, one after the other. */
function byRows(x: Float64Array, width: number, apply: (row: Float64Array) => ArrayLike<number>): Float64Array {
  const rows = x.length / width;
  const results = Array.from({ length: rows }, (_, row) => apply(x.subarray(row * width, (row + 1) * width)));
  const result = new Float64Array(results.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const row of results) {
    result.set(row, at);
    at += row.length;
  }
  return result;
}

/**
 * Values of tensors in float64, whatever their type of float, by plain loops: the oracle of the engines and of the
 * gradients. Integers are exact to 2^53, bools are 0 and 1.
 *
 * @param feeds - Values of the inputs and states by name, in row-major order.
 * @throws GraphError naming an input or a state that is not fed, or has another number of elements.
 */
export function evaluate(
  tensors: readonly Tensor[],
  feeds: ReadonlyMap<string, ArrayLike<number>>,
): readonly Float64Array[] {
  const values = new Map<Tensor, Float64Array>();
  for (const tensor of inOrder(tensors)) {
    const { operation, inputs } = tensor;
    const fed = operation.kind === 'input' || operation.kind === 'state' ? feeds.get(operation.name) : undefined;
    if (fed !== undefined && fed.length !== sizeOf(tensor.dims))
      throw new GraphError(`evaluate: ${fed.length} values for ${JSON.stringify(operation)} of [${tensor.dims}]`);
    values.set(
      tensor,
      fed === undefined
        ? compute(
            tensor,
            inputs.map((input) => values.get(input)!),
          )
        : new Float64Array(fed),
    );
  }
  return tensors.map((tensor) => values.get(tensor)!);
}

/** Numbers that a tensor outside of an engine holds. */
export function numbersOf({ dtype, values }: HostTensor): Float64Array {
  if (dtype === 'float16') return Float64Array.from(values as Uint16Array, fromHalf);
  return values instanceof BigInt64Array ? Float64Array.from(values, Number) : new Float64Array(values);
}

/** A tensor outside of an engine from numbers, rounded to its type. */
export function hostTensor(dtype: DType, dims: Dims, numbers: ArrayLike<number>): HostTensor {
  const values = {
    float32: () => new Float32Array(numbers),
    float16: () => Uint16Array.from(numbers, halfOf),
    int32: () => new Int32Array(numbers),
    int64: () => BigInt64Array.from(Array.from(numbers, BigInt)),
    bool: () => new Uint8Array(numbers),
  }[dtype]();
  return { dtype, dims, values };
}

/** An executor of the float64 interpreter; it keeps its states in float64 and rounds what it gives. */
export function referenceExecutor(): Executor {
  const states = new Map<string, { readonly dtype: DType; readonly dims: Dims; readonly numbers: Float64Array }>();
  return {
    device: 'reference',
    versions: { node: process.versions.node },
    async prepare(program): Promise<PreparedProgram> {
      const { outputs, updates } = lean(program);
      return {
        async run(feeds) {
          const numbers = new Map<string, Float64Array>();
          for (const [name, state] of states) numbers.set(name, state.numbers);
          for (const [name, fed] of feeds) numbers.set(name, numbersOf(fed));
          const given = Object.entries(outputs);
          const replaced = Object.entries(updates);
          const results = evaluate(
            [...given, ...replaced].map(([, tensor]) => tensor),
            numbers,
          );
          replaced.forEach(([name, { dtype, dims }], index) => {
            states.set(name, { dtype, dims, numbers: results[given.length + index]! });
          });
          return new Map(
            given.map(([name, { dtype, dims }], index) => [name, hostTensor(dtype, dims, results[index]!)]),
          );
        },
        async dispose() {},
      };
    },
    async writeStates(written) {
      for (const [name, state] of written)
        states.set(name, { dtype: state.dtype, dims: state.dims, numbers: numbersOf(state) });
    },
    async readStates(names) {
      return new Map(
        names.map((name) => {
          const state = states.get(name);
          if (state === undefined) throw new GraphError(`state: "${name}" is not given`);
          return [name, hostTensor(state.dtype, state.dims, state.numbers)];
        }),
      );
    },
    async dispose() {
      states.clear();
    },
  };
}
