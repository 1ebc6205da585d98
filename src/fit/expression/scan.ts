import { ShapelawError } from '../../errors.js';

/** Functions that a formula can call, with their numbers of arguments. All are smooth; `log` is the natural logarithm. */
export const functionArity = {
  exp: 1,
  log: 1,
  log2: 1,
  log10: 1,
  log1p: 1,
  sqrt: 1,
  tanh: 1,
  pow: 2,
} as const;

export type FunctionName = keyof typeof functionArity;

/** Characters of a formula, which keeps it within what a person reads at a glance. */
export const mostCharacters = 500;
/** Parentheses within each other: far more than a formula needs, few enough for any parser's recursion. */
const mostNesting = 32;

/** Words that mean something else to mathjs, or the loss itself. */
const reserved: Readonly<Record<string, string>> = {
  i: 'is the imaginary unit',
  Infinity: 'is no number',
  NaN: 'is no number',
  true: 'is no number',
  false: 'is no number',
  null: 'is no number',
  undefined: 'is no number',
  end: 'is an index',
  mod: 'is an operator that has no derivative',
  to: 'is an operator of units',
  in: 'is an operator of units',
  and: 'is a logical operator',
  or: 'is a logical operator',
  xor: 'is a logical operator',
  not: 'is a logical operator',
  L: 'is the loss, which stands on the left alone',
  loss: 'is the loss, which stands on the left alone',
};

const token = /\s+|(?<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?<name>[A-Za-z_]\w*)|(?<sign>[-+*/^(),])/y;
const known = `the functions are ${Object.keys(functionArity).join(', ')} (log is natural), the operators + - * / ^`;

/** @param at - Index of the offending character. */
export function refuse(expression: string, what: string, at?: number): never {
  const shown = expression.length > mostCharacters ? `${expression.slice(0, 40)}...` : expression;
  throw new ShapelawError(
    'bad-expression',
    `${what}${at === undefined ? '' : ` (character ${at + 1})`} in the expression "${shown}"`,
    { expression: shown, ...(at === undefined ? {} : { position: at + 1 }) },
  );
}

/** A name as it is compared with a column's: `unique_tokens` reads as `uniqueTokens`. */
function folded(name: string): string {
  return name.replaceAll('_', '').toLowerCase();
}

/**
 * Lets through only numbers, names, the functions above, + - * / ^, parentheses and commas, whatever they are put together to.
 * What a parser could take for an assignment, an index, a property, a string, a unit, a matrix, a condition, a definition
 * or a product without a sign ends here, with its place.
 *
 * @returns the right-hand side and the index where it begins in the text.
 * @throws ShapelawError `bad-expression`.
 */
export function scan(text: string, columns: readonly string[]): { readonly formula: string; readonly start: number } {
  if (text.length > mostCharacters) {
    refuse(text, `${text.length} characters are too many: at most ${mostCharacters}`);
  }
  const start = /^\s*(?:L|loss)\s*=|^/.exec(text)![0].length;
  let nesting = 0;
  let afterOperand = false;
  token.lastIndex = start;
  while (token.lastIndex < text.length) {
    const at = token.lastIndex;
    const groups = token.exec(text)?.groups;
    if (groups === undefined) {
      refuse(text, `${JSON.stringify(String.fromCodePoint(text.codePointAt(at)!))} can't stand here: ${known}`, at);
    }
    const { number, name, sign } = groups;
    const operand = number ?? name ?? (sign === '(' ? sign : undefined);
    const calls = name !== undefined && /^\s*\(/.test(text.slice(token.lastIndex));
    if (operand !== undefined && afterOperand) {
      refuse(text, `a sign is missing before ${JSON.stringify(operand)}: write a product with *`, at);
    }
    if (name !== undefined) checkName(text, name, calls, at, columns);
    if (number !== undefined && !Number.isFinite(Number(number))) refuse(text, `${number} is too large a number`, at);
    if (sign === '(') nesting += 1;
    if (sign === ')') nesting -= 1;
    if (nesting > mostNesting) refuse(text, `more than ${mostNesting} parentheses within each other`, at);
    if (operand !== undefined || sign !== undefined) {
      afterOperand = number !== undefined || (name !== undefined && !calls) || sign === ')';
    }
  }
  const formula = text.slice(start).replace(/\s/g, ' ');
  if (formula.trim() === '') refuse(text, 'there is no formula', start);
  return { formula, start };
}

function checkName(text: string, name: string, calls: boolean, at: number, columns: readonly string[]): void {
  if (Object.hasOwn(functionArity, name)) {
    if (!calls) refuse(text, `${name} is a function: write ${name}(...)`, at);
    return;
  }
  if (calls) refuse(text, `there is no function ${name}: ${known}`, at);
  if (columns.includes(name)) return;
  if (Object.hasOwn(reserved, name)) refuse(text, `${name} ${reserved[name]}: give the parameter another name`, at);
  if (name.startsWith('_') || name in Object.prototype) {
    refuse(text, `${name} can't name a parameter: give it another name`, at);
  }
  const meant = columns.find((column) => folded(column) === folded(name));
  if (meant !== undefined) refuse(text, `${name} is written ${meant}, the column, or differently, a parameter`, at);
}
