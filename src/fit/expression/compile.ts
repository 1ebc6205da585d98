import { partsOf } from './build.js';
import { type Arithmetic, apply, type Graph } from './graph.js';
import { type Instruction, run } from './instructions.js';

/** A value and its derivatives, ready to be found at many rows. */
export interface Program {
  /**
   * Writes the log of the value at `rows` rows, NaN where the value is not positive and finite, and the derivatives of that log
   * to each coordinate row by row.
   */
  evaluate(
    coordinates: Float64Array,
    columns: readonly Float64Array[],
    rows: number,
    logValue: Float64Array,
    jacobian: Float64Array,
  ): void;
}

/** Rows that go through the program together: their intermediate values stay in the processor's nearest cache. */
const chunkRows = 256;

/** Where the result of a node lies. */
interface Place {
  readonly scalar: boolean;
  readonly at: number;
}

/** Values that depend on the columns alone, chunk by chunk, and the columns of which they are. */
interface Prepared {
  readonly columns: readonly Float64Array[];
  readonly chunks: readonly (readonly Float64Array[])[];
}

/**
 * Lays a graph out as three lists of instructions: on what is the same in all rows, done once a call; on what depends on
 * columns alone, done once for the same columns; and the others, done on vectors of some hundred rows at a time.
 *
 * @param value - The node of the value, and `derivatives` those of its derivatives, from {@link differentiate}.
 */
export function compile(graph: Graph, value: number, derivatives: readonly number[], columnCount: number): Program {
  const { nodes } = graph;
  const needed = partsOf(graph, [value, ...derivatives]);
  const places = new Map<number, Place>();
  const scalars: number[] = [];
  const coordinateAt: [at: number, coordinate: number][] = [];
  const onScalars: Instruction[] = [];
  const onColumns: Instruction[] = [];
  const onRows: Instruction[] = [];

  const emit = (list: Instruction[], index: number, at: number) => {
    const { operation, a, b } = nodes[index]!;
    const [left, right] = [places.get(a)!, places.get(b)!];
    list.push({
      operation: operation as Arithmetic,
      out: at,
      a: left.at,
      b: right.at,
      scalarA: left.scalar,
      scalarB: right.scalar,
    });
  };

  for (const index of needed.filter((index) => !nodes[index]!.ofColumns)) {
    const { operation, a, value } = nodes[index]!;
    const at = scalars.push(value) - 1;
    places.set(index, { scalar: true, at });
    if (operation === 'coordinate') coordinateAt.push([at, a]);
    else if (operation !== 'number') emit(onScalars, index, at);
  }
  let vectorCount = columnCount;
  const fixed = needed.filter((index) => nodes[index]!.ofColumns && !nodes[index]!.ofCoordinates);
  for (const index of fixed) {
    const { operation, a } = nodes[index]!;
    const at = operation === 'column' ? a : vectorCount++;
    places.set(index, { scalar: false, at });
    if (operation !== 'column') emit(onColumns, index, at);
  }
  const fixedCount = vectorCount;
  for (const index of needed.filter((index) => nodes[index]!.ofColumns && nodes[index]!.ofCoordinates)) {
    const at = vectorCount++;
    places.set(index, { scalar: false, at });
    emit(onRows, index, at);
  }
  const result = places.get(value)!;
  const slopes = derivatives.map((node) => places.get(node)!);

  const scalar = Float64Array.from(scalars);
  const vectors: Float64Array[] = Array.from({ length: vectorCount }, () => new Float64Array(chunkRows));
  const inverse = new Float64Array(chunkRows);
  let prepared: Prepared = { columns: [], chunks: [] };

  /** Copies the columns, so that later ones can be told from them. */
  function prepare(columns: readonly Float64Array[], rows: number): Prepared {
    const copies = Array.from({ length: columnCount }, (_, k) => columns[k]!.slice(0, rows));
    const chunks = Array.from({ length: Math.ceil(rows / chunkRows) }, (_, chunk) => {
      const from = chunk * chunkRows;
      const count = Math.min(chunkRows, rows - from);
      const own: Float64Array[] = copies.map((column) => column.subarray(from, from + count));
      while (own.length < fixedCount) own.push(new Float64Array(count));
      for (const instruction of onColumns) run(instruction, own, scalar, count);
      return own;
    });
    return { columns: copies, chunks };
  }

  return {
    evaluate(coordinates, columns, rows, logValue, jacobian) {
      for (const [at, coordinate] of coordinateAt) scalar[at] = coordinates[coordinate]!;
      for (const { operation, out, a, b } of onScalars) scalar[out] = apply(operation, scalar[a]!, scalar[b]!);
      if (!isPreparedFor(prepared, columns, rows)) prepared = prepare(columns, rows);

      const size = slopes.length;
      for (const [chunk, own] of prepared.chunks.entries()) {
        const from = chunk * chunkRows;
        const count = Math.min(chunkRows, rows - from);
        for (let k = 0; k < fixedCount; k++) vectors[k] = own[k]!;
        for (const instruction of onRows) run(instruction, vectors, scalar, count);

        for (let i = 0; i < count; i++) {
          const at = result.scalar ? scalar[result.at]! : vectors[result.at]![i]!;
          logValue[from + i] = at > 0 && at < Number.POSITIVE_INFINITY ? Math.log(at) : Number.NaN;
          inverse[i] = 1 / at;
        }
        for (const [j, { scalar: same, at }] of slopes.entries()) {
          if (same) writeScalar(scalar[at]!, inverse, jacobian, from * size + j, size, count);
          else writeVector(vectors[at]!, inverse, jacobian, from * size + j, size, count);
        }
      }
    },
  };
}

function isPreparedFor(prepared: Prepared, columns: readonly Float64Array[], rows: number): boolean {
  if (prepared.columns.length === 0) return false;
  return prepared.columns.every((known, k) => known.length === rows && isSame(known, columns[k]!));
}

function isSame(known: Float64Array, column: Float64Array): boolean {
  for (let row = 0; row < known.length; row++) if (known[row] !== column[row]) return false;
  return true;
}

function writeScalar(
  slope: number,
  inverse: Float64Array,
  out: Float64Array,
  at: number,
  stride: number,
  count: number,
) {
  for (let i = 0; i < count; i++) out[at + i * stride] = slope * inverse[i]!;
}

function writeVector(
  slope: Float64Array,
  inverse: Float64Array,
  out: Float64Array,
  at: number,
  stride: number,
  count: number,
) {
  for (let i = 0; i < count; i++) out[at + i * stride] = slope[i]! * inverse[i]!;
}
