import { expressionParser } from './load.js';
import type { MathNode } from './mathjs.js';
import { type FunctionName, functionArity, refuse, scan } from './scan.js';

/** A formula's syntax tree, as plain data. */
export type Expression =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'column'; readonly index: number }
  | { readonly kind: 'parameter'; readonly index: number }
  | {
      readonly kind: 'operator';
      readonly operator: 'add' | 'subtract' | 'multiply' | 'divide' | 'negate' | FunctionName;
      readonly operands: readonly Expression[];
    };

export interface ParsedExpression {
  /** The right-hand side as written. */
  readonly formula: string;
  /** Columns and parameters in the order of their first appearance, to which the tree's indices point. */
  readonly columns: readonly string[];
  readonly parameters: readonly string[];
  readonly root: Expression;
}

const mostNodes = 200;
const mostParameters = 20;

const operators = {
  add: 'add',
  subtract: 'subtract',
  multiply: 'multiply',
  divide: 'divide',
  pow: 'pow',
  unaryMinus: 'negate',
} as const;

/**
 * Reads a formula of the loss, such as `E + A/params^alpha + B/tokens^beta`, with or without `L =` before it.
 *
 * It can name columns, parameters (any other name; also `e` and `E`), the number `pi`, and the functions of
 * {@link functionArity}. There are limits: 500 characters, 200 numbers, names and operators, 20 parameters.
 *
 * @param columns - Names that are columns.
 * @throws ShapelawError `bad-expression` for anything else, with the place in `details.position` (1 for the first character)
 * where one is to blame; `bad-usage` where the parser is not loaded.
 */
export function parseExpression(text: string, columns: readonly string[]): ParsedExpression {
  const { formula, start } = scan(text, columns);
  const usedColumns: string[] = [];
  const parameters: string[] = [];
  let nodes = 0;

  const indexIn = (names: string[], name: string) => {
    if (!names.includes(name)) names.push(name);
    return names.indexOf(name);
  };

  const read = (node: MathNode): Expression => {
    if (isA(node, 'ParenthesisNode')) return read(node.content as MathNode);
    nodes += 1;
    if (nodes > mostNodes) refuse(text, `more than ${mostNodes} numbers, names and operators`);
    if (isA(node, 'ConstantNode') && typeof node.value === 'number') return { kind: 'number', value: node.value };
    if (isA(node, 'SymbolNode')) {
      const name = node.name as string;
      if (columns.includes(name)) return { kind: 'column', index: indexIn(usedColumns, name) };
      if (name === 'pi') return { kind: 'number', value: Math.PI };
      return { kind: 'parameter', index: indexIn(parameters, name) };
    }
    if (isA(node, 'OperatorNode')) {
      const args = node.args as MathNode[];
      if (node.fn === 'unaryPlus') return read(args[0]!);
      const operator = operators[node.fn as keyof typeof operators];
      if (operator !== undefined) return { kind: 'operator', operator, operands: args.map(read) };
    }
    if (isA(node, 'FunctionNode')) {
      const operator = (node.fn as MathNode & { name: FunctionName }).name;
      const args = node.args as MathNode[];
      const arity = functionArity[operator];
      if (args.length === arity) return { kind: 'operator', operator, operands: args.map(read) };
      refuse(text, `${operator} takes ${arity === 1 ? 'one argument' : `${arity} arguments`}, not ${args.length}`);
    }
    // The scan lets nothing else through, unless mathjs reads its characters in a new way.
    return refuse(text, `${node.toString()} is no formula of columns and parameters`);
  };

  const root = read(parseSyntax(text, formula, start));
  const missing = usedColumns.length === 0 ? `column (${columns.join(', ')})` : 'parameter, which a fit could find,';
  if (usedColumns.length === 0 || parameters.length === 0) refuse(text, `no ${missing} is named`);
  if (parameters.length > mostParameters) {
    refuse(text, `${parameters.length} parameters are too many: at most ${mostParameters}`);
  }
  return { formula: formula.trim(), columns: usedColumns, parameters, root };
}

function parseSyntax(text: string, formula: string, start: number): MathNode {
  const { parseText } = expressionParser();
  try {
    return parseText(formula);
  } catch (error) {
    const { message, char } = error as Error & { readonly char?: number };
    const place = char === undefined ? undefined : Math.min(start + char - 1, text.length);
    return refuse(text, message.replace(/ \(char \d+\)$/, ''), place);
  }
}

function isA(node: MathNode, type: string): node is MathNode & Readonly<Record<string, unknown>> {
  return node.type === type;
}

/**
 * The value of a formula at a point, by its tree.
 *
 * @param columns - Values of the formula's columns, in its order.
 * @param parameters - Likewise of its parameters.
 */
export function evaluateExpression(
  root: Expression,
  columns: readonly number[],
  parameters: readonly number[],
): number {
  const value = (node: Expression): number => {
    if (node.kind === 'number') return node.value;
    if (node.kind === 'column') return columns[node.index]!;
    if (node.kind === 'parameter') return parameters[node.index]!;
    const [a, b] = node.operands.map(value) as [number, number];
    switch (node.operator) {
      case 'add':
        return a + b;
      case 'subtract':
        return a - b;
      case 'multiply':
        return a * b;
      case 'divide':
        return a / b;
      case 'negate':
        return -a;
      case 'pow':
        return a ** b;
      default:
        return Math[node.operator](a);
    }
  };
  return value(root);
}
