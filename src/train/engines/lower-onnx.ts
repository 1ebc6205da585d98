import { type DType, type Lean, type Slot, sizeOf, type Tensor } from '../graph/index.js';
import { halfOf } from './half.js';
import { type OnnxProvider, onnxKernels } from './onnx-kernels.js';
import type { OnnxAttribute, OnnxGraph, OnnxInitializer, OnnxNode } from './onnx-model.js';

/** Prefix of the model's outputs that replace states. */
export const updatePrefix = 'new ';
/** Prefix of the model's other outputs. */
export const outputPrefix = 'out ';

const onnxUnary = {
  neg: 'Neg',
  exp: 'Exp',
  log: 'Log',
  sqrt: 'Sqrt',
  reciprocal: 'Reciprocal',
  tanh: 'Tanh',
  relu: 'Relu',
} as const;
const onnxBinary = {
  add: 'Add',
  sub: 'Sub',
  mul: 'Mul',
  div: 'Div',
  maximum: 'Max',
  minimum: 'Min',
  greater: 'Greater',
  equal: 'Equal',
} as const;
const onnxReduction = { reduceMean: 'ReduceMean', reduceMax: 'ReduceMax' } as const;

/** How one side of a product is read: the tensor before its transposition, and the flags that stand for it. */
interface ProductSide {
  readonly source: Tensor;
  readonly transposed: boolean;
  /** Whether the batch axes stand between the last two: rows, batch, columns. */
  readonly batchInside: boolean;
}

/** A matrix product with what is done in the same pass: scaled, added to, cut at zero. */
interface Product {
  readonly product: Tensor;
  readonly alpha: number;
  readonly added: Tensor | undefined;
  readonly relu: boolean;
}

/**
 * The ONNX graph of a program for one provider. Transpositions around a product become its flags, and a scale, an addition
 * and a ReLU after it part of it, where the provider's kernels can.
 */
