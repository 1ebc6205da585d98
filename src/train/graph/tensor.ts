/** Types of numbers that a graph computes with. */
export type DType = 'float32' | 'float16' | 'int32' | 'int64' | 'bool';

/** Lengths of the axes, outermost first; [] is a scalar. */
export type Dims = readonly number[];

/** What a tensor is made by. Attributes are static: nothing here depends on values. */
export type Operation =
  /** Fed at every run. */
  | { readonly kind: 'input'; readonly name: string }
  /** Kept by the engine from run to run. */
  | { readonly kind: 'state'; readonly name: string }
  /** `values` in row-major order, or one value for every element. */
  | { readonly kind: 'constant'; readonly values: readonly number[] | number }
  | { readonly kind: UnaryKind }
  | { readonly kind: BinaryKind }
  | { readonly kind: ComparisonKind }
  | { readonly kind: 'where' }
  | { readonly kind: 'cast' }
  | { readonly kind: 'reshape' }
  | { readonly kind: 'transpose'; readonly permutation: readonly number[] }
  | { readonly kind: ReductionKind; readonly axes: readonly number[] }
  /** Product of the last two axes; the axes before are the same on both sides. */
  | { readonly kind: 'matMul' }
  /** Along the last axis. */
  | { readonly kind: 'softmax' }
  /** x / rms(x) * weight along the last axis, rms(x) = sqrt(mean(x^2) + epsilon). */
  | { readonly kind: 'rmsNorm'; readonly epsilon: number }
  /** 1 / rms(x) along the last axis, which stays with length 1. */
  | { readonly kind: 'inverseRms'; readonly epsilon: number }
  /** Rows of a matrix by index. */
  | { readonly kind: 'gatherRows' }
  /** A matrix with rows added to the rows that indices name; an index may repeat. */
  | { readonly kind: 'addRows' }
  /** Of each row of a matrix the element that its index names, as a column. */
  | { readonly kind: 'takeFromRows' }
  /** A matrix with a number added, in each row, to the element that its index names. */
  | { readonly kind: 'addToRows'; readonly value: number }
  /** The last input; the vector-Jacobian product for the inputs before it is given instead of derived. */
  | { readonly kind: 'custom'; readonly pullback: Pullback };

export type UnaryKind = 'neg' | 'exp' | 'log' | 'sqrt' | 'reciprocal' | 'tanh' | 'relu' | 'isPositive';
export type BinaryKind = 'add' | 'sub' | 'mul' | 'div' | 'maximum' | 'minimum';
export type ComparisonKind = 'greater' | 'equal';
export type ReductionKind = 'reduceSum' | 'reduceMean' | 'reduceMax';

/** Gradients of the inputs of a custom tensor from the gradient of its value; undefined where there is none. */
export type Pullback = (gradient: Tensor) => readonly (Tensor | undefined)[];

/** A node of a static graph: how a value is made, of which type and shape. Never mutated. */
export interface Tensor {
  readonly operation: Operation;
  readonly inputs: readonly Tensor[];
  readonly dtype: DType;
  readonly dims: Dims;
}

/** Number of elements; 1 of a scalar. */
export function sizeOf(dims: Dims): number {
  return dims.reduce((product, length) => product * length, 1);
}

/** Every tensor that the outputs need, each after its inputs. */
export function inOrder(outputs: readonly Tensor[]): readonly Tensor[] {
  const order: Tensor[] = [];
  const seen = new Set<Tensor>();
  // An explicit stack: a deep model's graph is deeper than the call stack.
  const stack: { tensor: Tensor; next: number }[] = [];
  const enter = (tensor: Tensor) => {
    if (seen.has(tensor)) return;
    seen.add(tensor);
    stack.push({ tensor, next: 0 });
  };
  for (const output of outputs) {
    enter(output);
    while (stack.length > 0) {
      const top = stack[stack.length - 1]!;
      const input = top.tensor.inputs[top.next++];
      if (input !== undefined) enter(input);
      else {
        order.push(top.tensor);
        stack.pop();
      }
    }
  }
  return order;
}
