import type { Graph } from './graph.js';

/**
 * The derivatives of a value to each coordinate, as nodes of the same graph, by going from the value back to its leaves once
 * (reverse accumulation): they are no more than some times the size of the formula, however it is nested.
 */
export function differentiate(graph: Graph, value: number, coordinates: number): number[] {
  const zero = graph.number(0);
  const result = new Array<number>(coordinates).fill(zero);
  /** The derivative of the value to a node, as far as it is summed. */
  const slopes = new Map<number, number>([[value, graph.number(1)]]);
  const pass = (node: number, slope: number) => {
    slopes.set(node, graph.add(slopes.get(node) ?? zero, slope));
  };

  // What uses a node stands after it.
  for (let index = value; index >= 0; index--) {
    const slope = slopes.get(index);
    const { operation, a, b, ofCoordinates } = graph.nodes[index]!;
    if (slope === undefined || !ofCoordinates) continue;
    switch (operation) {
      case 'coordinate':
        result[a] = slope;
        break;
      case 'add':
        pass(a, slope);
        pass(b, slope);
        break;
      case 'subtract':
        pass(a, slope);
        pass(b, graph.negate(slope));
        break;
      case 'multiply':
        pass(a, product(graph, slope, b));
        pass(b, product(graph, slope, a));
        break;
      case 'divide':
        pass(a, graph.divide(slope, b));
        pass(b, graph.negate(graph.divide(graph.multiply(slope, index), b)));
        break;
      case 'exp':
        pass(a, graph.multiply(slope, index));
        break;
      case 'log':
        pass(a, graph.divide(slope, a));
        break;
      case 'log1p':
        pass(a, graph.divide(slope, graph.add(graph.number(1), a)));
        break;
      case 'sqrt':
        pass(a, graph.multiply(graph.number(0.5), graph.divide(slope, index)));
        break;
      case 'tanh':
        pass(a, graph.multiply(slope, graph.subtract(graph.number(1), graph.multiply(index, index))));
        break;
    }
  }
  return result;
}

/** The slope of `x^p` to p, `x^p log x`, is 0 at x = 0 for a positive p. */
function product(graph: Graph, slope: number, factor: number): number {
  const { operation, a } = graph.nodes[factor]!;
  const mayBeInfinite = operation === 'log' && graph.nodes[a]!.sign !== 'positive';
  return mayBeInfinite ? graph.multiplyFinite(slope, factor) : graph.multiply(slope, factor);
}
