import * as ops from './operators.js';
import { type Dims, inOrder, type Tensor } from './tensor.js';

/** Sums a gradient over the axes along which its tensor was stretched. */
function sumTo(gradient: Tensor, dims: Dims): Tensor {
  const missing = gradient.dims.length - dims.length;
  const axes = gradient.dims.flatMap((length, axis) =>
    length !== 1 && (dims[axis - missing] ?? 1) === 1 ? [axis] : [],
  );
  return ops.reshape(axes.length === 0 ? gradient : ops.reduceSum(gradient, axes), dims);
}

/** Stretches a tensor to a shape that it broadcasts to. */
function stretch(x: Tensor, dims: Dims): Tensor {
  return ops.broadcastDims(x.dims, dims)?.length === x.dims.length &&
    x.dims.every((length, axis) => length === dims[axis])
    ? x
    : ops.add(x, ops.constant(0, dims, x.dtype));
}

/** Gradients of the inputs of y from the gradient g of y. */
function inputGradients(y: Tensor, g: Tensor): readonly (Tensor | undefined)[] {
  const [a, b, c] = y.inputs as [Tensor, Tensor, Tensor];
  const { operation } = y;
  switch (operation.kind) {
    case 'input':
    case 'state':
    case 'constant':
      return [];
    case 'isPositive':
    case 'greater':
    case 'equal':
      return [undefined, undefined];
    case 'neg':
      return [ops.neg(g)];
    case 'exp':
      return [ops.mul(g, y)];
    case 'log':
      return [ops.div(g, a)];
    case 'sqrt':
      return [ops.div(ops.mul(g, 0.5), y)];
    case 'reciprocal':
      return [ops.neg(ops.mul(g, ops.mul(y, y)))];
    case 'tanh':
      return [ops.mul(g, ops.sub(1, ops.mul(y, y)))];
    case 'relu':
      return [ops.mul(g, ops.isPositive(y))];
    case 'add':
      return [sumTo(g, a.dims), sumTo(g, b.dims)];
    case 'sub':
      return [sumTo(g, a.dims), sumTo(ops.neg(g), b.dims)];
    case 'mul':
      return [sumTo(ops.mul(g, b), a.dims), sumTo(ops.mul(g, a), b.dims)];
    case 'div':
      return [sumTo(ops.div(g, b), a.dims), sumTo(ops.neg(ops.div(ops.mul(g, y), b)), b.dims)];
    case 'maximum':
      // At a tie the whole gradient goes to the second.
      return [sumTo(ops.where(ops.greater(a, b), g, 0), a.dims), sumTo(ops.where(ops.greater(a, b), 0, g), b.dims)];
    case 'minimum':
      return [sumTo(ops.where(ops.greater(b, a), g, 0), a.dims), sumTo(ops.where(ops.greater(b, a), 0, g), b.dims)];
    case 'where':
      return [undefined, sumTo(ops.where(a, g, 0), b.dims), sumTo(ops.where(a, 0, g), c.dims)];
    case 'cast':
      return [a.dtype === 'float32' || a.dtype === 'float16' ? ops.cast(g, a.dtype) : undefined];
    case 'reshape':
      return [ops.reshape(g, a.dims)];
    case 'transpose': {
      // (a b)' is b' a': the product is made the right way round instead of being turned.
      if (g.operation.kind === 'matMul' && g.dims.length === 2) {
        return [ops.matMul(ops.transposed(g.inputs[1]!), ops.transposed(g.inputs[0]!))];
      }
      const inverse = operation.permutation.map((_, axis) => operation.permutation.indexOf(axis));
      return [ops.transpose(g, inverse)];
    }
    case 'reduceSum':
      return [stretch(g, a.dims)];
    case 'reduceMean':
      return [
        stretch(
          ops.mul(
            g,
            y.dims.reduce((share, length, axis) => (share * length) / a.dims[axis]!, 1),
          ),
          a.dims,
        ),
      ];
    case 'reduceMax':
      throw new ops.GraphError('reduceMax is not differentiable');
    case 'matMul':
      return [ops.matMul(g, ops.transposed(b)), ops.matMul(ops.transposed(a), g)];
    case 'softmax': {
      const last = [y.dims.length - 1];
      return [ops.mul(y, ops.sub(g, ops.reduceSum(ops.mul(g, y), last)))];
    }
    case 'rmsNorm':
      return rmsNormGradients(a, b, g, operation.epsilon);
    case 'inverseRms': {
      const cubed = ops.mul(y, ops.mul(y, y));
      return [ops.mul(ops.mul(g, ops.mul(cubed, -1 / a.dims.at(-1)!)), a)];
    }
    case 'gatherRows':
      return [ops.addRows(ops.constant(0, a.dims, a.dtype), b, g), undefined];
    case 'addRows':
      return [g, undefined, ops.gatherRows(g, b)];
    case 'takeFromRows': {
      const columns = a.dims[1]!;
      const all = ops.constant(
        Array.from({ length: columns }, (_, column) => column),
        [1, columns],
        b.dtype,
      );
      return [ops.where(ops.equal(all, ops.reshape(b, [b.dims[0]!, 1])), g, 0), undefined];
    }
    case 'addToRows':
      return [g, undefined];
    case 'custom':
      return operation.pullback(g);
  }
}

