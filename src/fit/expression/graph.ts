/** What a node does with the values of `a` and `b`, or, of a leaf, what it stands for. */
export type Operation =
  | 'number'
  | 'column'
  | 'coordinate'
  | 'add'
  | 'subtract'
  | 'multiply'
  /** The product, but 0 where `a` is 0 though `b` be infinite: `x^p log x` at `x = 0`. */
  | 'multiplyFinite'
  | 'divide'
  | 'exp'
  | 'log'
  | 'log1p'
  | 'sqrt'
  | 'tanh';

export interface Node {
  readonly operation: Operation;
  /** Operands, by their index among the nodes; of a column or coordinate its index. */
  readonly a: number;
  readonly b: number;
  /** Of a number. */
  readonly value: number;
  readonly ofColumns: boolean;
  readonly ofCoordinates: boolean;
  /** What is known of the sign, the columns being positive: whether the value is positive at all coordinates, or at positive ones. */
  readonly sign: 'positive' | 'positive-for-positive' | 'any';
}

/**
 * A directed graph of values in which each distinct operation on the same operands is one node, so that what a formula and its
 * derivatives have in common is found as it is built. A node's index is above those of its operands. Constants are folded.
 * Products carry their scalars, which are the same in every row, in front, so that those cost nothing by the row.
 */
export interface Graph {
  readonly nodes: readonly Node[];
  number(value: number): number;
  column(index: number): number;
  coordinate(index: number): number;
  add(a: number, b: number): number;
  subtract(a: number, b: number): number;
  multiply(a: number, b: number): number;
  multiplyFinite(a: number, b: number): number;
  divide(a: number, b: number): number;
  negate(a: number): number;
  exp(a: number): number;
  log(a: number): number;
  log1p(a: number): number;
  sqrt(a: number): number;
  tanh(a: number): number;
  /** A base that is not positive has a power only for whole exponents up to 16, square roots, and 0 for positive exponents. */
  power(base: number, exponent: number): number;
}

const arithmetic = {
  add: (a: number, b: number) => a + b,
  subtract: (a: number, b: number) => a - b,
  multiply: (a: number, b: number) => a * b,
  multiplyFinite: (a: number, b: number) => (a === 0 ? 0 : a * b),
  divide: (a: number, b: number) => a / b,
  exp: Math.exp,
  log: Math.log,
  log1p: Math.log1p,
  sqrt: Math.sqrt,
  tanh: Math.tanh,
} as const;

export type Arithmetic = keyof typeof arithmetic;

/** The value of an operation; unary ones disregard `b`. */
export function apply(operation: Arithmetic, a: number, b: number): number {
  return arithmetic[operation](a, b);
}

/** Operations that are positive where their operands are. */
const keepsSign: ReadonlySet<Operation> = new Set(['add', 'multiply', 'divide', 'log1p', 'sqrt', 'tanh']);

function signOf(operation: Operation, left: Node['sign'], right: Node['sign']): Node['sign'] {
  if (operation === 'exp') return 'positive';
  if (!keepsSign.has(operation) || left === 'any' || right === 'any') return 'any';
  return left === right ? left : 'positive-for-positive';
}

/** Whole exponents up to here are products. */
const largestProduct = 16;