export function lowerToOnnx(program: Lean, provider: OnnxProvider, name: string): OnnxGraph {
  const nodes: OnnxNode[] = [];
  const initializers = new Map<string, OnnxInitializer>();
  const names = new Map<Tensor, string>();
  const uses = countUses(program);
  const kernels = onnxKernels[provider];

  const fresh = (hint: string) => `${hint}${nodes.length}`;
  function node(
    operator: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
    domain?: 'com.microsoft',
  ): string {
    const output = fresh(operator);
    nodes.push({ operator, inputs, outputs: [output], attributes, ...(domain === undefined ? {} : { domain }) });
    return output;
  }

  function initializer(dtype: DType, dims: readonly number[], values: readonly number[]): string {
    const key = `${dtype}[${dims}]${values.length > 64 ? `#${initializers.size}` : values}`;
    if (!initializers.has(key))
      initializers.set(key, { name: `c${initializers.size}`, dtype, dims, bytes: bytesOf(dtype, values) });
    return initializers.get(key)!.name;
  }
  const integers = (values: readonly number[]) => initializer('int64', [values.length], values);

  function filled(tensor: Tensor, value: number): string {
    const scalar = initializer(tensor.dtype, [], [value]);
    return tensor.dims.length === 0 ? scalar : node('Expand', [scalar, integers(tensor.dims)]);
  }

  /** The name of a tensor that is stretched by whoever reads it, so that a constant need not be written out. */
  function broadcastable(tensor: Tensor, reader: Tensor): string {
    const { operation } = tensor;
    const needed = reader.inputs.every(
      (other) => other === tensor || sizeOf(other.dims) < sizeOf(tensor.dims) || other.dims.length < tensor.dims.length,
    );
    if (operation.kind === 'constant' && typeof operation.values === 'number' && !needed)
      return initializer(tensor.dtype, [], [operation.values]);
    return nameOf(tensor);
  }

  function nameOf(tensor: Tensor): string {
    let known = names.get(tensor);
    if (known === undefined) {
      known = emit(tensor);
      names.set(tensor, known);
    }
    return known;
  }

  function sideOf(tensor: Tensor): ProductSide {
    const plain = { source: tensor, transposed: false, batchInside: false };
    if (tensor.operation.kind !== 'transpose' || (tensor.dims.length > 2 && !kernels.fusedMatMul)) return plain;
    const source = tensor.inputs[0]!;
    const permutation = tensor.operation.permutation.join();
    const last = tensor.dims.length - 1;
    const axes = tensor.dims.map((_, axis) => axis);
    const inner = axes.slice(1, -1);
    if (permutation === [...axes.slice(0, -2), last, last - 1].join())
      return { source, transposed: true, batchInside: false };
    if (inner.length === 0 || !kernels.batchInside) return plain;
    if (permutation === [...inner, 0, last].join()) return { source, transposed: false, batchInside: true };
    if (permutation === [...inner, last, 0].join()) return { source, transposed: true, batchInside: true };
    return plain;
  }

  /** The product that a tensor is, with what may be done in its pass; undefined where it is none. */
  function productOf(tensor: Tensor): Product | undefined {
    const { operation, inputs } = tensor;
    if (operation.kind === 'matMul') return { product: tensor, alpha: 1, added: undefined, relu: false };
    if (tensor.dims.length > 2 && !kernels.fusedMatMul) return undefined;
    const single = (x: Tensor | undefined) =>
      x !== undefined && uses.get(x) === 1 && !names.has(x) ? productOf(x) : undefined;
    if (operation.kind === 'mul') {
      for (const [x, factor] of [
        [inputs[0]!, inputs[1]!],
        [inputs[1]!, inputs[0]!],
      ] as const) {
        const value = factor.operation.kind === 'constant' ? factor.operation.values : undefined;
        const inner = typeof value === 'number' && factor.dims.length === 0 ? single(x) : undefined;
        if (inner !== undefined && inner.added === undefined && !inner.relu)
          return { ...inner, alpha: inner.alpha * (value as number) };
      }
    }
    if (operation.kind === 'add' && tensor.dims.length === 2) {
      for (const [x, other] of [
        [inputs[0]!, inputs[1]!],
        [inputs[1]!, inputs[0]!],
      ] as const) {
        if (other.dims.length !== 2 || sizeOf(other.dims) !== sizeOf(tensor.dims)) continue;
        if (other.operation.kind === 'constant') continue;
        const inner = single(x);
        if (inner !== undefined && inner.added === undefined && !inner.relu) return { ...inner, added: other };
      }
    }
    if (operation.kind === 'relu' && tensor.dims.length === 2 && kernels.gemmRelu) {
      const inner = single(inputs[0]);
      if (inner !== undefined && !inner.relu) return { ...inner, relu: true };
    }
    return undefined;
  }

  function emitProduct({ product, alpha, added, relu }: Product): string {
    const a = sideOf(product.inputs[0]!);
    const b = sideOf(product.inputs[1]!);
    const sides = [nameOf(a.source), nameOf(b.source)];
    if (product.dims.length === 2) {
      const attributes = {
        transA: Number(a.transposed),
        transB: Number(b.transposed),
        alpha: { float: alpha },
        beta: { float: 1 },
      };
      const inputs = added === undefined ? sides : [...sides, nameOf(added)];
      if (relu) return node('FusedGemm', inputs, { ...attributes, activation: 'Relu' }, 'com.microsoft');
      return node('Gemm', inputs, attributes);
    }
    if (a.transposed || b.transposed || a.batchInside || b.batchInside || alpha !== 1) {
      const attributes = {
        transA: Number(a.transposed),
        transB: Number(b.transposed),
        transBatchA: Number(a.batchInside),
        transBatchB: Number(b.batchInside),
        alpha: { float: alpha },
      };
      return node('FusedMatMul', sides, attributes, 'com.microsoft');
    }
    return node('MatMul', sides);
  }

  /**
   * Rows added to a table as a product with the one-hot matrix of their indices, in parts where the table is so small that
   * one product would leave a GPU idle.
   */
  function emitOneHotSum(table: Tensor, indices: Tensor, rows: Tensor): string {
    const [length, width] = table.dims as [number, number];
    const count = indices.dims[0]!;
    const divisor = largestDivisor(count, 1024);
    const part = sizeOf(table.dims) <= 1 << 16 && divisor >= 64 ? divisor : count;
    const parts = count / part;
    const all = initializer(
      indices.dtype,
      [1, length, 1],
      Array.from({ length }, (_, row) => row),
    );
    const wanted = node('Reshape', [nameOf(indices), integers([parts, 1, part])]);
    const chosen = node('Cast', [node('Equal', [all, wanted])], { to: onnxTypeOf(table.dtype) });
    const sums = node('MatMul', [chosen, node('Reshape', [nameOf(rows), integers([parts, part, width])])]);
    const sum =
      parts === 1
        ? node('Reshape', [sums, integers(table.dims)])
        : node('ReduceSum', [sums, integers([0])], { keepdims: 0 });
    return isZero(table) ? sum : node('Add', [nameOf(table), sum]);
  }

  function emit(tensor: Tensor): string {
    const { operation, inputs, dims } = tensor;
    const product = productOf(tensor);
    if (product !== undefined) return emitProduct(product);
    const [a, b, c] = inputs as [Tensor, Tensor, Tensor];
    switch (operation.kind) {
      case 'input':
      case 'state':
        return operation.name;
      case 'constant':
        return typeof operation.values === 'number'
          ? filled(tensor, operation.values)
          : initializer(tensor.dtype, dims, operation.values);
      case 'neg':
      case 'exp':
      case 'log':
      case 'sqrt':
      case 'reciprocal':
      case 'tanh':
      case 'relu':
        return node(onnxUnary[operation.kind], [nameOf(a)]);
      case 'isPositive':
        // Sign is slow on the CPU; x times the largest float, cut at 0 and 1, is 1 for every positive normal float.
        if (kernels.hardSigmoid)
          return node('HardSigmoid', [nameOf(a)], { alpha: { float: 3.4e38 }, beta: { float: 0 } });
        return node('Cast', [node('Greater', [nameOf(a), initializer(a.dtype, [], [0])])], {
          to: onnxTypeOf(tensor.dtype),
        });
      case 'add':
      case 'sub':
      case 'mul':
      case 'div':
      case 'maximum':
      case 'minimum':
      case 'greater':
      case 'equal':
        return node(onnxBinary[operation.kind], [broadcastable(a, tensor), broadcastable(b, tensor)]);
      case 'where':
        return node('Where', [nameOf(a), broadcastable(b, tensor), broadcastable(c, tensor)]);
      case 'cast':
        return node('Cast', [nameOf(a)], { to: onnxTypeOf(tensor.dtype) });
      case 'reshape':
        return node('Reshape', [nameOf(a), integers(dims)]);
      case 'transpose':
        return node('Transpose', [nameOf(a)], { perm: operation.permutation });
      case 'reduceSum':
        if (isSquare(a) && uses.get(a) === 1 && kernels.reduceSumSquare) {
          return node('ReduceSumSquare', [nameOf(a.inputs[0]!), integers(operation.axes)], { keepdims: 1 });
        }
        return node('ReduceSum', [nameOf(a), integers(operation.axes)], { keepdims: 1 });
      case 'reduceMean':
      case 'reduceMax':
        return node(onnxReduction[operation.kind], [nameOf(a), integers(operation.axes)], { keepdims: 1 });
      case 'matMul':
        throw new Error('a matMul is a product');
      case 'softmax':
        return node('Softmax', [nameOf(a)], { axis: -1 });
      case 'rmsNorm':
      case 'inverseRms':
        return emitNorm(tensor);
      case 'gatherRows':
        return node('Gather', [nameOf(a), nameOf(b)], { axis: 0 });
      case 'addRows': {
        if (dims[0]! <= kernels.oneHotRows && b.dtype === 'int32') return emitOneHotSum(a, b, c);
        const wide = node('Expand', [node('Reshape', [nameOf(b), integers([b.dims[0]!, 1])]), integers(c.dims)]);
        return node('ScatterElements', [nameOf(a), wide, nameOf(c)], { axis: 0, reduction: 'add' });
      }
      case 'takeFromRows':
        return node('GatherElements', [nameOf(a), node('Reshape', [nameOf(b), integers(dims)])], { axis: 1 });
      case 'addToRows': {
        const column = node('Reshape', [nameOf(b), integers([dims[0]!, 1])]);
        const values = initializer(tensor.dtype, [dims[0]!, 1], Array(dims[0]!).fill(operation.value));
        return node('ScatterElements', [nameOf(a), column, values], { axis: 1, reduction: 'add' });
      }
      case 'custom':
        throw new Error('custom gradients are looked through before');
    }
  }

  /** The norm and its 1/rms come from one node where both are wanted. */
  function emitNorm(tensor: Tensor): string {
    const x = tensor.inputs[0]!;
    const { epsilon } = tensor.operation as { epsilon: number };
    const isNorm = tensor.operation.kind === 'rmsNorm';
    if (kernels.inverseRmsOfNorm && tensor.dtype === 'float32') {
      const norm = isNorm ? tensor : normOf.get(`${tensorNumber(x)} ${epsilon}`);
      if (norm !== undefined) {
        const outputs = [fresh('Norm'), fresh('InverseRms')];
        nodes.push({
          operator: 'SimplifiedLayerNormalization',
          inputs: [nameOf(x), nameOf(norm.inputs[1]!)],
          outputs,
          attributes: { axis: -1, epsilon: { float: epsilon }, stash_type: 1 },
        });
        for (const other of program.order) {
          if (other.operation.kind === 'inverseRms' && other.inputs[0] === x && other.operation.epsilon === epsilon)
            names.set(other, outputs[1]!);
        }
        names.set(norm, outputs[0]!);
        return isNorm ? outputs[0]! : outputs[1]!;
      }
    }
    if (isNorm) {
      const r = inverseRmsOf.get(`${tensorNumber(x)} ${epsilon}`);
      const inverse = r === undefined ? composedInverseRms(x, epsilon) : nameOf(r);
      return node('Mul', [node('Mul', [nameOf(x), inverse]), nameOf(tensor.inputs[1]!)]);
    }
    return composedInverseRms(x, epsilon);
  }

  function composedInverseRms(x: Tensor, epsilon: number): string {
    const square = node('Mul', [nameOf(x), nameOf(x)]);
    const mean = node('ReduceMean', [square, integers([x.dims.length - 1])], { keepdims: 1 });
    return node('Reciprocal', [node('Sqrt', [node('Add', [mean, initializer(x.dtype, [], [epsilon])])])]);
  }

  const tensorNumbers = new Map(program.order.map((tensor, index) => [tensor, index]));
  const tensorNumber = (tensor: Tensor) => tensorNumbers.get(tensor)!;
  const normOf = new Map<string, Tensor>();
  const inverseRmsOf = new Map<string, Tensor>();
  for (const tensor of program.order) {
    const { operation } = tensor;
    if (operation.kind === 'rmsNorm') normOf.set(`${tensorNumber(tensor.inputs[0]!)} ${operation.epsilon}`, tensor);
    if (operation.kind === 'inverseRms')
      inverseRmsOf.set(`${tensorNumber(tensor.inputs[0]!)} ${operation.epsilon}`, tensor);
  }

  // A constant, a transposition and a product that its one reader takes in are written where they are read, if at all.
  for (const tensor of program.order) {
    const { kind } = tensor.operation;
    const waits =
      kind === 'constant' ||
      kind === 'transpose' ||
      (uses.get(tensor) === 1 && (productOf(tensor) !== undefined || isSquare(tensor)));
    if (!waits) nameOf(tensor);
  }
  const outputs: Slot[] = [];
  const give = (output: string, tensor: Tensor) => {
    nodes.push({ operator: 'Identity', inputs: [nameOf(tensor)], outputs: [output] });
    outputs.push({ name: output, dtype: tensor.dtype, dims: tensor.dims });
  };
  for (const [output, tensor] of Object.entries(program.outputs)) give(outputPrefix + output, tensor);
  for (const [output, tensor] of Object.entries(program.updates)) give(updatePrefix + output, tensor);
  return {
    name,
    nodes: withoutIdentities(nodes),
    initializers: [...initializers.values()],
    inputs: [...program.inputs, ...program.states],
    outputs,
  };
}

