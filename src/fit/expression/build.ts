import type { Graph } from './graph.js';
import type { Expression } from './parse.js';

/** Adds a formula to a graph, its columns and parameters standing for the nodes given, and returns the node of its value. */
export function build(
  graph: Graph,
  root: Expression,
  columns: readonly number[],
  parameters: readonly number[],
): number {
  const add = (node: Expression): number => {
    if (node.kind === 'number') return graph.number(node.value);
    if (node.kind === 'column') return columns[node.index]!;
    if (node.kind === 'parameter') return parameters[node.index]!;
    const [a, b] = node.operands.map(add) as [number, number];
    switch (node.operator) {
      case 'pow':
        return graph.power(a, b);
      case 'log2':
        return graph.multiply(graph.number(Math.LOG2E), graph.log(a));
      case 'log10':
        return graph.multiply(graph.number(Math.LOG10E), graph.log(a));
      default:
        return graph[node.operator](a, b);
    }
  };
  return add(root);
}

/** Adds the value of a node again with other nodes in place of columns and coordinates, and returns its node. */
export function substitute(
  graph: Graph,
  root: number,
  columns: readonly number[],
  coordinates: readonly number[],
): number {
  const known = new Map<number, number>();
  const replace = (index: number): number => {
    const found = known.get(index);
    if (found !== undefined) return found;
    const { operation, a, b } = graph.nodes[index]!;
    let result: number;
    if (operation === 'number') result = index;
    else if (operation === 'column') result = columns[a]!;
    else if (operation === 'coordinate') result = coordinates[a]!;
    else result = graph[operation](replace(a), replace(b));
    known.set(index, result);
    return result;
  };
  return replace(root);
}

/** Nodes of which the given ones are made, themselves included, operands first. */
export function partsOf({ nodes }: Graph, of: readonly number[]): number[] {
  const found = new Set<number>(of);
  // A set gives what is added to it while it is gone through.
  for (const index of found) {
    const { operation, a, b } = nodes[index]!;
    if (operation === 'number' || operation === 'column' || operation === 'coordinate') continue;
    found.add(a).add(b);
  }
  return [...found].sort((a, b) => a - b);
}
