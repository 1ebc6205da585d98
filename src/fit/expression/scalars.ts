import { partsOf } from './build.js';
import { apply, type Graph } from './graph.js';

/** A function of the coordinates that gives the values of nodes that depend on no column. */
export function compileScalars(graph: Graph, outputs: readonly number[]): (coordinates: ArrayLike<number>) => number[] {
  const parts = partsOf(graph, outputs);
  const values = new Map<number, number>();
  return (coordinates) => {
    for (const index of parts) {
      const { operation, a, b, value } = graph.nodes[index]!;
      if (operation === 'number') values.set(index, value);
      else if (operation === 'coordinate') values.set(index, coordinates[a]!);
      else if (operation !== 'column') values.set(index, apply(operation, values.get(a)!, values.get(b)!));
    }
    return outputs.map((output) => values.get(output)!);
  };
}
