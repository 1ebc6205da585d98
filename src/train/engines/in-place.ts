import type { Lean, Operation, Tensor } from '../graph/index.js';

/** Operators whose element i depends on element i of each input of the same shape alone. */
const elementwise: ReadonlySet<Operation['kind']> = new Set([
  ...(['neg', 'exp', 'log', 'sqrt', 'reciprocal', 'tanh', 'relu', 'isPositive', 'cast'] as const),
  ...(['add', 'sub', 'mul', 'div', 'maximum', 'minimum', 'where'] as const),
]);

/**
 * The states whose new value may be written over the old one: whatever reads the old value has been computed before the new
 * one is, or is the new one itself, element by element.
 */
export function inPlaceUpdates({ order, outputs, updates }: Lean): ReadonlySet<string> {
  const numbers = new Map(order.map((tensor, index) => [tensor, index]));
  const readers = order.map((): number[] => []);
  order.forEach(({ inputs }, index) => {
    for (const input of inputs) readers[numbers.get(input)!]!.push(index);
  });
  const stateNumbers = new Map(
    order.flatMap(({ operation }, index) => (operation.kind === 'state' ? [[operation.name, index] as const] : [])),
  );
  const given = new Set([...Object.values(outputs), ...Object.values(updates)].map((tensor) => numbers.get(tensor)!));

  /** Who reads the memory of a tensor: a reshape is the same memory, and a product may read a transposition's. Undefined where the caller or another state gets it. */
  const readersOf = (number: number): readonly number[] | undefined => {
    if (given.has(number)) return undefined;
    const found: number[] = [];
    for (const reader of readers[number]!) {
      const { kind } = order[reader]!.operation;
      const further = kind === 'reshape' || kind === 'transpose' ? readersOf(reader) : [reader];
      if (further === undefined) return undefined;
      found.push(...further);
    }
    return found;
  };
  const isSafe = ([name, update]: readonly [string, Tensor]): boolean => {
    const old = stateNumbers.get(name);
    if (old === undefined) return true;
    const readerNumbers = readersOf(old);
    if (readerNumbers === undefined) return false;
    const own = numbers.get(update)!;
    if (readerNumbers.includes(own)) {
      const { operation, dims } = update;
      const sameShape = update.inputs.every(
        (input) => !isMemoryOf(input, order[old]!) || input.dims.join() === dims.join(),
      );
      if (!elementwise.has(operation.kind) || !sameShape) return false;
    }
    if (takenIn(update).some((product) => readerNumbers.includes(numbers.get(product)!))) return false;
    const ancestors = ancestorsOf(own, order, numbers);
    return readerNumbers.every((reader) => reader === own || ancestors[reader] === 1);
  };
  return new Set(Object.entries(updates).flatMap((entry) => (isSafe(entry) ? [entry[0]] : [])));
}

/** The products that may be computed in the same pass as a tensor. */
function takenIn({ operation: { kind }, inputs }: Tensor): readonly Tensor[] {
  if (kind !== 'add' && kind !== 'mul' && kind !== 'relu') return [];
  return inputs.flatMap((input) => (input.operation.kind === 'matMul' ? [input] : takenIn(input)));
}

function isMemoryOf(tensor: Tensor, state: Tensor): boolean {
  return tensor === state || (tensor.operation.kind === 'reshape' && isMemoryOf(tensor.inputs[0]!, state));
}

/** 1 for each tensor that another is made from. */
function ancestorsOf(from: number, order: readonly Tensor[], numbers: ReadonlyMap<Tensor, number>): Uint8Array {
  const ancestors = new Uint8Array(order.length);
  const stack = [from];
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    for (const input of order[top]!.inputs) {
      const number = numbers.get(input)!;
      if (ancestors[number] === 1) continue;
      ancestors[number] = 1;
      stack.push(number);
    }
  }
  return ancestors;
}