/** Writes an output directly where its value is made, if nobody else is given it under another name. */
function withoutIdentities(nodes: readonly OnnxNode[]): readonly OnnxNode[] {
  const renamed = new Map<string, string>();
  const produced = new Set(nodes.flatMap(({ operator, outputs }) => (operator === 'Identity' ? [] : outputs)));
  const kept: OnnxNode[] = [];
  for (const node of nodes) {
    const source = node.inputs[0]!;
    if (node.operator === 'Identity' && produced.has(source) && !renamed.has(source))
      renamed.set(source, node.outputs[0]!);
    else kept.push(node);
  }
  const rename = (name: string) => renamed.get(name) ?? name;
  return kept.map((node) => ({ ...node, inputs: node.inputs.map(rename), outputs: node.outputs.map(rename) }));
}

function countUses({ order, outputs, updates }: Lean): ReadonlyMap<Tensor, number> {
  const uses = new Map<Tensor, number>();
  const count = (tensor: Tensor) => uses.set(tensor, (uses.get(tensor) ?? 0) + 1);
  for (const { inputs } of order) inputs.forEach(count);
  Object.values(outputs).forEach(count);
  Object.values(updates).forEach(count);
  return uses;
}

const isSquare = ({ operation, inputs }: Tensor) => operation.kind === 'mul' && inputs[0] === inputs[1];
const isZero = ({ operation }: Tensor) => operation.kind === 'constant' && operation.values === 0;

function largestDivisor(value: number, limit: number): number {
  let divisor = Math.min(value, limit);
  while (value % divisor !== 0) divisor--;
  return divisor;
}

function onnxTypeOf(dtype: DType): number {
  return { float32: 1, int32: 6, int64: 7, bool: 9, float16: 10 }[dtype];
}

function bytesOf(dtype: DType, values: readonly number[]): Uint8Array {
  const array =
    dtype === 'float32'
      ? Float32Array.from(values)
      : dtype === 'float16'
        ? Uint16Array.from(values, halfOf)
        : dtype === 'int32'
          ? Int32Array.from(values)
          : dtype === 'int64'
            ? BigInt64Array.from(values, BigInt)
            : Uint8Array.from(values);
  return new Uint8Array(array.buffer);
}
