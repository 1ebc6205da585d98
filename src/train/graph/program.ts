import { type Dims, type DType, inOrder, type Tensor } from './tensor.js';

/** One graph to run: what it is fed and what it gives, and the states that it replaces. */
export interface Program {
  readonly name: string;
  /** Values returned to the caller, by name. */
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** New values of states, by the state's name. */
  readonly updates: Readonly<Record<string, Tensor>>;
}

/** A tensor from outside: its name, type and shape. */
export interface Slot {
  readonly name: string;
  readonly dtype: DType;
  readonly dims: Dims;
}

/** A program without repeated or needless tensors: what an engine lowers. */
export interface Lean {
  readonly order: readonly Tensor[];
  readonly inputs: readonly Slot[];
  readonly states: readonly Slot[];
  readonly outputs: Readonly<Record<string, Tensor>>;
  readonly updates: Readonly<Record<string, Tensor>>;
}

/** Merges tensors that are computed alike and looks through custom gradients. */
export function lean(program: Program): Lean {
  const merged = new Map<Tensor, Tensor>();
  const known = new Map<string, Tensor>();
  const numbers = new Map<Tensor, number>();
  const roots = [...Object.values(program.outputs), ...Object.values(program.updates)];
  for (const tensor of inOrder(roots)) {
    const { operation } = tensor;
    if (operation.kind === 'custom') {
      merged.set(tensor, merged.get(tensor.inputs.at(-1)!)!);
      continue;
    }
    const inputs = tensor.inputs.map((x) => merged.get(x)!);
    const parts = [operation, tensor.dtype, tensor.dims, inputs.map((x) => numbers.get(x))];
    // JSON has no infinities.
    const key = JSON.stringify(parts, (_, value) => (value === Infinity || value === -Infinity ? `${value}` : value));
    let same = known.get(key);
    if (same === undefined) {
      same = inputs.every((x, index) => x === tensor.inputs[index]) ? tensor : { ...tensor, inputs };
      known.set(key, same);
      numbers.set(same, numbers.size);
    }
    merged.set(tensor, same);
  }
  const rename = (values: Readonly<Record<string, Tensor>>) =>
    Object.fromEntries(Object.entries(values).map(([name, tensor]) => [name, merged.get(tensor)!]));
  const outputs = rename(program.outputs);
  const updates = rename(program.updates);
  const order = inOrder([...Object.values(outputs), ...Object.values(updates)]);
  const slots = (kind: 'input' | 'state') =>
    order.flatMap(({ operation, dtype, dims }) =>
      operation.kind === kind ? [{ name: operation.name, dtype, dims }] : [],
    );
  return { order, inputs: slots('input'), states: slots('state'), outputs, updates };
}
