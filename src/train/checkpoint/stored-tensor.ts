import { ShapelawError } from '../../errors.js';
import { fromHalf } from '../engines/half.js';

/** The arrays that hold the data of each type of a safetensors file; F16, BF16 and the F8 types as bits, BOOL as 0 and 1. */
export interface StoredArrays {
  readonly F64: Float64Array;
  readonly F32: Float32Array;
  readonly F16: Uint16Array;
  readonly BF16: Uint16Array;
  readonly F8_E4M3: Uint8Array;
  readonly F8_E5M2: Uint8Array;
  readonly I64: BigInt64Array;
  readonly I32: Int32Array;
  readonly I16: Int16Array;
  readonly I8: Int8Array;
  readonly U64: BigUint64Array;
  readonly U32: Uint32Array;
  readonly U16: Uint16Array;
  readonly U8: Uint8Array;
  readonly BOOL: Uint8Array;
}

export type StoredType = keyof StoredArrays;

/** A tensor as a file stores it: the lengths of its axes, outermost first, [] for a scalar, and its elements in row-major order. */
export type StoredTensor = {
  [Type in StoredType]: {
    readonly dtype: Type;
    readonly shape: readonly number[];
    readonly data: StoredArrays[Type];
  };
}[StoredType];

/** Makes the array of each type. The format is little-endian, as is every machine that Node.js trains on. */
export const arrayTypes = {
  F64: Float64Array,
  F32: Float32Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  F8_E4M3: Uint8Array,
  F8_E5M2: Uint8Array,
  I64: BigInt64Array,
  I32: Int32Array,
  I16: Int16Array,
  I8: Int8Array,
  U64: BigUint64Array,
  U32: Uint32Array,
  U16: Uint16Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
} as const satisfies Record<StoredType, unknown>;

/** Number of elements; 1 of a scalar. */
export function elementsOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/**
 * The elements as float32: F32 as they are, without a copy, F16 and BF16 widened, which loses nothing.
 *
 * @param what names the tensor in messages. Defaults to `a tensor`.
 * @throws ShapelawError `bad-checkpoint` for another type, which float32 can't hold or which is no weight.
 */
export function toFloat32(tensor: StoredTensor, what = 'a tensor'): Float32Array {
  const { dtype, data } = tensor;
  if (dtype === 'F32') return data;
  if (dtype === 'F16') {
    const values = new Float32Array(data.length);
    for (let i = 0; i < data.length; i++) values[i] = fromHalf(data[i]!);
    return values;
  }
  if (dtype === 'BF16') {
    // A bfloat16 is the upper half of a float32.
    const bits = new Uint32Array(data.length);
    for (let i = 0; i < data.length; i++) bits[i] = data[i]! << 16;
    return new Float32Array(bits.buffer);
  }
  const message = `${what} is of type ${dtype}, which is not read as float32; store weights as F32, F16 or BF16`;
  throw new ShapelawError('bad-checkpoint', message, { dtype });
}
