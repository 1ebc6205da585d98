import type { Arithmetic } from './graph.js';

/** One operation on vectors; an operand is a vector, or a scalar that stands for a vector of itself. */
export interface Instruction {
  readonly operation: Arithmetic;
  /** Places among the vectors, or of a scalar operand among the scalars. Unary operations have their operand twice. */
  readonly out: number;
  readonly a: number;
  readonly b: number;
  readonly scalarA: boolean;
  readonly scalarB: boolean;
}

type Binary<A, B> = (out: Float64Array, a: A, b: B, count: number) => void;
type Unary = (out: Float64Array, a: Float64Array, count: number) => void;

// Each loop is written out: one that took the operation as a function would call it for every row.
const vectors: Readonly<Record<string, Binary<Float64Array, Float64Array>>> = {
  add: (out, a, b, count) => {
    for (let i = 0; i < count; i++) out[i] = a[i]! + b[i]!;
  },
  subtract: (out, a, b, count) => {
    for (let i = 0; i < count; i++) out[i] = a[i]! - b[i]!;
  },
  multiply: (out, a, b, count) => {
    for (let i = 0; i < count; i++) out[i] = a[i]! * b[i]!;
  },
  multiplyFinite: (out, a, b, count) => {
    for (let i = 0; i < count; i++) out[i] = a[i] === 0 ? 0 : a[i]! * b[i]!;
  },
  divide: (out, a, b, count) => {
    for (let i = 0; i < count; i++) out[i] = a[i]! / b[i]!;
  },
};

const scalarFirst: Readonly<Record<string, Binary<number, Float64Array>>> = {
  add: (out, a, b, count) => {
    for (let i = 0; i < count; i++) out[i] = a + b[i]!;
  },
  subtract: (out, a, b, count) => {
    for (let i = 0; i < count; i++) out[i] = a - b[i]!;
  },
  multiply: (out, a, b, count) => {
    for (let i = 0; i < count; i++) out[i] = a * b[i]!;
  },
  multiplyFinite: (out, a, b, count) => {
    for (let i = 0; i < count; i++) out[i] = a === 0 ? 0 : a * b[i]!;
  },
  divide: (out, a, b, count) => {
    for (let i = 0; i < count; i++) out[i] = a / b[i]!;
  },
};

const scalarSecond: Readonly<Record<string, Binary<Float64Array, number>>> = {
  add: (out, a, b, count) => scalarFirst.add!(out, b, a, count),
  subtract: (out, a, b, count) => {
    for (let i = 0; i < count; i++) out[i] = a[i]! - b;
  },
  multiply: (out, a, b, count) => scalarFirst.multiply!(out, b, a, count),
  multiplyFinite: (out, a, b, count) => {
    for (let i = 0; i < count; i++) out[i] = a[i] === 0 ? 0 : a[i]! * b;
  },
  divide: (out, a, b, count) => {
    for (let i = 0; i < count; i++) out[i] = a[i]! / b;
  },
};

const unary: Readonly<Record<string, Unary>> = {
  exp: (out, a, count) => {
    for (let i = 0; i < count; i++) out[i] = Math.exp(a[i]!);
  },
  log: (out, a, count) => {
    for (let i = 0; i < count; i++) out[i] = Math.log(a[i]!);
  },
  log1p: (out, a, count) => {
    for (let i = 0; i < count; i++) out[i] = Math.log1p(a[i]!);
  },
  sqrt: (out, a, count) => {
    for (let i = 0; i < count; i++) out[i] = Math.sqrt(a[i]!);
  },
  tanh: (out, a, count) => {
    for (let i = 0; i < count; i++) out[i] = Math.tanh(a[i]!);
  },
};

/** Writes the first `count` elements of the instruction's result; at least one operand is a vector. */
export function run(
  { operation, out, a, b, scalarA, scalarB }: Instruction,
  values: readonly Float64Array[],
  scalars: Float64Array,
  count: number,
): void {
  const result = values[out]!;
  const single = unary[operation];
  if (single !== undefined) single(result, values[a]!, count);
  else if (scalarA) scalarFirst[operation]!(result, scalars[a]!, values[b]!, count);
  else if (scalarB) scalarSecond[operation]!(result, values[a]!, scalars[b]!, count);
  else vectors[operation]!(result, values[a]!, values[b]!, count);
}