export function createGraph(): Graph {
  const nodes: Node[] = [];
  const known = new Map<string, number>();
  const logs = new Map<number, number>();

  const isNumber = (node: number, value?: number) =>
    nodes[node]!.operation === 'number' && (value === undefined || nodes[node]!.value === value);
  /** Free of coordinates: the same at all of them, so that its value at the rows is found once. */
  const isFree = (node: number) => !nodes[node]!.ofCoordinates;
  const isScalar = (node: number) => !nodes[node]!.ofColumns;
  /** Products have numbers first, then what is the same in every row, then what is not. */
  const rank = (node: number) => (isNumber(node) ? 0 : isScalar(node) ? 1 : 2);
  const is = (node: number, operation: Operation) => nodes[node]!.operation === operation;

  function intern(
    operation: Operation,
    a: number,
    b: number,
    value: number,
    parts: Pick<Node, 'ofColumns' | 'ofCoordinates' | 'sign'>,
  ) {
    const key = `${operation} ${a} ${b} ${value}`;
    const found = known.get(key);
    if (found !== undefined) return found;
    nodes.push({ operation, a, b, value, ...parts });
    known.set(key, nodes.length - 1);
    return nodes.length - 1;
  }

  const number = (value: number) =>
    intern('number', -1, -1, value, { ofColumns: false, ofCoordinates: false, sign: value > 0 ? 'positive' : 'any' });

  function node(operation: Arithmetic, a: number, b = a): number {
    const [left, right] = [nodes[a]!, nodes[b]!];
    if (isNumber(a) && isNumber(b)) return number(apply(operation, left.value, right.value));
    return intern(operation, a, b, 0, {
      ofColumns: left.ofColumns || right.ofColumns,
      ofCoordinates: left.ofCoordinates || right.ofCoordinates,
      sign: signOf(operation, left.sign, right.sign),
    });
  }

  function add(a: number, b: number): number {
    if (isNumber(a, 0)) return b;
    if (isNumber(b, 0)) return a;
    const product = addProducts(a, b);
    if (product !== undefined) return product;
    if (is(b, 'multiply') && isNumber(nodes[b]!.a, -1)) return node('subtract', a, nodes[b]!.b);
    return a <= b ? node('add', a, b) : node('add', b, a);
  }

  /** `x c + x d` is `x (c + d)` where that costs nothing by the row, since c and d have no coordinates. */
  function addProducts(a: number, b: number): number | undefined {
    for (const [x, c] of factorings(a)) {
      if (isFree(x) || !isFree(c)) continue;
      for (const [y, d] of factorings(b)) if (x === y && isFree(d)) return multiply(x, add(c, d));
    }
    return undefined;
  }

  function factorings(node: number): [factor: number, other: number][] {
    const { operation, a, b } = nodes[node]!;
    if (operation !== 'multiply') return [[node, number(1)]];
    return [
      [node, number(1)],
      [a, b],
      [b, a],
    ];
  }

  function subtract(a: number, b: number): number {
    if (isNumber(b, 0)) return a;
    if (a === b) return number(0);
    if (isNumber(a, 0)) return negate(b);
    if (is(b, 'multiply') && isNumber(nodes[b]!.a, -1)) return add(a, nodes[b]!.b);
    return node('subtract', a, b);
  }

  function multiply(a: number, b: number): number {
    if (isNumber(a, 0) || isNumber(b, 1)) return a;
    if (isNumber(b, 0) || isNumber(a, 1)) return b;
    if (rank(b) < rank(a)) return multiply(b, a);
    const { operation, a: inner, b: rest } = nodes[b]!;
    if (rank(a) < rank(b) && isScalar(inner) && operation === 'multiply') return multiply(multiply(a, inner), rest);
    if (rank(a) < rank(b) && isScalar(inner) && operation === 'divide') return divide(multiply(a, inner), rest);
    if (isNumber(a, -1) && operation === 'subtract') return subtract(rest, inner);
    if (isNumber(a, -1) && operation === 'multiply' && !isFree(b)) {
      if (isFree(rest)) return multiply(inner, negate(rest));
      if (isFree(inner)) return multiply(negate(inner), rest);
    }
    return a <= b || rank(a) < rank(b) ? node('multiply', a, b) : node('multiply', b, a);
  }

  function divide(a: number, b: number): number {
    if (isNumber(a, 0) || isNumber(b, 1)) return a;
    if (a === b) return number(1);
    if (is(b, 'exp')) return multiply(a, exp(negate(nodes[b]!.a)));
    if (isScalar(b) && !isScalar(a)) return multiply(node('divide', number(1), b), a);
    return node('divide', a, b);
  }

  const negate = (a: number) => multiply(number(-1), a);
  const exp = (a: number) => node('exp', a);

  /** The log of a product or quotient with a positive part is a sum, whose scalars, and what varies by columns alone, cost nothing by the row. */
  function log(a: number): number {
    const found = logs.get(a);
    if (found !== undefined) return found;
    const { operation, a: left, b: right } = nodes[a]!;
    const splits = (operation === 'multiply' || operation === 'divide') && (isPositive(left) || isPositive(right));
    let result: number;
    if (operation === 'exp') result = left;
    else if (!splits) result = node('log', a);
    else if (operation === 'multiply') result = add(log(left), log(right));
    else result = subtract(log(left), log(right));
    logs.set(a, result);
    return result;
  }

  function power(base: number, exponent: number): number {
    const { operation, value } = nodes[exponent]!;
    if (operation === 'number') {
      if (value < 0) return divide(number(1), power(base, number(-value)));
      if (value === 0.5) return node('sqrt', base);
      if (Number.isInteger(value) && value <= largestProduct) return wholePower(base, value);
    }
    return exp(multiply(exponent, log(base)));
  }

  function wholePower(base: number, exponent: number): number {
    if (exponent === 0) return number(1);
    const half = wholePower(base, Math.floor(exponent / 2));
    const square = multiply(half, half);
    return exponent % 2 === 0 ? square : multiply(square, base);
  }

  const isPositive = (index: number) => nodes[index]!.sign === 'positive';

  return {
    nodes,
    number,
    column: (index) => intern('column', index, -1, 0, { ofColumns: true, ofCoordinates: false, sign: 'positive' }),
    coordinate: (index) =>
      intern('coordinate', index, -1, 0, { ofColumns: false, ofCoordinates: true, sign: 'positive-for-positive' }),
    add,
    subtract,
    multiply,
    multiplyFinite: (a, b) => node('multiplyFinite', a, b),
    divide,
    negate,
    exp,
    log,
    log1p: (a) => node('log1p', a),
    sqrt: (a) => node('sqrt', a),
    tanh: (a) => node('tanh', a),
    power,
  };
}
