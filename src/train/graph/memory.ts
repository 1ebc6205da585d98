import { type Lean, lean, type Program, type Slot } from './program.js';
import { type DType, inOrder, sizeOf, type Tensor } from './tensor.js';

const elementBytes: Readonly<Record<DType, number>> = { float32: 4, float16: 2, int32: 4, int64: 8, bool: 1 };

/** Bytes of a tensor's values. */
export function bytesOf({ dtype, dims }: Slot | Tensor): number {
  return elementBytes[dtype] * sizeOf(dims);
}

/**
 * A program's tensors in the order in which ONNX Runtime computes them (`Graph::ReverseDFSFrom`): what the last output and
 * the last input of each need comes first. Whether layers computed again save memory hangs on it.
 */
function engineOrder({ order, outputs, updates }: Lean): readonly Tensor[] {
  const mirrors = new Map<Tensor, Tensor>();
  const originals = new Map<Tensor, Tensor>();
  for (const tensor of order) {
    const mirror = { ...tensor, inputs: tensor.inputs.map((input) => mirrors.get(input)!).reverse() };
    mirrors.set(tensor, mirror);
    originals.set(mirror, tensor);
  }
  const roots = [...Object.values(outputs), ...Object.values(updates)].reverse();
  return inOrder(roots.map((root) => mirrors.get(root)!)).map((mirror) => originals.get(mirror)!);
}

/**
 * Bytes that a run of the program holds at its fullest moment beside its states, each value freed after its last reader;
 * an estimate: an engine may run in another order, and keeps reserves.
 */
export function peakBytes(program: Program): number {
  const slim = lean(program);
  const { outputs, updates } = slim;
  const order = engineOrder(slim);
  // A reshape and a stretched constant are the memory of another tensor or none.
  const owner = new Map<Tensor, Tensor>();
  for (const tensor of order) {
    owner.set(tensor, tensor.operation.kind === 'reshape' ? owner.get(tensor.inputs[0]!)! : tensor);
  }
  const held = ({ operation }: Tensor) => operation.kind !== 'state' && operation.kind !== 'constant';
  const lastReader = new Map<Tensor, number>();
  order.forEach((tensor, index) => {
    for (const input of tensor.inputs) lastReader.set(owner.get(input)!, index);
  });
  for (const tensor of Object.values(outputs)) lastReader.set(owner.get(tensor)!, order.length);
  // A new state is written over the old one.
  const inPlace = new Set(Object.values(updates));

  const freed = new Map<number, Tensor[]>();
  for (const [tensor, index] of lastReader) freed.set(index, [...(freed.get(index) ?? []), tensor]);
  let live = 0;
  let peak = 0;
  order.forEach((tensor, index) => {
    if (owner.get(tensor) === tensor && held(tensor) && !inPlace.has(tensor)) live += bytesOf(tensor);
    peak = Math.max(peak, live);
    for (const done of freed.get(index) ?? []) if (held(done) && !inPlace.has(done)) live -= bytesOf(done);
  });
  return peak;
}