/**
 * With r = 1 / rms(x) and n the width: dw = sum over rows of g x r, and dx = r g w - x r^3 / n sum(g w x).
 * Both sums are products with a vector, which read g x once each.
 */
function rmsNormGradients(x: Tensor, weight: Tensor, g: Tensor, epsilon: number): readonly Tensor[] {
  const width = weight.dims[0]!;
  const rows = x.dims.slice(0, -1).reduce((product, length) => product * length, 1);
  const r = ops.reshape(ops.inverseRms(x, epsilon), [rows, 1]);
  const flat = ops.reshape(x, [rows, width]);
  const flatG = ops.reshape(g, [rows, width]);
  const gx = ops.mul(flatG, flat);
  const dWeight = ops.reshape(ops.matMul(ops.reshape(r, [1, rows]), gx), [width]);
  const along = ops.matMul(gx, ops.reshape(weight, [width, 1]));
  const pull = ops.mul(ops.mul(along, ops.mul(r, ops.mul(r, r))), -1 / width);
  const dx = ops.add(ops.mul(ops.mul(flatG, ops.reshape(weight, [1, width])), r), ops.mul(flat, pull));
  return [ops.reshape(dx, x.dims), dWeight];
}

/** Two parts of one gradient; rows are added to what is there, not to zeros first. */
function sum(a: Tensor, b: Tensor): Tensor {
  for (const [rows, other] of [
    [a, b],
    [b, a],
  ] as const) {
    const [table, indices, values] = rows.inputs;
    if (rows.operation.kind === 'addRows' && table!.operation.kind === 'constant' && table!.operation.values === 0) {
      return ops.addRows(other, indices!, values!);
    }
  }
  return ops.add(a, b);
}

/** The inputs through which a gradient flows. */
function differentiableInputs(tensor: Tensor): readonly Tensor[] {
  return tensor.operation.kind === 'custom' ? tensor.inputs.slice(0, -1) : tensor.inputs;
}

/**
 * Gradients of `sum(seed * y)` for each of `wrt` by reverse-mode differentiation; undefined where y does not depend on it.
 *
 * @param seed - Gradient of y, of y's shape. Defaults to 1, for a scalar y.
 */
export function gradients(
  y: Tensor,
  wrt: readonly Tensor[],
  seed: Tensor = ops.constant(1, y.dims, y.dtype),
): readonly (Tensor | undefined)[] {
  const wanted = new Set(wrt);
  const order = inOrder([y]);
  const reaches = new Set<Tensor>();
  for (const tensor of order) {
    if (wanted.has(tensor) || differentiableInputs(tensor).some((input) => reaches.has(input))) reaches.add(tensor);
  }
  const found = new Map<Tensor, Tensor>([[y, seed]]);
  for (const tensor of [...order].reverse()) {
    const gradient = found.get(tensor);
    if (gradient === undefined || !reaches.has(tensor)) continue;
    const inputs = differentiableInputs(tensor);
    if (!inputs.some((input) => reaches.has(input))) continue;
    const parts = inputGradients(tensor, gradient);
    inputs.forEach((input, index) => {
      const part = parts[index];
      if (part === undefined || !reaches.has(input)) return;
      const before = found.get(input);
      found.set(input, before === undefined ? part : sum(before, part));
    });
  }
  return wrt.map((tensor) => found.get(tensor));
}

/**
 * `body(inputs)`, computed again in the backward pass instead of kept for it. The second computation starts from inputs
 * that take in the gradient, so that no scheduler can run it before the gradient is there.
 *
 * @param body - A pure function of its inputs and of states.
 */
export function recomputed(body: (inputs: readonly Tensor[]) => Tensor, inputs: readonly Tensor[]): Tensor {
  const value = body(inputs);
  const sources = [...inputs, ...statesBehind(value, new Set(inputs))];
  return ops.custom(value, sources, (gradient) => {
    const zero = ops.mul(ops.reduceMax(ops.minimum(ops.maximum(gradient, 0), 0)), 0);
    // Constants to the differentiation of the body: what made them is differentiated outside of it.
    const tied = inputs.map((x) => {
      const value = ops.add(
        x,
        ops.reshape(
          ops.cast(zero, x.dtype),
          x.dims.map(() => 1),
        ),
      );
      return ops.custom(value, [], () => []);
    });
    return gradients(body(tied), [...tied, ...sources.slice(inputs.length)], gradient);
  });
}

/** The states that a tensor is made from without passing through the given ones. */
function statesBehind(tensor: Tensor, given: ReadonlySet<Tensor>): readonly Tensor[] {
  const states: Tensor[] = [];
  const seen = new Set<Tensor>(given);
  const stack = [tensor];
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    if (seen.has(top)) continue;
    seen.add(top);
    if (top.operation.kind === 'state') states.push(top);
    stack.push(...top.inputs);
  }
  return states;
}
