import type { Program } from './program.js';
import { lean } from './program.js';
import { inOrder, type Tensor } from './tensor.js';

/** A program as plain data without nesting, which a message to another thread can hold however deep its graph is. */
export interface PackedProgram {
  readonly name: string;
  readonly tensors: readonly (Omit<Tensor, 'inputs'> & { readonly inputs: readonly number[] })[];
  readonly outputs: Readonly<Record<string, number>>;
  readonly updates: Readonly<Record<string, number>>;
}

/** The program without its custom gradients, which have done their work. */
export function packProgram(program: Program): PackedProgram {
  const { outputs, updates } = lean(program);
  const order = inOrder([...Object.values(outputs), ...Object.values(updates)]);
  const numbers = new Map(order.map((tensor, index) => [tensor, index]));
  const numbered = (values: Readonly<Record<string, Tensor>>) =>
    Object.fromEntries(Object.entries(values).map(([name, tensor]) => [name, numbers.get(tensor)!]));
  return {
    name: program.name,
    tensors: order.map((tensor) => ({ ...tensor, inputs: tensor.inputs.map((input) => numbers.get(input)!) })),
    outputs: numbered(outputs),
    updates: numbered(updates),
  };
}

export function unpackProgram(packed: PackedProgram): Program {
  const tensors: Tensor[] = [];
  for (const tensor of packed.tensors)
    tensors.push({ ...tensor, inputs: tensor.inputs.map((index) => tensors[index]!) });
  const named = (values: Readonly<Record<string, number>>) =>
    Object.fromEntries(Object.entries(values).map(([name, index]) => [name, tensors[index]!]));
  return { name: packed.name, outputs: named(packed.outputs), updates: named(packed.updates) };
}
